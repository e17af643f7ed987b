//! How much may be told of what a model prints.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes that may be told at once: the summary of a training, say.
const BURST: u64 = 512 * 1024;
/// Bytes that may be told each second in the long run: below 3 GB a day.
const RATE: u64 = 32 * 1024;
/// What a line costs beside its text: time, nonce and the names of our own log.
const LINE: u64 = 256;

/// A token bucket of bytes. A line is told whole or not at all, so it may be overdrawn by one.
#[derive(Debug)]
pub struct Budget {
    left: i64,
    refilled: Instant,
}

impl Budget {
    /// A full one.
    pub const fn new(now: Instant) -> Self {
        Self { left: BURST.cast_signed(), refilled: now }
    }

    /// Adds what the time that has passed is worth.
    pub fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled).min(Duration::from_secs(BURST));
        let earned = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).saturating_mul(RATE) / 1000;
        // What is less than a byte stays with the clock.
        if earned > 0 {
            self.left = self.left.saturating_add_unsigned(earned).min(BURST.cast_signed());
            self.refilled = now;
        }
    }

    /// Whether the next line has to be left out.
    pub const fn is_spent(&self) -> bool {
        self.left <= 0
    }

    /// Pays for a line of so many bytes.
    pub fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub_unsigned(bytes as u64 + LINE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_and_never_more_than_a_burst() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let told = |budget: &mut Budget, now: Instant| {
            budget.refill(now);
            std::iter::from_fn(|| (!budget.is_spent()).then(|| budget.spend(256))).count() as u64 * 512
        };
        assert_eq!(told(&mut budget, start), BURST);
        assert_eq!(told(&mut budget, start), 0);
        assert_eq!(told(&mut budget, start + Duration::from_secs(1)), RATE);
        // Looking often earns nothing.
        let often: u64 =
            (0..2000).map(|step| told(&mut budget, start + Duration::from_millis(1000 + step))).sum();
        assert!(often.abs_diff(2 * RATE) < RATE / 10, "{often}");
        assert_eq!(told(&mut budget, start + Duration::from_secs(1_000_000)), BURST);
    }
}
