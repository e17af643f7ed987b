//! What the worker promises, shown on any chain: a node is all that these tests need.
//!
//! | variable | is |
//! |---|---|
//! | `REALCHAIN_RPC` | RPC URLs of one or several nodes of a chain, separated by commas. Without it each test starts `bootstrap devnet` as a process of its own, and knows nothing of it but its RPC port |
//! | `REALCHAIN_TOPIC` | id of an active topic that lets the accounts submit |
//! | `REALCHAIN_MNEMONICS` | funded accounts, separated by `;`, `,` or new lines. The first is the worker's; a second keeps its money for a while, and fills blocks so that the price of gas rises. Nobody else may use them meanwhile |
//! | `REALCHAIN_STOP`, `REALCHAIN_START` | shell commands that stop and start the node. The first finds `TERM` or `KILL` in `REALCHAIN_SIGNAL`; the second may be the node itself, and leaves gRPC and REST out where it finds `off` in `REALCHAIN_SERVICES` |
//! | `REALCHAIN_SYNC` | shell command that starts another node of the chain, which has no state yet, says the URL of its RPC on a first line, and is killed with all that it started |
//! | `REALCHAIN_PAY` | when it is set, the script's part that costs money is played to the node too: the first account sends what fails, registers anew and answers a window too early, twice, and too late |
//!
//! A given node is never asked for a method of devnet, and has one test at a time. What cannot be shown on it says so
//! on stderr, with `SKIPPED`. The slow ones are ignored: `cargo test --test realchain -- --include-ignored` runs all,
//! which takes some 12 minutes on a node with blocks of a second and 12 of them from window to window.
//! `cargo test --test realchain agree` plays a script of requests to it, which without `REALCHAIN_PAY` changes
//! nothing there, and tells how many answers agree with the recordings and with a local chain.
//! `tests/realchain/localnet.sh` brings up a chain for them where there is an `allorad`.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

mod account;
mod agreement;
#[path = "../support/bench.rs"]
mod bench;
mod commands;
mod delivered;
mod deployment;
mod given;
mod history;
mod kills;
mod money;
mod node;
mod numbers;
#[path = "../support/payload.rs"]
mod payload;
mod record;
mod refusals;
mod restarts;
mod rpc;
mod script;
mod simulations;
mod states;
mod windows;
