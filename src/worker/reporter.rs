//! What the loop says of itself: the heartbeat, written when a turn is completed.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::clock;
use super::pulse::Pulse;
use super::round::{Finished, Progress};
use super::setup::{Goal, Setup};
use super::shutdown::Budget;
use crate::chain::pool::{EndpointReport, Standing};
use crate::health::alerts::{Alerts, Balance, Observations, WINDOWS};
use crate::health::metrics::{EndpointFacts, Metrics, Textfile};
use crate::health::{
    EndpointHealth, Head, Heartbeat, HeartbeatFile, LastResult, ModelHealth, NextWindow, Phase,
    ServiceManager,
};
use crate::journal::{RoundState, Timestamp};
use crate::model::{ModelState, ModelStatus, RestartCause};

/// Turns that bring no news but a block are written this often: to make a file costs more than the turn itself, and a
/// probe is patient for longer.
const QUIET: Duration = Duration::from_secs(5);
/// An answer is on its way after less. Until then its steps are not written: a file that takes the place of another makes
/// some file systems write to the disk, and the journal's flush would wait for that.
const HURRY: Duration = Duration::from_millis(500);

/// Keeps the heartbeat and writes it.
#[derive(Debug)]
pub struct Reporter {
    file: HeartbeatFile,
    beat: Heartbeat,
    manager: ServiceManager,
    turns: watch::Sender<Option<Heartbeat>>,
    models: watch::Receiver<ModelStatus>,
    metrics: Metrics,
    textfile: Option<Textfile>,
    alerts: Alerts,
    seen: Observations,
    pulse: Pulse,
    /// The heartbeat that was written last, and when.
    written: Option<(Instant, Heartbeat)>,
    /// The newest window that is being answered, and since when.
    answering: Option<(i64, Instant)>,
    failed: bool,
    /// Whether the next life is a run of its own, with a pause between them: alerts do not go on over it.
    is_single_run: bool,
    /// Whether this worker is the one to speak of. Until it has the journal another may be: that one's heartbeat
    /// and metrics are left alone.
    has_journal: bool,
}

impl Reporter {
    /// A reporter of a worker that starts.
    #[must_use]
    pub fn new(setup: &Setup, alerts: Alerts, textfile: Option<Textfile>) -> Self {
        Self {
            file: setup.heartbeat.clone(),
            beat: Heartbeat::starting(setup.options.network.clone(), Timestamp::now()),
            manager: ServiceManager::of_this_process(),
            turns: setup.turns.clone(),
            models: setup.model.watch(),
            metrics: setup.metrics.clone(),
            textfile,
            alerts,
            seen: Observations { max_repeats: setup.options.rules.max_repeats(), ..Observations::default() },
            pulse: Pulse::new(),
            written: None,
            answering: None,
            failed: false,
            is_single_run: matches!(setup.goal, Goal::Once { .. }),
            has_journal: false,
        }
    }

    /// The heartbeat, to be filled.
    pub const fn beat(&mut self) -> &mut Heartbeat {
        &mut self.beat
    }

    /// The phase, and until when it may take without another turn.
    pub fn phase(&mut self, phase: Phase, deadline: Option<Instant>) {
        self.beat.phase = phase;
        self.beat.phase_deadline = deadline.map(clock::wall);
    }

    /// What conditions are judged by, to be filled.
    pub const fn seen(&mut self) -> &mut Observations {
        &mut self.seen
    }

    /// What the journal knows of the rounds before this start: the final states of the last, the oldest first, how
    /// many of them failed in a row, and when one was last admitted.
    pub fn resume(&mut self, endings: &[RoundState], failures: u64, last_success: Option<Timestamp>) {
        self.seen.windows = endings.iter().map(|state| !state.is_failure()).collect();
        self.seen.failures = Some((failures, "a reason of before the start".to_owned()));
        self.beat.consecutive_failures = failures;
        if let Some(at) = last_success {
            self.metrics.last_success(at);
            self.pulse.last_success = Some(at);
        }
    }

    /// The journal is open, at this path.
    pub async fn opened(&mut self, journal: PathBuf) {
        self.beat.journal = Some(journal);
        self.has_journal = true;
        if let Some(textfile) = &mut self.textfile {
            textfile.start();
        }
        if let Some(pid) = self.file.other_writer().await {
            tracing::warn!(
                pid,
                "another worker writes the same heartbeat file {}: give each its own with --heartbeat-file",
                self.file.path().display()
            );
        }
    }

    /// What is known of the endpoints and of the chain's answers.
    pub fn chain(&mut self, endpoints: Vec<EndpointReport>, unknown_answers: u64) {
        // A single endpoint is not polled: each block that the loop hears of is its.
        let of_all = self.beat.head.as_ref().filter(|_| endpoints.len() == 1);
        let of_all = of_all.map(|head| (head.height, head.seen_at));
        let mut health = Vec::with_capacity(endpoints.len());
        for report in endpoints {
            let head = of_all.or_else(|| Some((report.height?, clock::wall(report.seen?))));
            self.metrics.endpoint(&EndpointFacts {
                endpoint: &report.endpoint,
                is_fresh: report.standing == Standing::Fresh,
                head,
                errors: &report.errors,
            });
            health.push(EndpointHealth {
                endpoint: report.endpoint,
                standing: report.standing.to_string(),
                height: head.map(|(height, _)| height),
                same_as: report.same_as,
            });
        }
        self.beat.endpoints = health;
        self.beat.unknown_answers = unknown_answers;
    }

    /// The phase of a round.
    pub fn progress(&mut self, progress: Progress) {
        match progress {
            Progress::Predicting { deadline } => self.phase(Phase::Predicting, Some(deadline)),
            Progress::Submitting { deadline } => self.phase(Phase::Submitting, Some(deadline)),
            Progress::Held { .. } => self.phase(Phase::Blocked, None),
        }
    }

    /// The newest window that is being answered.
    pub fn answering(&mut self, nonce: Option<i64>) {
        if self.answering.map(|(known, _)| known) != nonce {
            self.answering = nonce.map(|nonce| (nonce, Instant::now()));
        }
    }

    /// Until when the steps of an answer are not written.
    pub fn in_hurry_until(&self) -> Option<Instant> {
        self.answering.map(|(_, since)| since + HURRY).filter(|end| *end > Instant::now())
    }

    /// Whether what is to be told can wait.
    fn can_wait(&self) -> bool {
        let Some((at, told)) = &self.written else { return false };
        let is_quiet = at.elapsed() < QUIET && is_same(told, &self.beat);
        is_quiet || self.in_hurry_until().is_some() && is_same_but_for_steps(told, &self.beat)
    }

    /// Whether a window that opened now would be answered, and why not.
    pub fn ready(&mut self, why_not: Option<String>) {
        if self.beat.why != why_not {
            match &why_not {
                Some(why) => tracing::info!("not ready: {why}"),
                None => match &self.beat.next_window {
                    Some(next) => {
                        let seconds = next.opens_at.seconds_since(Timestamp::now()).max(0.0);
                        tracing::info!("ready; the next window opens in {seconds:.0} s");
                    }
                    None => tracing::info!("ready"),
                },
            }
        }
        self.beat.ready = why_not.is_none();
        self.beat.why = why_not;
    }

    /// The newest block.
    pub fn head(&mut self, head: clock::Head) {
        self.beat.head = u64::try_from(head.height)
            .ok()
            .filter(|height| *height > 0)
            .map(|height| Head { height, seen_at: clock::wall(head.seen) });
    }

    /// The next window, once it can be foretold.
    pub fn next_window(&mut self, head: clock::Head, nonce: Option<i64>) {
        self.beat.next_window = nonce
            .filter(|_| head.is_paced)
            .map(|nonce| NextWindow { nonce, opens_at: clock::wall(head.eta(nonce)) });
    }

    /// How the last round ended.
    pub fn finished(&mut self, finished: &Finished) {
        let Finished { nonce, state, reason, row, .. } = finished;
        self.beat.last_result =
            Some(LastResult { nonce: *nonce, state: state.to_string(), reason: reason.clone() });
        // One that an earlier life ended was counted then.
        let Some(row) = row else { return };
        self.beat.consecutive_failures =
            if state.is_failure() { self.beat.consecutive_failures + 1 } else { 0 };
        self.seen.failures = Some((self.beat.consecutive_failures, reason.clone().unwrap_or_default()));
        self.seen.windows.push(!state.is_failure());
        let too_many = self.seen.windows.len().saturating_sub(WINDOWS);
        self.seen.windows.drain(..too_many);
        self.metrics.round(row, finished.reason_word());
        self.pulse.count(row);
    }

    /// What the wallet has.
    pub fn balance(&mut self, balance: Balance) {
        self.metrics.balance(balance.uallo);
        self.pulse.balance = Some(balance.uallo);
        self.seen.balance = Some(balance);
    }

    /// The model process.
    fn model(&mut self) {
        let status = &*self.models.borrow_and_update();
        self.beat.started = status.has_started();
        self.beat.model = Some(ModelHealth {
            pid: status.pid,
            state: word(&status.state).to_owned(),
            restarts: status.restarts.failures(),
            rss_bytes: status.rss_bytes,
            spare: status.spare,
        });
        self.beat.isolation = Some(status.isolation);
        self.seen.model = match &status.state {
            ModelState::Ready | ModelState::Busy => Some(Ok(())),
            ModelState::Failed(failure) => Some(Err(format!("{}: {failure}", failure.kind))),
            ModelState::Loading | ModelState::Stopped => None,
        };
        for cause in RestartCause::ALL {
            self.metrics.restarts(cause.as_str(), status.restarts.of(cause));
        }
    }

    /// The worker was asked to stop, or cannot go on.
    pub async fn stopping(&mut self, budget: Budget) {
        let why = Some("the worker is stopping".to_owned());
        self.last_words(Phase::Stopping, why, budget.closed).await;
    }

    /// The last word; `why`, where nobody asked for the end.
    pub async fn stopped(mut self, why: Option<String>, budget: Budget) {
        if self.is_single_run {
            self.alerts.judge_finally(&mut self.seen);
        }
        self.last_words(Phase::Stopped, why, budget.told).await;
        let metrics = async {
            if let Some(textfile) = self.textfile {
                // Where it takes longer, an older state of it stays.
                let _ = tokio::time::timeout_at(budget.end, textfile.close()).await;
            }
        };
        tokio::join!(self.alerts.close(budget.end), metrics);
        tracing::info!(seconds = budget.begun.elapsed().as_secs_f64(), "stopped");
    }

    /// A disk that hangs keeps nobody who was asked to stop.
    async fn last_words(&mut self, phase: Phase, why: Option<String>, end: Instant) {
        self.phase(phase, None);
        (self.beat.ready, self.beat.why) = (false, why);
        if tokio::time::timeout_at(end, self.turn()).await.is_err() {
            tracing::warn!("the heartbeat cannot be written in time");
        }
    }

    /// A turn of the loop is completed: writes the heartbeat and tells the service manager, now and then when
    /// nothing changed.
    pub async fn turn(&mut self) {
        self.model();
        if !self.turns.is_closed() {
            self.turns.send_replace(Some(self.beat.clone()));
        }
        self.metrics.turn(&self.beat);
        self.alerts.judge(&mut self.seen);
        self.pulse.beat();
        if self.can_wait() {
            return;
        }
        let is_left_alone = !self.has_journal && self.file.other_writer().await.is_some();
        let written = if is_left_alone { Ok(()) } else { self.file.write(&self.beat).await };
        match written {
            Ok(()) => self.failed = false,
            // Once, not with each turn: a probe sees the stale file by itself.
            Err(error) if !self.failed => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    error,
                    "the heartbeat cannot be written: probes will say that the worker is dead"
                );
                self.failed = true;
            }
            Err(_) => {}
        }
        self.manager.turn(&self.beat);
        self.written = Some((Instant::now(), self.beat.clone()));
    }
}

/// Whether two heartbeats say the same but for what each block changes.
fn is_same(one: &Heartbeat, other: &Heartbeat) -> bool {
    one.phase == other.phase && one.model == other.model && is_same_but_for_steps(one, other)
}

/// The same, but for what each step of an answer changes too.
fn is_same_but_for_steps(one: &Heartbeat, other: &Heartbeat) -> bool {
    let phase = |beat: &Heartbeat| match beat.phase {
        Phase::Waiting | Phase::Predicting | Phase::Submitting => Phase::Waiting,
        other => other,
    };
    let process =
        |beat: &Heartbeat| beat.model.as_ref().map(|model| (model.pid, model.restarts, model.spare));
    let news = |beat: &Heartbeat| (beat.ready, beat.consecutive_failures, beat.unknown_answers);
    phase(one) == phase(other)
        && process(one) == process(other)
        && news(one) == news(other)
        && one.why == other.why
        && one.last_result == other.last_result
        && one.journal == other.journal
}

const fn word(state: &ModelState) -> &'static str {
    match state {
        ModelState::Loading => "loading",
        ModelState::Ready => "ready",
        ModelState::Busy => "busy",
        ModelState::Failed(_) => "failed",
        ModelState::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_an_answer_are_no_news_and_whatever_hinders_one_is() {
        let beat = |phase, state: &str, pid| Heartbeat {
            phase,
            model: Some(ModelHealth {
                pid: Some(pid),
                state: state.to_owned(),
                restarts: 0,
                rss_bytes: None,
                spare: None,
            }),
            ..Heartbeat::starting("devnet".to_owned(), Timestamp::now())
        };
        let waiting = beat(Phase::Waiting, "ready", 1);
        let predicting = beat(Phase::Predicting, "busy", 1);
        assert!(is_same_but_for_steps(&waiting, &predicting) && !is_same(&waiting, &predicting));
        assert!(is_same_but_for_steps(&predicting, &beat(Phase::Submitting, "ready", 1)));
        assert!(!is_same_but_for_steps(&waiting, &beat(Phase::Blocked, "ready", 1)));
        assert!(!is_same_but_for_steps(&waiting, &beat(Phase::Predicting, "loading", 2)));
        let failed = Heartbeat { consecutive_failures: 1, ..waiting.clone() };
        assert!(!is_same_but_for_steps(&waiting, &failed));
    }
}
