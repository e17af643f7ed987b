//! Which windows are open, and when to look at the chain again.
//!
//! Pure: told of events, answers and the clock, it says what to do next. While events come in, each
//! block that they tell of counts as a look as far as windows go: the look at an opening is only the net
//! below them, and a few more are for what no event tells. Without events looks are a small share of a window
//! apart, so that none can open and close between two of them, however wrong the pace is that is believed of the chain.
//! They are never further apart than the polling interval.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Head;
use crate::chain::query::{Window, WindowStatus};

/// Windows that are looked into when nothing was seen of them: those of a week, at an hour's pace.
const MAX_UNSEEN: i64 = 168;
/// Finished nonces that are remembered. Events and looks may bring one up again for a window's length.
const REMEMBERED: usize = 256;
/// Between two looks while events come in and the next opening is known: for what no event tells, as that the worker was
/// taken off a whitelist.
const SELDOM: Duration = Duration::from_secs(3_600);
/// The shortest pause between two looks.
const MIN_PAUSE: Duration = Duration::from_millis(50);
/// Pauses after a look that failed, doubling; half a block at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Looks in the length of a window without events: the chain may be some six times faster than it is believed to be.
const LOOKS: u32 = 8;
/// The pause after the first look without events. It doubles until it is what the pace of the chain allows: what a node
/// tells of that may be far off after a halt, and each look measures it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Blocks by which an event of an opening may be late before the chain is asked.
const LATE_BLOCKS: u32 = 2;

/// Whether events come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscribed {
    /// The websocket is connected and brings blocks.
    Yes,
    /// Only looks tell of a window.
    No,
}

/// Windows of one topic, as one worker sees them.
#[derive(Debug)]
pub struct Schedule {
    polling_interval: Duration,
    /// Begun by an earlier life of this worker.
    unfinished: BTreeMap<i64, Window>,
    /// Open and not taken up yet, by nonce.
    waiting: BTreeMap<i64, Window>,
    /// Foretold and over, and nobody told of them.
    unseen: Vec<Window>,
    /// Taken up: running or finished.
    taken: BTreeSet<i64>,
    next_start: Option<i64>,
    epoch_length: Option<i64>,
    /// Blocks in which a window can be answered.
    window_length: Option<u32>,
    first_look: Option<Instant>,
    last_look: Option<Instant>,
    /// Another look is wanted, though one is under way: it may have read the chain before what it is wanted for.
    is_wanted_again: bool,
    /// Looks in a row that failed.
    failures: u32,
    /// Looks in a row that told nothing new: the chain halts, or an opening is overdue.
    in_vain: u32,
    last_height: i64,
}

impl Schedule {
    /// A schedule that has seen nothing. `polling_interval` is the longest pause between two looks, or between a look and
    /// an event.
    #[must_use]
    pub const fn new(polling_interval: Duration) -> Self {
        Self {
            polling_interval,
            unfinished: BTreeMap::new(),
            waiting: BTreeMap::new(),
            unseen: Vec::new(),
            taken: BTreeSet::new(),
            next_start: None,
            epoch_length: None,
            window_length: None,
            first_look: None,
            last_look: None,
            is_wanted_again: false,
            failures: 0,
            in_vain: 0,
            last_height: 0,
        }
    }

    /// The topic's lengths, in blocks.
    pub fn set_lengths(&mut self, epoch: i64, window: i64) {
        self.epoch_length = Some(epoch).filter(|length| *length > 0);
        self.window_length = u32::try_from(window).ok().filter(|length| *length > 0);
    }

    /// Blocks from one opening to the next, where the topic said.
    pub const fn epoch_length(&self) -> Option<i64> {
        self.epoch_length
    }

    /// The journal knows of a round that was begun and has no end.
    pub fn resume(&mut self, window: Window) {
        self.remember(window.nonce);
        self.unfinished.insert(window.nonce, window);
    }

    /// Takes the newest of those out that can be gone on with at `height`. One that is over needs no free model, and
    /// should not wait for one: what it has sent may hold back the next transaction.
    pub fn resumed(&mut self, height: i64, is_model_free: bool) -> Option<Window> {
        let ready = |window: &&Window| is_model_free || window.end <= height;
        let nonce = self.unfinished.values().rev().find(ready)?.nonce;
        self.unfinished.remove(&nonce)
    }

    /// A window is open. Returns whether it is news.
    pub fn opened(&mut self, window: Window) -> bool {
        if let Some(epoch) = self.epoch_length {
            let next = window.nonce.saturating_add(epoch);
            self.next_start = Some(self.next_start.map_or(next, |known| known.max(next)));
        }
        !self.taken.contains(&window.nonce) && self.waiting.insert(window.nonce, window).is_none()
    }

    /// The chain answered a look just `now`. Returns whether it told of a window that is news.
    pub fn looked(&mut self, status: &WindowStatus, now: Instant) -> bool {
        self.first_look.get_or_insert(now);
        self.look_ended(now);
        self.failures = 0;
        let height = i64::try_from(status.height).unwrap_or(i64::MAX);
        let is_halted = height <= self.last_height;
        let is_overdue = status.next_start.is_some_and(|start| start <= height);
        self.in_vain = if is_halted || is_overdue { self.in_vain.saturating_add(1) } else { 0 };
        self.last_height = height;
        self.pass(height);
        self.next_start = status.next_start;
        let is_news = status.open.is_some_and(|window| self.opened(window));
        if !status.is_topic_active {
            // What is open yet foretells none.
            self.next_start = None;
        }
        is_news
    }

    /// The chain is at `height`: windows that should have opened, and are over, went by unseen. Whether they did
    /// open only the chain can say.
    fn pass(&mut self, height: i64) {
        let (Some(start), Some(epoch), Some(length)) =
            (self.next_start, self.epoch_length, self.window_length.map(i64::from))
        else {
            return;
        };
        let epochs = (height - length - start).div_euclid(epoch);
        for epochs in (epochs - MAX_UNSEEN + 1).max(0)..=epochs {
            let nonce = start + epochs * epoch;
            if !self.taken.contains(&nonce) && !self.waiting.contains_key(&nonce) {
                self.remember(nonce);
                self.unseen.push(Window { nonce, end: nonce + length });
            }
        }
    }

    /// Takes out the windows that went by unseen, if they opened at all.
    pub fn unseen(&mut self) -> Vec<Window> {
        std::mem::take(&mut self.unseen)
    }

    /// A look failed: it counts as one, so that an unreachable chain is not asked in a tight loop.
    pub fn look_failed(&mut self, now: Instant) {
        self.look_ended(now);
        self.failures = self.failures.saturating_add(1);
    }

    /// Takes the newest window that can still be answered at `height`, and the missed ones out.
    pub fn take(&mut self, height: i64) -> Option<Window> {
        let (&nonce, &window) = self.waiting.iter().rev().find(|(_, window)| window.end > height)?;
        self.waiting.remove(&nonce);
        self.remember(nonce);
        Some(window)
    }

    /// Takes out the windows that can no longer be answered at `height`.
    pub fn missed(&mut self, height: i64) -> Vec<Window> {
        let missed: Vec<Window> =
            self.waiting.values().filter(|window| window.end <= height).copied().collect();
        for window in &missed {
            self.waiting.remove(&window.nonce);
            self.remember(window.nonce);
        }
        missed
    }

    /// When to look again at whether a window may be answered that is open, by the pace of the chain: once a quarter
    /// of what was left of it is gone. `None` where none waits.
    #[must_use]
    pub fn next_look_at_open(&self, head: Head) -> Option<Instant> {
        let end = self.waiting.values().map(|window| window.end).filter(|end| *end > head.height).max()?;
        let Some(last) = self.last_look else { return Some(head.seen) };
        let quarter = head.eta(end).saturating_duration_since(last) / 4;
        Some(last + quarter.max((head.block_time / 2).max(MIN_PAUSE)))
    }

    /// When to look again at whether the next window may be answered, so many blocks before it opens: what was
    /// missing then can still be brought about. `None` where no opening is known, or that was done.
    #[must_use]
    pub fn next_look_ahead(&self, head: Head, blocks: u32) -> Option<Instant> {
        let start = self.next_start.filter(|start| *start > head.height)?;
        let at = head.eta(start).checked_sub(head.block_time * blocks)?;
        self.last_look.is_none_or(|last| last < at).then_some(at)
    }

    fn remember(&mut self, nonce: i64) {
        self.waiting.remove(&nonce);
        self.taken.insert(nonce);
        if self.taken.len() > REMEMBERED {
            self.taken.pop_first();
        }
    }

    /// A look begins.
    pub const fn look_begun(&mut self) {
        self.is_wanted_again = false;
    }

    fn look_ended(&mut self, now: Instant) {
        self.last_look = Some(now).filter(|_| !self.is_wanted_again);
    }

    /// The next look is due, also where one is under way.
    pub const fn look_now(&mut self) {
        self.last_look = None;
        self.is_wanted_again = true;
    }

    /// When the chain was last looked at; now when it never was.
    #[must_use]
    pub fn last_look(&self) -> Instant {
        self.last_look.unwrap_or_else(Instant::now)
    }

    /// First block of the next window, as far as it is known.
    #[must_use]
    pub const fn next_start(&self) -> Option<i64> {
        self.next_start
    }

    /// When to look at the chain next. `is_answering`: a window is being answered.
    #[must_use]
    pub fn next_look(&self, head: Head, subscribed: Subscribed, is_answering: bool) -> Instant {
        let Some(last) = self.last_look else { return head.seen };
        let latest = last + self.polling_interval;
        let dense = (head.block_time / 2).max(MIN_PAUSE);
        if self.failures > 0 {
            // A window is answered yet by whoever finds out that a node is back two blocks before its end.
            let pause = RETRY.0 * 2_u32.saturating_pow(self.failures - 1);
            return (last + pause.min(RETRY.1).min(dense)).min(latest);
        }
        let window = head.block_time * self.window_length.unwrap_or(LATE_BLOCKS * 4);
        // Overdue, as when the chain halts or skips a window: with growing pauses.
        let overdue = last + (dense * 2_u32.saturating_pow(self.in_vain)).min(window / 4).max(dense);
        match (subscribed, self.next_start) {
            (Subscribed::No, start) => {
                let known_for = self.first_look.map_or(Duration::ZERO, |first| last - first);
                let share = (window / LOOKS).max(dense).min(known_for.max(FIRST_PAUSE));
                let wanted = match start {
                    // Only looks tell how much of the window is left.
                    _ if is_answering => last + head.block_time,
                    Some(start) => (head.when(start) + head.block_time / 4).max(overdue),
                    None => latest,
                };
                wanted.min(last + share).min(latest)
            }
            (Subscribed::Yes, None) => latest,
            // The event of the opening comes with the block; a little later it is overdue.
            (Subscribed::Yes, Some(start)) => {
                let late = (window / 4).min(head.block_time * LATE_BLOCKS);
                let latest = latest
                    .max(head.seen + self.polling_interval)
                    .min(last + SELDOM.max(self.polling_interval));
                // From the opening on, and not from the newest block: each that comes would put it off.
                (head.when(start) + late).max(overdue).min(latest)
            }
        }
    }
}

#[cfg(test)]
mod tests;
