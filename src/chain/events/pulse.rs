//! Whether a connection lives: what comes too seldom, and what comes too often.

use std::time::Duration;

use tokio::time::Instant;

/// Until two blocks were seen.
const FIRST_SILENCE: Duration = Duration::from_secs(20);
/// Bounds of the silence that is borne, whatever the block time.
const SILENCE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(120));
/// Silence in block times.
const SILENT_BLOCKS: u32 = 6;
/// Weight of the newest block time is one in this many.
const SMOOTHING: u32 = 8;
/// Frames that may come at once: a node that catches up tells of all that it missed.
const BURST: f64 = 4096.0;
/// Frames a second that may go on coming. A worker's own are a few for each block.
const FRAMES_PER_SECOND: f64 = 256.0;

/// Follows the blocks and frames of one connection after the other.
#[derive(Debug)]
pub(super) struct Pulse {
    /// The last block, or the start of the connection.
    last_block: Instant,
    has_seen_block: bool,
    /// Mean time between blocks; kept from connection to connection.
    interval: Option<Duration>,
    /// Frames that may still come.
    budget: f64,
    counted: Instant,
}

impl Default for Pulse {
    fn default() -> Self {
        let now = Instant::now();
        Self { last_block: now, has_seen_block: false, interval: None, budget: BURST, counted: now }
    }
}

impl Pulse {
    /// A connection begins.
    pub fn starts(&mut self) {
        *self = Self { interval: self.interval, ..Self::default() };
    }

    /// A block came.
    pub fn block(&mut self, now: Instant) {
        if self.has_seen_block {
            let interval = now - self.last_block;
            let mean = self.interval.map_or(interval, |mean| (mean * (SMOOTHING - 1) + interval) / SMOOTHING);
            self.interval = Some(mean);
        }
        (self.last_block, self.has_seen_block) = (now, true);
    }

    /// When the silence is no longer borne.
    pub fn silent_at(&self) -> Instant {
        let silence = self
            .interval
            .map_or(FIRST_SILENCE, |interval| (interval * SILENT_BLOCKS).clamp(SILENCE.0, SILENCE.1));
        self.last_block + silence
    }

    /// How long there was no block.
    pub fn silence(&self) -> Duration {
        self.last_block.elapsed()
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

    #[test]
    fn silence_is_measured_in_block_times_and_remembered() {
        let mut pulse = Pulse::default();
        let start = pulse.last_block;
        assert_eq!(pulse.silent_at() - start, FIRST_SILENCE);
        for block in 1..20 {
            pulse.block(start + Duration::from_secs(2) * block);
        }
        assert_eq!(pulse.silent_at() - pulse.last_block, Duration::from_secs(12));
        pulse.starts();
        assert_eq!(pulse.silent_at() - pulse.last_block, Duration::from_secs(12));
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
