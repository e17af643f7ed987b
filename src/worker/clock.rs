//! Block heights as a clock: where the chain is, and when it will be at a height.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::journal::Timestamp;

/// Measurements of which the median counts: one block that is late, or a chain that halts, changes nothing.
const MEASUREMENTS: usize = 7;
/// How many of them the chain's own history stands for.
const HISTORY: usize = 3;
/// The shortest block time that is believed: blocks that came in a bunch say nothing of the next.
const MIN_BLOCK_TIME: Duration = Duration::from_millis(100);
/// Until anything was measured.
const DEFAULT_BLOCK_TIME: Duration = Duration::from_secs(5);

/// What a height may be ahead of what twice the pace of the chain explains before the other nodes are asked: the blocks
/// of so much time, and these few at least.
const SLACK_TIME: Duration = Duration::from_secs(5);
const SLACK_BLOCKS: u128 = 2;
/// Blocks that a height may be behind before they are.
const BEHIND: i64 = 100;
/// What a block may be later than the one that came in soonest after it was made, and still be of now: so many block
/// times, since its time is that of the votes for the block before it, and this much at least for the way.
const LATE_BLOCKS: u32 = 4;
const LATE_TIME: Duration = Duration::from_secs(2);
/// How long heights that others contradict are not heard again: a small part of any window of the public networks.
const DEAF: Duration = Duration::from_secs(2);

/// The newest block that we know of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head {
    /// Its height; 0 before the first answer.
    pub height: i64,
    /// When we learnt of it.
    pub seen: Instant,
    /// Time between two blocks, as seen from here.
    pub block_time: Duration,
    /// Whether that was measured, or told by a node. It is a guess before, and so is every forecast.
    pub is_paced: bool,
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

    /// When block `height` was made, as far as one can tell from here: a block that was not seen itself is
    /// as many block times older than the head.
    #[must_use]
    pub fn made(&self, height: i64) -> Instant {
        let blocks = u32::try_from(self.height.saturating_sub(height)).unwrap_or(0);
        self.seen.checked_sub(self.block_time.saturating_mul(blocks)).unwrap_or(self.seen)
    }

    /// Whether the chain may be at `height`, at up to twice its pace.
    fn explains(&self, height: i64, now: Instant) -> bool {
        let pace = (self.block_time / 2).as_millis().max(1);
        let elapsed = now.saturating_duration_since(self.seen).as_millis() / pace;
        let slack = (SLACK_TIME.as_millis() / pace).max(SLACK_BLOCKS);
        let most = i64::try_from(elapsed.saturating_add(slack)).unwrap_or(i64::MAX);
        (-BEHIND..=most).contains(&height.saturating_sub(self.height))
    }

    /// How long ago the block was seen.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.seen.elapsed()
    }
}

/// An instant of the process as a time of the clock on the wall.
#[must_use]
pub fn wall(at: Instant) -> Timestamp {
    let now = Instant::now();
    let wall = OffsetDateTime::now_utc();
    Timestamp::from(match at.checked_duration_since(now) {
        Some(ahead) => wall + ahead,
        None => wall - now.duration_since(at),
    })
}

/// Whether some height is far off what was to be expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// A node told of one: the others must be asked.
    Open,
    /// They contradicted it.
    Dismissed {
        until: Instant,
    },
}

/// Follows the chain's head. Cheap to clone; all clones see the same head.
///
/// A machine that slept finds the chain far ahead, and so says a node that is wrong about itself. Such a height is
/// no block that was seen before the others have been asked: see [`Clock::is_in_doubt`].
#[derive(Debug, Clone)]
pub struct Clock {
    head: watch::Sender<Head>,
    measured: Arc<Mutex<VecDeque<Duration>>>,
    doubt: Arc<Mutex<Doubt>>,
    /// When the most punctual block was made, by the chain's clock, and came in, by ours.
    punctual: Arc<Mutex<Option<(OffsetDateTime, Instant)>>>,
}

impl Clock {
    #[cfg(test)]
    pub(super) fn at(height: i64, seen: Instant, block_time: Duration) -> Head {
        Head { height, seen, block_time, is_paced: true }
    }

    /// A clock that has seen no block. `block_time` is the mean of the chain's history, where a node
    /// told it.
    #[must_use]
    pub fn new(block_time: Option<Duration>) -> Self {
        let measured = block_time.map_or_else(VecDeque::new, |time| VecDeque::from([time; HISTORY]));
        let is_paced = block_time.is_some();
        let block_time = block_time.unwrap_or(DEFAULT_BLOCK_TIME).max(MIN_BLOCK_TIME);
        let head = watch::Sender::new(Head { height: 0, seen: Instant::now(), block_time, is_paced });
        Self {
            head,
            measured: Arc::new(Mutex::new(measured)),
            doubt: Arc::new(Mutex::new(Doubt::None)),
            punctual: Arc::default(),
        }
    }

    /// The newest block.
    #[must_use]
    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// An answer or an event of `height` came in. A lower height than the known one changes nothing. False for
    /// one that is not believed, for now.
    pub fn observe(&self, height: u64) -> bool {
        self.observe_at(height, Instant::now())
    }

    fn observe_at(&self, height: u64, now: Instant) -> bool {
        let head = self.head();
        let height = i64::try_from(height).unwrap_or(i64::MAX);
        if head.height > 0 && !head.explains(height, now) {
            let mut doubt = self.doubt.lock().unwrap_or_else(PoisonError::into_inner);
            if !matches!(*doubt, Doubt::Dismissed { until } if until > now) {
                *doubt = Doubt::Open;
            }
            return height <= head.height;
        }
        self.head.send_if_modified(|head| {
            let blocks = height - head.height;
            if blocks <= 0 {
                return false;
            }
            if head.height > 0
                && let Ok(blocks) = u32::try_from(blocks)
            {
                head.block_time = self.median_with((now - head.seen) / blocks).max(MIN_BLOCK_TIME);
                head.is_paced = true;
            }
            (head.height, head.seen) = (height, now);
            true
        });
        true
    }

    /// Whether a block that comes in now was `made` well before, as all are that a node tells of while it catches up.
    /// Held against how soon others came in, and not against the clock on the wall, which may be wrong here. The first
    /// block after a halt may have the time of the last one before it: a block that is late is the measure of those
    /// that follow, so that one doubt does for all of them.
    #[must_use]
    pub fn is_late(&self, made: OffsetDateTime) -> bool {
        self.is_late_at(made, Instant::now())
    }

    fn is_late_at(&self, made: OffsetDateTime, now: Instant) -> bool {
        let mut punctual = self.punctual.lock().unwrap_or_else(PoisonError::into_inner);
        let late = punctual.map_or(time::Duration::ZERO, |(first, seen)| {
            now.saturating_duration_since(seen) - (made - first)
        });
        let is_late = late > (self.head().block_time * LATE_BLOCKS).max(LATE_TIME);
        if is_late || late <= time::Duration::ZERO {
            *punctual = Some((made, now));
        }
        is_late
    }

    /// Whether an answer of `height` would be believed, and be of the newest block.
    #[must_use]
    pub fn is_current(&self, height: u64) -> bool {
        let head = self.head();
        i64::try_from(height).is_ok_and(|height| {
            head.height == 0 || (height >= head.height && head.explains(height, Instant::now()))
        })
    }

    /// Whether a node that says that it is at `height` cannot follow the same chain, or stands still.
    #[must_use]
    pub fn is_contradicted_by(&self, height: u64) -> bool {
        let height = i64::try_from(height).unwrap_or(i64::MAX);
        !self.head().explains(height, Instant::now())
    }

    /// Whether a height is far off what was to be expected, or the head itself may be. All nodes should be asked.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner) == Doubt::Open
    }

    /// What the nodes say now. The known head stands as long as one in two agrees with it; otherwise theirs does:
    /// of two that contradict each other the lower one, which closes no window.
    pub fn judge(&self, heights: &[u64]) {
        self.judge_at(heights, Instant::now());
    }

    fn judge_at(&self, heights: &[u64], now: Instant) {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner) = Doubt::Dismissed { until: now + DEAF };
        let head = self.head();
        let is_explained =
            |height: &&u64| i64::try_from(**height).is_ok_and(|height| head.explains(height, now));
        let agreeing = heights.iter().filter(is_explained).count();
        let Some(height) = middle(heights).filter(|_| agreeing * 2 < heights.len()) else { return };
        let height = i64::try_from(height).unwrap_or(i64::MAX);
        tracing::warn!(known = head.height, height, "the chain is far from where it was to be expected");
        // Nobody may have been there to contradict it: whoever does is heard at once.
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner) = Doubt::None;
        let measured =
            u32::try_from(height - head.height).ok().map(|blocks| (now - head.seen) / blocks.max(1));
        // A machine that slept has seen no time go by.
        let measured = measured.filter(|time| *time >= MIN_BLOCK_TIME && height > head.height);
        self.head.send_modify(|head| {
            if let Some(time) = measured {
                head.block_time = self.median_with(time).max(MIN_BLOCK_TIME);
            }
            (head.height, head.seen) = (height, now);
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

/// What most nodes say, of two that contradict each other the lower one; `None` where nobody says anything.
#[must_use]
fn middle(heights: &[u64]) -> Option<u64> {
    let mut heights = heights.to_vec();
    heights.sort_unstable();
    heights.get(heights.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_foretold_before_the_pace_is_known() {
        let clock = Clock::new(None);
        clock.observe(1);
        assert!(!clock.head().is_paced);
        clock.observe(2);
        assert!(clock.head().is_paced && Clock::new(Some(Duration::from_secs(1))).head().is_paced);
    }

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
        let age = head.seen - head.made(54);
        assert!((age.as_secs_f64() - 10.0).abs() < 0.1, "{age:?}");
        assert_eq!(head.made(70), head.seen, "what is to come is not made earlier");
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

    /// A clock at 1000, and a second later.
    fn at_1000() -> (Clock, Instant) {
        let (clock, start) = (Clock::new(Some(Duration::from_secs(1))), Instant::now());
        clock.observe_at(1_000, start);
        (clock, start + Duration::from_secs(1))
    }

    #[test]
    fn a_height_that_one_of_two_nodes_claims_closes_no_window() {
        let (clock, now) = at_1000();
        assert!(!clock.observe_at(1_000_000_000, now));
        assert!(clock.is_in_doubt() && !clock.is_current(1_000_000_000));
        clock.judge_at(&[1_000_000_000, 1_001], now);
        assert!(!clock.observe_at(1_000_000_001, now) && !clock.is_in_doubt(), "not asked with every block");
        assert!(clock.observe_at(1_001, now));
        assert_eq!(clock.head().height, 1_001);
        assert!(!clock.observe_at(u64::MAX, now + DEAF * 2) && clock.is_in_doubt());
    }

    #[test]
    fn a_height_that_is_some_blocks_too_high_is_asked_about_where_blocks_are_slow() {
        for (block_time, most) in [(30, 2), (5, 2), (1, 10)] {
            let clock = Clock::new(Some(Duration::from_secs(block_time)));
            let now = Instant::now();
            clock.observe_at(1_000, now);
            assert!(!clock.observe_at(1_000 + most + 1, now) && clock.is_in_doubt(), "{block_time} s");
            assert!(clock.observe_at(1_000 + most, now), "{block_time} s");
        }
    }

    #[test]
    fn after_a_sleep_the_chain_is_far_ahead() {
        for heights in [&[9_000][..], &[9_000, 9_001], &[9_000, 1_000_000_000]] {
            let (clock, now) = at_1000();
            assert!(!clock.observe_at(9_001, now));
            clock.judge_at(heights, now);
            assert_eq!(clock.head().height, 9_000, "{heights:?}");
            assert_eq!(clock.head().block_time, Duration::from_secs(1), "the sleep is no pace");
            assert!(clock.observe_at(9_001, now));
        }
    }

    #[test]
    fn a_pace_that_only_the_other_nodes_explain_is_learnt() {
        let clock = Clock::new(Some(Duration::from_secs(10)));
        let mut now = Instant::now();
        clock.observe_at(1_000, now);
        for height in [1_020, 1_040, 1_060, 1_080] {
            now += Duration::from_secs(20);
            assert!(!clock.observe_at(height, now));
            clock.judge_at(&[height], now);
        }
        assert_eq!(clock.head().block_time, Duration::from_secs(1));
    }

    #[test]
    fn a_height_that_nobody_contradicted_is_taken_back_when_somebody_does() {
        let (clock, now) = at_1000();
        clock.observe_at(1_000_000, now);
        clock.judge_at(&[1_000_000], now);
        assert_eq!(clock.head().height, 1_000_000);
        assert!(clock.observe_at(1_011, now), "a node that is behind changes nothing by itself");
        assert!(clock.is_in_doubt());
        clock.judge_at(&[1_011], now);
        assert_eq!(clock.head().height, 1_011);
    }

    #[test]
    fn a_node_that_is_far_behind_does_not_take_the_clock_back() {
        let (clock, now) = at_1000();
        assert!(clock.observe_at(10, now));
        clock.judge_at(&[10, 1_001], now);
        clock.judge_at(&[], now);
        assert_eq!(clock.head().height, 1_000);
    }

    #[test]
    fn a_block_that_was_made_long_before_it_came_in_is_late() {
        let (clock, start) = at_1000();
        // Years off the time of the process.
        let epoch = OffsetDateTime::UNIX_EPOCH;
        let is_late = |made: i64, seen: u64| {
            clock.is_late_at(epoch + time::Duration::seconds(made), start + Duration::from_secs(seen))
        };
        assert!(!is_late(0, 0) && !is_late(1, 1) && !is_late(2, 6), "a slow way");
        assert!(!is_late(67, 67), "a halt");
        assert!(is_late(40, 100), "the past");
        assert!(!is_late(45, 101) && !is_late(102, 102), "it catches up");
        assert!(is_late(90, 105), "and begins anew");
        assert!(!is_late(1_000_000, 106), "a time that is wrong");
        assert!(is_late(107, 107) && !is_late(108, 108), "holds for no other block");
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
