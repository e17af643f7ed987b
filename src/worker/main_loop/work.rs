//! What takes time: when each of it is due, and what it does.

use std::sync::Arc;

use tokio::time::Instant;

use super::look::look;
use super::{Done, MainLoop, Standing, TICK, Task, Work};
use crate::worker::context::QUERY_LIMIT;
use crate::worker::means;
use crate::worker::registration;

/// Blocks before an opening at which it is asked for what a window needs.
const AHEAD: u32 = 2;
/// The same for a look at whether we may answer it: a registration takes a block, and a node may be a block late.
const REGISTER_AHEAD: u32 = 3;

impl MainLoop {
    /// Starts whatever is due.
    pub(super) fn start_work(&mut self) {
        let now = Instant::now();
        self.follow_upgrade();
        self.doubt_silence();
        if self.look_at() <= now {
            self.schedule.look_begun();
            let context = Arc::clone(&self.context);
            self.spawn(Work::Look, async move { Done::Looked(look(&context).await) });
        }
        if self.context.clock.is_in_doubt() && !self.is_at(Work::Heights) {
            let client = self.context.client().within(QUERY_LIMIT);
            self.spawn(Work::Heights, async move { Done::Heights(client.height().await) });
        }
        self.rank_endpoints(now);
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
        let is_known =
            self.unseen.is_some() || matches!(self.standing, Standing::Refused(..) | Standing::Blocked(_));
        if !is_known && !self.is_at(Work::Look) && self.context.client().pool().is_silent() {
            self.schedule.look_now();
        }
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

    pub(super) fn spawn(&mut self, work: Work, task: impl Future<Output = Done> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.works.insert(handle.id(), Task { work, handle });
    }

    pub(super) fn register(&mut self) {
        // A registration costs money: not for a model that was never loaded.
        let has_loaded = self.models.borrow().load_seconds.is_some();
        if self.is_at(Work::Register) || !has_loaded {
            return;
        }
        let context = Arc::clone(&self.context);
        self.spawn(Work::Register, async move { Done::Registered(registration::register(&context).await) });
    }

    fn look_at(&self) -> Instant {
        if self.is_at(Work::Look) {
            return Instant::now() + TICK;
        }
        let head = self.context.clock.head();
        let is_answering = self.rounds().next().is_some();
        let look = self.schedule.next_look(head, self.subscribed, is_answering);
        match self.standing {
            Standing::Refused(..) | Standing::Blocked(_) => {
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
    pub(super) fn ahead_of_opening(&self, done: Option<i64>) -> Option<Instant> {
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
        let due = [
            self.means_at(),
            self.consensus_at(),
            self.ranking_at(),
            self.topic_at(),
            self.journal_at(),
            deadline,
        ];
        due.into_iter().flatten().fold(self.look_at().min(now + TICK), Instant::min)
    }
}
