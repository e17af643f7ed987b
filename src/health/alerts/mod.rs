//! Alerts: each condition is told of once when it begins and once when it ends.
//!
//! | file | noun |
//! |---|---|
//! | `condition` | what people are told of, and by what it is judged |
//! | `log` | `alerts.log` |
//! | `webhook` | the same as JSON, to a URL |
//! | `disk` | what is on the disk |

mod condition;
mod disk;
mod log;
mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use self::disk::DiskWatch;
use self::log::AlertLog;
use self::webhook::Webhook;
use super::metrics::{Identity, Metrics};
use crate::journal::Timestamp;
use crate::settings::WebhookUrl;

pub use condition::{Balance, Condition, DiskUse, Observations, Reading, WINDOWS};
pub use log::{AlertLogError, check_file};

/// Alerts that wait for the disk. There are few: more means that it hangs.
const QUEUE: usize = 64;
/// How long the last alerts may take when the worker stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// Whether a condition begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// It begins.
    Begin,
    /// It ends.
    End,
}

impl Transition {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "BEGIN",
            Self::End => "END",
        }
    }

    fn named(word: &str) -> Option<Self> {
        [Self::Begin, Self::End].into_iter().find(|transition| transition.as_str() == word)
    }
}

/// A condition that begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// When.
    pub time: Timestamp,
    /// What.
    pub condition: Condition,
    /// Which of the two.
    pub transition: Transition,
    /// What exactly; at the end, how long it lasted.
    pub detail: String,
}

/// Where alerts go, and what they are made from.
#[derive(Debug)]
pub struct Places<'a> {
    /// The file of alerts, `alerts.log`, in a folder that is there.
    pub file: PathBuf,
    /// Where they are posted.
    pub webhook: Option<WebhookUrl>,
    /// The state folder, whose size is watched.
    pub state_dir: PathBuf,
    /// The log file, whose size is watched.
    pub log_file: Option<PathBuf>,
    /// Whose alerts they are.
    pub worker: &'a Identity,
}

/// Judges observations and tells of what changed. Telling never waits: the disk and the network have tasks of
/// their own.
#[derive(Debug)]
pub struct Alerts {
    states: BTreeMap<Condition, State>,
    disk: DiskWatch,
    metrics: Metrics,
    queue: mpsc::Sender<Alert>,
    writer: AbortOnDropHandle<()>,
    webhook: Option<Webhook>,
}

/// Where a condition stands.
#[derive(Debug, Clone, Default)]
struct State {
    /// Since when it holds, by what was told.
    begun: Option<Timestamp>,
    /// Since when readings have said otherwise.
    contradicted: Option<Instant>,
}

impl State {
    /// What a reading changes, once it has lasted.
    fn take(
        &mut self,
        condition: Condition,
        reading: Reading,
        patience: Duration,
        now: Instant,
    ) -> Option<Alert> {
        let detail = match (self.begun, reading) {
            (None, Reading::Bad(detail)) => detail,
            (Some(begun), Reading::Good) => {
                let seconds = Timestamp::now().seconds_since(begun).max(0.0);
                format!("it lasted {seconds:.0} s")
            }
            _ => {
                self.contradicted = None;
                return None;
            }
        };
        let since = *self.contradicted.get_or_insert(now);
        if now.duration_since(since) < patience {
            return None;
        }
        self.contradicted = None;
        let time = Timestamp::now();
        let transition = if self.begun.is_some() { Transition::End } else { Transition::Begin };
        self.begun = self.begun.is_none().then_some(time);
        Some(Alert { time, condition, transition, detail })
    }
}

impl Alerts {
    /// Opens `alerts.log`, and goes on with what had begun before. To be called within a runtime.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn start(places: Places<'_>, metrics: Metrics) -> Result<Self, AlertLogError> {
        let Places { file, webhook, state_dir, log_file, worker } = places;
        let (log, begun) = AlertLog::open(file, format!("{}/{}", worker.address, worker.topic_id))?;
        let state = |condition| State { begun: begun.get(&condition).copied(), contradicted: None };
        let (queue, alerts) = mpsc::channel(QUEUE);
        let states: BTreeMap<_, _> =
            Condition::ALL.into_iter().map(|condition| (condition, state(condition))).collect();
        for (condition, state) in &states {
            metrics.alert(*condition, state.begun.is_some());
        }
        Ok(Self {
            states,
            disk: DiskWatch::start(state_dir, log_file),
            metrics,
            queue,
            writer: AbortOnDropHandle::new(tokio::spawn(write(Arc::new(log), alerts))),
            webhook: webhook.map(|url| Webhook::start(url, worker.clone())),
        })
    }

    /// Judges what is known now, and tells of what changed and has lasted.
    pub fn judge(&mut self, seen: &mut Observations) {
        self.judge_with(seen, Condition::patience);
    }

    /// Judges what a run has come to that is over now: what stands at its end has lasted.
    pub fn judge_finally(&mut self, seen: &mut Observations) {
        self.judge_with(seen, |_| Duration::ZERO);
    }

    fn judge_with(&mut self, seen: &mut Observations, patience: fn(Condition) -> Duration) {
        seen.disk = self.disk.last();
        let now = Instant::now();
        for condition in Condition::ALL {
            let reading = condition.read(seen);
            let alert =
                self.states.entry(condition).or_default().take(condition, reading, patience(condition), now);
            if let Some(alert) = alert {
                self.tell(alert);
            }
        }
    }

    fn tell(&self, alert: Alert) {
        let (condition, detail) = (alert.condition.as_str(), &alert.detail);
        match alert.transition {
            Transition::Begin => tracing::warn!(condition, "alert: {condition}: {detail}"),
            Transition::End => tracing::info!(condition, "alert is over: {condition}: {detail}"),
        }
        self.metrics.alert(alert.condition, alert.transition == Transition::Begin);
        if let Some(webhook) = &self.webhook {
            webhook.post(alert.clone());
        }
        if self.queue.try_send(alert).is_err() {
            tracing::error!(condition, "the disk hangs: an alert is not in its file");
        }
    }

    /// Gives what was told last some time to get to disk and network, until `end` at most.
    pub async fn close(self, end: Instant) {
        drop(self.queue);
        let end = end.min(Instant::now() + GOODBYE);
        let post = async {
            if let Some(webhook) = self.webhook {
                webhook.close(end).await;
            }
        };
        // Where it takes longer, the log has it.
        let _ = tokio::join!(tokio::time::timeout_at(end, self.writer), post);
    }
}

/// Writes alerts down as they come.
async fn write(log: Arc<AlertLog>, mut alerts: mpsc::Receiver<Alert>) {
    while let Some(alert) = alerts.recv().await {
        let log = Arc::clone(&log);
        let added = tokio::task::spawn_blocking(move || log.add(&alert)).await;
        if let Err(error) = added.unwrap_or_else(|error| Err(error.into())) {
            tracing::error!(%error, "an alert is not in its file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_told_of_once_and_does_not_flap() {
        let (mut state, start) = (State::default(), Instant::now());
        let mut at = |seconds: u64, reading: Reading| {
            let (condition, now) = (Condition::ModelDown, start + Duration::from_secs(seconds));
            let alert = state.take(condition, reading, condition.patience(), now);
            alert.map(|alert| alert.transition)
        };
        let bad = || Reading::Bad("crash".to_owned());
        assert_eq!(
            [at(0, bad()), at(4, bad()), at(5, Reading::Good), at(6, bad()), at(10, bad())],
            [None; 5]
        );
        assert_eq!([at(11, bad()), at(12, bad())], [Some(Transition::Begin), None]);
        assert_eq!([at(13, Reading::Good), at(14, bad()), at(15, Reading::Good)], [None; 3]);
        assert_eq!([at(19, Reading::Unclear), at(20, Reading::Good), at(24, Reading::Good)], [None; 3]);
        assert_eq!([at(25, Reading::Good), at(90, Reading::Good)], [Some(Transition::End), None]);
    }
}
