//! Block heights as a clock: where the chain is, and when it will be at a height.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Measurements of which the median counts: one block that is late, or a chain that halts, changes nothing.
const MEASUREMENTS: usize = 7;
/// How many of them the chain's own history stands for.
const HISTORY: usize = 3;
/// The shortest block time that is believed: blocks that came in a bunch say nothing of the next.
const MIN_BLOCK_TIME: Duration = Duration::from_millis(100);
/// Until anything was measured.
const DEFAULT_BLOCK_TIME: Duration = Duration::from_secs(5);

/// The newest block that we know of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// Its height; 0 before the first answer.
    pub height: i64,
    /// When we learnt of it.
    pub seen: Instant,
    /// Time between two blocks, as seen from here.
    pub block_time: Duration,
}

impl Head {
    /// When block `height` is to be expected, as seen when the head came in.
    #[must_use]
    pub fn eta(&self, height: i64) -> Instant {
        let blocks = u32::try_from(height.saturating_sub(self.height)).unwrap_or(0);
        self.seen + self.block_time.saturating_mul(blocks)
    }

    /// How long it still takes to block `height`. A block that is late moves those behind it.
    #[must_use]
    pub fn time_to(&self, height: i64) -> Duration {
        let behind_next = u32::try_from(height.saturating_sub(self.height).saturating_sub(1)).unwrap_or(0);
        let left = self.eta(height).saturating_duration_since(Instant::now());
        left.max(self.block_time.saturating_mul(behind_next))
    }

    /// How long ago the block was seen.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.seen.elapsed()
    }
}

/// Follows the chain's head. Cheap to clone; all clones see the same head.
#[derive(Debug, Clone)]
pub struct Clock {
    head: watch::Sender<Head>,
    measured: Arc<Mutex<VecDeque<Duration>>>,
}

impl Clock {
    #[cfg(test)]
    pub(super) fn at(height: i64, seen: Instant, block_time: Duration) -> Head {
        Head { height, seen, block_time }
    }

    /// A clock that has seen no block. `block_time` is the mean of the chain's history, where a node
    /// told it.
    #[must_use]
    pub fn new(block_time: Option<Duration>) -> Self {
        let measured = block_time.map_or_else(VecDeque::new, |time| VecDeque::from([time; HISTORY]));
        let block_time = block_time.unwrap_or(DEFAULT_BLOCK_TIME).max(MIN_BLOCK_TIME);
        let head = watch::Sender::new(Head { height: 0, seen: Instant::now(), block_time });
        Self { head, measured: Arc::new(Mutex::new(measured)) }
    }

    /// The newest block.
    #[must_use]
    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// An answer or an event of `height` came in. A lower height than the known one changes nothing.
    pub fn observe(&self, height: u64) {
        self.observe_at(height, Instant::now());
    }

    fn observe_at(&self, height: u64, now: Instant) {
        let Ok(height) = i64::try_from(height) else { return };
        self.head.send_if_modified(|head| {
            let blocks = height - head.height;
            if blocks <= 0 {
                return false;
            }
            if head.height > 0
                && let Ok(blocks) = u32::try_from(blocks)
            {
                head.block_time = self.median_with((now - head.seen) / blocks).max(MIN_BLOCK_TIME);
            }
            (head.height, head.seen) = (height, now);
            true
        });
    }

    fn median_with(&self, newest: Duration) -> Duration {
        // Plain data: a panic while it was held leaves nothing half done.
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        measured.push_back(newest);
        if measured.len() > MEASUREMENTS {
            measured.pop_front();
        }
        let mut sorted: Vec<_> = measured.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(newest)
    }

    /// Waits for the next block, at most two block times: without events nobody tells of it.
    pub async fn next_block(&self) -> Head {
        let mut heads = self.head.subscribe();
        heads.mark_unchanged();
        let limit = self.head().block_time * 2;
        // Either way the caller looks again.
        let _ = tokio::time::timeout(limit, heads.changed()).await;
        self.head()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_block_times_and_foretells_heights() {
        let clock = Clock::new(Some(Duration::from_secs(1)));
        let start = Instant::now();
        for blocks in 0..50_u32 {
            clock.observe_at(10 + u64::from(blocks), start + Duration::from_secs(2) * blocks);
        }
        let head = clock.head();
        assert!((head.block_time.as_secs_f64() - 2.0).abs() < 0.01, "{:?}", head.block_time);
        let wait = head.eta(69) - head.seen;
        assert!((wait.as_secs_f64() - 20.0).abs() < 0.1, "{wait:?}");
        assert_eq!(head.eta(5), head.seen, "what is past is there");
    }

    #[test]
    fn the_first_measurement_is_worth_more_than_a_guess() {
        let clock = Clock::new(None);
        let start = Instant::now();
        clock.observe_at(10, start);
        clock.observe_at(11, start + Duration::from_secs(1));
        assert_eq!(clock.head().block_time, Duration::from_secs(1));
    }

    #[test]
    fn a_chain_that_halts_and_goes_on_has_the_same_pace() {
        for halt in [60, 3_600] {
            let clock = Clock::new(Some(Duration::from_secs(1)));
            let mut now = Instant::now();
            for height in 10..40 {
                now += Duration::from_secs(if height == 20 { halt } else { 1 });
                clock.observe_at(height, now);
                assert_eq!(clock.head().block_time, Duration::from_secs(1), "{height}");
            }
        }
    }

    #[test]
    fn a_chain_that_changes_its_pace_is_followed_within_some_blocks() {
        let clock = Clock::new(Some(Duration::from_millis(200)));
        let mut now = Instant::now();
        for height in 10..20 {
            now += Duration::from_secs(30);
            clock.observe_at(height, now);
        }
        assert_eq!(clock.head().block_time, Duration::from_secs(30));
    }

    #[test]
    fn a_late_block_moves_those_behind_it() {
        let clock = Clock::new(Some(Duration::from_secs(1)));
        clock.observe_at(10, Instant::now() - Duration::from_secs(60));
        let head = clock.head();
        assert_eq!(head.time_to(20), Duration::from_secs(9));
        assert_eq!(head.time_to(10), Duration::ZERO);
    }

    #[test]
    fn an_old_height_changes_nothing() {
        let clock = Clock::new(None);
        clock.observe(10);
        let before = clock.head();
        clock.observe_at(9, before.seen + Duration::from_secs(2));
        assert_eq!(clock.head(), before);
    }
}
