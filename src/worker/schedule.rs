//! Which windows are open, and when to look at the chain again.
//!
//! Pure: told of events, answers and the clock, it says what to do next. Looks are sparse far from a
//! window, dense close by, and never further apart than the polling interval. While events come in, the
//! look at an opening is only the net below them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Head;
use crate::chain::query::{Window, WindowStatus};

/// Finished nonces that are remembered. Events and looks may bring one up again for a window's length.
const REMEMBERED: usize = 256;
/// The shortest pause between two looks.
const MIN_PAUSE: Duration = Duration::from_millis(50);

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
    /// Taken up: running or finished.
    taken: BTreeSet<i64>,
    next_start: Option<i64>,
    epoch_length: Option<i64>,
    last_look: Option<Instant>,
}

impl Schedule {
    /// A schedule that has seen nothing. `polling_interval` is the longest pause between two looks;
    /// `epoch_length` is the topic's, in blocks.
    #[must_use]
    pub fn new(polling_interval: Duration, epoch_length: Option<i64>) -> Self {
        Self {
            polling_interval,
            unfinished: BTreeMap::new(),
            waiting: BTreeMap::new(),
            taken: BTreeSet::new(),
            next_start: None,
            epoch_length: epoch_length.filter(|length| *length > 0),
            last_look: None,
        }
    }

    /// The journal knows of a round that was begun and has no end.
    pub fn resume(&mut self, window: Window) {
        self.remember(window.nonce);
        self.unfinished.insert(window.nonce, window);
    }

    /// Takes the newest of those out.
    pub fn resumed(&mut self) -> Option<Window> {
        self.unfinished.pop_last().map(|(_, window)| window)
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
        self.last_look = Some(now);
        self.next_start = status.next_start;
        status.open.is_some_and(|window| self.opened(window))
    }

    /// A look failed: it counts as one, so that an unreachable chain is not asked in a tight loop.
    pub fn look_failed(&mut self, now: Instant) {
        self.last_look = Some(now);
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

    fn remember(&mut self, nonce: i64) {
        self.waiting.remove(&nonce);
        self.taken.insert(nonce);
        if self.taken.len() > REMEMBERED {
            self.taken.pop_first();
        }
    }

    /// The next look is due.
    pub const fn look_now(&mut self) {
        self.last_look = None;
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

    /// When to look at the chain next.
    #[must_use]
    pub fn next_look(&self, head: Head, subscribed: Subscribed) -> Instant {
        let Some(last) = self.last_look else { return head.seen };
        let latest = last + self.polling_interval;
        let Some(start) = self.next_start else { return latest };
        let dense = head.block_time / 2;
        let wanted = match subscribed {
            // The event of the opening comes with the block; a block later it is overdue.
            Subscribed::Yes => head.eta(start) + head.block_time * 2,
            Subscribed::No => head.eta(start) + dense / 2,
        };
        // Overdue: once every half block.
        wanted.max(last + dense.max(MIN_PAUSE)).min(latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::clock::Clock;

    const BLOCK: Duration = Duration::from_secs(1);

    fn head(height: i64, seen: Instant) -> Head {
        Clock::at(height, seen, BLOCK)
    }

    fn closed(next_start: Option<i64>) -> WindowStatus {
        WindowStatus {
            height: 1,
            open: None,
            next_start,
            is_registered: true,
            is_whitelisted: true,
            is_topic_active: next_start.is_some(),
        }
    }

    fn schedule() -> Schedule {
        Schedule::new(Duration::from_secs(120), Some(20))
    }

    /// The pause to the next look after one that was answered at block 100.
    fn pause(next_start: Option<i64>, height: i64, subscribed: Subscribed) -> Duration {
        let (mut schedule, now) = (schedule(), Instant::now());
        schedule.looked(&closed(next_start), now);
        schedule.next_look(head(height, now), subscribed) - now
    }

    #[test]
    fn looks_at_once_then_at_the_opening() {
        let now = Instant::now();
        assert!(schedule().next_look(head(100, now), Subscribed::No) <= now);
        let wait = pause(Some(120), 100, Subscribed::No);
        assert!(wait >= BLOCK * 20 && wait <= BLOCK * 21, "{wait:?}");
    }

    #[test]
    fn never_later_than_the_polling_interval() {
        assert_eq!(pause(Some(10_000), 100, Subscribed::Yes), Duration::from_secs(120));
        assert_eq!(pause(None, 100, Subscribed::Yes), Duration::from_secs(120));
    }

    #[test]
    fn an_overdue_opening_is_looked_for_every_half_block() {
        assert_eq!(pause(Some(120), 125, Subscribed::No), BLOCK / 2);
    }

    #[test]
    fn newest_first_and_each_once() {
        let mut schedule = schedule();
        assert!(schedule.opened(Window { nonce: 100, end: 120 }));
        assert!(schedule.opened(Window { nonce: 110, end: 130 }));
        assert!(!schedule.opened(Window { nonce: 110, end: 130 }));
        assert_eq!(schedule.take(111).map(|window| window.nonce), Some(110));
        assert!(!schedule.opened(Window { nonce: 110, end: 130 }), "it is being dealt with");
        assert_eq!(schedule.missed(120), vec![Window { nonce: 100, end: 120 }]);
        assert_eq!(schedule.take(121), None);
    }

    #[test]
    fn an_event_foretells_the_next_window() {
        let mut schedule = schedule();
        schedule.opened(Window { nonce: 100, end: 108 });
        assert_eq!(schedule.next_start(), Some(120));
    }

    #[test]
    fn what_an_earlier_life_began_is_taken_first_and_once() {
        let mut schedule = schedule();
        schedule.resume(Window { nonce: 100, end: 108 });
        assert!(!schedule.opened(Window { nonce: 100, end: 108 }));
        assert_eq!(schedule.resumed(), Some(Window { nonce: 100, end: 108 }));
        assert_eq!(schedule.resumed(), None);
    }
}
