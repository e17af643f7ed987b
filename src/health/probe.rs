//! The verdict on a heartbeat: startup, live, ready.
//!
//! Needs neither runtime nor chain nor journal, and believes nothing that it did not check: the file may be
//! missing, torn, of another program, or left by a worker that is gone.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::libc;

use super::{Heartbeat, Instant, Phase};

/// A heartbeat has about 1 kB.
const LARGEST: u64 = 64 * 1024;

/// The loop completes a turn at least every 5 s. It is dead when it is three turns late.
const PATIENCE_SECONDS: f64 = 15.0;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Probe {
    /// Does the loop turn, and has the first load of the model come to an end, well or not?
    Startup,
    /// Does the worker's loop turn? If not, a restart helps.
    Live,
    /// Would a window that opened now be answered? If not, a restart does not help.
    Ready,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Yes,
    /// No, and why, in one line.
    No(String),
}

impl Verdict {
    /// Whether it is a yes.
    #[must_use]
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Why not.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Yes => None,
            Self::No(why) => Some(why),
        }
    }
}

/// Why there is no heartbeat to judge.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// No worker has been running with this path, or it was deleted.
    #[error("no worker runs: there is no heartbeat at {}", .0.display())]
    Missing(PathBuf),
    /// Something else lies there, or its writing was cut short.
    #[error("{} is not a heartbeat: {why}", .path.display())]
    Foreign {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A heartbeat that lacks what this version writes, or has it in another form.
    #[error("the heartbeat {} was written by another version of bootstrap; start the worker again", .0.display())]
    OtherVersion(PathBuf),
    /// It is there and cannot be read.
    #[error("the heartbeat {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Reads a heartbeat. Never waits: a pipe or device at the path is refused.
///
/// # Errors
/// There is none, or what is there is not one.
pub fn read(path: &Path) -> Result<Heartbeat, Unread> {
    let foreign = |why: String| Unread::Foreign { path: path.to_owned(), why };
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Unread::Missing(path.to_owned()),
        _ => Unread::Unreadable { path: path.to_owned(), source },
    };
    let file =
        fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(foreign("it is not a regular file".into()));
    }
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > LARGEST {
        return Err(foreign(format!("it has more than {LARGEST} bytes")));
    }
    serde_json::from_slice(&content).map_err(|error| match is_of_some_version(&content) {
        true => Unread::OtherVersion(path.to_owned()),
        false => foreign(error.to_string()),
    })
}

/// Whether it has what every version writes.
fn is_of_some_version(content: &[u8]) -> bool {
    let read = serde_json::from_slice::<serde_json::Value>(content);
    read.is_ok_and(|read| ["time", "pid", "phase"].iter().all(|name| read.get(name).is_some()))
}

impl Probe {
    /// Judges the heartbeat at `path` now.
    #[must_use]
    pub fn ask(self, path: &Path) -> Verdict {
        match read(path) {
            Ok(heartbeat) => self.judge(&heartbeat, &Instant::now()),
            Err(unread) => Verdict::No(unread.to_string()),
        }
    }

    /// Judges a heartbeat that was read at `now`.
    #[must_use]
    pub fn judge(self, heartbeat: &Heartbeat, now: &Instant) -> Verdict {
        match self.objection(heartbeat, now) {
            None => Verdict::Yes,
            Some(why) => Verdict::No(why),
        }
    }

    fn objection(self, heartbeat: &Heartbeat, now: &Instant) -> Option<String> {
        let dead = || gone(heartbeat, now).or_else(|| hangs(heartbeat, now));
        match self {
            Self::Live => dead(),
            Self::Startup => dead().or_else(|| not_started(heartbeat)),
            Self::Ready => dead().or_else(|| not_ready(heartbeat)),
        }
    }
}

/// Whether the process that wrote it is still there.
pub(super) fn runs(heartbeat: &Heartbeat, now: &Instant) -> bool {
    gone(heartbeat, now).is_none()
}

fn gone(heartbeat: &Heartbeat, now: &Instant) -> Option<String> {
    if heartbeat.phase == Phase::Stopped {
        let why = heartbeat.why.as_deref().map(|why| format!(": {}", one_line(why)));
        return Some(format!("the worker has stopped{}", why.unwrap_or_default()));
    }
    if now.seconds_since(&heartbeat.instant).is_none() {
        return Some("the worker has not run since the machine was started".into());
    }
    match process(heartbeat.pid) {
        Process::Gone => Some(format!("the worker is gone: there is no process {}", heartbeat.pid)),
        Process::Running | Process::Unknown => None,
    }
}

fn hangs(heartbeat: &Heartbeat, now: &Instant) -> Option<String> {
    let age = now.seconds_since(&heartbeat.instant)?;
    let late = age - heartbeat.allowance();
    // Written so that a number that is none counts as late.
    let in_time = late <= PATIENCE_SECONDS;
    (!in_time).then(|| {
        let phase = heartbeat.phase.as_str();
        format!("the worker hangs in phase {phase}: no turn for {age:.0} s, {late:.0} s more than it allows")
    })
}

/// By the model alone: whatever the chain says or does not say, and whatever window is open meanwhile, a restart
/// would do no more than load the model again.
fn not_started(heartbeat: &Heartbeat) -> Option<String> {
    let what = if heartbeat.model.is_some() { "the model is loading" } else { "the worker is starting" };
    (!heartbeat.started).then(|| what.to_owned())
}

fn not_ready(heartbeat: &Heartbeat) -> Option<String> {
    if heartbeat.ready {
        return None;
    }
    Some(heartbeat.why.as_deref().map_or_else(|| format!("phase {}", heartbeat.phase.as_str()), one_line))
}

/// Text of the file as one short line: it may come from a model or a node.
pub(super) fn one_line(text: &str) -> String {
    let mut line: String = text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(300).is_some() {
        line.push('…');
    }
    line
}

enum Process {
    Running,
    Gone,
    /// There is no `/proc` to look at: the age of the heartbeat decides.
    Unknown,
}

fn process(pid: u32) -> Process {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state follows the name, which is in parentheses and may hold anything.
        Ok(stat) => match stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next()) {
            Some('Z' | 'X' | 'x') => Process::Gone,
            _ => Process::Running,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && Path::new("/proc/self/stat").exists() => {
            Process::Gone
        }
        Err(_) => Process::Unknown,
    }
}
