//! Landlock: which files the model may read and write, and whom it may signal.
//!
//! Landlock only grants. To leave a folder out, everything beside it is granted, at each level on
//! the way to it; so files that appear later in a folder on that way cannot be read.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::sandbox::Sandbox;

/// The kernel's interface that covers all writing. Later ones add sockets and the controls of devices, which
/// a model needs.
const FILES: ABI = ABI::V3;
/// The first interface that can confine signals and abstract sockets.
const SCOPES: ABI = ABI::V6;
/// Most files and folders granted beside protected ones. A folder with more has no place on the way.
const MAX_GRANTS: usize = 20_000;

/// Where every program may write: shared memory, and the sink.
static ALWAYS_WRITABLE: LazyLock<[PathBuf; 2]> =
    LazyLock::new(|| ["/dev/shm", "/dev/null"].map(|path| real(Path::new(path))));

/// Where every model may write.
pub fn always_writable() -> &'static [PathBuf] {
    &*ALWAYS_WRITABLE
}

/// What Landlock does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Landlocked {
    /// Everything but what is protected can be read, and only what is writable can be written.
    pub files: bool,
    /// No signals and no abstract sockets to processes outside.
    pub scopes: bool,
}

/// Puts up as much of the sandbox as this system has, for this thread and what it starts.
///
/// Files and scopes share one set of rules: a second set that says nothing of files would forbid moving
/// them from one folder to another.
pub fn restrict(sandbox: &Sandbox) -> Landlocked {
    let mut readable = Vec::new();
    // Without the list nothing could be read, which is worse for the user than no wall.
    let listed = siblings(Path::new("/"), &sandbox.protected, &mut readable).is_ok();
    let restrict = || -> Result<Landlocked, RulesetError> {
        let mut rules = Ruleset::default().scope(Scope::from_all(SCOPES))?;
        if listed {
            rules = rules.handle_access(AccessFs::from_all(FILES))?;
        }
        let mut rules = rules.create()?;
        if listed {
            for path in &readable {
                rules = grant(rules, path, AccessFs::from_read(FILES))?;
            }
            for path in sandbox.writable.iter().chain(always_writable()) {
                rules = grant(rules, path, AccessFs::from_all(FILES))?;
            }
        }
        let status = rules.restrict_self()?;
        let abi = match status.landlock {
            LandlockStatus::Available { effective_abi, .. }
                if status.ruleset != RulesetStatus::NotEnforced =>
            {
                effective_abi
            }
            _ => ABI::Unsupported,
        };
        Ok(Landlocked { files: listed && abi >= FILES, scopes: abi >= SCOPES })
    };
    restrict().unwrap_or_default()
}

/// Grants rights below a path without links. One that cannot be opened cannot be used by the model
/// either, and one that leads elsewhere is a link that an earlier model has put there.
fn grant(
    rules: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
    let opened_path = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_fd().as_raw_fd()));
    if opened_path.is_ok_and(|opened_path| opened_path != path) {
        return Ok(rules);
    }
    // Rights that only folders have would count as not enforced on a file.
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(FILES) };
    rules.add_rule(PathBeneath::new(opened, rights))
}

/// What to grant so that everything in `folder` but `protected` is.
fn siblings(folder: &Path, protected: &[PathBuf], granted: &mut Vec<PathBuf>) -> io::Result<()> {
    if !protected.iter().any(|path| path.starts_with(folder)) {
        granted.push(folder.to_owned());
        return Ok(());
    }
    for entry in folder.read_dir()? {
        let entry = entry?;
        let path = entry.path();
        // Rules hold for what a link leads to, which is granted, or not, at its own place.
        let kind = entry.file_type()?;
        if kind.is_symlink() || protected.contains(&path) || kind.is_file() && is_version(&path, protected) {
            continue;
        }
        if granted.len() >= MAX_GRANTS {
            return Err(io::Error::other("too many files beside a protected one"));
        }
        siblings(&path, protected, granted)?;
    }
    Ok(())
}

/// Whether a file is another version of a protected one beside it, its name with something behind: a log file that
/// was rotated, a copy of a key.
fn is_version(path: &Path, protected: &[PathBuf]) -> bool {
    let Some(name) = path.file_name() else { return false };
    protected.iter().any(|kept| {
        let of_kept =
            kept.file_name().and_then(|kept| name.as_encoded_bytes().strip_prefix(kept.as_encoded_bytes()));
        kept.parent() == path.parent() && of_kept.is_some_and(|rest| rest.starts_with(b".")) && kept.is_file()
    })
}

/// The path without links, as far as it exists; the rest as it is written.
pub fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        if let Ok(found) = ancestor.canonicalize() {
            let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
            // Joining nothing would add a slash.
            return found.join(rest).components().collect();
        }
    }
    absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_beside_a_protected_file_is_granted_and_nothing_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for path in
            ["secrets/key", "secrets/key.1.gz", "secrets/sub/other", "data/x", "state/journal", "state.json"]
        {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink(root.join("secrets"), root.join("link")).unwrap();
        let mut granted = Vec::new();
        siblings(&root, &[root.join("secrets/key"), root.join("state")], &mut granted).unwrap();
        granted.sort();
        assert_eq!(granted, ["data", "secrets/sub", "state.json"].map(|path| root.join(path)));
    }

    #[test]
    fn a_path_is_followed_as_far_as_it_exists() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("there")).unwrap();
        std::os::unix::fs::symlink(root.join("there"), root.join("link")).unwrap();
        assert_eq!(real(&root.join("link/not/yet")), root.join("there/not/yet"));
        assert_eq!(real(&root.join("link")), root.join("there"));
    }
}
