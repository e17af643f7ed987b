//! The chain's client against servers that misbehave, and against a local chain.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in tests

mod answers;
mod endpoint;
mod events;
mod faucet;
mod pool;
mod server;
