//! Rounds: which windows get one, which were missed, and what their endings mean.

use std::sync::Arc;

use tracing::Instrument;

use super::report::awaits_model;
use super::{Done, MainLoop, Missed, Standing, Task, Work};
use crate::chain::outcome::Verdict;
use crate::chain::query::{QueryError, Window};
use crate::journal::RoundState;
use crate::model::ModelState;
use crate::worker::context::{Context, QUERY_LIMIT};
use crate::worker::reporter::Reporter;
use crate::worker::round::{self, Finished, Round};
use crate::worker::transact::Obstacle;

/// How often the chain is asked whether somebody else answered.
const WITNESS_TRIES: u32 = 5;
/// Rounds at a time: one that has the model, and those whose window is over and whose transaction is not.
const MAX_ROUNDS: usize = 8;

impl MainLoop {
    /// Starts a round for each window that is due one, and writes down those that were missed.
    pub(super) fn start_rounds(&mut self) {
        let height = self.context.clock.head().height;
        // A height that the nodes contradict closes nothing.
        if !self.context.clock.is_in_doubt() {
            for window in self.schedule.missed(height) {
                self.missed(window);
            }
        }
        // A transaction of an earlier life may be on its way, whatever the chain thinks of us now.
        while self.context.arity().is_some()
            && self.rounds().count() < MAX_ROUNDS
            && let Some(window) = self.schedule.resumed(height, self.is_free(height))
        {
            self.start_round(window);
        }
        if self.standing == Standing::Unregistered {
            self.register();
        }
        if self.standing == Standing::Good
            && !self.standby
            && self.is_free(height)
            && let Some(window) = self.schedule.take(height)
        {
            self.make_room();
            self.start_round(window);
        }
    }

    /// Whether the model is free: a round whose window is over waits for its transaction only.
    fn is_free(&self, height: i64) -> bool {
        self.context.arity().is_some() && self.rounds().all(|window| window.end <= height)
    }

    /// Interrupts the oldest round where there are too many, as where no node can say what became of a
    /// transaction: what can still be answered comes first. It is taken up again when there is room.
    fn make_room(&self) {
        if self.rounds().count() >= MAX_ROUNDS {
            let age = |task: &&Task| match task.work {
                Work::Round(window) => window.nonce,
                _ => i64::MAX,
            };
            if let Some(oldest) = self.works.values().min_by_key(age) {
                oldest.handle.abort();
            }
        }
    }

    /// Windows of the rounds that are running.
    pub(super) fn rounds(&self) -> impl Iterator<Item = Window> {
        self.works.values().filter_map(|task| match task.work {
            Work::Round(window) => Some(window),
            _ => None,
        })
    }

    fn start_round(&mut self, window: Window) {
        let Some(arity) = self.context.arity() else { return };
        let round = Round {
            context: Arc::clone(&self.context),
            model: self.model.clone(),
            window,
            arity,
            progress: self.progress_sender.clone(),
            held_up: self.unwritten.remove(&window.nonce),
        };
        let topic_id = self.context.options.topic_id;
        let span = tracing::info_span!("round", topic_id, nonce = window.nonce);
        self.spawn(Work::Round(window), async move { Done::Round(round.run().await) }.instrument(span));
    }

    /// A round is over, or a window that had none is in the journal.
    pub(super) fn finished(&mut self, finished: Finished, work: Option<Work>, reporter: &mut Reporter) {
        // What was over before this life began is settled, and not what it was started for.
        let is_ours = match work {
            Some(Work::Round(window) | Work::Missed(window)) => window.end > self.started_at_height,
            _ => false,
        };
        reporter.finished(&finished);
        let Finished { nonce, state, reason, value, obstacle, row } = &finished;
        let (topic_id, value) = (self.context.options.topic_id, value.as_deref());
        let head = self.context.clock.head();
        let next = self
            .schedule
            .next_start()
            .filter(|start| start > nonce && head.is_paced)
            .map(|start| head.time_to(start).as_secs());
        let ending = match row {
            Some(_) => state.to_string(),
            None => format!("already {state}, in an earlier run"),
        };
        let line = match next {
            Some(seconds) => format!("window {nonce}: {ending}; the next one opens in {seconds} s"),
            None => format!("window {nonce}: {ending}"),
        };
        let reason_text = reason.as_deref();
        match state {
            RoundState::Admitted | RoundState::DryRun | RoundState::Skipped => {
                tracing::info!(topic_id, nonce, value, reason = reason_text, "{line}");
            }
            _ => tracing::warn!(topic_id, nonce, value, reason = reason_text, "{line}"),
        }
        if *obstacle == Some(Obstacle::Chain(Verdict::NotPermitted)) {
            self.block(reason.clone().unwrap_or_default());
            self.schedule.look_now();
        }
        if matches!(
            obstacle,
            Some(Obstacle::FeeCap | Obstacle::Chain(Verdict::InsufficientFunds | Verdict::UnknownAccount))
        ) {
            self.ask_means();
        }
        if *state == RoundState::AnsweredElsewhere && *nonce > self.started_at_height {
            tracing::warn!(nonce, "another instance answers for this wallet: standing by");
            self.standby = true;
        }
        if is_ours {
            // One that an earlier life ended has no row, and answers `--once` only.
            self.finished_rounds += u64::from(finished.row.is_some());
            self.last = Some(finished);
        }
    }

    /// A window is over, and there was no round for it.
    fn missed(&mut self, window: Window) {
        if self.standby {
            let context = Arc::clone(&self.context);
            self.spawn(Work::Witness, async move {
                let answered = witness(&context, window).await;
                Done::Witnessed { nonce: window.nonce, answered }
            });
            return;
        }
        self.expire(window, self.why_missed());
    }

    /// Windows that went by while the journal could not be written.
    pub(super) fn missed_unwritten(&mut self) {
        if self.standby || self.standing != Standing::Good || self.context.clock.is_in_doubt() {
            return;
        }
        for window in self.schedule.missed(self.context.clock.head().height) {
            self.expire(window, (self.last_unwritten.clone(), None));
        }
    }

    /// Writes down that a window was missed.
    fn expire(&mut self, window: Window, (why, obstacle): Missed) {
        let context = Arc::clone(&self.context);
        self.spawn(Work::Missed(window), async move {
            Done::Round(round::missed(&context, window, why, obstacle).await)
        });
    }

    /// A window should have opened, and is over by now: nothing was seen of it.
    pub(super) fn went_by(&mut self, window: Window) {
        if self.standby {
            return;
        }
        let (context, why) = (Arc::clone(&self.context), self.why_missed());
        self.spawn(Work::WentBy, async move {
            Done::WentBy { opened: opened(&context, window.nonce).await, why }
        });
    }

    /// Whether a window opened of which nothing was seen. A topic that was not active, or had to wait for another one, has
    /// opened none. That nobody can say is told once, since after a long silence many are asked for.
    pub(super) fn learnt_of_past(&mut self, opened: Result<Option<Window>, QueryError>, why: Missed) {
        let was_unknown = std::mem::replace(&mut self.is_past_unknown, opened.is_err());
        match opened {
            Err(error) if was_unknown => tracing::debug!(%error, "nor of another window"),
            Err(error) => {
                tracing::warn!(%error, "no node can say whether windows opened that nothing was seen of");
            }
            Ok(window) => {
                if was_unknown {
                    tracing::info!("nodes say again which windows opened");
                }
                if let Some(window) = window {
                    self.expire(window, why);
                }
            }
        }
    }

    fn why_missed(&self) -> Missed {
        match &self.standing {
            Standing::Refused(why, obstacle) => (why.clone(), *obstacle),
            Standing::Blocked(why) => (why.clone(), Some(Obstacle::Chain(Verdict::NotPermitted))),
            Standing::Unregistered => match &self.models.borrow().state {
                ModelState::Failed(failure) => (awaits_model(failure), None),
                _ => ("the worker was not registered yet".to_owned(), None),
            },
            Standing::Unknown | Standing::Good if self.rounds().next().is_some() => {
                ("the worker was busy with another window".to_owned(), None)
            }
            Standing::Unknown | Standing::Good => {
                let why = "nothing was seen of it in time: the worker stood still, or no endpoint answered";
                (why.to_owned(), None)
            }
        }
    }
}

/// Whether the chain has an inference of this wallet for a window that is over; `None` where no node that has seen
/// its end can say. Asked again while none does: until it is known, nobody may be answering.
async fn witness(context: &Context, window: Window) -> Option<bool> {
    let client = context.client().within(QUERY_LIMIT);
    for _ in 0..WITNESS_TRIES {
        let told = client.has_inference(context.options.topic_id, context.address(), window).await;
        if let Ok(Some(answered)) = told {
            return Some(answered);
        }
        context.clock.next_block().await;
    }
    None
}

/// The window that block `nonce` opened. Asked again while no node answers.
async fn opened(context: &Context, nonce: i64) -> Result<Option<Window>, QueryError> {
    let client = context.client().within(QUERY_LIMIT);
    let height = u64::try_from(nonce).unwrap_or_default();
    let mut tries = 1;
    loop {
        match client.window_opened_in(context.options.topic_id, height).await {
            Err(error) if error.is_endpoint_fault() && tries < WITNESS_TRIES => {
                tries += 1;
                context.clock.next_block().await;
            }
            answered => return answered,
        }
    }
}
