//! A small text file that may hold a secret, such as a container platform mounts.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{getegid, geteuid, getgroups};
use zeroize::Zeroizing;

/// What the file held, and who can read it.
pub struct SecretFile {
    /// All of its text.
    pub text: Zeroizing<String>,
    /// Whether others than the owner can read it.
    pub exposure: Exposure,
}

/// Who can read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Its owner only, or nobody but us by a group of ours.
    Private,
    /// Others too: its group or everybody, by these mode bits.
    Shared {
        /// The file's permission bits, `0o644`.
        mode: u32,
    },
}

/// Whose a file is, or who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    user: u32,
    groups: Vec<u32>,
}

impl Account {
    /// The one that this process runs as.
    fn own() -> Self {
        let mut groups = vec![getegid().as_raw()];
        groups.extend(getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw()));
        Self { user: geteuid().as_raw(), groups }
    }
}

impl Exposure {
    /// Of a file of this `user` and `group` to a process that runs as `reader`.
    ///
    /// Kubernetes mounts a secret as a file of root that the pod's `fsGroup` can read: nothing can be done about that
    /// by the reader, whose only way to it is the group.
    fn new(mode: u32, user: u32, group: u32, reader: &Account) -> Self {
        let is_mounted = user != reader.user && reader.groups.contains(&group) && mode & 0o037 == 0;
        if mode & 0o077 == 0 || is_mounted { Self::Private } else { Self::Shared { mode } }
    }

    /// What to say where others can read the `kind`, such as `key file`, at `path`.
    #[must_use]
    pub fn notice(self, kind: &str, path: &Path) -> Option<String> {
        match self {
            Self::Private => None,
            Self::Shared { mode } => Some(format!(
                "others can read the {kind} {0} (mode {mode:03o}): chmod 600 {0}",
                path.display()
            )),
        }
    }
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the {kind} {} {problem}", path.display())]
pub struct SecretFileError {
    kind: &'static str,
    path: PathBuf,
    problem: Unusable,
    source: Option<io::Error>,
}

#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("cannot be read")]
    Unreadable,
    #[error("is not a regular file")]
    NotAFile,
    #[error("has more than {0} bytes")]
    TooLarge(usize),
    #[error("holds no text")]
    NotText,
}

impl SecretFile {
    /// Reads a file of at most `most` bytes that errors call `kind`. Links are followed, as mounted secrets are
    /// links.
    ///
    /// # Errors
    /// [`SecretFileError`], which never quotes what the file holds.
    pub fn read(kind: &'static str, path: &Path, most: usize) -> Result<Self, SecretFileError> {
        let unusable = |problem, source| SecretFileError { kind, path: path.to_owned(), problem, source };
        let unreadable = |source| unusable(Unusable::Unreadable, Some(source));
        // A pipe would keep us waiting in `open`.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(unusable(Unusable::NotAFile, None));
        }
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let mode = metadata.mode() & 0o7777;
        let exposure = Exposure::new(mode, metadata.uid(), metadata.gid(), &Account::own());
        // Room for all of it at once: a buffer that grows leaves pieces of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > most {
            return Err(unusable(Unusable::TooLarge(most), None));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable(Unusable::NotText, None))?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), exposure })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn read(path: &Path) -> Result<SecretFile, SecretFileError> {
        SecretFile::read("key file", path, 16)
    }

    #[test]
    fn a_file_that_others_can_read_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "x").unwrap();
        for (mode, is_private) in
            [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o604, false), (0o660, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let notice = read(&path).unwrap().exposure.notice("key file", &path);
            assert_eq!(notice.is_none(), is_private, "{mode:o}");
            if let Some(notice) = notice {
                assert!(notice.contains(&format!("{mode:o}")) && notice.contains("chmod 600"), "{notice}");
            }
        }
    }

    /// As the manifests for Kubernetes mount it: of root, for the group of the pod.
    #[test]
    fn a_mounted_file_is_private_to_the_group_it_is_mounted_for() {
        let pod = Account { user: 1000, groups: vec![1000, 2000] };
        let is_private = |mode, user, group| Exposure::new(mode, user, group, &pod) == Exposure::Private;
        assert!(is_private(0o440, 0, 1000) && is_private(0o440, 0, 2000) && is_private(0o640, 0, 2000));
        // Its own to change, another group's, the group's to write, everybody's.
        assert!(!is_private(0o440, 1000, 1000) && !is_private(0o440, 0, 100));
        assert!(!is_private(0o460, 0, 1000) && !is_private(0o444, 0, 1000));
    }

    #[test]
    fn what_is_no_such_file_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("large"), "secret".repeat(3)).unwrap();
        fs::write(path("binary"), [0xff, 0xfe]).unwrap();
        nix::unistd::mkfifo(&path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (name, expected) in [
            ("large", "has more than 16 bytes"),
            ("binary", "holds no text"),
            ("pipe", "is not a regular file"),
            (".", "is not a regular file"),
            ("none", "cannot be read"),
        ] {
            let error = read(&path(name)).err().unwrap().to_string();
            assert_eq!(error, format!("the key file {} {expected}", path(name).display()));
        }
    }
}
