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

    /// When block `height` was made, or is to be expected.
    #[must_use]
    pub fn when(&self, height: i64) -> Instant {
        if height > self.height { self.eta(height) } else { self.made(height) }
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
                head.block_time = self.median_with((now - head.seen) / blocks);
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
        let blocks = u32::try_from(height - head.height).ok().filter(|blocks| *blocks > 0);
        let measured = blocks.map(|blocks| (now - head.seen) / blocks);
        // A machine that slept has seen no time go by.
        let measured = measured.filter(|time| *time >= MIN_BLOCK_TIME);
        self.head.send_modify(|head| {
            if let Some(time) = measured {
                head.block_time = self.median_with(time);
            }
            (head.height, head.seen) = (height, now);
        });
    }

    /// The median of the last measurements, of which this one is the newest.
    fn median_with(&self, newest: Duration) -> Duration {
        // Plain data: a panic while it was held leaves nothing half done.
        let mut measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        measured.push_back(newest);
        if measured.len() > MEASUREMENTS {
            measured.pop_front();
        }
        let mut sorted: Vec<_> = measured.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(newest).max(MIN_BLOCK_TIME)
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
mod tests;
