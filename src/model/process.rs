//! One model process: spawned, heard, killed, reaped.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as BlockingStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use bootstrap_frames::{Decoder, FrameError, FromHost, ToHost, encode};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use super::host::Plan;
use super::logs::{Output, Stream};
use super::spawner::Spawner;

/// How long a killed process may take to be gone; one that the kernel holds longer is left to it.
const REAP_LIMIT: Duration = Duration::from_secs(2);
/// How long its last lines may take to arrive after its end.
const LAST_LINES_LIMIT: Duration = Duration::from_millis(100);

/// What a process is started with.
#[derive(Debug)]
pub struct Launch {
    /// The program whose command `host` is run.
    pub program: PathBuf,
    /// What it is told; its `wire` is set here.
    pub plan: Plan,
    /// Its whole environment.
    pub environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
}

/// A running model process. Dropping it kills its group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
    /// Readable when the process has ended; until it is reaped its number cannot become another's.
    ended: AsyncFd<OwnedFd>,
    wire: UnixStream,
    decoder: Decoder,
    /// What it prints.
    pub output: Output,
    readers: Vec<tokio::task::JoinHandle<()>>,
    reaped: bool,
}

/// What a process does next.
#[derive(Debug)]
pub enum Event {
    /// It says something.
    Said(FromHost),
    /// It has ended.
    Ended,
    /// It closed its connection, as its end does a moment before it shows.
    Closed,
    /// It sent what is no message.
    Garbage(FrameError),
}

impl Process {
    /// Spawns it from the lasting thread.
    pub async fn spawn(spawner: &Spawner, mut launch: Launch) -> io::Result<Self> {
        let (ours, theirs) = BlockingStream::pair()?;
        ours.set_nonblocking(true)?;
        launch.plan.wire = theirs.as_raw_fd();
        let plan = serde_json::to_string(&launch.plan).map_err(io::Error::other)?;
        let mut command = Command::new(&launch.program);
        command
            .args(["host", &plan])
            .env_clear()
            .envs(launch.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let parent = nix::unistd::getpid();
        // SAFETY: between fork and exec only calls that are safe in a signal handler: no allocation,
        // no lock. The descriptor lives in the closure, so it is open when the closure runs.
        unsafe {
            command.pre_exec(move || {
                nix::unistd::setsid()?;
                nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
                // The worker may have died before the line above could take effect.
                if nix::unistd::getppid() != parent {
                    return Err(nix::Error::ESRCH.into());
                }
                fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
                Ok(())
            });
        }
        let mut child = spawner.spawn(command).await?;
        match Self::attach(&mut child, ours) {
            Ok((pid, ended, wire, output, readers)) => {
                let decoder = Decoder::new();
                Ok(Self { child, pid, ended, wire, decoder, output, readers, reaped: false })
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "the fields of the struct, once")]
    fn attach(
        child: &mut Child,
        wire: BlockingStream,
    ) -> io::Result<(Pid, AsyncFd<OwnedFd>, UnixStream, Output, Vec<tokio::task::JoinHandle<()>>)> {
        let raw = i32::try_from(child.id()).map_err(io::Error::other)?;
        let pid = rustix::process::Pid::from_raw(raw).ok_or(io::ErrorKind::InvalidInput)?;
        let ended = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
        // SAFETY: an `OwnedFd` gives the same descriptor, and keeps it open, for as long as it lives.
        let ended = unsafe { AsyncFd::register_with_interest(ended, tokio::io::Interest::READABLE) }?;
        let output = Output::default();
        let stdout = child.stdout.take().map(|pipe| (OwnedFd::from(pipe), Stream::Stdout));
        let stderr = child.stderr.take().map(|pipe| (OwnedFd::from(pipe), Stream::Stderr));
        let mut readers = Vec::new();
        for (pipe, stream) in stdout.into_iter().chain(stderr) {
            readers.push(tokio::spawn(output.clone().follow(Receiver::from_owned_fd(pipe)?, stream)));
        }
        Ok((Pid::from_raw(raw), ended, UnixStream::from_std(wire)?, output, readers))
    }

    /// Its number, and that of its session and group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends one message. A message is far smaller than the socket's buffer, so this waits only for
    /// a process that has stopped reading.
    pub async fn send(&mut self, message: &ToHost) -> io::Result<()> {
        let frame = encode(message).map_err(io::Error::other)?;
        self.wire.write_all(&frame).await
    }

    /// What it does next. Loses nothing when it is dropped before it is ready.
    pub async fn next(&mut self) -> Event {
        let mut piece = [0; 4096];
        loop {
            match self.decoder.take() {
                Ok(Some(message)) => return Event::Said(message),
                Ok(None) => {}
                Err(error) => return Event::Garbage(error),
            }
            tokio::select! {
                // What it said before it ended still counts.
                biased;
                read = self.wire.read(&mut piece) => match read {
                    Ok(read @ 1..) => self.decoder.push(&piece[..read]),
                    Ok(0) | Err(_) => return Event::Closed,
                },
                () = ended(&self.ended) => return Event::Ended,
            }
        }
    }

    /// Waits for the end of the process itself, whatever became of its children and connections.
    pub async fn ended(&self) {
        ended(&self.ended).await;
    }

    /// Resident memory in bytes.
    pub fn rss_bytes(&self) -> Option<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
        Some(pages * u64::try_from(page).ok()?)
    }

    /// Kills the whole group and reaps the process; gives its status, and its last lines.
    pub async fn end(mut self) -> (Option<ExitStatus>, Option<String>) {
        self.kill_group();
        let status = match timeout(REAP_LIMIT, self.ended()).await {
            Ok(()) => self.reap(),
            Err(_) => None,
        };
        // A grandchild in a session of its own may hold the pipes open, so this too has a limit.
        let readers = std::mem::take(&mut self.readers);
        let _ = timeout(LAST_LINES_LIMIT, futures::future::join_all(readers)).await;
        (status, self.output.last_lines())
    }

    fn kill_group(&self) {
        // The process is not reaped yet, so the number is still its own; it has ended at most.
        let _ = killpg(self.pid, Signal::SIGKILL);
        let _ = kill(self.pid, Signal::SIGKILL);
    }

    fn reap(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten();
        self.reaped = status.is_some();
        status
    }
}

async fn ended(process: &AsyncFd<OwnedFd>) {
    if process.readable().await.is_err() {
        // The runtime is shutting down; everything is dropped next.
        std::future::pending::<()>().await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill_group();
            // Killing is quick but not instant; init or the end of the worker reaps what this misses.
            self.reap();
        }
    }
}

/// How a process ended, for people.
pub fn describe(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "it was killed and is not gone yet".into() };
    match (status.signal().map(Signal::try_from), status.code()) {
        (Some(Ok(Signal::SIGKILL)), _) => {
            "it was killed by SIGKILL, as the kernel does when memory runs out".into()
        }
        (Some(Ok(signal)), _) => format!("it was killed by {signal}"),
        (_, Some(code)) => format!("it ended with exit code {code}"),
        _ => status.to_string(),
    }
}
