//! When to try again after a death.

use std::time::Duration;

/// Delays between attempts: none after the first death, then doubling to a maximum. A process that
/// answered a call before it died has shown that it works, and starts over.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(30);

    /// The process did what it is for.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more death.
    pub fn after_death(&mut self) -> Duration {
        let doublings = self.failures.checked_sub(1);
        self.failures = self.failures.saturating_add(1);
        doublings.map_or(Duration::ZERO, |doublings| {
            Self::FIRST.saturating_mul(1 << doublings.min(10)).min(Self::LONGEST)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_replacement_is_immediate_and_a_crash_loop_slows_down() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..40).map(|_| backoff.after_death()).collect();
        assert_eq!(delays[0], Duration::ZERO);
        assert!(delays.is_sorted());
        assert_eq!(delays[39], Backoff::LONGEST);
        backoff.reset();
        assert_eq!(backoff.after_death(), Duration::ZERO);
    }
}
