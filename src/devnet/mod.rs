//! A local chain that checks what a real node checks.
//!
//! A library first (`Devnet::start`), then the command `bootstrap devnet`, then what
//! `allora.network: devnet` starts inside `bootstrap run`.

pub mod abci;
pub mod app;
pub mod feemarket;
pub mod genesis;
