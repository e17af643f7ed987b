//! The container image of a bundle, built and run. Needs root and Docker: `cargo test --test image -- --ignored`;
//! what an engine is asked for and what becomes of its failures needs neither.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)] // helpers fail and speak as tests do

mod build;
mod container;
#[path = "../support/engine.rs"]
mod engine;
mod index;
mod project;
mod refusals;
mod run;
#[path = "../support/bench.rs"]
mod support;

use support::wait;
