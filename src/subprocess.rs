//! Programs that this one starts: where `PATH` has them, and how none outlives it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};

/// How often it is looked whether a program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The files of this name in the folders of `path`, a list as in `PATH`, in its order. Relative folders do not count:
/// what they hold depends on where this program was started.
pub fn which_all(name: impl AsRef<Path>, path: &OsStr) -> impl Iterator<Item = PathBuf> {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(move |folder| folder.join(&name)).filter(|path| path.is_file())
}

/// The first of them.
#[must_use]
pub fn which(name: impl AsRef<Path>, path: &OsStr) -> Option<PathBuf> {
    which_all(name, path).next()
}

/// Lets the kernel kill this process when the thread of `parent` that started it ends. Safe between fork and exec.
///
/// # Errors
/// `ESRCH` when the parent is gone already.
pub fn die_with(parent: Pid) -> nix::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    // It may have died before the line above could take effect.
    if getppid() == parent { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Lets the kernel kill a program that is to be started when the thread that starts it ends, however that comes.
pub fn tie_to_this_thread(command: &mut Command) {
    let parent = getpid();
    // SAFETY: the closure makes two system calls and allocates nothing, which a child may between fork and exec.
    unsafe {
        command.pre_exec(move || Ok(die_with(parent)?));
    }
}

/// Waits for the end of a program; one that is late is killed.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when it had not ended within `limit`.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status),
            None if Instant::now() >= end => {
                // It may have ended by now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::ErrorKind::TimedOut.into());
            }
            None => thread::sleep(LOOK_EVERY),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_is_the_first_file_of_its_name_in_an_absolute_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("one/tool")).unwrap();
        for name in ["two", "three"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("tool"), "").unwrap();
        }
        let path = std::env::join_paths([at("none"), at("one"), at("two"), at("three")]).unwrap();
        assert_eq!(which("tool", &path), Some(at("two/tool")));
        assert_eq!(which_all("tool", &path).last(), Some(at("three/tool")));
        assert_eq!(which("other", &path), None);
        // A file that is there, by a path from where the tests run.
        assert_eq!(which("lib.rs", OsStr::new("src")), None);
    }

    #[test]
    fn a_program_that_is_late_is_killed_and_one_in_time_tells_how_it_ended() {
        let mut late = Command::new("sleep").arg("600").spawn().unwrap();
        let error = wait(&mut late, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let mut quick = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
        assert_eq!(wait(&mut quick, Duration::from_secs(60)).unwrap().code(), Some(3));
    }

    #[test]
    fn a_program_ends_with_the_thread_that_started_it() {
        let start = || {
            let mut command = Command::new("sleep");
            tie_to_this_thread(command.arg("600"));
            command.spawn().unwrap()
        };
        let mut child = thread::spawn(start).join().unwrap();
        assert_eq!(wait(&mut child, Duration::from_secs(60)).unwrap().code(), None);
    }
}
