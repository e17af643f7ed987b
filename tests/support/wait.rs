//! Waiting for a state, however slow the machine: never for a moment.

use std::time::{Duration, Instant};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until `found` gives something. When it gives nothing within `limit` the test fails and shows what is `told`.
pub fn until<T>(
    what: &str,
    limit: Duration,
    told: impl Fn() -> String,
    mut found: impl FnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come in {limit:?}\n{}", told());
        std::thread::sleep(PAUSE);
    }
}
