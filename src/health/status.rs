//! Heartbeat and journal together, for people and scripts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{EndpointHealth, Head, Heartbeat, Instant, ModelHealth, Phase, Probe, probe};
use crate::journal::{self, JournalError, Reader, RoundRow, RoundState, Timestamp, Uallo};
use crate::model::Isolation;

/// What a worker does and why, or what it did before it ended. Fields are named as in the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// What it is doing; `stopped` when its process is gone.
    pub phase: Phase,
    /// Does its loop turn?
    pub live: bool,
    /// Would it answer a window that opened now?
    pub ready: bool,
    /// Why it is not live, or else not ready.
    pub why: Option<String>,
    /// The wallet.
    pub address: Option<String>,
    /// The topic.
    pub topic_id: Option<u64>,
    /// The network as it was given.
    pub network: Option<String>,
    /// The chain.
    pub chain_id: Option<String>,
    /// Height of the newest block that it has seen.
    pub height: Option<u64>,
    /// Seconds since it saw that block.
    pub height_age_seconds: Option<f64>,
    /// The window that is expected next.
    pub next_window: Option<NextWindow>,
    /// The round of the topic that was begun last; of any, while no topic is known.
    pub last_round: Option<RoundRow>,
    /// Rounds of the topic by state, over the whole journal.
    pub counts: BTreeMap<RoundState, u64>,
    /// Rounds in a row that ended as refused or expired.
    pub consecutive_failures: u64,
    /// The model process.
    pub model: Option<ModelHealth>,
    /// The walls around it.
    pub isolation: Option<Isolation>,
    /// The endpoints, in the user's order.
    pub endpoints: Vec<EndpointHealth>,
    /// Answers of the chain since the worker's start that it does not know.
    pub unknown_answers: u64,
    /// What the chain took today (UTC), in uallo.
    pub spent_today: Uallo,
    /// The worker's process.
    pub pid: Option<u32>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// The journals that this was read from.
    pub journals: Vec<PathBuf>,
}

/// A window that is expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NextWindow {
    /// Its nonce.
    pub nonce: i64,
    /// Seconds until it should open; 0 when that moment has passed.
    pub opens_in_seconds: f64,
}

impl Status {
    /// Reads the heartbeat and the journals of `state_dir`. Where that folder is not `is_named` by the user, or the
    /// heartbeat's worker has its journal in it, only that journal. A heartbeat of a worker whose journal is elsewhere says
    /// nothing of the folder's: `why` says whose it is.
    ///
    /// # Errors
    /// A journal cannot be read. A missing or broken heartbeat is no error: `why` says so.
    pub fn read(heartbeat_file: &Path, state_dir: &Path, is_named: bool) -> Result<Self, JournalError> {
        let now = Timestamp::now();
        let found = journal::files(state_dir).unwrap_or_default();
        let heartbeat = probe::read(heartbeat_file);
        let mut status = match &heartbeat {
            Ok(heartbeat) => match of_heartbeat(heartbeat, &found, is_named) {
                Ok(journals) => Self { journals, ..Self::of(heartbeat, now) },
                Err(other) => {
                    let (file, pid, other) = (heartbeat_file.display(), heartbeat.pid, other.display());
                    let why = format!(
                        "the heartbeat {file} is of another worker, process {pid}, whose journal is {other}: \
                         name this worker's with --heartbeat-file"
                    );
                    Self { why: Some(why), journals: found, ..Self::stopped() }
                }
            },
            Err(unread) => Self { why: Some(unread.to_string()), journals: found, ..Self::stopped() },
        };
        for path in status.journals.clone() {
            status.add(&Reader::open(&path)?, now)?;
        }
        Ok(status)
    }

    fn of(heartbeat: &Heartbeat, now: Timestamp) -> Self {
        let instant = Instant::now();
        let live = Probe::Live.judge(heartbeat, &instant);
        let ready = Probe::Ready.judge(heartbeat, &instant);
        let head = heartbeat.head.as_ref();
        let age = |head: &Head| now.seconds_since(head.seen_at).max(0.0);
        Self {
            phase: if probe::runs(heartbeat, &instant) { heartbeat.phase } else { Phase::Stopped },
            live: live.is_yes(),
            ready: ready.is_yes(),
            why: ready.why().map(ToOwned::to_owned),
            address: heartbeat.address.clone(),
            topic_id: heartbeat.topic_id,
            network: Some(heartbeat.network.clone()),
            chain_id: heartbeat.chain_id.clone(),
            height: head.map(|head| head.height),
            height_age_seconds: head.map(age),
            next_window: heartbeat.next_window.as_ref().filter(|_| live.is_yes()).map(|window| NextWindow {
                nonce: window.nonce,
                opens_in_seconds: window.opens_at.seconds_since(now).max(0.0),
            }),
            consecutive_failures: heartbeat.consecutive_failures,
            model: heartbeat.model.clone().filter(|_| live.is_yes()),
            isolation: heartbeat.isolation,
            endpoints: heartbeat.endpoints.clone(),
            unknown_answers: heartbeat.unknown_answers,
            pid: Some(heartbeat.pid),
            started_at: Some(heartbeat.started_at),
            ..Self::stopped()
        }
    }

    const fn stopped() -> Self {
        Self {
            phase: Phase::Stopped,
            live: false,
            ready: false,
            why: None,
            address: None,
            topic_id: None,
            network: None,
            chain_id: None,
            height: None,
            height_age_seconds: None,
            next_window: None,
            last_round: None,
            counts: BTreeMap::new(),
            consecutive_failures: 0,
            model: None,
            isolation: None,
            endpoints: Vec::new(),
            unknown_answers: 0,
            spent_today: Uallo(0),
            pid: None,
            started_at: None,
            journals: Vec::new(),
        }
    }

    fn add(&mut self, journal: &Reader, now: Timestamp) -> Result<(), JournalError> {
        for (state, count) in journal.counts(self.topic_id)? {
            *self.counts.entry(state).or_default() += count;
        }
        self.spent_today = self.spent_today.plus(journal.spent_on_day_of(now)?);
        let last = journal.last_round(self.topic_id)?;
        let newer =
            last.filter(|last| self.last_round.as_ref().is_none_or(|known| last.opened_at > known.opened_at));
        if newer.is_some() {
            self.last_round = newer;
        }
        Ok(())
    }
}

/// The journals of the heartbeat's worker, among those that were found; otherwise its own, which is elsewhere.
fn of_heartbeat<'h>(
    heartbeat: &'h Heartbeat,
    found: &[PathBuf],
    is_named: bool,
) -> Result<Vec<PathBuf>, &'h Path> {
    let Some(own) = &heartbeat.journal else { return Ok(found.to_vec()) };
    let is_there = own.exists();
    let is_own = |path: &&PathBuf| match is_there {
        true => path.canonicalize().is_ok_and(|path| own.canonicalize().is_ok_and(|own| path == own)),
        // Seen through another mount, it has another folder and the same name.
        false => path.file_name() == own.file_name(),
    };
    match found.iter().find(is_own) {
        Some(path) => Ok(vec![path.clone()]),
        None if is_named => Err(own),
        None => Ok(is_there.then(|| own.clone()).into_iter().collect()),
    }
}
