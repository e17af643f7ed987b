//! Time that only goes forward, and the boot that it belongs to.

use std::fs;
use std::sync::OnceLock;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A moment that two processes on one machine can compare, whatever happens to the wall clock between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instant {
    /// Identity of the boot, from the kernel; empty where it does not say.
    pub boot_id: String,
    /// Seconds since that boot in which the machine did not sleep (`CLOCK_MONOTONIC`).
    pub seconds: f64,
}

impl Instant {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        // The same as long as this process lives.
        static BOOT_ID: OnceLock<String> = OnceLock::new();
        let boot_id = BOOT_ID.get_or_init(|| {
            let told = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            told.trim().to_owned()
        });
        // The call fails only for a clock that does not exist.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(std::time::Duration::from);
        Self { boot_id: boot_id.clone(), seconds: now.unwrap_or_default().as_secs_f64() }
    }

    /// Seconds from `earlier` to this; `None` when the machine was started anew between them.
    #[must_use]
    pub fn seconds_since(&self, earlier: &Self) -> Option<f64> {
        (self.boot_id == earlier.boot_id).then_some(self.seconds - earlier.seconds)
    }
}
