//! Archives of bundles: looked through before anything of them is written.
//!
//! | file | noun |
//! |---|---|
//! | `gunzip` | a gzip stream, decompressed by a thread of its own |
//! | `stream` | the members of a `.tar.gz`, one after the other, in the few forms that a bundle has reason to use |
//! | `listing` | what an archive holds, once all of it has been found fit |

mod gunzip;
mod listing;
mod stream;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, Write as _};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::entry::{Kind, Misfit};
use super::limits::{Exceeded, Limits};
use super::problem::{Code, Place, Problem};
use super::value::quoted;
pub use listing::Listing;
use stream::Stream;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// An archive that was read to its end and found fit. Only such a one can be unpacked.
#[derive(Debug)]
pub struct Archive {
    file: File,
    listing: Listing,
    limits: Limits,
}

/// Why an archive is refused, whole.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system does not let us read it.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is no `.tar.gz`, or not all of it is there, or more than it.
    #[error("it is not a whole .tar.gz: {0}")]
    Damaged(String),
    /// An entry that no bundle has.
    #[error("{}: {why}", quoted(entry))]
    Unfit {
        /// Its name in the archive.
        entry: String,
        /// What is wrong with it.
        why: Unfit,
    },
    /// It would take too much.
    #[error(transparent)]
    TooLarge(#[from] Exceeded),
    /// It is another one than the one that was looked through.
    #[error("it was changed while it was read")]
    Changed,
    /// Its content cannot be written.
    #[error("it cannot be unpacked to {}", path.display())]
    Unwritable {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What is wrong with an entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The bytes of its name are no text.
    #[error("its name is not UTF-8")]
    NotUtf8,
    /// Neither the top folder nor in it.
    #[error("it does not lie in the archive's top folder")]
    BesideTop,
    /// A hard link, device, pipe, sparse file, or something unheard of.
    #[error("it is {0}")]
    Type(&'static str),
    /// A record that changes what the header says.
    #[error("the record {} changes what its header says", quoted(.0))]
    Override(String),
    /// Its path or its link.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

impl ArchiveError {
    /// As a problem of the archive `file`.
    #[must_use]
    pub fn problem(&self, file: impl Into<String>) -> Problem {
        let (code, fix) = match self {
            Self::Unreadable(_) | Self::Changed | Self::Unwritable { .. } => {
                (Code::Unreadable, "see why, and check it again")
            }
            Self::Damaged(_) => (Code::Damaged, "get it again, or make it with `bootstrap pack`"),
            Self::Unfit { .. } => (Code::UnfitEntry, "do not unpack it; make it with `bootstrap pack`"),
            Self::TooLarge(_) => {
                (Code::TooLarge, "when it is as large as it should be, raise --max-entries or --max-bytes")
            }
        };
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        let message = causes.fold(self.to_string(), |message, cause| format!("{message}: {cause}"));
        Problem::error(code, Place::file(file), message, fix)
    }
}

impl Archive {
    /// Reads all of an archive and writes nothing.
    ///
    /// # Errors
    /// [`ArchiveError`]: whatever is wrong with any of its entries.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(ArchiveError::Unreadable)?;
        let listing = Listing::read(from_start(&file)?, limits)?;
        Ok(Self { file, listing, limits })
    }

    /// What it holds.
    #[must_use]
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Writes what it holds to `into/NAME`, the name of its top folder, all of it or nothing. Gives that
    /// path.
    ///
    /// # Errors
    /// [`ArchiveError::Unwritable`], or that the file is not the one any more that was looked through.
    pub fn unpack(&self, into: &Path) -> Result<PathBuf, ArchiveError> {
        let unwritable = |path: &Path, source| ArchiveError::Unwritable { path: path.to_owned(), source };
        let partial = tempfile::Builder::new().prefix(".unpack-").tempdir_in(into);
        let partial = partial.map_err(|error| unwritable(into, error))?;
        let root = partial.path().join(self.listing.top());
        self.write(&root)?;
        let target = into.join(self.listing.top());
        fs::rename(&root, &target).map_err(|error| unwritable(&target, error))?;
        Ok(target)
    }

    fn write(&self, root: &Path) -> Result<(), ArchiveError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| ArchiveError::Unwritable { path, source }
        };
        let folder = |path: &Path| fs::create_dir_all(path).map_err(at(path));
        let mut stream = Stream::new(from_start(&self.file)?, self.limits)?;
        folder(root)?;
        let mut last_folder = root.to_owned();
        let mut links = Vec::new();
        for expected in self.listing.members() {
            // Only what was found fit is written, whatever the file says by now.
            let member = stream.next()?.filter(|member| member == expected).ok_or(ArchiveError::Changed)?;
            let Some(path) = self.listing.path_of(&member.name) else { continue };
            let path = root.join(path);
            match &member.kind {
                Kind::Folder => folder(&path)?,
                Kind::Link { target } => links.push((path, target.clone())),
                Kind::File { executable, .. } => {
                    // Archives have the files of a folder in a row.
                    let parent = path.parent().unwrap_or(root);
                    if parent != last_folder {
                        folder(parent)?;
                        parent.clone_into(&mut last_folder);
                    }
                    let mode = if *executable { 0o755 } else { 0o644 };
                    let new = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
                    let mut new = new.map_err(at(&path))?;
                    let mut data = stream.data();
                    loop {
                        let piece = data.fill_buf().map_err(damaged)?;
                        if piece.is_empty() {
                            break;
                        }
                        new.write_all(piece).map_err(at(&path))?;
                        let written = piece.len();
                        data.consume(written);
                    }
                }
            }
        }
        if stream.next()?.is_some() {
            return Err(ArchiveError::Changed);
        }
        // Last, so that nothing is ever written through one.
        for (path, target) in links {
            folder(path.parent().unwrap_or(root))?;
            symlink(target, &path).map_err(at(&path))?;
        }
        Ok(())
    }
}

/// The file from its beginning, for another thread. Its place in the file is that of `file`: one reads at a time.
fn from_start(mut file: &File) -> Result<BufReader<File>, ArchiveError> {
    let file = file.rewind().and_then(|()| file.try_clone()).map_err(ArchiveError::Unreadable)?;
    Ok(BufReader::with_capacity(PIECE, file))
}

/// Reads exactly `buffer`.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), ArchiveError> {
    reader.read_exact(buffer).map_err(damaged)
}

/// What a decompressor says of bytes that it cannot read.
fn damaged(error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Damaged("it ends too early".into()),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => ArchiveError::Damaged(error.to_string()),
        _ => ArchiveError::Unreadable(error),
    }
}
