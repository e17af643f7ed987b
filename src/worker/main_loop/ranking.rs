//! When the endpoints are measured, so that their order is at hand before it is needed.

use std::time::Duration;

use tokio::time::Instant;

use super::{Done, MainLoop, Work};
use crate::worker::schedule::Subscribed;

/// Pauses between two rankings: while anything is out of order, and while all is well. Then it is for those who watch.
const PAUSE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));
/// Blocks after a ranking in which an ordinary window is answered.
const ANSWER_BLOCKS: u32 = 6;
/// One ranking.
const LIMIT: Duration = Duration::from_secs(5);

impl MainLoop {
    /// Ranks them when that is due.
    pub(super) fn rank_endpoints(&mut self, now: Instant) {
        if self.ranking_at().is_none_or(|at| at > now) {
            return;
        }
        self.ranked_at = now;
        if self.ahead_of_opening(self.ranked_for).is_some_and(|at| at <= now) {
            self.ranked_for = self.schedule.next_start();
        }
        let client = self.context.client();
        self.spawn(Work::Ranking, async move { Done::Ranked(client.pool().refresh(LIMIT).await) });
    }

    /// Shortly before each opening, and seldom beside that as long as blocks come in, an opening is foretold and every
    /// endpoint is fresh.
    pub(super) fn ranking_at(&self) -> Option<Instant> {
        let client = self.context.client();
        if client.pool().is_single() || self.is_at(Work::Ranking) {
            return None;
        }
        let head = self.context.clock.head();
        let is_foretold = self.schedule.next_start().is_some_and(|start| start > head.height);
        let is_well = self.subscribed == Subscribed::Yes && is_foretold && client.pool().is_all_fresh();
        let pause = match (is_well, self.rounds().next()) {
            (false, _) => PAUSE.0,
            (true, Some(_)) => (head.block_time * ANSWER_BLOCKS).clamp(PAUSE.0, PAUSE.1),
            (true, None) => PAUSE.1,
        };
        let at = self.ranked_at + pause;
        Some(self.ahead_of_opening(self.ranked_for).map_or(at, |ahead| ahead.min(at)))
    }
}
