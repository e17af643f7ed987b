//! The container of a bundle's image, from inside: where it has what a deployment names by paths of this machine.

use std::path::Path;

use super::deployment::{Deployment, FILES, RenderError};
use super::identity::{Identity, MAKE, READ};

/// The program. By its path, since packages of the bundle may bring a `bootstrap` of their own and are first on `PATH`.
pub const PROGRAM: &str = "/usr/local/bin/bootstrap";
/// User and group of the image.
pub const USER: u32 = 1000;
/// Where the state is.
pub const STATE: &str = "/var/lib/bootstrap";
/// The folder of the key, and the key in it.
pub const KEYS: &str = "/run/secrets";
/// Name of the key's file there.
pub const KEY: &str = "key";
/// Most GiB that a folder may hold which is empty at each start.
pub const EMPTY_GIB: u32 = 1;
/// Where the heartbeat and temporary files are.
const TMP: &str = "/tmp";
/// Where the image has the bundle.
const BUNDLE: &str = "/workspace/bundle";
/// The folders of [`FILES`], in that order.
const FOLDERS: [&str; 2] = ["/var/log/bootstrap", "/var/lib/node_exporter"];

/// A folder of this machine, and where it is in the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folder<'d> {
    /// On this machine.
    pub outside: &'d str,
    /// In the container.
    pub inside: &'static str,
}

/// The variables of the worker: the key, and the settings, whose files are in [`folders`]. The interpreter is the
/// image's own.
pub fn variables(deployment: &Deployment) -> Vec<(&'static str, String)> {
    let key = deployment.key.iter().map(|key| (key.variable, format!("{KEYS}/{KEY}")));
    let settings = deployment.settings.iter().filter(|(name, _)| *name != "ALLORA_PYTHON");
    let inside = |name: &str, value: &str| {
        let folder = FILES.iter().zip(FOLDERS).find(|(file, _)| **file == name).map(|(_, folder)| folder);
        let file = Path::new(value).file_name().unwrap_or_default().display();
        folder.map_or_else(|| value.to_owned(), |folder| format!("{folder}/{file}"))
    };
    key.chain(settings.map(|(name, value)| (*name, inside(name, value)))).collect()
}

/// The folders of the files that settings name.
pub fn folders(deployment: &Deployment) -> impl Iterator<Item = Folder<'_>> {
    let folder = |(file, inside): (&&str, &'static str)| {
        Some(Folder { outside: deployment.folder_of_file(file)?, inside })
    };
    FILES.iter().zip(FOLDERS).filter_map(folder)
}

/// Folders that are empty at each start: for temporary files, and what the model may write to. The devices that it may
/// write to are in every container.
pub fn empty_at_start(deployment: &Deployment) -> Vec<String> {
    let inside = |path: &String| {
        let path = Path::new(path);
        match path.strip_prefix(&deployment.bundle) {
            // An empty folder in the bundle's place would hide it.
            Ok(below) if below.as_os_str().is_empty() => None,
            Ok(below) => Some(format!("{BUNDLE}/{}", below.display())),
            Err(_) if path.starts_with("/dev") || path.starts_with(TMP) => None,
            Err(_) => Some(path.display().to_string()),
        }
    };
    [TMP.to_owned()].into_iter().chain(deployment.writable.iter().filter_map(inside)).collect()
}

/// Sees to it that the image's user can read the key and write to folders of this machine. What is not there yet is
/// not looked at.
///
/// # Errors
/// [`RenderError::Closed`].
pub fn check_access(deployment: &Deployment) -> Result<(), RenderError> {
    let user = Identity::numbered(USER);
    let key = deployment.key.iter().map(|key| (key.path.as_str(), READ));
    let folders = folders(deployment).map(|folder| folder.outside);
    let folders = folders.chain(deployment.state_dir.as_deref()).map(|folder| (folder, MAKE));
    let closed = key
        .chain(folders)
        .find(|(path, right)| Path::new(path).metadata().is_ok_and(|metadata| !user.may(*right, &metadata)));
    closed.map_or(Ok(()), |(path, _)| Err(RenderError::Closed(path.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_has_its_program_user_and_folders_where_deployments_say() {
        let dockerfile = include_str!("../../docker/Dockerfile");
        for part in [
            format!("ENTRYPOINT [\"{PROGRAM}\"]\n"),
            format!("CMD [\"{PROGRAM}\", \"probe\", \"live\"]\n"),
            format!("useradd --uid {USER} "),
            format!("--owner {USER} --group {USER} --mode 0700 {STATE}\n"),
            format!("USER {USER}:{USER}\n"),
            format!("VOLUME [\"{STATE}\", \"{TMP}\"]\n"),
            format!(" {BUNDLE}\n"),
        ] {
            assert!(dockerfile.contains(&part), "{part}");
        }
        let bundle = crate::settings::TABLE.iter().find(|row| row.env == "BUNDLE_ROOT").unwrap();
        assert_eq!(bundle.default, Some(BUNDLE), "the worker looks for its bundle where the image has it");
    }
}
