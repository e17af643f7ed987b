//! What `render` and `service` make, in use: systemd, supervisord, cron and Docker Compose run a real worker on a real
//! devnet, each on a machine of its own. Needs root and Docker: `cargo test --test services -- --ignored`.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers fail and speak as tests do

mod compose;
mod cron;
mod engine;
mod machine;
mod supervisord;
#[path = "../support/bench.rs"]
mod support;
mod systemd;

use std::time::{Duration, Instant};

/// cron needs two minutes for two runs.
const PATIENCE: Duration = Duration::from_secs(240);

/// Waits until `found` gives something.
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}
