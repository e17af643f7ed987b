//! Where the journal is when nobody says.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::source::Source;

/// The folder of a machine that runs one worker, where volumes are mounted.
const SYSTEM: &str = "/var/lib/bootstrap";

/// [`SYSTEM`] when it can be written or made, otherwise the user's folder for state. A machine with
/// neither gets [`SYSTEM`], and the start names it when it cannot be used.
pub fn default(source: &dyn Source) -> PathBuf {
    let system = Path::new(SYSTEM);
    let nearest = system.ancestors().find(|folder| folder.exists()).unwrap_or(system);
    if access(nearest, AccessFlags::W_OK | AccessFlags::X_OK).is_ok() {
        return system.to_owned();
    }
    let folder = |name: &str| source.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_STATE_HOME")
        .or_else(|| Some(folder("HOME")?.join(".local/state")))
        .map_or_else(|| system.to_owned(), |state| state.join("bootstrap"))
}
