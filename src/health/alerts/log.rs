//! `alerts.log`: one line for each condition when it begins and when it ends.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::{Alert, Condition, Transition};
use crate::atomic_file::{AtomicFile, Durability};
use crate::journal::Timestamp;

/// Lines that are kept.
const LINES: usize = 1_000;
/// Characters of a line's detail that are kept.
const DETAIL: usize = 400;
/// Bytes that are read of a file: more than [`LINES`] of ours have.
const LARGEST: u64 = 4 << 20;

/// The file of alerts cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the alerts' file {} cannot be written", .path.display())]
pub struct AlertLogError {
    path: PathBuf,
    source: io::Error,
}

impl AlertLogError {
    /// What the user should do.
    pub const HINT: &'static str = "it is beside the log file (--log-file), or else in the state folder (--state-dir): \
                                    let it be written there";
}

/// Whether alerts could be written to what is at `path`, in a folder where files can be made. Makes none.
///
/// # Errors
/// They could not.
pub fn check_file(path: &Path) -> Result<(), AlertLogError> {
    if !path.exists() {
        return Ok(());
    }
    let checked = append(path).and_then(|_| read(path));
    checked.map(drop).map_err(|source| AlertLogError { path: path.to_owned(), source })
}

/// The file of a worker. Others may write to the same one: each knows its own lines by its name.
#[derive(Debug)]
pub struct AlertLog {
    path: PathBuf,
    /// The worker in each of its lines: address and topic.
    worker: String,
}

impl AlertLog {
    /// A file in a folder that is there. Gives what had begun and not ended in an earlier life of this worker.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn open(
        path: PathBuf,
        worker: String,
    ) -> Result<(Self, BTreeMap<Condition, Timestamp>), AlertLogError> {
        let log = Self { path, worker };
        let failed = |source| AlertLogError { path: log.path.clone(), source };
        append(&log.path).map_err(failed)?;
        let text = read(&log.path).map_err(failed)?;
        let begun = log.begun(&text);
        Ok((log, begun))
    }

    /// Adds a line; the oldest go when there are too many.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn add(&self, alert: &Alert) -> io::Result<()> {
        // Other workers may write to the same file, and what one of them adds while it is trimmed would be lost.
        let _lock = self.lock();
        append(&self.path)?.write_all(self.line(alert).as_bytes())?;
        let text = read(&self.path)?;
        if text.lines().count() <= LINES { Ok(()) } else { self.trim(&text) }
    }

    /// Holds the folder, since the file itself is replaced. On a file system without locks there is none.
    fn lock(&self) -> Option<Flock<File>> {
        Flock::lock(File::open(self.folder()).ok()?, FlockArg::LockExclusive).ok()
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn line(&self, alert: &Alert) -> String {
        let detail: String =
            alert.detail.chars().take(DETAIL).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let (time, transition, condition) = (alert.time, alert.transition.as_str(), alert.condition.as_str());
        format!("{time} {transition} {condition} {}: {detail}\n", self.worker)
    }

    /// What a line of this worker says.
    fn parse(&self, line: &str) -> Option<(Timestamp, Transition, Condition)> {
        let mut words = line.splitn(5, ' ');
        let time = Timestamp::parse(words.next()?).ok()?;
        let transition = Transition::named(words.next()?)?;
        let condition = Condition::named(words.next()?)?;
        (words.next()?.strip_suffix(':')? == self.worker).then_some((time, transition, condition))
    }

    fn begun(&self, text: &str) -> BTreeMap<Condition, Timestamp> {
        let mut begun = BTreeMap::new();
        for (time, transition, condition) in text.lines().filter_map(|line| self.parse(line)) {
            match transition {
                Transition::Begin => begun.insert(condition, time),
                Transition::End => begun.remove(&condition),
            };
        }
        begun
    }

    /// Keeps the newest lines, and those without which a condition that goes on would be forgotten.
    fn trim(&self, text: &str) -> io::Result<()> {
        let begun = self.begun(text);
        let goes_on = |line: &str| match self.parse(line) {
            Some((time, Transition::Begin, condition)) => begun.get(&condition) == Some(&time),
            _ => false,
        };
        let lines: Vec<_> = text.lines().collect();
        let (old, new) = lines.split_at(lines.len().saturating_sub(LINES));
        let kept: Vec<_> = old.iter().filter(|line| goes_on(line)).collect();
        let mut file = AtomicFile::create(&self.path, 0o600)?;
        // In all no more than are allowed.
        for line in kept.iter().copied().chain(&new[kept.len()..]) {
            writeln!(file, "{line}")?;
        }
        file.set_permissions(fs::metadata(&self.path)?.permissions())?;
        file.commit(Durability::Flushed)
    }
}

fn append(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// The end of the file.
fn read(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LARGEST)))?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(condition: Condition, transition: Transition) -> Alert {
        Alert { time: Timestamp::now(), condition, transition, detail: "a\nb".to_owned() }
    }

    #[test]
    fn of_workers_that_share_a_file_none_loses_a_line_to_the_trimming_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.log");
        fs::write(&path, "another line\n".repeat(LINES)).unwrap();
        let add = |worker: usize| {
            let (log, _) = AlertLog::open(path.clone(), format!("allo1/{worker}")).unwrap();
            (0..40).for_each(|_| log.add(&alert(Condition::Disk, Transition::End)).unwrap());
        };
        std::thread::scope(|scope| (0..4).for_each(|worker| drop(scope.spawn(move || add(worker)))));
        let text = fs::read_to_string(&path).unwrap();
        for worker in 0..4 {
            assert_eq!(text.matches(&format!(" END disk allo1/{worker}: ")).count(), 40);
        }
        assert_eq!(text.lines().count(), LINES);
    }

    #[test]
    fn a_thousand_lines_are_kept_and_what_goes_on_is_not_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let open =
            |worker: &str| AlertLog::open(folder.path().join("alerts.log"), worker.to_owned()).unwrap();
        let (ours, begun) = open("allo1a/1");
        assert!(begun.is_empty());
        ours.add(&alert(Condition::Disk, Transition::Begin)).unwrap();
        let (others, _) = open("allo1b/1");
        others.add(&alert(Condition::ModelDown, Transition::Begin)).unwrap();
        // As another program may leave it, or a power cut.
        let mut file = append(&ours.path).unwrap();
        file.write_all(b"not a line of ours \xff\n").unwrap();
        for _ in 0..600 {
            ours.add(&alert(Condition::ModelDown, Transition::Begin)).unwrap();
            ours.add(&alert(Condition::ModelDown, Transition::End)).unwrap();
        }
        let text = fs::read_to_string(&ours.path).unwrap();
        assert_eq!(text.lines().count(), LINES);
        assert!(
            text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(" BEGIN disk allo1a/1: a b\n")
        );
        let (_, begun) = open("allo1a/1");
        assert_eq!(begun.into_keys().collect::<Vec<_>>(), [Condition::Disk]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
