//! A bundle as an archive: the same bytes from the same files, on every machine.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use tar::{Builder, EntryType, Header};

use super::entry::{Entry, Kind};
use super::gzip::Gzip;
use super::inspect::Inspected;
use super::sbom;
use super::value::quoted;
use crate::atomic_file::{AtomicFile, Durability};

/// Mode of the files: for everybody to read.
const MODE: u32 = 0o644;

/// What was written.
#[derive(Debug)]
pub struct Packed {
    /// `NAME-VERSION.tar.gz`.
    pub archive: PathBuf,
    /// `NAME-VERSION.cdx.json`: the CycloneDX list of what the requirements name.
    pub sbom: PathBuf,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file that is another one than a moment ago.
    #[error("{} was changed while it was packed", quoted(.0))]
    Changed(String),
    /// A file that cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("nothing can be written to {}", path.display())]
    Unwritable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Writes the archive of a bundle and the list of its requirements into a folder, which is made when it is not
/// there. Files of an earlier run are replaced when the new ones are whole.
///
/// # Errors
/// [`PackError`].
pub fn pack(bundle: &Inspected, into: &Path) -> Result<Packed, PackError> {
    let (archive, sbom) = (into.join(bundle.manifest.archive_name()), into.join(bundle.manifest.sbom_name()));
    let unwritable = |source| PackError::Unwritable { path: into.to_owned(), source };
    fs::create_dir_all(into).map_err(unwritable)?;
    let root = &bundle.manifest.root;
    let real = into.canonicalize().map_err(unwritable)?;
    let own = [&archive, &sbom].map(|path| real.join(path.file_name().unwrap_or_default()));
    let entries = without(&bundle.tree.entries, root, &real, &own);
    let mut list = AtomicFile::create(&sbom, MODE).map_err(unwritable)?;
    list.write_all(sbom::document(&bundle.manifest).as_bytes()).map_err(unwritable)?;
    let mut file = AtomicFile::create(&archive, MODE).map_err(unwritable)?;
    let gzip = Gzip::new(BufWriter::new(&mut file)).map_err(unwritable)?;
    let mut tar = Builder::new(gzip);
    let top = &bundle.manifest.name;
    let header = begin(&mut tar, &format!("{top}/"), &Kind::Folder).map_err(unwritable)?;
    tar.append(&header, io::empty()).map_err(unwritable)?;
    for entry in entries {
        add(&mut tar, root, top, entry)?;
    }
    let written = tar.into_inner().and_then(Gzip::finish).and_then(|mut file| file.flush());
    written.map_err(unwritable)?;
    for file in [list, file] {
        file.commit(Durability::Flushed).map_err(unwritable)?;
    }
    Ok(Packed { archive, sbom })
}

/// The entries but for what an earlier run wrote into the bundle itself, so that it makes no difference.
fn without<'e>(entries: &'e [Entry], root: &Path, into: &Path, own: &[PathBuf]) -> Vec<&'e Entry> {
    let is_own = |entry: &Entry| own.contains(&root.join(&entry.path));
    let others: Vec<&Entry> = entries.iter().filter(|entry| !is_own(entry)).collect();
    let holds_others = others.iter().any(|entry| {
        let path = root.join(&entry.path);
        path != into && path.starts_with(into)
    });
    others.into_iter().filter(|entry| holds_others || root.join(&entry.path) != into).collect()
}

fn add<W: Write>(tar: &mut Builder<W>, root: &Path, top: &str, entry: &Entry) -> Result<(), PackError> {
    let unwritable = |source| PackError::Unwritable { path: "the archive".into(), source };
    let slash = if entry.kind == Kind::Folder { "/" } else { "" };
    let header = begin(tar, &format!("{top}/{}{slash}", entry.path), &entry.kind).map_err(unwritable)?;
    let Kind::File { bytes, .. } = entry.kind else {
        return tar.append(&header, io::empty()).map_err(unwritable);
    };
    let path = root.join(&entry.path);
    // A pipe that took the file's place must not be waited for.
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&path);
    let file = file.map_err(|source| PackError::Unreadable { path, source })?;
    let is_same = || file.metadata().is_ok_and(|now| now.is_file() && now.len() == bytes);
    let mut data = (&file).take(bytes);
    if is_same() {
        tar.append(&header, &mut data).map_err(unwritable)?;
    }
    if is_same() && data.limit() == 0 { Ok(()) } else { Err(PackError::Changed(entry.path.clone())) }
}

/// The header of an entry: nothing in it is of this machine. A name or target that it has no room for is written before it, as
/// POSIX does (https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_03).
fn begin<W: Write>(tar: &mut Builder<W>, name: &str, kind: &Kind) -> io::Result<Header> {
    let (entry_type, mode, bytes) = match kind {
        Kind::Folder => (EntryType::Directory, 0o755, 0),
        Kind::Link { .. } => (EntryType::Symlink, 0o777, 0),
        Kind::File { bytes, executable: true } => (EntryType::Regular, 0o755, *bytes),
        Kind::File { bytes, executable: false } => (EntryType::Regular, 0o644, *bytes),
    };
    let mut header = Header::new_ustar();
    let mut records = Vec::new();
    if header.set_path(name).is_err() {
        records.push(("path", name.as_bytes()));
    }
    if let Kind::Link { target } = kind
        && header.set_link_name_literal(target).is_err()
    {
        records.push(("linkpath", target.as_bytes()));
    }
    tar.append_pax_extensions(records)?;
    header.set_entry_type(entry_type);
    header.set_mode(mode);
    header.set_size(bytes);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}
