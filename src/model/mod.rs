//! Our side of the model process. Knows nothing of chains.
//!
//! | file | noun |
//! |---|---|
//! | [`interpreter`](Interpreter) | the Python that fits a bundle |
//! | `packages` | what a bundle requires, and what its interpreter has |
//! | `spec` | what to run, and within which limits |
//! | `call`, `failure` | a question and its answer; why there is none |
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
//! | `private` | what no code of a bundle may see |
//! | `environment` | what of our environment the model sees |
//! | `logs`, `printable` | what it prints, and what of that is fit to be shown |
//! | [`host`] | the inside of the process until Python takes over |
//! | `keeper` | its parent, which leaves nothing of it behind |
//! | `footprint` | what our own program takes in both |
//! | `orphans` | what the worker adopts all the same |
//! | `tree` | who descends from whom |
//! | `scratch` | the one folder it may write to |
//! | [`Sandbox`], `landlock`, `seccomp` | the walls that it puts around itself |
//! | [`Isolation`] | which walls stand |

mod backoff;
mod call;
mod conversation;
mod environment;
mod failure;
mod footprint;
mod handle;
pub mod host;
mod interpreter;
mod isolation;
mod keeper;
mod landlock;
mod logs;
mod memory;
mod nursery;
mod orphans;
mod packages;
mod printable;
mod private;
mod process;
mod replica;
mod sandbox;
mod scratch;
mod seccomp;
mod spawner;
mod spec;
mod status;
mod successor;
mod supervise;
mod tree;

use std::os::fd::{BorrowedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

pub use bootstrap_frames::Prediction;
pub use call::{Answer, Call};
pub use failure::{Failure, FailureKind};
pub use footprint::{Extent, release};
pub use handle::Model;
pub use interpreter::{Interpreter, InterpreterError, Unfit};
pub use isolation::Isolation;
pub use memory::resident;
pub use orphans::adopt as adopt_orphans;
pub use packages::Unmet;
pub use private::Private;
pub use sandbox::Sandbox;
pub use spec::{ModelSpec, SILENCE_LIMIT, StartError, THIS_PROGRAM};
pub use status::{ModelState, ModelStatus, RestartCause, Restarts};

/// Keeps other processes of the same user, the model's first of all, from reading this one's
/// memory. To be called before anything secret is in it; a kernel that refuses shows in
/// [`Isolation::undumpable`].
pub fn forbid_dumps() {
    // What came of it is asked where it is reported.
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Keeps descriptors that this process was started with from every process that it starts: a shell may
/// have left one open on the key. To be called before any other thread exists.
pub fn keep_descriptors() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    for number in numbers.filter(|number: &RawFd| *number > 2) {
        // SAFETY: no other thread closes descriptors, so the number is open, or is that of the listing.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}
