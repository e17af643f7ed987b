//! The log file: appended to by one writer, and rotated by renaming it.

mod current;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use self::current::{Current, FILE_MODE};
use super::archive::{Archive, Archivist};
use super::queue::Sink;
use crate::settings::Rotation;

/// As [`FILE_MODE`], for a folder that is not there yet.
const FOLDER_MODE: u32 = 0o750;
/// How often the name is looked up: whoever moves the file away need not tell us.
const LOOK_UP: Duration = Duration::from_secs(1);

/// Why the log file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// It, or its folder, cannot be opened or made.
    #[error("the log file {} cannot be written", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder, a device or a pipe, none of which can be rotated.
    #[error("the log file {} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Two writers would rotate it away from each other.
    #[error("another process writes to the log file {}", .0.display())]
    InUse(PathBuf),
}

impl LogFileError {
    /// What the user should do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::InUse(_) => "give each worker a log file of its own: ALLORA_LOG_FILE or --log-file",
            Self::Write { .. } | Self::NotAFile(_) => {
                "name a file in a folder that this user can write to: ALLORA_LOG_FILE or --log-file"
            }
        }
    }
}

/// A log file and the right to write to it, which ends with this value or the process.
#[derive(Debug)]
pub struct LogFile {
    /// Absolute, without links.
    path: PathBuf,
    rotation: Rotation,
    archive: Archive,
    archivist: Archivist,
    current: Current,
    looked_up: Instant,
    /// Lines that could not be written since the last that could.
    missed: u64,
    /// Whether it was said that the file cannot be rotated or opened anew.
    stuck: bool,
    /// Locked. The log file itself, which is renamed, could not keep a second writer out.
    _lock: File,
}

impl LogFile {
    /// Opens the file, and makes it and its folder where they are not there. Its rotated files are looked after
    /// from now on, those of an earlier life too.
    ///
    /// # Errors
    /// [`LogFileError`].
    pub fn open(path: &Path, rotation: Rotation) -> Result<Self, LogFileError> {
        let unusable = |source| LogFileError::Write { path: path.to_owned(), source };
        let path = real(path).map_err(unusable)?;
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(LogFileError::NotAFile(path));
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Err(unusable(io::ErrorKind::InvalidFilename.into()));
        };
        let lock = lock(&folder.join(lock_name(name)))
            .map_err(unusable)?
            .ok_or_else(|| LogFileError::InUse(path.clone()))?;
        let current = Current::open(&path).map_err(unusable)?;
        let archive = Archive::new(folder, name, rotation.keep);
        let archivist = archive.clone().start().map_err(unusable)?;
        archivist.sweep();
        let looked_up = Instant::now();
        Ok(Self {
            path,
            rotation,
            archive,
            archivist,
            current,
            looked_up,
            missed: 0,
            stuck: false,
            _lock: lock,
        })
    }

    /// Whether [`LogFile::open`] could take what is there, in a folder where files can be made. Makes none.
    ///
    /// # Errors
    /// [`LogFileError`].
    pub fn check(path: &Path) -> Result<(), LogFileError> {
        let unusable = |source| LogFileError::Write { path: path.to_owned(), source };
        // Of a link, what it leads to.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Err(LogFileError::NotAFile(path)),
            Ok(_) => drop(OpenOptions::new().append(true).open(&path).map_err(unusable)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error)),
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match OpenOptions::new().write(true).open(path.with_file_name(lock_name(&name))) {
            Ok(file) => match take(file).map_err(unusable)? {
                Some(_) => Ok(()),
                None => Err(LogFileError::InUse(path)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unusable(error)),
        }
    }

    /// Appends a line at the time `now`, and rotates the file before when that is due.
    ///
    /// # Errors
    /// The line is not in the file.
    pub fn append(&mut self, line: &[u8], now: SystemTime) -> io::Result<()> {
        if self.looked_up.elapsed() >= LOOK_UP {
            self.find();
        }
        // A clock that was ahead when the file was begun would keep it for ever.
        self.current.since = self.current.since.min(now);
        if self.is_due(line.len() as u64, now) {
            let rotated = self.rotate(now);
            self.tell("the log file cannot be rotated", rotated);
        }
        self.current.append(line)
    }

    fn is_due(&self, more: u64, now: SystemTime) -> bool {
        let Current { size, since, .. } = self.current;
        let is_old = now.duration_since(since).is_ok_and(|age| age >= self.rotation.every);
        size > 0 && (is_old || size + more > self.rotation.max_bytes)
    }

    /// Gives the file another name and begins a new one.
    fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        self.find();
        let rotated = self.archive.vacant(now);
        fs::rename(&self.path, &rotated)?;
        match Current::open(&self.path) {
            Ok(current) => {
                self.current = current;
                self.current.since = now;
            }
            Err(error) => {
                // What has no successor goes on under its own name.
                let _ = fs::rename(&rotated, &self.path);
                return Err(error);
            }
        }
        self.archivist.sweep();
        Ok(())
    }

    /// Opens what has our name when that is no longer our file: it was moved away, or its folder removed.
    fn find(&mut self) {
        self.looked_up = Instant::now();
        match fs::metadata(&self.path) {
            Ok(metadata) if self.current.is(&metadata) => {
                // Somebody may have copied it and cut it short.
                self.current.size = metadata.len();
            }
            _ => {
                let opened = make_folder(&self.path).and_then(|()| Current::open(&self.path));
                // Until that succeeds the old file takes the lines, which is under another name perhaps.
                let opened = opened.map(|current| self.current = current);
                self.tell("the log file cannot be opened again", opened);
            }
        }
    }

    /// Says a trouble once, until there was none.
    fn tell(&mut self, what: &'static str, outcome: io::Result<()>) {
        if let (Err(error), false) = (&outcome, self.stuck) {
            tracing::warn!(log_file = %self.path.display(), %error, "{what}");
        }
        self.stuck = outcome.is_err();
    }
}

impl Sink for LogFile {
    const TOO_SLOW: &'static str = "lines are not in the log file: its disk is too slow";

    fn write(&mut self, line: &[u8]) {
        match self.append(line, SystemTime::now()) {
            Ok(()) if self.missed > 0 => {
                let missed = std::mem::take(&mut self.missed);
                tracing::warn!(missed, log_file = %self.path.display(), "the log file can be written again; lines are missing");
            }
            Ok(()) => {}
            Err(error) => {
                self.missed += 1;
                if self.missed == 1 {
                    tracing::warn!(%error, log_file = %self.path.display(), "the log file cannot be written; its lines are on stderr alone");
                }
            }
        }
    }

    fn reopen(&mut self) {
        self.find();
    }
}

/// The path without links, its folder made where it is not there.
fn real(path: &Path) -> io::Result<PathBuf> {
    if let Ok(found) = path.canonicalize() {
        return Ok(found);
    }
    make_folder(path)?;
    let path = std::path::absolute(path)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    Ok(folder.canonicalize()?.join(name))
}

fn make_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder))
}

/// Name of the file that is locked for a log file.
fn lock_name(name: &str) -> String {
    format!("{name}.lock")
}

/// Locks a file for the life of this process. `None`: another one has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    take(OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?)
}

/// The same of an open file.
fn take(file: File) -> io::Result<Option<File>> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const LARGE: Rotation = Rotation { max_bytes: u64::MAX, every: DAY, keep: DAY };

    fn text(path: &Path) -> String {
        let mut text = String::new();
        let file = File::open(path).unwrap();
        if path.extension().is_some_and(|end| end == "gz") {
            flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            { file }.read_to_string(&mut text).unwrap();
        }
        text
    }

    /// Log files in the folder, by name, without the lock.
    fn files(folder: &Path) -> BTreeMap<String, String> {
        let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
        let logs = paths.filter(|path| path.extension().is_none_or(|end| end != "lock"));
        logs.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), text(&path))).collect()
    }

    /// Waits until every rotated file is compressed.
    fn settle(folder: &Path) {
        let end = Instant::now() + Duration::from_secs(60);
        let is_plain = |path: &Path| {
            !["gz", "lock", "log"].iter().any(|end| path.extension().is_some_and(|is| is == *end))
        };
        while folder.read_dir().unwrap().any(|entry| is_plain(&entry.unwrap().path())) {
            assert!(Instant::now() < end, "{:?}", files(folder).keys());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn every_number_is_in_exactly_one_file_while_files_rotate_under_load() {
        const LINES: usize = 100_000;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.log");
        let rotation = Rotation { max_bytes: 64 * 1024, ..LARGE };
        let mut log = LogFile::open(&path, rotation).unwrap();
        for number in 0..LINES {
            log.append(format!("{number}\n").as_bytes(), SystemTime::now()).unwrap();
        }
        settle(folder.path());
        let files = files(folder.path());
        assert!(files.len() > 5, "{:?}", files.keys());
        let mut seen: Vec<usize> =
            files.values().flat_map(|text| text.lines().map(|line| line.parse().unwrap())).collect();
        seen.sort_unstable();
        assert!(seen.iter().copied().eq(0..LINES));
        for (name, text) in &files {
            assert!(text.len() <= 64 * 1024, "{name}");
            assert_eq!(fs::metadata(folder.path().join(name)).unwrap().mode() & 0o777, 0o640, "{name}");
        }
    }

    #[test]
    fn a_file_rotates_by_its_age_also_when_it_was_begun_in_an_earlier_life() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.log");
        let now = SystemTime::now();
        let mut log = LogFile::open(&path, Rotation { keep: 30 * DAY, ..LARGE }).unwrap();
        log.append(b"one\n", now).unwrap();
        log.append(b"two\n", now + DAY / 2).unwrap();
        drop(log);
        let mut log = LogFile::open(&path, Rotation { keep: 30 * DAY, ..LARGE }).unwrap();
        log.append(b"three\n", now + DAY * 2).unwrap();
        settle(folder.path());
        let files = files(folder.path());
        assert_eq!(files["w.log"], "three\n");
        assert_eq!(files.values().filter(|text| *text == "one\ntwo\n").count(), 1);
    }

    #[test]
    fn a_clock_that_went_back_keeps_no_file_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.log");
        let now = SystemTime::now();
        let mut log = LogFile::open(&path, LARGE).unwrap();
        log.append(b"ahead\n", now + 400 * DAY).unwrap();
        log.append(b"right again\n", now).unwrap();
        log.append(b"a day later\n", now + DAY).unwrap();
        settle(folder.path());
        assert_eq!(files(folder.path())["w.log"], "a day later\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew_when_told_and_soon_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.log");
        let mut log = LogFile::open(&path, LARGE).unwrap();
        log.append(b"one\n", SystemTime::now()).unwrap();
        fs::rename(&path, folder.path().join("moved")).unwrap();
        log.reopen();
        log.append(b"two\n", SystemTime::now()).unwrap();
        fs::remove_dir_all(folder.path()).unwrap();
        std::thread::sleep(LOOK_UP);
        log.append(b"three\n", SystemTime::now()).unwrap();
        assert_eq!(text(&path), "three\n");
    }

    #[test]
    fn the_start_finishes_what_an_earlier_life_has_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.log.20200101_000000"), "old").unwrap();
        fs::write(folder.path().join("w.log.29990101_000000"), "rotated, not compressed").unwrap();
        let _log = LogFile::open(&folder.path().join("w.log"), LARGE).unwrap();
        settle(folder.path());
        assert_eq!(
            files(folder.path()).into_iter().collect::<Vec<_>>(),
            [
                ("w.log".into(), "".into()),
                ("w.log.29990101_000000.gz".into(), "rotated, not compressed".into())
            ]
        );
    }

    #[test]
    fn one_file_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/w.log");
        let log = LogFile::open(&path, LARGE).unwrap();
        std::os::unix::fs::symlink("w.log", folder.path().join("made/link")).unwrap();
        for name in ["made/w.log", "made/../made/w.log", "made/link"] {
            let error = LogFile::open(&folder.path().join(name), LARGE).unwrap_err();
            assert!(matches!(error, LogFileError::InUse(_)), "{name}: {error}");
        }
        drop(log);
        LogFile::open(&path, LARGE).unwrap();
    }

    #[test]
    fn what_is_no_log_file_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for (path, expected) in [
            (folder.path().to_owned(), "is not a regular file"),
            ("/dev/null".into(), "is not a regular file"),
            (folder.path().join("file/below"), "cannot be written"),
        ] {
            let error = LogFile::open(&path, LARGE).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(path.to_str().unwrap()), "{error}");
        }
    }
}
