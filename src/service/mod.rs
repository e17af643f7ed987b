//! The worker of a bundle under the service manager of this machine: systemd, or supervisord where there is none.
//!
//! | file | noun |
//! |---|---|
//! | `systemd`, `supervisord` | the managers: where their files are, and what they are asked |
//! | `program` | a program of a manager, run to its end |

mod program;
mod supervisord;
mod systemd;

use std::fs;
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::render::{Deployment, File, RenderError, WriteError, Written, marker};
use program::ProgramError;
use supervisord::Supervisord;
use systemd::Systemd;

/// How long a start may take before it goes on without us.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a worker takes to stop, and its manager to believe it.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A manager of services.
trait Manager {
    /// What it reads of a worker.
    fn render(&self, deployment: &Deployment) -> Result<File, RenderError>;
    /// Where it reads it.
    fn folder(&self) -> &Path;
    /// The name of the file of a service.
    fn file_name(&self, service: &str) -> String;
    /// Has it read a file that is new there, and start the service with the machine.
    fn installed(&self, service: &str) -> Result<(), ProgramError>;
    /// Stops the service, and starts it no more with the machine.
    fn disable(&self, service: &str) -> Result<(), ProgramError>;
    /// Has it forget a file that is gone.
    fn removed(&self, service: &str) -> Result<(), ProgramError>;
    /// Starts the service; waits until the worker has started, or gives up after [`START_LIMIT`].
    fn start(&self, service: &str) -> Result<Started, ProgramError>;
    /// Stops the service, in order.
    fn stop(&self, service: &str) -> Result<(), ProgramError>;
    /// Shows what it knows of the service.
    fn status(&self, service: &str) -> Command;
    /// Follows the log of the service.
    fn logs(&self, service: &str) -> Command;
    /// The heartbeat of the service.
    fn heartbeat(&self, service: &str) -> PathBuf;
}

/// What a start came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The manager has seen it start.
    Yes,
    /// It takes longer: a model is loading, or the chain does not answer.
    NotYet,
}

/// Why a service cannot be managed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Neither of the two.
    #[error("there is no service manager: neither systemd nor supervisord")]
    NoManager,
    /// There is one that reads no further files.
    #[error("supervisord reads no further files: {} has no [include] section", .0.display())]
    NoInclude(PathBuf),
    /// Nothing was installed for this bundle.
    #[error("no service of {0} is installed")]
    NotInstalled(String),
    /// Somebody else's file lies there.
    #[error("{} is not of this bundle", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What its first line says.
        source: Origin,
    },
    /// There is nothing that could be installed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It cannot be read or removed.
    #[error("{} cannot be used", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The manager refused.
    #[error(transparent)]
    Manager(#[from] ProgramError),
}

/// The first line of a file, which says whose it is.
#[derive(Debug, thiserror::Error)]
#[error("its first line is `{0}`")]
pub struct Origin(String);

impl ServiceError {
    /// What the user should do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoManager => {
                "start `bootstrap run` yourself, or let cron answer: `bootstrap render cron`".into()
            }
            Self::NoInclude(_) => {
                "add the lines `[include]` and `files = conf.d/*.conf`, then restart supervisord".into()
            }
            Self::NotInstalled(bundle) => format!("`bootstrap service install {bundle}` installs it"),
            Self::Foreign { .. } => "move it away, or give the bundle another name in model.yaml".into(),
            Self::Render(error) => error.hint(),
            Self::Write(_) | Self::File { .. } => {
                "it needs the right to write there: be root, or the user whom the manager belongs to".into()
            }
            Self::Manager(error) => error.hint().into(),
        }
    }
}

/// A service that is installed.
pub struct Service {
    manager: Box<dyn Manager>,
    name: String,
    /// What the manager reads.
    path: PathBuf,
}

impl Service {
    /// Installs the worker of a bundle, or brings it up to date. Does not start it.
    ///
    /// # Errors
    /// See [`ServiceError`]. A file of another origin stays as it is.
    pub fn install(deployment: &Deployment) -> Result<(Self, Written), ServiceError> {
        let manager = manager()?;
        let name = deployment.service();
        let path = manager.folder().join(manager.file_name(&name));
        if let Some(line) = first_line(&path)?
            && line != deployment.marker()
        {
            return Err(ServiceError::Foreign { path, source: Origin(line) });
        }
        let file = File { name: manager.file_name(&name), ..manager.render(deployment)? };
        let written = file.write_to(manager.folder())?;
        manager.installed(&name)?;
        Ok((Self { manager, name, path }, written))
    }

    /// The service of the bundle in this folder, which may be gone by now.
    ///
    /// # Errors
    /// [`ServiceError::NotInstalled`], among others.
    pub fn of(bundle: &Path) -> Result<Self, ServiceError> {
        let manager = manager()?;
        let bundle =
            bundle.canonicalize().or_else(|_| std::path::absolute(bundle)).unwrap_or_else(|_| bundle.into());
        let marker = marker(&bundle.display().to_string());
        let unreadable = |source| ServiceError::File { path: manager.folder().to_owned(), source };
        let entries = match manager.folder().read_dir() {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unreadable(error)),
        };
        let ours = entries
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| matches!(first_line(path), Ok(Some(line)) if line == marker));
        let named = ours.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)));
        match named.min() {
            Some((name, path)) => Ok(Self { manager, name, path }),
            None => Err(ServiceError::NotInstalled(bundle.display().to_string())),
        }
    }

    /// Its name at the manager.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that the manager reads.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stops it and removes its file. State, key and logs stay.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub fn uninstall(&self) -> Result<(), ServiceError> {
        self.manager.disable(&self.name)?;
        fs::remove_file(&self.path)
            .map_err(|source| ServiceError::File { path: self.path.clone(), source })?;
        Ok(self.manager.removed(&self.name)?)
    }

    /// Starts it.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub fn start(&self) -> Result<Started, ServiceError> {
        Ok(self.manager.start(&self.name)?)
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub fn stop(&self) -> Result<(), ServiceError> {
        Ok(self.manager.stop(&self.name)?)
    }

    /// A program that shows what the manager knows of it; it fails when the service does not run.
    #[must_use]
    pub fn status(&self) -> Command {
        self.manager.status(&self.name)
    }

    /// A program that follows its log.
    #[must_use]
    pub fn logs(&self) -> Command {
        self.manager.logs(&self.name)
    }

    /// Its heartbeat, which probes read.
    #[must_use]
    pub fn heartbeat(&self) -> PathBuf {
        self.manager.heartbeat(&self.name)
    }
}

/// The manager of this machine, for this user.
fn manager() -> Result<Box<dyn Manager>, ServiceError> {
    if let Some(systemd) = Systemd::of_this_machine() {
        return Ok(Box::new(systemd));
    }
    match Supervisord::of_this_machine()? {
        Some(supervisord) => Ok(Box::new(supervisord)),
        None => Err(ServiceError::NoManager),
    }
}

/// The first line of a file, when there is such a file.
fn first_line(path: &Path) -> Result<Option<String>, ServiceError> {
    let error = |source| ServiceError::File { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(failed) if failed.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(failed) => return Err(error(failed)),
    };
    let mut line = Vec::new();
    // Longer than any path, and no reason to read a whole disk.
    let mut start = io::BufReader::new(io::Read::take(file, 16 * 1024));
    start.read_until(b'\n', &mut line).map_err(error)?;
    Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
}
