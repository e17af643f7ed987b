//! Landlock: which files the model may read and write, and whom it may signal.
//!
//! Landlock only grants. To leave a folder out, everything beside it is granted, at each level on
//! the way to it; so files that appear later in a folder on that way cannot be read.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// The kernel's interface that covers all writing; later ones add sockets, devices and scopes.
const FILES: ABI = ABI::V3;
/// The first interface that can confine signals and abstract sockets.
const SCOPES: ABI = ABI::V6;
/// Most files and folders granted beside protected ones. A folder with more has no place on the way.
const MAX_GRANTS: usize = 20_000;

/// Where every program may write: shared memory, and the sink.
const ALWAYS_WRITABLE: [&str; 2] = ["/dev/shm", "/dev/null"];

/// Read everything but `protected`, write only what is in `writable`. False when this system cannot
/// do all of it; then it does as much as it can.
pub fn restrict_files(writable: &[PathBuf], protected: &[PathBuf]) -> bool {
    let protected: Vec<PathBuf> = protected.iter().map(|path| real(path)).collect();
    let mut readable = Vec::new();
    // Without the list nothing could be read, which is worse for the user than no wall.
    if siblings(Path::new("/"), &protected, &mut readable).is_err() {
        return false;
    }
    let always = ALWAYS_WRITABLE.iter().map(Path::new);
    let writable = writable.iter().map(PathBuf::as_path).chain(always);
    let restrict = || -> Result<bool, RulesetError> {
        let mut rules = Ruleset::default().handle_access(AccessFs::from_all(FILES))?.create()?;
        for path in &readable {
            rules = grant(rules, path, AccessFs::from_read(FILES))?;
        }
        for path in writable {
            rules = grant(rules, path, AccessFs::from_all(FILES))?;
        }
        Ok(rules.restrict_self()?.ruleset == RulesetStatus::FullyEnforced)
    };
    restrict().unwrap_or(false)
}

/// No signals and no abstract sockets to processes outside.
pub fn restrict_signals() -> bool {
    let restrict = || -> Result<bool, RulesetError> {
        let rules = Ruleset::default().scope(Scope::from_all(SCOPES))?.create()?;
        Ok(rules.restrict_self()?.ruleset == RulesetStatus::FullyEnforced)
    };
    restrict().unwrap_or(false)
}

/// Grants rights below a path. One that cannot be opened cannot be used by the model either.
fn grant(
    rules: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else { return Ok(rules) };
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
        if entry.file_type()?.is_symlink() || protected.contains(&path) {
            continue;
        }
        if granted.len() >= MAX_GRANTS {
            return Err(io::Error::other("too many files beside a protected one"));
        }
        siblings(&path, protected, granted)?;
    }
    Ok(())
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
        for path in ["secrets/key", "secrets/sub/other", "data/x", "state/journal"] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink(root.join("secrets"), root.join("link")).unwrap();
        let mut granted = Vec::new();
        siblings(&root, &[root.join("secrets/key"), root.join("state")], &mut granted).unwrap();
        granted.sort();
        assert_eq!(granted, [root.join("data"), root.join("secrets/sub")]);
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
