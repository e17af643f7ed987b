//! A zoo of bad models, each behind the bars of the real worker, on a real devnet, with a real Python.
//!
//! Of each animal it is shown that the worker stays live; that the failure has its name in the log, in
//! `status` and in the journal; that the window is answered once the model behaves; and that no process
//! is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

mod cage;
mod clock;
mod death;
mod flood;
mod hang;
mod harmless;
mod mark;
mod memory;
mod offspring;
mod raise;
#[path = "../support/bench.rs"]
mod support;
mod value;
