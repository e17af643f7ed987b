//! What takes time: when each of it is due, and what it does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use super::look::look;
use super::report::awaits_model;
use super::{Done, MainLoop, Standing, TICK, Task, Work};
use crate::chain::outcome::Verdict;
use crate::chain::query::{QueryError, Window};
use crate::journal::{Purpose, RoundKey};
use crate::model::ModelState;
use crate::worker::context::Context;
use crate::worker::means::{self, Unaffordable};
use crate::worker::registration;
use crate::worker::round::{self, Round};
use crate::worker::transact::Obstacle;

/// One query in the background, all endpoints together.
pub(super) const QUERY_LIMIT: Duration = Duration::from_secs(10);
/// Blocks before an opening at which it is asked for what a window needs.
const AHEAD: u32 = 2;
/// The same for a look at whether we may answer it: a registration takes a block, and a node may be a block late.
const REGISTER_AHEAD: u32 = 3;
/// How often the chain is asked whether somebody else answered.
const WITNESS_TRIES: u32 = 5;
/// Rounds at a time: one that has the model, and those whose window is over and whose transaction is not.
const MAX_ROUNDS: usize = 8;

impl MainLoop {
    /// Starts whatever is due.
    pub(super) fn start_work(&mut self) {
        let now = Instant::now();
        self.follow_upgrade();
        self.doubt_silence();
        if self.look_at() <= now {
            let context = Arc::clone(&self.context);
            self.spawn(Work::Look, async move { Done::Looked(look(&context).await) });
        }
        if self.context.clock.is_in_doubt() && !self.is_at(Work::Heights) {
            let client = self.context.client().within(QUERY_LIMIT);
            self.spawn(Work::Heights, async move { Done::Heights(client.height().await) });
        }
        if self.topic_at().is_some_and(|at| at <= now) {
            let context = Arc::clone(&self.context);
            self.spawn(Work::Topic, async move {
                let client = context.client().within(QUERY_LIMIT);
                Done::Topic(client.topic(context.options.topic_id).await.map(Box::new))
            });
        }
        if self.means_at().is_some_and(|at| at <= now) {
            // The first time is for those who watch; it is asked again before the opening.
            self.means_for = self.schedule.next_start().filter(|_| self.means_unknown.is_none());
            let (context, purpose) = (Arc::clone(&self.context), self.next_purpose());
            self.spawn(Work::Means, async move {
                Done::Means(means::check(&context, purpose, QUERY_LIMIT).await)
            });
        }
        if self.consensus_at().is_some_and(|at| at <= now) {
            self.consensus_for = Some(self.schedule.next_start().unwrap_or(0));
            let context = Arc::clone(&self.context);
            self.spawn(
                Work::Consensus,
                async move { Done::Consensus(context.read_consensus(QUERY_LIMIT).await) },
            );
        }
        self.ask_faucet(now);
        if self.unwritable.is_some() {
            if self.journal_at().is_some_and(|at| at <= now) {
                let journal = self.context.journal.clone();
                self.spawn(Work::Journal, async move {
                    Done::JournalChecked(journal.call(|journal| journal.check_writable()).await)
                });
            }
            // Nothing may leave that is not in it.
            return;
        }
        self.start_rounds();
    }

    /// Blocks may be told of though no question is answered: then only a look finds out that the chain cannot be asked.
    fn doubt_silence(&mut self) {
        let is_known = self.unseen.is_some() || matches!(self.standing, Standing::Blocked(_));
        if !is_known && !self.is_at(Work::Look) && self.context.client().pool().is_silent() {
            self.schedule.look_now();
        }
    }

    fn start_rounds(&mut self) {
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

    /// Whether such a task is running.
    pub(super) fn is_at(&self, work: Work) -> bool {
        self.works.values().any(|task| task.work == work)
    }

    /// A chain that runs another version of the module says more of a topic, or less.
    fn follow_upgrade(&mut self) {
        let version = self.context.client().version();
        if version != self.version {
            tracing::info!(?version, "the chain was upgraded");
            self.version = version;
            self.context.set_arity(None);
            self.topic_pause.expire();
        }
    }

    fn start_round(&mut self, window: Window) {
        let Some(arity) = self.context.arity() else { return };
        let round = Round {
            context: Arc::clone(&self.context),
            model: self.model.clone(),
            window,
            arity,
            progress: self.progress_sender.clone(),
        };
        let topic_id = self.context.options.topic_id;
        let span = tracing::info_span!("round", topic_id, nonce = window.nonce);
        self.spawn(Work::Round(window), async move { Done::Round(round.run().await) }.instrument(span));
    }

    fn spawn(&mut self, work: Work, task: impl Future<Output = Done> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.works.insert(handle.id(), Task { work, handle });
    }

    /// A window is over, and there was no round for it.
    fn missed(&mut self, window: Window) {
        let context = Arc::clone(&self.context);
        if self.standby {
            self.spawn(Work::Witness, async move {
                let answered = witness(&context, window).await;
                Done::Witnessed { nonce: window.nonce, answered }
            });
            return;
        }
        let (why, obstacle) = self.why_missed();
        self.spawn(Work::Missed(window), async move {
            Done::Round(round::missed(&context, window, why, obstacle).await)
        });
    }

    /// A window should have opened, and is over by now: nothing was seen of it.
    pub(super) fn went_by(&mut self, window: Window) {
        if self.standby {
            return;
        }
        let (context, (why, obstacle)) = (Arc::clone(&self.context), self.why_missed());
        self.spawn(Work::Missed(window), async move {
            let ended = match opened(&context, window.nonce).await {
                Ok(Some(window)) => round::missed(&context, window, why, obstacle).await,
                // The topic was not active, or skipped it.
                Ok(None) => Ok(round::Ended::Interrupted),
                Err(error) => {
                    tracing::warn!(%error, nonce = window.nonce, "no node can say whether a window opened");
                    Ok(round::Ended::Interrupted)
                }
            };
            Done::Round(ended)
        });
    }

    fn why_missed(&self) -> (String, Option<Obstacle>) {
        match &self.standing {
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

    fn register(&mut self) {
        // A registration costs money: not for a model that was never loaded.
        let has_loaded = self.models.borrow().load_seconds.is_some();
        if self.is_at(Work::Register) || !has_loaded {
            return;
        }
        let context = Arc::clone(&self.context);
        self.spawn(Work::Register, async move { Done::Registered(registration::register(&context).await) });
    }

    /// Money for a wallet that has none, where a faucet gives some.
    fn ask_faucet(&mut self, now: Instant) {
        let is_poor = self
            .unaffordable
            .as_ref()
            .is_some_and(|trouble| matches!(trouble.why, Unaffordable::Funds { .. }));
        let Some(faucet) = self.faucet.clone().filter(|_| is_poor) else { return };
        if self.faucet_after > now || self.is_at(Work::Faucet) {
            return;
        }
        tracing::info!("asking the faucet for money");
        let context = Arc::clone(&self.context);
        self.spawn(Work::Faucet, async move {
            Done::Funded(faucet.fund(&context.client(), context.address()).await)
        });
    }

    /// What the next transaction is for.
    fn next_purpose(&self) -> Purpose {
        let topic_id = self.context.options.topic_id;
        match self.standing {
            Standing::Good | Standing::Unknown => {
                let nonce = self.schedule.next_start().unwrap_or_default();
                Purpose::Payload(RoundKey { topic_id, nonce })
            }
            Standing::Unregistered | Standing::Blocked(_) => Purpose::Registration { topic_id },
        }
    }

    fn look_at(&self) -> Instant {
        if self.is_at(Work::Look) {
            return Instant::now() + TICK;
        }
        let head = self.context.clock.head();
        let is_answering = self.rounds().next().is_some();
        let look = self.schedule.next_look(head, self.subscribed, is_answering);
        match self.standing {
            Standing::Blocked(_) => {
                // However long we were let wait: a window that is open may be answered yet, and the next one may be
                // if we register before it opens.
                let of_topic = [
                    self.schedule.next_look_at_open(head),
                    self.schedule.next_look_ahead(head, REGISTER_AHEAD),
                ];
                of_topic.into_iter().flatten().fold(look.min(self.blocked.end()), Instant::min)
            }
            Standing::Unknown | Standing::Unregistered | Standing::Good => look,
        }
    }

    /// When to ask for the price of gas and the balance: once, shortly before the opening; and from time to
    /// time while they do not suffice.
    fn means_at(&self) -> Option<Instant> {
        if self.is_at(Work::Means) || self.standing == Standing::Unknown {
            return None;
        }
        if let Some(trouble) = &self.unaffordable {
            let pause = trouble.pause.end();
            return Some(self.ahead_of_opening(self.means_for).map_or(pause, |ahead| ahead.min(pause)));
        }
        if let Some(pause) = &self.means_unknown {
            return Some(pause.end());
        }
        self.ahead_of_opening(self.means_for)
    }

    /// When to ask what other inferers said: at once, and then shortly before each opening, so that a round has it
    /// at hand and never waits for it.
    fn consensus_at(&self) -> Option<Instant> {
        if self.is_at(Work::Consensus) {
            return None;
        }
        match self.consensus_for {
            None => Some(self.context.clock.head().seen),
            asked_for => self.ahead_of_opening(asked_for),
        }
    }

    /// Shortly before the next opening, unless that is the one for which it was `done`.
    fn ahead_of_opening(&self, done: Option<i64>) -> Option<Instant> {
        let head = self.context.clock.head();
        let start = self.schedule.next_start().filter(|start| done != Some(*start))?;
        Some(head.eta(start).checked_sub(head.block_time * AHEAD).unwrap_or(head.seen))
    }

    fn topic_at(&self) -> Option<Instant> {
        (self.context.arity().is_none() && !self.is_at(Work::Topic)).then(|| self.topic_pause.end())
    }

    fn journal_at(&self) -> Option<Instant> {
        let trouble = self.unwritable.as_ref().filter(|_| !self.is_at(Work::Journal))?;
        Some(trouble.pause.end())
    }

    /// When something is due.
    pub(super) fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let deadline = self.deadline.filter(|deadline| *deadline > now);
        let due = [self.means_at(), self.consensus_at(), self.topic_at(), self.journal_at(), deadline];
        due.into_iter().flatten().fold(self.look_at().min(now + TICK), Instant::min)
    }
}

/// Whether the chain has an inference of this wallet for a window that is over; `None` where no node that has seen its end
/// can say. Asked again while none does: until it is known, nobody may be answering.
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
