//! The life of a window.
//!
//! | file | noun |
//! |---|---|
//! | `setup` | what a worker is made of, and how it ends |
//! | `main_loop` | the loop: events, looks, rounds, the heartbeat |
//! | `onboarding` | from endpoints and a key to a chain that is known |
//! | `disagreement` | where the journal knows more of the account than the chain |
//! | `schedule` | which windows are open, and when to look again |
//! | `clock` | block heights as a clock |
//! | `round` | one nonce: predict, validate, submit |
//! | `prediction` | the model's answer as the chain takes it |
//! | `validate` | what a prediction must satisfy |
//! | `consensus` | how far a prediction is from what the network's inferers said last |
//! | `repeats` | how often in a row the same value was submitted |
//! | `transact` | one transaction, from simulation to its place in a block |
//! | `funds` | what the wallet has, between two questions to the chain |
//! | `means` | whether the wallet can pay for its next transaction |
//! | `registration` | the worker's registration in its topic |
//! | `context` | what all of them share |
//! | `pulse` | the line of the log that says each hour how it goes |
//! | `reporter` | the heartbeat, as the loop fills it |
//! | `shutdown` | how much time an ending has |

pub mod clock;
pub mod consensus;
pub mod context;
mod disagreement;
pub mod funds;
mod main_loop;
pub mod means;
mod onboarding;
pub mod prediction;
mod pulse;
mod registration;
pub mod repeats;
mod reporter;
mod round;
pub mod schedule;
mod setup;
mod shutdown;
mod transact;
pub mod validate;

pub use context::{Broadcasting, Options};
pub use disagreement::Disagreement;
pub use main_loop::run;
pub use setup::{Ended, Goal, Reason, Setup, WorkerError};
pub use validate::Rules;
