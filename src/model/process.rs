//! One model process: spawned, heard, killed, reaped.
//!
//! It is two: the keeper, which is our child, and the interpreter, which is the keeper's (see
//! `keeper`). The interpreter is killed by us, directly, so that a deadline does not wait for
//! anybody; what else there is ends by the keeper, whose end is that of all.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as BlockingStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use bootstrap_frames::{Decoder, FrameError, FromHost, ToHost, encode};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use super::host::Plan;
use super::keeper::SIGNALLED;
use super::logs::{Output, Stream};
use super::memory::{self, MemoryLimit, MemoryWatch, Pace};
use super::orphans;
use super::spawner::Spawner;
use super::tree;
use crate::subprocess;

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
    /// What it may use.
    pub memory_limit: Option<MemoryLimit>,
}

/// A running model process. Dropping it kills all of it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    keeper: Handle,
    /// None until it has said its number.
    interpreter: Option<Handle>,
    wire: UnixStream,
    decoder: Decoder,
    /// What it prints.
    pub output: Output,
    readers: Vec<tokio::task::JoinHandle<()>>,
    memory: Option<MemoryWatch>,
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
    /// It uses more memory than it may.
    Overgrown {
        /// So many bytes.
        used: u64,
        /// What it may.
        limit: MemoryLimit,
    },
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
                subprocess::die_with(parent)?;
                fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
                Ok(())
            });
        }
        let mut child = spawner.spawn(command).await?;
        match Self::attach(&mut child, ours) {
            Ok((keeper, wire, output, readers)) => {
                let memory = launch.memory_limit.map(|limit| MemoryWatch::start(keeper.pid, limit));
                let (interpreter, decoder, reaped) = (None, Decoder::new(), false);
                Ok(Self { child, keeper, interpreter, wire, decoder, output, readers, memory, reaped })
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    fn attach(
        child: &mut Child,
        wire: BlockingStream,
    ) -> io::Result<(Handle, UnixStream, Output, Vec<tokio::task::JoinHandle<()>>)> {
        let keeper = Handle::of(child.id())?;
        let output = Output::default();
        let stdout = child.stdout.take().map(|pipe| (OwnedFd::from(pipe), Stream::Stdout));
        let stderr = child.stderr.take().map(|pipe| (OwnedFd::from(pipe), Stream::Stderr));
        let mut readers = Vec::new();
        for (pipe, stream) in stdout.into_iter().chain(stderr) {
            readers.push(tokio::spawn(output.clone().follow(Receiver::from_owned_fd(pipe)?, stream)));
        }
        Ok((keeper, UnixStream::from_std(wire)?, output, readers))
    }

    /// Takes note of the interpreter's number, as its first message says it.
    pub fn started(&mut self, pid: u32) -> io::Result<()> {
        self.interpreter = Some(Handle::of(pid)?);
        Ok(())
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
            let overgrown = async {
                match &mut self.memory {
                    Some(watch) => Event::Overgrown { used: watch.exceeded().await, limit: watch.limit },
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // What it said before it ended still counts.
                biased;
                read = self.wire.read(&mut piece) => match read {
                    Ok(read @ 1..) => self.decoder.push(&piece[..read]),
                    Ok(0) | Err(_) => return Event::Closed,
                },
                () = ended(&self.keeper, self.interpreter.as_ref()) => return Event::Ended,
                event = overgrown => return event,
            }
        }
    }

    /// Waits for the end of the process itself, whatever became of its children and connections.
    pub async fn ended(&self) {
        ended(&self.keeper, self.interpreter.as_ref()).await;
    }

    /// Bytes of memory that it and its children use.
    pub async fn memory(&self, limit: Option<MemoryLimit>) -> u64 {
        memory::look(self.keeper.pid, limit).await
    }

    /// How closely its memory limit is watched from now on.
    pub fn watch_memory(&self, pace: Pace) {
        if let Some(watch) = &self.memory {
            watch.go_on(pace);
        }
    }

    /// Kills all of it and reaps it; gives its status, and its last lines.
    pub async fn end(mut self) -> (Option<ExitStatus>, Option<String>) {
        self.kill();
        if timeout(REAP_LIMIT, self.keeper.ended()).await.is_err() {
            self.give_up_keeper().await;
        }
        // The kernel kills the interpreter of a keeper that was killed, a moment after it.
        if let Some(interpreter) = &self.interpreter {
            let _ = timeout(REAP_LIMIT, interpreter.ended()).await;
        }
        let status = self.reap();
        // A keeper that does its work exits, whatever it has to tell.
        if status.is_none_or(|status| status.signal().is_some()) {
            let _ = timeout(REAP_LIMIT, tokio::task::spawn_blocking(orphans::sweep)).await;
        }
        // What a sweep does not reach may hold the pipes open, so this too has a limit.
        let readers = std::mem::take(&mut self.readers);
        let _ = timeout(LAST_LINES_LIMIT, futures::future::join_all(readers)).await;
        (status, self.output.last_lines())
    }

    /// The interpreter at once, the rest through its keeper.
    fn kill(&self) {
        if let Some(interpreter) = &self.interpreter {
            interpreter.kill();
        }
        // Not reaped yet, the number is its own. The model may have stopped it.
        let _ = kill(self.keeper.pid, Signal::SIGTERM);
        let _ = kill(self.keeper.pid, Signal::SIGCONT);
    }

    /// The keeper does not end: the model keeps it from its work, or the kernel holds the model.
    /// Then we do what can be done from here, and leave the rest to the kernel.
    async fn give_up_keeper(&self) {
        let keeper = self.keeper.pid;
        let killed = tokio::task::spawn_blocking(move || {
            for process in tree::descendants(keeper) {
                let _ = kill(process, Signal::SIGKILL);
            }
            let _ = kill(keeper, Signal::SIGKILL);
        });
        let _ = timeout(REAP_LIMIT, killed).await;
        let _ = timeout(REAP_LIMIT, self.keeper.ended()).await;
    }

    fn reap(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten();
        self.reaped = status.is_some();
        status
    }
}

async fn ended(keeper: &Handle, interpreter: Option<&Handle>) {
    match interpreter {
        None => keeper.ended().await,
        Some(interpreter) => tokio::select! {
            () = keeper.ended() => {}
            () = interpreter.ended() => {}
        },
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            // Killing is quick but not instant; the end of the worker reaps what this misses.
            self.reap();
        }
    }
}

/// A process by its number, and by a descriptor that stays its own.
#[derive(Debug)]
struct Handle {
    pid: Pid,
    /// Readable when the process has ended.
    fd: AsyncFd<OwnedFd>,
}

impl Handle {
    fn of(pid: u32) -> io::Result<Self> {
        let raw = i32::try_from(pid).map_err(io::Error::other)?;
        let pid = rustix::process::Pid::from_raw(raw).ok_or(io::ErrorKind::InvalidInput)?;
        let fd = pidfd_open(pid, PidfdFlags::empty())?;
        // SAFETY: an `OwnedFd` gives the same descriptor, and keeps it open, for as long as it lives.
        let fd = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
        Ok(Self { pid: Pid::from_raw(raw), fd })
    }

    fn kill(&self) {
        // An error means that it has ended.
        let _ = pidfd_send_signal(self.fd.as_fd(), rustix::process::Signal::KILL);
    }

    async fn ended(&self) {
        if self.fd.readable().await.is_err() {
            // The runtime is shutting down; everything is dropped next.
            std::future::pending::<()>().await;
        }
    }
}

/// How a process ended, for people.
pub fn describe(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "it was killed and is not gone yet".into() };
    let signal = status.signal().or_else(|| status.code()?.checked_sub(SIGNALLED));
    match (signal.map(Signal::try_from), status.code()) {
        (Some(Ok(Signal::SIGKILL)), _) => {
            "it was killed by SIGKILL, as the kernel does when memory runs out".into()
        }
        (Some(Ok(signal)), _) => format!("it was killed by {signal}"),
        (_, Some(code)) => format!("it ended with exit code {code}"),
        _ => status.to_string(),
    }
}
