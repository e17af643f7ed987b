//! Our side of the model process. Knows nothing of chains.
//!
//! | file | noun |
//! |---|---|
//! | [`interpreter`](Interpreter) | the Python that fits a bundle |
//! | `spec` | what to run, what to ask, what comes back |
//! | `handle` | [`Model`]: what the rest of the program holds |
//! | `supervise` | one process after the other: loaded, asked, replaced |
//! | `conversation` | speaking with a process; killing it at the deadline |
//! | `backoff` | when to try again after a death |
//! | `process` | one model process: spawned, heard, killed, reaped |
//! | `spawner` | the one thread that model processes are children of |
//! | `environment` | what of our environment the model sees |
//! | `logs` | what it prints |
//! | [`host`] | the inside of the process until Python takes over |
//! | `scratch` | the one folder it may write to |
//! | `sandbox`, `landlock` | the walls that it puts around itself |

mod backoff;
mod conversation;
mod environment;
mod handle;
pub mod host;
mod interpreter;
mod landlock;
mod logs;
mod process;
mod sandbox;
mod scratch;
mod spawner;
mod spec;
mod supervise;

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
pub use spec::{
    Answer, Call, Failure, FailureKind, Isolation, ModelSpec, ModelState, ModelStatus, StartError,
    THIS_PROGRAM,
};
