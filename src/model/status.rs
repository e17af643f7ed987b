//! What is known of a model, for everybody who watches.

use std::collections::BTreeMap;

use bootstrap_frames::Confinement;
use tokio::sync::watch;

use super::failure::{Failure, FailureKind};
use super::isolation::Isolation;
use super::nursery::Facts;
use super::replica::Replica;

/// Where a model is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelState {
    /// A process starts and imports the module.
    Loading,
    /// It waits for a call.
    Ready,
    /// It answers a call.
    Busy,
    /// It could not be loaded. The next attempt waits for its back-off or is under way.
    Failed(Failure),
    /// It was asked to stop.
    Stopped,
}

/// What is known of a model.
#[derive(Debug, Clone)]
pub struct ModelStatus {
    /// Where it is in its life.
    pub state: ModelState,
    /// The process, when there is one.
    pub pid: Option<u32>,
    /// The loaded process that takes over from it, when there is one.
    pub spare: Option<u32>,
    /// Processes that were replaced, by cause.
    pub restarts: Restarts,
    /// Memory of it and what it started when last looked at, in bytes; pages that they share count
    /// once where the sum comes near the limit.
    pub rss_bytes: Option<u64>,
    /// Version of the interpreter that answered.
    pub python: Option<String>,
    /// How long importing took, the last time it succeeded.
    pub load_seconds: Option<f64>,
    /// Which walls stand around it.
    pub isolation: Isolation,
}

/// Why a process was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RestartCause {
    /// It could not be loaded.
    Load,
    /// It ended by itself or broke the protocol.
    Crash,
    /// It did not answer in time.
    Timeout,
    /// It gave no sign of life between two calls.
    Silence,
    /// It took more memory than it may.
    Memory,
    /// It came near its memory limit and was replaced while nobody waited for it. No failure.
    Recycled,
}

impl RestartCause {
    /// Every cause.
    pub const ALL: [Self; 6] =
        [Self::Load, Self::Crash, Self::Timeout, Self::Silence, Self::Memory, Self::Recycled];

    /// The word for it, as metrics count it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Crash => "crash",
            Self::Timeout => "timeout",
            Self::Silence => "silence",
            Self::Memory => "memory",
            Self::Recycled => "recycled",
        }
    }

    /// Of a failed call that left no process.
    pub(super) const fn of(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Timeout => Self::Timeout,
            FailureKind::Memory => Self::Memory,
            FailureKind::Import => Self::Load,
            FailureKind::Exception | FailureKind::Crash | FailureKind::BadValue => Self::Crash,
        }
    }
}

/// How often processes were replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restarts(BTreeMap<RestartCause, u64>);

impl Restarts {
    /// For this cause.
    #[must_use]
    pub fn of(&self, cause: RestartCause) -> u64 {
        self.0.get(&cause).copied().unwrap_or(0)
    }

    /// On account of a failure: all but the recycled.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.iter().filter(|(cause, _)| **cause != RestartCause::Recycled).map(|(_, count)| count).sum()
    }

    fn count(&mut self, cause: RestartCause) {
        *self.0.entry(cause).or_default() += 1;
    }
}

impl ModelStatus {
    /// Whether the first load has come to an end, well or not.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.load_seconds.is_some() || self.restarts.failures() > 0
    }

    fn answered_by(&mut self, replica: &Replica) {
        let Facts { pid, ref python, load_seconds } = replica.facts;
        self.state = ModelState::Ready;
        self.pid = Some(pid);
        self.python = Some(python.clone());
        self.load_seconds = Some(load_seconds);
        self.rss_bytes = Some(replica.memory);
    }
}

/// Where the supervisor writes what it knows.
#[derive(Debug)]
pub struct Board {
    status: watch::Sender<ModelStatus>,
    /// Whether somebody else tells of failures.
    is_silent: bool,
    /// Whether the last process could not be loaded.
    cannot_load: bool,
    /// Why the module could not be imported the last time.
    last_import: Option<Failure>,
    /// What cannot be enforced is said once.
    isolation_told: bool,
}

impl Board {
    /// Of a model that begins to load. A silent one logs no failure.
    pub fn new(is_silent: bool) -> Self {
        let status = watch::Sender::new(ModelStatus {
            state: ModelState::Loading,
            pid: None,
            spare: None,
            restarts: Restarts::default(),
            rss_bytes: None,
            python: None,
            load_seconds: None,
            isolation: Isolation::of_the_worker(),
        });
        Self { status, is_silent, cannot_load: false, last_import: None, isolation_told: false }
    }

    /// For everybody who wants to know.
    pub fn watch(&self) -> watch::Receiver<ModelStatus> {
        self.status.subscribe()
    }

    /// Where the model is in its life from now on.
    pub fn is(&self, state: ModelState) {
        self.status.send_modify(|status| status.state = state);
    }

    /// A process begins, and nobody answers meanwhile. When the last one could not be loaded that still
    /// is what there is to say.
    pub fn begins(&mut self, pid: u32, walls: Confinement) {
        self.confined(walls);
        self.status.send_modify(|status| {
            status.pid = Some(pid);
            if !self.cannot_load {
                status.state = ModelState::Loading;
            }
        });
    }

    /// A process is loaded and answers from now on.
    pub fn answers(&mut self, replica: &Replica) {
        self.cannot_load = false;
        self.status.send_modify(|status| status.answered_by(replica));
    }

    /// It was looked at while nobody asked.
    pub fn weighed(&self, replica: &Replica) {
        let news = Some(replica.memory);
        self.status.send_if_modified(|status| std::mem::replace(&mut status.rss_bytes, news) != news);
    }

    /// A process is at hand, or no longer.
    pub fn spare(&self, pid: Option<u32>) {
        self.status.send_if_modified(|status| std::mem::replace(&mut status.spare, pid) != pid);
    }

    /// The process that answered is gone, or the one that was to answer could not be loaded; `next` has
    /// taken over. To be said before anybody is answered on account of it.
    pub fn died(&mut self, failure: &Failure, cause: RestartCause, next: Option<&Replica>) {
        match &failure.traceback {
            _ if self.is_silent => {}
            // Nobody asks a model that cannot be loaded, so nobody else would show why. Once is enough.
            Some(traceback) if failure.kind == FailureKind::Import => {
                let is_new = self.last_import.replace(failure.clone()).as_ref() != Some(failure);
                let details = if is_new { format!("\n{}", traceback.trim_end()) } else { String::new() };
                tracing::warn!("the model cannot be loaded, and is tried again: {failure}{details}");
            }
            _ => tracing::warn!(kind = %failure.kind, "the model process is replaced: {failure}"),
        }
        self.cannot_load = next.is_none() && cause == RestartCause::Load;
        self.gone(cause, ModelState::Failed(failure.clone()), next);
    }

    /// The process that answered is gone, and it is nobody's fault; `next` has taken over.
    pub fn recycled(&self, next: Option<&Replica>) {
        self.gone(RestartCause::Recycled, ModelState::Loading, next);
    }

    /// The spare process is gone.
    pub fn spare_died(&self, failure: &Failure, cause: RestartCause) {
        tracing::warn!(kind = %failure.kind, "the spare model process is replaced: {failure}");
        self.status.send_modify(|status| {
            status.spare = None;
            status.restarts.count(cause);
        });
    }

    /// There is no model any more.
    pub fn stopped(&self) {
        self.status.send_modify(|status| {
            status.state = ModelState::Stopped;
            (status.pid, status.spare, status.rss_bytes) = (None, None, None);
        });
    }

    /// One change, so that nobody sees the moment between two processes as one without a model.
    fn gone(&self, cause: RestartCause, state: ModelState, next: Option<&Replica>) {
        self.status.send_modify(|status| {
            status.restarts.count(cause);
            match next {
                Some(replica) => {
                    status.spare = None;
                    status.answered_by(replica);
                }
                None => {
                    status.state = state;
                    (status.pid, status.rss_bytes) = (None, None);
                }
            }
        });
    }

    fn confined(&mut self, confinement: Confinement) {
        let isolation = self.status.borrow().isolation.with(confinement);
        self.status.send_modify(|status| status.isolation = isolation);
        let missing = isolation.missing();
        if !missing.is_empty() && !std::mem::replace(&mut self.isolation_told, true) {
            tracing::warn!("this system does not keep the model apart by: {}", missing.join(", "));
        }
    }
}
