//! The programs that make environments and install packages.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::{Base, InstallError};
use crate::bundle::manifest::Environment;
use crate::subprocess;

/// How long one of the programs may take. Large packages come over slow lines.
const LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

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
        subprocess::which("uv", path).map_or(Self::Pip, Self::Uv)
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
    pub(super) fn make(&self, base: Base<'_>, folder: &Path, name: &str) -> Result<(), InstallError> {
        let mut command = match self {
            Self::Uv(uv) => {
                let mut command = Command::new(uv);
                command.args(["venv", "--no-project", "--python"]).arg(base.executable);
                command
            }
            Self::Pip => {
                let mut command = Command::new(base.executable);
                command.args(["-m", "venv"]);
                command
            }
        };
        run(command.args(["--prompt", name]).arg(folder), "making the virtual environment", base.version)
    }

    /// Installs what the manifest of the bundle in `root` names into the environment in `folder`.
    pub(super) fn install(
        &self,
        base: Base<'_>,
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
        command.arg("--requirement").arg(list.path()).current_dir(root);
        run(&mut command, "installing the requirements", base.version)
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
fn run(command: &mut Command, what: &'static str, python: &str) -> Result<(), InstallError> {
    let failed = |source| InstallError::Failed { what, python: python.to_owned(), source };
    let progress = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
    command.env_remove("PYTHONHOME").stdin(Stdio::null()).stdout(progress);
    subprocess::tie_to_this_thread(command);
    let status = command.spawn().and_then(|mut child| subprocess::wait(&mut child, LIMIT)).map_err(failed)?;
    if status.success() { Ok(()) } else { Err(failed(io::Error::other(format!("it ended with {status}")))) }
}
