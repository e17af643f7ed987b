//! Heartbeat, probe, status, metrics: what the worker says about itself.
//!
//! | file | noun |
//! |---|---|
//! | `heartbeat` | the file that the worker's loop writes when it completes a turn |
//! | `file` | small files that other programs read while they are replaced |
//! | `clock` | time that only goes forward, and the boot that it belongs to |
//! | `probe` | the verdict on a heartbeat: startup, live, ready |
//! | `service_manager` | what systemd is told at the end of a turn |
//! | `alerts` | what people are told of when it begins and when it ends |
//! | `metrics` | the same in numbers, for Prometheus |
//! | `status` | heartbeat and journal together, for people and scripts |

pub mod alerts;
mod clock;
mod file;
mod heartbeat;
pub mod metrics;
mod probe;
mod service_manager;
mod status;

pub use clock::Instant;
pub use heartbeat::{
    EndpointHealth, Head, Heartbeat, HeartbeatError, HeartbeatFile, LastResult, ModelHealth, NextWindow,
    Phase,
};
pub use probe::{Probe, Unread, Verdict, read};
pub use service_manager::ServiceManager;
pub use status::Status;
