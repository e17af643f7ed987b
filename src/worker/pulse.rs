//! The line of the log that says each hour how it goes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{RoundRow, RoundState, Timestamp};

/// How often it is said.
const HOUR: Duration = Duration::from_secs(3600);

/// The same, or as many seconds as a test names: no test waits for an hour.
#[cfg(debug_assertions)]
fn period() -> Duration {
    let seconds = std::env::var("BOOTSTRAP_PULSE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    seconds.map_or(HOUR, Duration::from_secs)
}

/// A release build knows no other.
#[cfg(not(debug_assertions))]
const fn period() -> Duration {
    HOUR
}

/// What is said each hour.
#[derive(Debug)]
pub struct Pulse {
    start: Instant,
    period: Duration,
    due: Instant,
    /// Rounds since the start, by final state.
    counts: BTreeMap<RoundState, u64>,
    /// When a round was last admitted, also before this start.
    pub last_success: Option<Timestamp>,
    /// uallo, when last asked for.
    pub balance: Option<u128>,
}

impl Pulse {
    /// Of a worker that starts now.
    pub fn new() -> Self {
        let (start, period) = (Instant::now(), period());
        Self {
            start,
            period,
            due: start + period,
            counts: BTreeMap::new(),
            last_success: None,
            balance: None,
        }
    }

    /// A round has ended.
    pub fn count(&mut self, row: &RoundRow) {
        *self.counts.entry(row.state).or_default() += 1;
        if row.state == RoundState::Admitted {
            self.last_success = row.finished_at;
        }
    }

    /// Says it when an hour is over.
    pub fn beat(&mut self) {
        let now = Instant::now();
        if now < self.due {
            return;
        }
        self.due = now + self.period;
        let uptime_seconds = now.duration_since(self.start).as_secs();
        let last_success = self.last_success.map(|at| at.to_string());
        let balance = self.balance.map(|uallo| uallo.to_string());
        tracing::info!(uptime_seconds, last_success, balance, "HEARTBEAT {}", self.line(uptime_seconds));
    }

    fn line(&self, uptime_seconds: u64) -> String {
        let counts: Vec<_> = self.counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        let last_success = self.last_success.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let balance = self.balance.map_or_else(|| "unknown".to_owned(), |uallo| format!("{uallo} uallo"));
        format!(
            "uptime {} h {} min, rounds: {counts}, last success: {last_success}, balance: {balance}",
            uptime_seconds / 3600,
            uptime_seconds / 60 % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_holds_uptime_counts_last_success_and_balance() {
        let mut pulse = Pulse::new();
        assert_eq!(pulse.line(59), "uptime 0 h 0 min, rounds: none, last success: never, balance: unknown");
        pulse.counts = BTreeMap::from([(RoundState::Admitted, 3), (RoundState::Expired, 1)]);
        pulse.last_success = Some(Timestamp::parse("2026-11-21T11:22:14.123Z").unwrap());
        pulse.balance = Some(7);
        assert_eq!(
            pulse.line(7_260),
            "uptime 2 h 1 min, rounds: 3 admitted, 1 expired, last success: 2026-11-21T11:22:14.123Z, balance: 7 uallo"
        );
    }
}
