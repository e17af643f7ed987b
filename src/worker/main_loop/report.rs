//! What a reader of the heartbeat should know.

use std::time::Duration;

use super::{MainLoop, Standing};
use crate::chain::outcome;
use crate::health::Phase;
use crate::model::{Failure, FailureKind, ModelState};
use crate::worker::clock::Head;
use crate::worker::reporter::Reporter;
use crate::worker::round::Progress;
use crate::worker::schedule::Subscribed;

/// The chain is not fresh when its newest block is older than this many block times.
const STALE_BLOCKS: u32 = 10;
/// A chain with short blocks is not called stale before this.
const STALE_AFTER: Duration = Duration::from_secs(15);

/// Why the worker is not registered while its model cannot be loaded.
pub(super) fn awaits_model(failure: &Failure) -> String {
    format!("not registered before the model can be loaded: {failure}")
}

impl MainLoop {
    /// What a reader of the heartbeat should know by now.
    pub(super) fn report(&mut self, reporter: &mut Reporter) {
        let head = self.context.clock.head();
        reporter.head(head);
        reporter.next_window(head, self.schedule.next_start());
        let model = self.models.borrow_and_update().state.clone();
        // Held while a transaction is signed: then the next turn tells.
        if let Ok(sequence) = self.context.sequence.try_lock()
            && let Some(account) = sequence.next()
        {
            self.context.metrics.sequence(account.sequence);
        }
        reporter.chain(self.context.client().pool().report(), outcome::unknown_answers());
        let seen = reporter.seen();
        seen.chain = Some(self.chain_trouble(head).map_or(Ok(()), Err));
        seen.unwritable = self.unwritable.as_ref().map(|trouble| trouble.why.clone());
        seen.repeats = self.context.repeats().times();
        // Before the chain was asked there is nothing else to say than before.
        let why_not = match self.standing {
            Standing::Unknown => self.trouble(head).or_else(|| reporter.beat().why.clone()),
            _ => self.why_not(head, &model),
        };
        let answering = self.rounds().map(|window| window.nonce).max();
        reporter.answering(answering);
        let progress = self.progress.borrow_and_update().clone().filter(|_| answering.is_some());
        let held = match &progress {
            Some(Progress::Held { why }) => Some(why.clone()),
            _ => None,
        };
        match (progress, &self.standing) {
            _ if self.unwritable.is_some() => reporter.phase(Phase::Blocked, None),
            (Some(progress), _) => reporter.progress(progress),
            (None, Standing::Refused(..) | Standing::Blocked(_)) => reporter.phase(Phase::Blocked, None),
            (None, _) if self.standby => reporter.phase(Phase::Standby, None),
            (None, Standing::Unknown | Standing::Unregistered) => reporter.phase(Phase::Starting, None),
            (None, Standing::Good) if model == ModelState::Loading => reporter.phase(Phase::Loading, None),
            (None, Standing::Good) => reporter.phase(Phase::Waiting, None),
        }
        reporter.ready(why_not.or(held));
    }

    /// What stands between now and the answer to a window that opened now, the worst first.
    pub(super) fn why_not(&self, head: Head, model: &ModelState) -> Option<String> {
        let topic_id = self.context.options.topic_id;
        if let Some(why) = self.trouble(head) {
            return Some(why);
        }
        match (&self.standing, model) {
            (Standing::Unknown, _) => return Some("the chain was not asked yet".to_owned()),
            (Standing::Refused(why, _) | Standing::Blocked(why), _) => return Some(why.clone()),
            (Standing::Unregistered, ModelState::Failed(failure)) => {
                return Some(awaits_model(failure));
            }
            (Standing::Unregistered, _) => {
                return Some(format!("registering {} in topic {topic_id}", self.context.address()));
            }
            (Standing::Good, _) => {}
        }
        if self.standby {
            return Some("another instance answers for this wallet".to_owned());
        }
        if self.context.arity().is_none() {
            return Some(format!("topic {topic_id} cannot be read"));
        }
        match model {
            ModelState::Loading => return Some("the model is loading".to_owned()),
            ModelState::Failed(failure) if failure.kind == FailureKind::Import => {
                return Some(format!("the model cannot be loaded: {failure}"));
            }
            ModelState::Failed(failure) => {
                return Some(format!("the model process is replaced: {}: {failure}", failure.kind));
            }
            ModelState::Stopped => return Some("the model has stopped".to_owned()),
            ModelState::Ready | ModelState::Busy => {}
        }
        if let Some(why) = self.unaffordable() {
            return Some(why.to_string());
        }
        (!self.is_topic_active).then(|| format!("topic {topic_id} is not active"))
    }

    /// What is wrong with the disk or the chain.
    fn trouble(&self, head: Head) -> Option<String> {
        let unwritable = self.unwritable.as_ref().map(|trouble| trouble.why.clone());
        unwritable.or_else(|| self.chain_trouble(head))
    }

    /// Why the chain cannot be seen.
    fn chain_trouble(&self, head: Head) -> Option<String> {
        if let Some(why) = &self.unseen {
            return Some(format!("the chain cannot be asked: {why}"));
        }
        let stale_after = (head.block_time * STALE_BLOCKS).max(STALE_AFTER);
        // Not how long exactly: what changes all the time would fill the log.
        (self.age(head) > stale_after)
            .then(|| format!("no new block for more than {} s", stale_after.as_secs()))
    }

    /// How old the newest block is. Without events nobody tells of blocks between two looks: then it is as old
    /// as it was at the last.
    fn age(&self, head: Head) -> Duration {
        match self.subscribed {
            Subscribed::Yes => head.age(),
            Subscribed::No => self.schedule.last_look().saturating_duration_since(head.seen),
        }
    }
}
