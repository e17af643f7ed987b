//! `bootstrap`: runs a Python model as an Allora worker.
//!
//! Two processes share one binary: the worker (this crate, holds the key, never loads Python) and
//! the model process (`bootstrap host`, runs the user's code, holds nothing of value). The modules,
//! from the command line down; none uses one above it:
//!
//! | module | noun |
//! |---|---|
//! | [`cli`] | one file for each command; arguments in, exit code out |
//! | [`image`] | the container image of a bundle |
//! | [`service`] | the worker under systemd or supervisord |
//! | [`render`] | deployment files of a bundle: service managers, schedulers |
//! | [`doctor`] | everything that a first window needs, looked at beforehand |
//! | [`worker`] | the loop: schedule, round, validation, submission |
//! | [`devnet`] | a local chain that checks what a real node checks |
//! | [`health`] | heartbeat, probe, status, metrics, alerts |
//! | [`chain`] | client of the chain: endpoints, queries, messages, transactions, fees, sequence |
//! | [`model`] | our side of the model process: interpreter, spawn, deadline, kill, logs |
//! | [`logs`] | lines of the log on their way to stderr and to a file that rotates |
//! | [`journal`] | what was promised and what came of it, on disk |
//! | [`wallet`] | a key that signs and cannot be read back |
//! | [`settings`] | one table of settings, and where each value came from |
//! | [`bundle`] | `model.yaml` and what belongs to it |
//! | [`stop_signals`] | SIGINT and SIGTERM |
//! | [`subprocess`] | programs that this one starts: where `PATH` has them, and how none outlives it |
//! | [`atomic_file`] | a file that takes the place of another as a whole |
//! | `failpoint` | in builds for tests: points at which the process dies |

pub mod atomic_file;
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
pub mod stop_signals;
pub mod subprocess;
pub mod wallet;
pub mod worker;
