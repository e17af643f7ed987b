//! What a model can reach: the real worker on a real devnet, and a bundle whose model attacks it.
//!
//! The attacks are those of `attacks.py`; `walls` says which wall each of them has to meet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // helpers fail and speak as tests do

mod attacks;
mod copies;
mod lives;
mod missing;
mod predict;
mod refusals;
mod siege;
#[path = "../support/bench.rs"]
mod support;
mod user;
mod walls;
