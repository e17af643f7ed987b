//! The parent of the interpreter: a small process that leaves nothing of a model behind.
//!
//! `bootstrap host` forks before it loads Python. The child becomes the interpreter; the parent
//! stays as its *keeper*, a child subreaper: whatever the model starts, in sessions of its own, by
//! double fork, as a daemon, is the keeper's child as soon as its own parent is gone. When the
//! interpreter ends, when the worker asks by SIGTERM, or when the worker dies (the kernel then sends
//! the same signal), the keeper kills its children until it has none, and ends with the interpreter's status.
//!
//! The worker could be the subreaper instead. But it could not tell the strays of one model process
//! from what another, loaded beside it, is entitled to; it could not count a daemon's memory as the
//! model's; and nobody would sweep after a worker that was killed. The keeper costs a fork of a
//! process that is still small, and shares its pages with it.
//!
//! The model has the keeper's user. It cannot read or trace it, which is not dumpable; where
//! Landlock confines signals it cannot signal it either. Elsewhere it may kill its keeper: then the
//! kernel kills the interpreter, and the worker, which adopts what is left, sweeps (see `orphans`).

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, close, fork, getpid, setsid};

use super::footprint::{Extent, release};
use super::sandbox::give_up_rights;
use super::tree;
use crate::subprocess;

/// Exit codes from here on tell the signal that the interpreter was killed by.
pub const SIGNALLED: i32 = 128;

/// How long to wait when a child is there that the kernel does not list.
const PAUSE: Duration = Duration::from_millis(1);

/// Splits the process in two and returns in the child, which leads a session of its own. The parent
/// closes `descriptors` and never returns.
///
/// # Errors
/// The system refuses a process, or something that every Linux allows.
pub fn fork_under_keeper(descriptors: &[i32]) -> io::Result<()> {
    prctl::set_child_subreaper(true)?;
    // Before there is anybody who could look.
    prctl::set_dumpable(false)?;
    let mut events = SigSet::empty();
    events.add(Signal::SIGCHLD);
    events.add(Signal::SIGTERM);
    events.thread_block()?;
    // Until here it was SIGKILL, so no moment is without a signal.
    prctl::set_pdeathsig(Signal::SIGTERM)?;
    let keeper = getpid();
    // SAFETY: this process has one thread, so the child may do whatever its parent might.
    match unsafe { fork() }? {
        ForkResult::Child => {
            setsid()?;
            subprocess::die_with(keeper)?;
            prctl::set_dumpable(true)?;
            Ok(events.thread_unblock()?)
        }
        ForkResult::Parent { child } => {
            give_up_rights();
            for &descriptor in descriptors {
                let _ = close(descriptor);
            }
            release(Extent::Everything);
            keep(child, &events)
        }
    }
}

/// Waits for the end, and brings it about for everybody else.
fn keep(model: Pid, events: &SigSet) -> ! {
    while !reap_until(model) {
        if events.wait() == Ok(Signal::SIGTERM) {
            break;
        }
    }
    end(end_all(model))
}

/// Reaps what was adopted and has ended. True when the model itself has ended.
fn reap_until(model: Pid) -> bool {
    let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        match waitid(Id::All, ended).map(|status| status.pid()) {
            Ok(Some(pid)) if pid != model => {
                let _ = waitpid(pid, None);
            }
            Ok(None) => return false,
            Ok(Some(_)) | Err(_) => return true,
        }
    }
}

/// Kills and reaps until there are no children. Gives the model's status.
///
/// Only children are killed: their numbers cannot become another's before they are reaped, and
/// their children are ours with their end. The kernel refuses a fork to a process that is being
/// killed, so each round ends at least a generation of what forks against it.
fn end_all(model: Pid) -> Option<WaitStatus> {
    let mut status = None;
    // All that stayed in the model's group, at one blow. Not reaped yet, the number is still its own.
    let _ = killpg(model, Signal::SIGKILL);
    loop {
        let children = tree::children(getpid());
        for &child in &children {
            let _ = kill(child, Signal::SIGKILL);
        }
        if children.is_empty() {
            std::thread::sleep(PAUSE);
        }
        let mut patience = if children.is_empty() { Some(WaitPidFlag::WNOHANG) } else { None };
        loop {
            match waitpid(None, patience) {
                Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => break,
                Ok(ended) if ended.pid() == Some(model) => status = Some(ended),
                Ok(_) => {}
                Err(_) => return status,
            }
            patience = Some(WaitPidFlag::WNOHANG);
        }
    }
}

/// Ends with the model's exit code, or a signal as shells tell it: by a signal the keeper ends only
/// when somebody kills it.
fn end(status: Option<WaitStatus>) -> ! {
    let code = match status {
        Some(WaitStatus::Exited(_, code)) => code,
        Some(WaitStatus::Signaled(_, signal, _)) => SIGNALLED + signal as i32,
        _ => 1,
    };
    // SAFETY: nothing of ours waits for the end, and Rust's own cleaning up is not wanted.
    unsafe { libc::_exit(code) }
}
