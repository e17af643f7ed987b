//! Log files that were rotated: named by the time, compressed, kept for a time.
//!
//! `worker.log` becomes `worker.log.20300131_235959`, with `_001` and so on behind it when that name is taken, and
//! soon `worker.log.20300131_235959.gz`. Times are UTC. The work is done by a thread of its own, while lines go
//! on being written; what a crash has left undone is done by the next sweep.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]_[hour][minute][second]");
/// Characters of a time in that form.
const STAMP_LENGTH: usize = 15;
/// A compressed file, once it is complete.
const COMPRESSED: &str = ".gz";
/// The same while it is written.
const PARTIAL: &str = ".gz.part";

/// The rotated files of one log file.
#[derive(Debug, Clone)]
pub struct Archive {
    folder: PathBuf,
    /// Name of the log file, which begins each of theirs.
    name: String,
    keep: Duration,
}

/// One of them.
struct Rotated {
    path: PathBuf,
    at: SystemTime,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Partial,
    Compressed,
}

impl Archive {
    /// The rotated files of the log file `name` in `folder`, each kept for `keep`.
    pub fn new(folder: &Path, name: &str, keep: Duration) -> Self {
        Self { folder: folder.to_owned(), name: name.to_owned(), keep }
    }

    /// A path for a file that is rotated at `now`. No file of the archive has its name, compressed or not.
    pub fn vacant(&self, now: SystemTime) -> PathBuf {
        let stamp = OffsetDateTime::from(now).format(STAMP).unwrap_or_default();
        let stem = format!("{}.{stamp}", self.name);
        let numbered = (1..).map(|number: u32| format!("{stem}_{number:03}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        let is_vacant = |name: &String| {
            ["", COMPRESSED]
                .iter()
                .all(|end| fs::symlink_metadata(self.folder.join(format!("{name}{end}"))).is_err())
        };
        self.folder.join(names.find(is_vacant).unwrap_or(stem))
    }

    /// Compresses what is not compressed yet and removes what is older than its time.
    ///
    /// # Errors
    /// The first that occurred; it kept no other file from its turn.
    pub fn sweep(&self, now: SystemTime) -> io::Result<()> {
        let mut outcome = Ok(());
        for rotated in self.files()? {
            // A clock that went back makes nothing old.
            let is_old = now.duration_since(rotated.at).is_ok_and(|age| age > self.keep);
            let done = match rotated.state {
                _ if is_old => fs::remove_file(&rotated.path),
                State::Plain => compress(&rotated.path),
                // A crash has left it; what it was made from is still there.
                State::Partial => fs::remove_file(&rotated.path),
                State::Compressed => Ok(()),
            };
            outcome = outcome.and(done.or_else(gone));
        }
        outcome
    }

    /// Starts the thread that sweeps.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self) -> io::Result<Archivist> {
        let (sender, wanted) = sync_channel::<()>(1);
        let work = move || {
            // Windows are answered on the same processors.
            let _ = rustix::process::setpriority_process(None, 10);
            let mut said = false;
            for () in wanted {
                let swept = self.sweep(SystemTime::now());
                if let (Err(error), false) = (&swept, said) {
                    let folder = self.folder.display();
                    tracing::warn!(%folder, %error, "rotated log files cannot be compressed or removed");
                }
                said = swept.is_err();
            }
        };
        thread::Builder::new().name("log-archive".into()).spawn(work)?;
        Ok(Archivist(sender))
    }

    fn files(&self) -> io::Result<Vec<Rotated>> {
        let mut files = Vec::new();
        for entry in self.folder.read_dir()? {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            if let Some((at, state)) = entry.file_name().to_str().and_then(|name| self.parse(name)) {
                files.push(Rotated { path: entry.path(), at, state });
            }
        }
        Ok(files)
    }

    /// When the file of this name was rotated, if it is one of ours.
    fn parse(&self, name: &str) -> Option<(SystemTime, State)> {
        let rest = name.strip_prefix(&self.name)?.strip_prefix('.')?;
        let (rest, state) = match (rest.strip_suffix(PARTIAL), rest.strip_suffix(COMPRESSED)) {
            (Some(rest), _) => (rest, State::Partial),
            (None, Some(rest)) => (rest, State::Compressed),
            (None, None) => (rest, State::Plain),
        };
        let (stamp, number) = rest.split_at_checked(STAMP_LENGTH)?;
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !number.is_empty() && !number.strip_prefix('_').is_some_and(is_number) {
            return None;
        }
        let at = PrimitiveDateTime::parse(stamp, STAMP).ok()?;
        Some((at.assume_utc().into(), state))
    }
}

/// The way to the thread that sweeps.
#[derive(Debug)]
pub struct Archivist(SyncSender<()>);

impl Archivist {
    /// Asks for a sweep, soon.
    pub fn sweep(&self) {
        // One that is asked for and has not begun sees to this one too.
        let _ = self.0.try_send(());
    }
}

/// Puts a compressed file in the place of a plain one. At each moment one of the two is complete.
fn compress(plain: &Path) -> io::Result<()> {
    let with = |end: &str| {
        let mut path = plain.as_os_str().to_owned();
        path.push(end);
        PathBuf::from(path)
    };
    let (partial, compressed) = (with(PARTIAL), with(COMPRESSED));
    if !compressed.exists() {
        let written = write_compressed(plain, &partial).and_then(|()| fs::rename(&partial, &compressed));
        if let Err(error) = written {
            // On a full disk it takes the place that others need.
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
    }
    fs::remove_file(plain)
}

fn write_compressed(plain: &Path, partial: &Path) -> io::Result<()> {
    let mut source = File::open(plain)?;
    let mode = source.metadata()?.mode() & 0o777;
    let target = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(partial)?;
    let mut encoder = GzEncoder::new(target, Compression::default());
    io::copy(&mut source, &mut encoder)?;
    encoder.finish()?.sync_all()
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(stamp: &str) -> SystemTime {
        PrimitiveDateTime::parse(stamp, STAMP).unwrap().assume_utc().into()
    }

    fn archive() -> (tempfile::TempDir, Archive) {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(folder.path(), "w.log", 30 * DAY);
        (folder, archive)
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_that_is_taken_is_not_given_again() {
        let (folder, archive) = archive();
        let now = at("20300131_235959");
        for name in ["w.log.20300131_235959", "w.log.20300131_235959_001.gz"] {
            assert_eq!(archive.vacant(now), folder.path().join(name.trim_end_matches(".gz")));
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(archive.vacant(now), folder.path().join("w.log.20300131_235959_002"));
        assert_eq!(archive.vacant(at("20300201_000000")), folder.path().join("w.log.20300201_000000"));
    }

    #[test]
    fn what_a_crash_has_left_is_finished_and_what_is_not_ours_stays() {
        let (folder, archive) = archive();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("w.log", "now");
        // Between renaming and compressing, while compressing, and before the plain file was removed.
        write("w.log.20300101_000000", "one");
        write("w.log.20300102_000000_001", "two");
        write("w.log.20300102_000000_001.gz.part", "tw");
        write("w.log.20300103_000000", "three");
        write("w.log.20300103_000000.gz", "three, compressed");
        let foreign = ["other.log.20300101_000000", "w.log.1", "w.log.20300101_000000.txt", "w.log.lock"];
        foreign.iter().for_each(|name| write(name, "foreign"));
        archive.sweep(at("20300104_000000")).unwrap();
        let mut expected = vec![
            "w.log",
            "w.log.20300101_000000.gz",
            "w.log.20300102_000000_001.gz",
            "w.log.20300103_000000.gz",
        ];
        expected.extend(foreign);
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
        let mut text = String::new();
        let file = File::open(folder.path().join("w.log.20300102_000000_001.gz")).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "two");
    }

    #[test]
    fn a_file_is_kept_for_its_time_and_a_clock_that_went_back_removes_nothing() {
        let (folder, archive) = archive();
        for name in ["w.log.20300101_000000.gz", "w.log.20300102_000000.gz", "w.log.20310101_000000.gz"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        archive.sweep(at("20300131_000001")).unwrap();
        assert_eq!(names(folder.path()), ["w.log.20300102_000000.gz", "w.log.20310101_000000.gz"]);
    }
}
