//! `bootstrap`: runs a Python model as an Allora worker.
//!
//! Two processes share one binary: the worker (this crate, holds the key, never loads Python) and
//! the model process (`bootstrap host`, runs the user's code, holds nothing of value). The modules,
//! from the command line down; an arrow never points up:
//!
//! | module | noun |
//! |---|---|
//! | [`cli`] | one file for each command; arguments in, exit code out |
//! | [`image`] | the container image of a bundle |
//! | [`render`] | deployment files of a bundle: service managers, schedulers |
//! | [`service`] | the worker under systemd or supervisord |
//! | [`doctor`] | everything that a first window needs, looked at beforehand |
//! | [`worker`] | the loop: schedule, round, validation, submission |
//! | [`chain`] | client of the chain: endpoints, queries, messages, transactions, fees, sequence |
//! | [`health`] | heartbeat, probe, status |
//! | [`model`] | our side of the model process: interpreter, spawn, deadline, kill, logs |
//! | [`logs`] | lines of the log on their way to stderr and to a file that rotates |
//! | [`journal`] | what was promised and what came of it, on disk |
//! | [`bundle`] | `model.yaml` and what belongs to it |
//! | [`wallet`] | a key that signs and cannot be read back |
//! | [`settings`] | one table of settings, and where each value came from |
//! | [`devnet`] | a local chain that checks what a real node checks |
//! | `failpoint` | in builds for tests: points at which the process dies |

pub mod bundle;
pub mod chain;
pub mod cli;
pub mod devnet;
pub mod doctor;
#[doc(hidden)]
pub mod failpoint;
pub mod health;
pub mod image;
pub mod journal;
pub mod logs;
pub mod model;
pub mod render;
pub mod service;
pub mod settings;
pub mod wallet;
pub mod worker;
