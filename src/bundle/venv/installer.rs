//! The programs that make environments and install packages.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use tempfile::NamedTempFile;

use super::InstallError;
use crate::bundle::manifest::Environment;

/// How long one of the programs may take. Large packages come over slow lines.
const LIMIT: Duration = Duration::from_secs(4 * 60 * 60);
/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Who installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installer {
    /// This uv.
    Uv(PathBuf),
    /// The interpreter's own venv, and the pip that it puts there.
    Pip,
}

impl Installer {
    /// uv where it is in one of the folders of `path`, a list as in `PATH`.
    #[must_use]
    pub fn find(path: &OsStr) -> Self {
        let found = std::env::split_paths(path).map(|folder| folder.join("uv")).find(|path| path.is_file());
        found.map_or(Self::Pip, Self::Uv)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uv(_) => "uv",
            Self::Pip => "pip",
        }
    }

    /// Makes an empty environment in `folder`, which a shell shows as `name`.
    pub(super) fn make(&self, base: &Path, folder: &Path, name: &str) -> Result<(), InstallError> {
        let mut command = match self {
            Self::Uv(uv) => {
                let mut command = Command::new(uv);
                command.args(["venv", "--no-project", "--python"]).arg(base);
                command
            }
            Self::Pip => {
                let mut command = Command::new(base);
                command.args(["-m", "venv"]);
                command
            }
        };
        run(command.args(["--prompt", name]).arg(folder), "making the virtual environment")
    }

    /// Installs what the manifest of the bundle in `root` names into the environment in `folder`.
    pub(super) fn install(
        &self,
        folder: &Path,
        root: &Path,
        environment: &Environment,
    ) -> Result<(), InstallError> {
        let python = folder.join("bin/python");
        let mut command = match self {
            Self::Uv(uv) => {
                let mut command = Command::new(uv);
                command.args(["pip", "install", "--python"]).arg(python);
                command
            }
            Self::Pip => {
                let mut command = Command::new(python);
                command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]);
                command
            }
        };
        let list = options(folder, environment)
            .map_err(|source| InstallError::Unwritable { path: folder.to_owned(), source })?;
        // Paths in a requirements file are relative to where pip runs.
        run(command.arg("--requirement").arg(list.path()).current_dir(root), "installing the requirements")
    }
}

/// The manifest's lines as a file that nobody else reads. Variables in URLs are filled in there, and not on a command line,
/// which everybody on the machine sees.
fn options(folder: &Path, environment: &Environment) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("requirements.").suffix(".txt").tempfile_in(folder)?;
    file.write_all(environment.requirement_lines(|path| path.to_string_lossy().into_owned()).as_bytes())?;
    Ok(file)
}

/// Runs a program whose output is progress, and which ends when this process does.
fn run(command: &mut Command, what: &'static str) -> Result<(), InstallError> {
    let failed = |source| InstallError::Failed { what, source };
    let progress = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
    command.env_remove("PYTHONHOME").stdin(Stdio::null()).stdout(progress);
    // SAFETY: the call is one system call, which a child may make between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?));
    }
    let mut child = command.spawn().map_err(failed)?;
    let end = Instant::now() + LIMIT;
    loop {
        match child.try_wait().map_err(failed)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(failed(io::Error::other(format!("it ended with {status}")))),
            None if Instant::now() > end => {
                // Whatever comes of it, it is over.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
            None => std::thread::sleep(PAUSE),
        }
    }
}
