//! Whether a connection lives: what comes too seldom, and what comes too often.
//!
//! Where blocks are far apart a connection may bring one only before its silence is no longer borne, and where the
//! chain halts none. So blocks are measured from connection to connection, and each silence lets the next be longer.

use std::time::Duration;

use tokio::time::Instant;

/// Until two blocks were seen.
const FIRST_SILENCE: Duration = Duration::from_secs(20);
/// Bounds of the silence that is borne, whatever the block time.
const SILENCE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(120));
/// Silence in block times.
const SILENT_BLOCKS: u32 = 6;
/// Time between blocks that makes the silence as long as it may be.
const LONGEST: Duration = Duration::from_secs(20);
/// Doublings of the silence that is borne; [`SILENCE`] bounds it in any case.
const MOST_DOUBLINGS: u32 = 6;
/// Weight of the newest block time is one in this many.
const SMOOTHING: u32 = 8;
/// Frames that may come at once: a node that catches up tells of all that it missed.
const BURST: f64 = 4096.0;
/// Frames a second that may go on coming. A worker's own are a few for each block.
const FRAMES_PER_SECOND: f64 = 256.0;

/// Follows the blocks and frames of one connection after the other.
#[derive(Debug)]
pub(super) struct Pulse {
    /// Since the last block of this connection, or since its start.
    silent_since: Instant,
    /// Height and time of the newest block of any connection.
    newest: Option<(u64, Instant)>,
    /// Mean time between blocks; kept from connection to connection.
    interval: Option<Duration>,
    /// Silences that were not borne, since the newest block.
    silences: u32,
    /// Frames that may still come.
    budget: f64,
    counted: Instant,
}

impl Default for Pulse {
    fn default() -> Self {
        let now = Instant::now();
        Self { silent_since: now, newest: None, interval: None, silences: 0, budget: BURST, counted: now }
    }
}

impl Pulse {
    /// A connection begins.
    pub fn starts(&mut self) {
        let Self { newest, interval, silences, .. } = *self;
        *self = Self { newest, interval, silences, ..Self::default() };
    }

    /// A block came.
    pub fn block(&mut self, height: u64, now: Instant) {
        (self.silent_since, self.silences) = (now, 0);
        if let Some((newest, since)) = self.newest {
            // A node that is behind tells of blocks that we know.
            let Some(blocks) = height.checked_sub(newest).filter(|blocks| *blocks > 0) else { return };
            // Beyond that it makes no difference, and a chain that has halted is soon forgotten.
            let interval = ((now - since) / u32::try_from(blocks).unwrap_or(u32::MAX)).min(LONGEST);
            let mean = self.interval.map_or(interval, |mean| (mean * (SMOOTHING - 1) + interval) / SMOOTHING);
            self.interval = Some(mean);
        }
        self.newest = Some((height, now));
    }

    /// When the silence is no longer borne.
    pub fn silent_at(&self) -> Instant {
        let silence = self.interval.map_or(FIRST_SILENCE, |interval| interval * SILENT_BLOCKS).max(SILENCE.0);
        self.silent_since + (silence * (1 << self.silences.min(MOST_DOUBLINGS))).min(SILENCE.1)
    }

    /// The silence is no longer borne: the next one may be longer. Gives how long it was.
    pub fn give_up(&mut self) -> Duration {
        self.silences += 1;
        self.silent_since.elapsed()
    }

    /// A frame came. Whether that is still a number to be expected.
    pub fn frame(&mut self, now: Instant) -> bool {
        self.budget += (now - self.counted).as_secs_f64() * FRAMES_PER_SECOND;
        self.budget = self.budget.min(BURST) - 1.0;
        self.counted = now;
        self.budget > 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(pulse: &Pulse) -> Duration {
        pulse.silent_at() - pulse.silent_since
    }

    #[test]
    fn silence_is_measured_in_block_times_and_remembered() {
        let mut pulse = Pulse::default();
        let start = pulse.silent_since;
        assert_eq!(silence(&pulse), FIRST_SILENCE);
        for block in 1..20 {
            pulse.block(100 + u64::from(block), start + Duration::from_secs(2) * block);
        }
        assert_eq!(silence(&pulse), Duration::from_secs(12));
        pulse.starts();
        assert_eq!(silence(&pulse), Duration::from_secs(12));
        pulse.block(3, start + Duration::from_secs(3_600));
        assert_eq!(silence(&pulse), Duration::from_secs(12), "an old block says nothing of the pace");
    }

    #[test]
    fn where_no_connection_brings_two_blocks_the_pace_is_learnt_all_the_same() {
        let mut pulse = Pulse::default();
        let start = pulse.silent_since;
        for block in 1..4 {
            pulse.starts();
            pulse.block(u64::from(block), start + Duration::from_secs(30) * block);
        }
        assert_eq!(silence(&pulse), SILENCE.1);
    }

    #[test]
    fn a_chain_that_halts_is_reconnected_to_ever_more_seldom_and_forgiven_with_the_next_block() {
        let mut pulse = Pulse::default();
        let start = pulse.silent_since;
        for block in 1..20 {
            pulse.block(u64::from(block), start + Duration::from_millis(200) * block);
        }
        let mut borne = vec![];
        for _ in 0..8 {
            borne.push(silence(&pulse).as_secs());
            pulse.give_up();
            pulse.starts();
        }
        assert_eq!(borne, [3, 6, 12, 24, 48, 96, 120, 120]);
        pulse.block(20, start + Duration::from_secs(3_600));
        assert!(silence(&pulse) < Duration::from_secs(20), "{:?}", silence(&pulse));
    }

    #[test]
    fn a_flood_is_told_from_a_node_that_catches_up() {
        let mut pulse = Pulse::default();
        let start = pulse.counted;
        let at = |pulse: &mut Pulse, frame: u32, each: Duration| pulse.frame(start + each * frame);
        assert!((0..10_000).all(|frame| at(&mut pulse, frame, Duration::from_millis(10))));
        pulse.starts();
        let borne = (0..10_000).take_while(|frame| at(&mut pulse, *frame, Duration::from_micros(1))).count();
        assert!((4_000..4_200).contains(&borne), "{borne}");
    }
}
