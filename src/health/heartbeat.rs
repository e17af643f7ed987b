//! The file that the worker's loop writes when it completes a turn.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::probe::{self, Probe};
use super::{Instant, file};
use crate::atomic_file::AtomicFile;
use crate::journal::Timestamp;
use crate::model::Isolation;
use crate::settings::is_kept_from;

/// What the worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Settings, key, chain and journal are being looked at.
    Starting,
    /// The model is being loaded.
    Loading,
    /// For the next window.
    Waiting,
    /// The model is being asked.
    Predicting,
    /// A transaction is on its way.
    Submitting,
    /// Another instance answers for this wallet; this one takes over when a window has passed unanswered.
    Standby,
    /// The chain does not let us; the reason is in `why`.
    Blocked,
    /// Asked to stop.
    Stopping,
    /// Stopped in order.
    Stopped,
}

impl Phase {
    /// The word for it in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Loading => "loading",
            Self::Waiting => "waiting",
            Self::Predicting => "predicting",
            Self::Submitting => "submitting",
            Self::Standby => "standby",
            Self::Blocked => "blocked",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// The newest block that the worker has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Its height.
    pub height: u64,
    /// When it was seen, by our own clock: what is stale must show even when the chain's clock is wrong.
    pub seen_at: Timestamp,
}

/// The window that is expected next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NextWindow {
    /// Its nonce.
    pub nonce: i64,
    /// When it should open, by the measured block time.
    pub opens_at: Timestamp,
}

/// How the last round ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastResult {
    /// Its nonce.
    pub nonce: i64,
    /// Its final state, as the journal names it.
    pub state: String,
    /// Why, where the state alone does not say.
    pub reason: Option<String>,
}

/// The model process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelHealth {
    /// Its number; `None` while there is none.
    pub pid: Option<u32>,
    /// `loading`, `ready`, `busy`, `failed` or `stopped`.
    pub state: String,
    /// How often it was replaced.
    pub restarts: u64,
    /// Resident memory in bytes.
    pub rss_bytes: Option<u64>,
    /// The loaded process that takes over when the first is gone; with `runtime.spare`.
    #[serde(default)]
    pub spare: Option<u32>,
}

/// An endpoint of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointHealth {
    /// Its address, without credentials.
    pub endpoint: String,
    /// `fresh`, `behind`, `resting` or `other chain`.
    pub standing: String,
    /// Its newest block, when it was last measured.
    pub height: Option<u64>,
    /// Another endpoint that leads to the same node.
    pub same_as: Option<String>,
}

/// What the worker knows of itself at the end of a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// When the turn was completed.
    pub time: Timestamp,
    /// The same moment on the clock that probes go by.
    pub instant: Instant,
    /// When the worker was started.
    pub started_at: Timestamp,
    /// The worker's process.
    pub pid: u32,
    /// What it is doing.
    pub phase: Phase,
    /// Until when the phase may take without another turn; `None` in phases that turn all the time.
    pub phase_deadline: Option<Timestamp>,
    /// Whether it would answer a window that opened now.
    pub ready: bool,
    /// Why it is not ready; of a worker that has stopped, why it did, where nobody asked it to.
    pub why: Option<String>,
    /// Whether the first load of the model has come to an end, well or not.
    #[serde(default)]
    pub started: bool,
    /// The wallet, once it is known.
    pub address: Option<String>,
    /// The topic, once it is known.
    pub topic_id: Option<u64>,
    /// `testnet`, `mainnet`, `devnet` or addresses without passwords.
    pub network: String,
    /// The chain, once an endpoint has answered.
    pub chain_id: Option<String>,
    /// The journal, once it is open.
    pub journal: Option<PathBuf>,
    /// The newest block.
    pub head: Option<Head>,
    /// The window that is expected next.
    pub next_window: Option<NextWindow>,
    /// How the last round ended.
    pub last_result: Option<LastResult>,
    /// Rounds in a row that ended as refused or expired.
    pub consecutive_failures: u64,
    /// The model process.
    pub model: Option<ModelHealth>,
    /// The walls around it.
    pub isolation: Option<Isolation>,
    /// The endpoints, in the user's order.
    #[serde(default)]
    pub endpoints: Vec<EndpointHealth>,
    /// Answers of the chain that this version of the program does not know.
    #[serde(default)]
    pub unknown_answers: u64,
}

impl Heartbeat {
    /// The first heartbeat of this process: starting, and nothing known yet.
    #[must_use]
    pub fn starting(network: String, phase_deadline: Timestamp) -> Self {
        let time = Timestamp::now();
        Self {
            time,
            instant: Instant::now(),
            started_at: time,
            pid: std::process::id(),
            phase: Phase::Starting,
            phase_deadline: Some(phase_deadline),
            ready: false,
            why: Some("the worker is starting".into()),
            started: false,
            address: None,
            topic_id: None,
            network,
            chain_id: None,
            journal: None,
            head: None,
            next_window: None,
            last_result: None,
            consecutive_failures: 0,
            model: None,
            isolation: None,
            endpoints: Vec::new(),
            unknown_answers: 0,
        }
    }

    /// Seconds that the phase may take without another turn, counted from the turn that wrote this.
    #[must_use]
    pub fn allowance(&self) -> f64 {
        self.phase_deadline.map_or(0.0, |deadline| deadline.seconds_since(self.time).max(0.0))
    }
}

/// How long a disk may take to give a heartbeat.
const READ_LIMIT: Duration = Duration::from_secs(1);

/// The heartbeat could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the heartbeat {} cannot be written", .path.display())]
pub struct HeartbeatError {
    path: PathBuf,
    source: io::Error,
}

impl HeartbeatError {
    /// What the user can do about it.
    pub const HINT: &str = "choose a file in a folder that can be written with --heartbeat-file";

    /// Whether the same may succeed later, with the folder as it is: the disk is full.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// Where heartbeats go. Only the worker's loop writes them, and only when it has completed a turn: a timer
/// would go on saying "alive" for a loop that hangs.
#[derive(Debug, Clone)]
pub struct HeartbeatFile {
    path: PathBuf,
}

impl HeartbeatFile {
    /// Heartbeats at `path`, in a folder that exists.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a heartbeat could be written, found out without writing one.
    ///
    /// # Errors
    /// As [`HeartbeatFile::write`].
    pub fn check_writable(&self) -> Result<(), HeartbeatError> {
        let check = || {
            drop(AtomicFile::create(&self.path, file::MODE)?);
            if is_kept_from(&self.path, nix::unistd::geteuid()) {
                return Err(io::Error::other("a file of another user is there"));
            }
            Ok(())
        };
        check().map_err(|source| HeartbeatError { path: self.path.clone(), source })
    }

    /// The worker that writes here and lives, if it is not this process.
    pub async fn other_writer(&self) -> Option<u32> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || probe::read(&path).ok());
        let found = tokio::time::timeout(READ_LIMIT, read).await.ok()?.ok()??;
        let is_other = found.pid != std::process::id();
        (is_other && Probe::Live.judge(&found, &Instant::now()).is_yes()).then_some(found.pid)
    }

    /// [Replaces](file::replace) the file, stamped with this moment.
    ///
    /// # Errors
    /// The folder cannot be written, a file of another user lies there, or the disk is full or hangs.
    pub async fn write(&self, heartbeat: &Heartbeat) -> Result<(), HeartbeatError> {
        let stamped = Heartbeat { time: Timestamp::now(), instant: Instant::now(), ..heartbeat.clone() };
        let failed = |source| HeartbeatError { path: self.path.clone(), source };
        let mut content = serde_json::to_vec(&stamped).map_err(|error| failed(error.into()))?;
        content.push(b'\n');
        file::replace(self.path.clone(), content).await.map_err(failed)
    }
}
