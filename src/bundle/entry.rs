//! One file, folder or link of a bundle, and what keeps several of them from lying in one folder on every system.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use super::value::quoted;

/// A file, folder or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies below the bundle's root, with `/` between names.
    pub path: String,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A plain file.
    File {
        /// Its length.
        bytes: u64,
        /// May it be run?
        executable: bool,
    },
    /// A symbolic link.
    Link {
        /// Its text: relative to the folder that it lies in.
        target: String,
    },
}

/// Most bytes of a path, and of what a link names.
pub const LONGEST: usize = 1024;

/// Why an entry cannot be part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// `/x`.
    #[error("its path is absolute")]
    Absolute,
    /// `a/../x`, `a/./x`, `a//x`.
    #[error("its path has parts that are not names")]
    Crooked,
    /// A link to something outside.
    #[error("it is a link that leaves the bundle")]
    LeadsOut,
    /// More than an archive is read with.
    #[error("its path, or what it links to, is too long: it has more than {LONGEST} bytes")]
    TooLong,
    /// The same path a second time.
    #[error("it occurs twice")]
    Twice,
    /// Two paths that are one on other systems.
    #[error("it differs from {} by case only", quoted(.0))]
    CaseOnly(String),
    /// The same of letters that are composed in another way, or of names that end with dots or blanks.
    #[error("other systems take it for {}: they compose letters, or leave out dots and blanks at the end of a name", quoted(.0))]
    Alike(String),
    /// A file or link is to hold entries.
    #[error("it lies below {}, which is not a folder", quoted(.0))]
    BelowNoFolder(String),
}

/// The paths that are taken: those of entries, and of the folders that they lie in.
#[derive(Debug, Default)]
pub struct Paths {
    /// By their form on the system that tells the fewest apart.
    taken: HashMap<String, Taken>,
}

#[derive(Debug)]
struct Taken {
    path: String,
    is_folder: bool,
    /// An entry of its own, not only the way to another one.
    is_entry: bool,
}

impl Paths {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Takes the path of an entry.
    ///
    /// # Errors
    /// When the entry cannot be part of a bundle, or not beside those before it.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Misfit> {
        straight(&entry.path)?;
        if let Kind::Link { target } = &entry.kind {
            if leads_out(&entry.path, target) {
                return Err(Misfit::LeadsOut);
            }
            if target.len() > LONGEST {
                return Err(Misfit::TooLong);
            }
        }
        if entry.path.len() > LONGEST {
            return Err(Misfit::TooLong);
        }
        for (end, _) in entry.path.match_indices('/') {
            let taken = self.at(&entry.path[..end])?;
            if !taken.is_folder {
                return Err(Misfit::BelowNoFolder(taken.path.clone()));
            }
        }
        let is_folder = entry.kind == Kind::Folder;
        let before = self.len();
        self.at(&entry.path)?;
        let was_folder = self.len() == before;
        let taken = self.at(&entry.path)?;
        if taken.is_entry || was_folder && !is_folder {
            return Err(Misfit::Twice);
        }
        (taken.is_entry, taken.is_folder) = (true, is_folder);
        Ok(())
    }

    /// What has this path; a folder, when nothing had it.
    fn at(&mut self, path: &str) -> Result<&mut Taken, Misfit> {
        let new = || Taken { path: path.to_owned(), is_folder: true, is_entry: false };
        let taken = self.taken.entry(coarse(path)).or_insert_with(new);
        if taken.path == path {
            Ok(taken)
        } else if without_case(&taken.path) == without_case(path) {
            Err(Misfit::CaseOnly(taken.path.clone()))
        } else {
            Err(Misfit::Alike(taken.path.clone()))
        }
    }
}

/// What is the same for two paths that are one somewhere: macOS composes letters, Windows leaves out dots and blanks at the
/// end of a name, both go by no case.
fn coarse(path: &str) -> String {
    let names = path.split('/').map(|name| name.trim_end_matches(['.', ' ']));
    without_case(&names.collect::<Vec<_>>().join("/")).nfc().collect()
}

/// Through upper case first, so that letters with several lower forms are one.
fn without_case(path: &str) -> String {
    path.to_uppercase().to_lowercase()
}

/// A path of names alone.
///
/// # Errors
/// When it is absolute, or has other parts.
pub fn straight(path: &str) -> Result<(), Misfit> {
    if path.starts_with('/') {
        return Err(Misfit::Absolute);
    }
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if path.split('/').all(is_name) { Ok(()) } else { Err(Misfit::Crooked) }
}

/// Does a link lead out of the bundle, or might it? `..` may only stand first: behind a name it would
/// start from wherever that name, which may be a link itself, leads to.
fn leads_out(path: &str, target: &str) -> bool {
    let mut depth = path.matches('/').count();
    let mut names = false;
    for part in target.split('/') {
        match part {
            ".." if names || depth == 0 => return true,
            ".." => depth -= 1,
            "." => {}
            _ => names = true,
        }
    }
    target.is_empty() || target.starts_with('/') || target.contains('\0')
}
