//! Pauses that grow.

use std::time::Duration;

use tokio::time::Instant;

/// When something is tried again: after the first pause, then after pauses that double up to the last.
#[derive(Debug)]
pub struct Pause {
    bounds: (Duration, Duration),
    length: Duration,
    since: Instant,
}

impl Pause {
    /// A first pause that begins now.
    pub fn new(bounds: (Duration, Duration)) -> Self {
        Self { bounds, length: bounds.0, since: Instant::now() }
    }

    /// When it is over.
    pub fn end(&self) -> Instant {
        self.since + self.length
    }

    /// How long it is.
    pub const fn length(&self) -> Duration {
        self.length
    }

    /// It was in vain: a longer one begins.
    pub fn again(&mut self) {
        self.length = (self.length * 2).clamp(self.bounds.0, self.bounds.1);
        self.since = Instant::now();
    }

    /// It was not: the next is the first.
    pub fn reset(&mut self) {
        *self = Self::new(self.bounds);
    }

    /// It is over now.
    pub fn expire(&mut self) {
        self.length = Duration::ZERO;
    }

    /// At least this long, as somebody else asked for it.
    pub fn at_least(&mut self, length: Duration) {
        self.length = self.length.max(length.min(self.bounds.1));
    }
}
