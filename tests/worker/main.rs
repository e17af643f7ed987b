//! The worker through the real binary, on a real devnet, with real Pythons.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

mod alerts;
mod bad_input;
mod chain;
mod crash;
mod disk;
mod env_file;
mod failpoint;
mod instance;
mod liar;
mod log_file;
mod metrics;
mod model;
mod money;
mod pace;
mod processes;
mod progress;
mod requests;
mod scheduling;
mod secrets;
mod service_manager;
mod shutdown;
#[path = "../support/bench.rs"]
mod support;
mod unindexed;
mod validation;
mod window;
