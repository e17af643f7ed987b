//! What `render` and `service` make, in use: systemd, supervisord, cron and Docker Compose run a real worker on a real
//! devnet, each on a machine of its own. Needs root and Docker: `cargo test --test services -- --ignored`.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers fail and speak as tests do

mod compose;
mod cron;
#[path = "../support/engine.rs"]
mod engine;
mod machine;
mod supervisord;
#[path = "../support/bench.rs"]
mod support;
mod systemd;

use engine::until;
use support::wait;
