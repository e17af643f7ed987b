//! An interpreter that is asked, for a limited time.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio_util::sync::CancellationToken;

use crate::model::private::Private;

/// How long an interpreter may take to describe itself; a version manager's wrapper is a shell
/// script and takes its time.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// How soon it is noticed that nobody waits for the description any more.
const STOP_LIMIT: Duration = Duration::from_millis(50);
/// Most bytes of its description.
const PROBE_BYTES: usize = 64 * 1024;

/// What an interpreter says about itself, with zero bytes between. Without `site`, which is the
/// user's code already, and without imports, which would be most of the time it takes. Whether it
/// has a shared library shows in its own memory; one that merely lies beside a static executable may
/// be another build.
const PROBE: &str = "import sys
shared = [line.split(None, 5)[5].strip() for line in open('/proc/self/maps') if '/libpython3' in line]
sys.stdout.write('\\0'.join([sys.implementation.name, '%d.%d.%d' % sys.version_info[:3], sys.abiflags,
    sys.executable, (shared or [''])[0]]))";

/// What an interpreter says about itself.
pub struct Description {
    /// `cpython`.
    pub implementation: String,
    /// `3.11.7`.
    pub version_text: String,
    /// 3 and 11.
    pub version: (u8, u8),
    /// `t` stands for a free-threaded build.
    pub abi_flags: String,
    /// Its executable, absolute: that of the virtual environment when it is in one.
    pub executable: PathBuf,
    /// Its shared library; `None` when the executable is all there is.
    pub libpython: Option<PathBuf>,
}

impl Description {
    fn parse(text: &[u8]) -> Option<Self> {
        let fields: Vec<&[u8]> = text.split(|&byte| byte == 0).collect();
        let [implementation, version, abi_flags, executable, library] = *fields else { return None };
        let text = |field: &[u8]| String::from_utf8(field.to_vec()).ok();
        let path =
            |field: &[u8]| Some(PathBuf::from(OsStr::from_bytes(field))).filter(|path| path.is_absolute());
        let version_text = text(version)?;
        let mut numbers = version_text.split('.').map(|number| number.parse().ok());
        Some(Self {
            implementation: text(implementation)?,
            version: (numbers.next()??, numbers.next()??),
            version_text,
            abi_flags: text(abi_flags)?,
            executable: path(executable)?,
            libpython: path(library),
        })
    }
}

/// Asks an interpreter about itself.
///
/// # Errors
/// It cannot be started, says nothing or too much, or is late.
pub fn describe(path: &Path, private: &Private, stopping: &CancellationToken) -> io::Result<Description> {
    let text = output(path, &["-I", "-S", "-c", PROBE], private, stopping)?;
    Description::parse(&text).ok_or_else(|| io::Error::other("its description has another form"))
}

/// Runs an interpreter without our secrets, in a group of its own, and gives what it writes: at most 64 KiB, within
/// 10 s.
///
/// # Errors
/// It cannot be started, fails, writes more, or is late; soon, when `stopping` is cancelled.
pub fn output(
    path: &Path,
    arguments: &[&str],
    private: &Private,
    stopping: &CancellationToken,
) -> io::Result<Vec<u8>> {
    let mut child = Command::new(path)
        .args(arguments)
        .env_clear()
        .envs(private.harmless(std::env::vars_os()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let text = written(&mut child, stopping);
    if text.is_err() {
        let _ = i32::try_from(child.id()).map(|pid| killpg(Pid::from_raw(pid), Signal::SIGKILL));
    }
    let status = child.wait()?;
    let text = text?;
    if !status.success() {
        return Err(io::Error::other(format!("it ended with {status}")));
    }
    Ok(text)
}

/// What the child writes until it closes its end, as long as somebody waits for it.
fn written(child: &mut Child, stopping: &CancellationToken) -> io::Result<Vec<u8>> {
    let mut output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let deadline = Instant::now() + PROBE_LIMIT;
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stopping.is_cancelled() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let timeout = PollTimeout::try_from(left.min(STOP_LIMIT)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLIN)], timeout) {
            // A signal that another thread handles may wake this one.
            Ok(0) | Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match output.read(&mut piece)? {
            0 => return Ok(text),
            read => text.extend_from_slice(&piece[..read]),
        }
        if text.len() > PROBE_BYTES {
            return Err(io::Error::other("it says too much"));
        }
    }
}
