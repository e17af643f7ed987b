//! What a reader of the heartbeat should know.

use std::time::Duration;

use super::{MainLoop, Standing};
use crate::chain::outcome;
use crate::health::Phase;
use crate::model::{FailureKind, ModelState};
use crate::worker::reporter::Reporter;
use crate::worker::round::Progress;

/// The chain is not fresh when its newest block is older than this many block times.
const STALE_BLOCKS: u32 = 10;
/// A chain with short blocks is not called stale before this.
const STALE_AFTER: Duration = Duration::from_secs(15);

impl MainLoop {
    /// What a reader of the heartbeat should know by now.
    pub(super) fn report(&mut self, reporter: &mut Reporter) {
        let head = self.context.clock.head();
        reporter.head(head);
        reporter.next_window(head, self.schedule.next_start());
        let model = self.models.borrow_and_update().clone();
        reporter.model(&model);
        reporter.chain(self.context.client().pool().report(), outcome::unknown_answers());
        let stale_after = (head.block_time * STALE_BLOCKS).max(STALE_AFTER);
        let why_not = match (&self.standing, &model.state) {
            // Not how long exactly: what changes all the time would fill the log.
            _ if head.age() > stale_after => {
                Some(format!("no new block for more than {} s", stale_after.as_secs()))
            }
            (Standing::Unknown, _) => Some("the worker is starting".to_owned()),
            (Standing::Blocked(why), _) => Some(why.clone()),
            (Standing::Unregistered, ModelState::Failed(failure)) => {
                Some(format!("not registered before the model can be loaded: {failure}"))
            }
            (Standing::Unregistered, _) => Some(format!(
                "registering {} in topic {}",
                self.context.address(),
                self.context.options.topic_id
            )),
            _ if self.standby => Some("another instance answers for this wallet".to_owned()),
            (Standing::Good, ModelState::Loading) => Some("the model is loading".to_owned()),
            (Standing::Good, ModelState::Failed(failure)) if failure.kind == FailureKind::Import => {
                Some(format!("the model cannot be loaded: {failure}"))
            }
            (Standing::Good, ModelState::Failed(failure)) => {
                Some(format!("the model process is replaced: {}: {failure}", failure.kind))
            }
            (Standing::Good, ModelState::Stopped) => Some("the model has stopped".to_owned()),
            (Standing::Good, ModelState::Ready | ModelState::Busy) => None,
        };
        let progress = self.progress.borrow_and_update().clone().filter(|_| self.round.is_some());
        let held = match &progress {
            Some(Progress::Held { why }) => Some(why.clone()),
            _ => None,
        };
        match (progress, &self.standing) {
            (Some(progress), _) => reporter.progress(progress),
            (None, Standing::Blocked(_)) => reporter.phase(Phase::Blocked, None),
            (None, _) if self.standby => reporter.phase(Phase::Standby, None),
            (None, Standing::Unknown | Standing::Unregistered) => reporter.phase(Phase::Starting, None),
            (None, Standing::Good) if model.state == ModelState::Loading => {
                reporter.phase(Phase::Loading, None)
            }
            (None, Standing::Good) => reporter.phase(Phase::Waiting, None),
        }
        if !self.is_topic_active && why_not.is_none() {
            return reporter.ready(Some(format!("topic {} is not active", self.context.options.topic_id)));
        }
        reporter.ready(why_not.or(held));
    }
}
