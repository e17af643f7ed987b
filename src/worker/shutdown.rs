//! How much time an ending has.

use std::time::Duration;

use tokio::time::Instant;

/// What a transaction that is on its way is given.
const SETTLE: Duration = Duration::from_secs(6);
/// What model and journal are given then, and the heartbeat to say so.
const CLOSE: Duration = Duration::from_secs(1);
/// What the heartbeat is given for its last word, and then what waits to be told elsewhere.
const TELL: Duration = Duration::from_millis(500);

/// By when each part of an ending has to be over, whatever hangs: 8 s after the worker was asked to stop. Ten are
/// promised; the process gives the rest to the threads of its runtime and to its log.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// When it began.
    pub begun: Instant,
    /// What was sent is settled, or left to the next life.
    pub settled: Instant,
    /// Model and journal have ended.
    pub closed: Instant,
    /// The heartbeat has its last word.
    pub told: Instant,
    /// Alerts and metrics are where they belong.
    pub end: Instant,
}

impl Budget {
    /// Of an ending that begins now.
    #[must_use]
    pub fn begin() -> Self {
        let begun = Instant::now();
        let settled = begun + SETTLE;
        let closed = settled + CLOSE;
        let told = closed + TELL;
        Self { begun, settled, closed, told, end: told + TELL }
    }
}
