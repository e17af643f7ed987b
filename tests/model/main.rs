//! The model process, through the real program and every Python of this machine.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests fail as tests do

#[path = "../support/mod.rs"]
mod bundles;
mod support;

mod contract;
mod life;
mod memory;
mod silence;
mod spare;
mod strays;
mod walls;
