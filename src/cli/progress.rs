//! What a worker is doing that takes long, in words for a terminal.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::health::{Heartbeat, Phase};
use crate::journal::Timestamp;
use crate::logs::StatusLine;
use crate::model::{ModelState, ModelStatus};
use crate::settings::{LogFormat, Settings};

/// Shows a line of progress where somebody watches: on a terminal, and not between JSON. Until it is dropped.
pub fn show(settings: &Settings, text: impl FnMut() -> String + Send + 'static) -> Option<StatusLine> {
    let is_watched = stderr().is_terminal() && settings.log.format != Some(LogFormat::Json);
    // Without it the work is the same.
    is_watched.then(|| StatusLine::start(text).ok()).flatten()
}

/// How long a model has been loading.
#[derive(Debug)]
pub struct Loading {
    limit: Duration,
    since: Option<Instant>,
}

impl Loading {
    /// Of a model that may take `limit` to load.
    #[must_use]
    pub const fn within(limit: Duration) -> Self {
        Self { limit, since: None }
    }

    /// Words for it while it `is_loading`.
    fn text(&mut self, is_loading: bool) -> Option<String> {
        if !is_loading {
            self.since = None;
            return None;
        }
        let passed = self.since.get_or_insert_with(Instant::now).elapsed().as_secs();
        let left = self.limit.as_secs().saturating_sub(passed);
        Some(format!("loading the model for {passed} s, at most {left} s more"))
    }
}

/// Progress of `predict`.
pub fn of_model(status: watch::Receiver<ModelStatus>, mut loading: Loading) -> impl FnMut() -> String {
    move || {
        let is_loading = status.borrow().state == ModelState::Loading;
        loading.text(is_loading).unwrap_or_else(|| "the model predicts".to_owned())
    }
}

/// Progress of `run`.
pub fn of_worker(turns: watch::Receiver<Option<Heartbeat>>, mut loading: Loading) -> impl FnMut() -> String {
    move || match &*turns.borrow() {
        None => "starting".to_owned(),
        Some(beat) => {
            let is_loading = beat.model.as_ref().is_some_and(|model| model.state == "loading");
            words(beat, loading.text(is_loading), Timestamp::now())
        }
    }
}

fn words(beat: &Heartbeat, loading: Option<String>, now: Timestamp) -> String {
    let why = || beat.why.clone().unwrap_or_else(|| beat.phase.as_str().to_owned());
    let left = |at: Timestamp| at.seconds_since(now).max(0.0);
    match (beat.phase, beat.phase_deadline, &beat.next_window) {
        (Phase::Starting, ..) if beat.chain_id.is_none() => {
            let passed = now.seconds_since(beat.started_at);
            format!("connecting to {} for {passed:.0} s: {}", beat.network, why())
        }
        (Phase::Predicting, Some(deadline), _) => {
            format!("the model predicts, for at most {:.0} s more", left(deadline))
        }
        (Phase::Submitting, Some(deadline), _) => {
            format!("submitting; the window closes in {:.0} s", left(deadline))
        }
        (Phase::Waiting, _, Some(next)) if beat.ready => {
            format!("waiting for window {}, which opens in {:.0} s", next.nonce, left(next.opens_at))
        }
        (Phase::Stopping | Phase::Stopped, ..) => "stopping".to_owned(),
        _ => loading.unwrap_or_else(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::NextWindow;

    fn at(second: u32) -> Timestamp {
        Timestamp::parse(&format!("2026-11-21T10:00:{second:02}Z")).unwrap()
    }

    #[test]
    fn each_phase_says_what_it_is_and_how_long_it_takes() {
        let starting = Heartbeat { started_at: at(0), ..Heartbeat::starting("testnet".to_owned(), at(0)) };
        let known = Heartbeat { chain_id: Some("localnet".to_owned()), why: None, ..starting.clone() };
        let said = |beat: &Heartbeat, loading: Option<&str>| words(beat, loading.map(str::to_owned), at(12));
        assert_eq!(said(&starting, None), "connecting to testnet for 12 s: the worker is starting");
        let registering = Heartbeat { why: Some("registering allo1 in topic 1".to_owned()), ..known.clone() };
        assert_eq!(said(&registering, None), "registering allo1 in topic 1");
        let next_window = Some(NextWindow { nonce: 120, opens_at: at(42) });
        let waiting = Heartbeat { phase: Phase::Waiting, ready: true, next_window, ..known.clone() };
        assert_eq!(said(&waiting, None), "waiting for window 120, which opens in 30 s");
        let until = |phase| Heartbeat { phase, phase_deadline: Some(at(37)), ..known.clone() };
        assert_eq!(said(&until(Phase::Predicting), None), "the model predicts, for at most 25 s more");
        assert_eq!(said(&until(Phase::Submitting), None), "submitting; the window closes in 25 s");
        let loading =
            Heartbeat { phase: Phase::Loading, why: Some("the model is loading".to_owned()), ..known };
        assert_eq!(said(&loading, Some("loading the model for 3 s")), "loading the model for 3 s");
    }

    #[test]
    fn loading_counts_from_its_beginning() {
        let mut loading = Loading::within(Duration::from_secs(300));
        assert_eq!(loading.text(false), None);
        assert!(loading.text(true).unwrap().ends_with(" s more"));
        loading.since = Instant::now().checked_sub(Duration::from_secs(20));
        let text = loading.text(true).unwrap();
        assert!(text.starts_with("loading the model for 2") && text.contains("at most 2"), "{text}");
    }
}
