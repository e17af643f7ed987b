//! Our side of the model process. Knows nothing of chains.
//!
//! | file | noun |
//! |---|---|
//! | [`interpreter`](Interpreter) | the Python that fits a bundle |
//! | `spec` | what to run, what to ask, what comes back |
//! | `handle` | [`Model`]: what the rest of the program holds |
//! | `status` | what is known of it, for everybody who watches |
//! | `supervise` | which process answers, and which takes its place |
//! | `successor` | the process that comes next |
//! | `replica` | one loaded process: asked, and watched while nobody asks |
//! | `nursery` | what all processes share, and how one of them begins |
//! | `conversation` | speaking with a process; killing it at the deadline |
//! | `backoff` | when to try again after a death |
//! | `process` | one model process: spawned, heard, killed, reaped |
//! | `memory` | what it and its children take |
//! | `spawner` | the one thread that model processes are children of |
//! | `environment` | what of our environment the model sees |
//! | `logs` | what it prints |
//! | [`host`] | the inside of the process until Python takes over |
//! | `keeper` | its parent, which leaves nothing of it behind |
//! | `footprint` | what our own program takes in both |
//! | `orphans` | what the worker adopts all the same |
//! | `tree` | who descends from whom |
//! | `scratch` | the one folder it may write to |
//! | `sandbox`, `landlock` | the walls that it puts around itself |

mod backoff;
mod conversation;
mod environment;
mod footprint;
mod handle;
pub mod host;
mod interpreter;
mod keeper;
mod landlock;
mod logs;
mod memory;
mod nursery;
mod orphans;
mod process;
mod replica;
mod sandbox;
mod scratch;
mod spawner;
mod spec;
mod status;
mod successor;
mod supervise;
mod tree;

/// Keeps other processes of the same user, the model's first of all, from reading this one's
/// memory. To be called before anything secret is in it; a kernel that refuses shows in
/// [`Isolation::undumpable`].
pub fn forbid_dumps() {
    // What came of it is asked where it is reported.
    let _ = nix::sys::prctl::set_dumpable(false);
}

pub use bootstrap_frames::Prediction;
pub use handle::Model;
pub use interpreter::{Interpreter, InterpreterError};
pub use orphans::adopt as adopt_orphans;
pub use spec::{Answer, Call, Failure, FailureKind, ModelSpec, SILENCE_LIMIT, StartError, THIS_PROGRAM};
pub use status::{Isolation, ModelState, ModelStatus, RestartCause, Restarts};
