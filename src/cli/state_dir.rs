//! The state folder, for the commands that read what a worker left there.

use std::path::PathBuf;

use super::{Exit, Report, environment, output};
use crate::settings::{self, Flags, Origin};

/// Where the journals are.
pub struct StateDir {
    /// The folder.
    pub path: PathBuf,
    /// Whether the user named it, by flag or variable.
    pub is_named: bool,
}

/// The folder that the user named is not there. Without a word about it, the answer would be that of a worker which has
/// done nothing yet.
#[derive(Debug, thiserror::Error)]
#[error("there is no state folder {}", .0.display())]
struct Missing(PathBuf);

/// The folder of the settings. One that a flag names has to be there; a variable may stand where no worker has run yet.
pub fn of_reader<S>(flags: &Flags<S>) -> Result<StateDir, Report> {
    let (path, origin) = settings::state_dir_of(flags, environment())?;
    let is_missing = matches!(path.try_exists(), Ok(false));
    match origin {
        Origin::Flag(flag) if is_missing => {
            let hint = format!("correct {flag}; the first `run` makes the folder");
            Err(Report::new(Exit::Config, Missing(path)).hint(hint))
        }
        Origin::Environment(name) if is_missing => {
            output::note(format_args!("warning: {name}: {}", Missing(path.clone())));
            Ok(StateDir { path, is_named: true })
        }
        origin => Ok(StateDir { path, is_named: origin != Origin::Default }),
    }
}
