//! What the worker adopts: children of children whose parents are gone.
//!
//! As the first process of a container it gets every orphan there is. And what a model started
//! outlives it in one case: when the model has killed its keeper.

use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, getpid};
use tokio::signal::unix::{SignalKind, signal};

use super::tree;

/// How long a sweep goes on against processes that start new ones, or that the kernel holds.
const SWEEP_LIMIT: Duration = Duration::from_secs(1);
/// How long to wait for the killed to be gone.
const PAUSE: Duration = Duration::from_millis(1);

/// From now on this process adopts the orphans among its descendants, and reaps them. Adopted are the
/// children of the main thread, so the program must not start any of its own there from now on.
///
/// # Errors
/// The system has no signals for us, or is no Linux of this century.
pub fn adopt() -> std::io::Result<()> {
    prctl::set_child_subreaper(true)?;
    let mut ended = signal(SignalKind::child())?;
    tokio::spawn(async move {
        while ended.recv().await.is_some() {
            adopted().into_iter().for_each(reap);
        }
    });
    Ok(())
}

/// Kills what a model left to us, until there is nothing more. Blocks for a short while.
pub fn sweep() {
    if !prctl::get_child_subreaper().unwrap_or(false) {
        return;
    }
    let end = Instant::now() + SWEEP_LIMIT;
    loop {
        let strays: Vec<_> = adopted().into_iter().filter(|&process| is_of_a_model(process)).collect();
        if strays.is_empty() || Instant::now() > end {
            break;
        }
        for stray in strays {
            let _ = kill(stray, Signal::SIGKILL);
            reap(stray);
        }
        std::thread::sleep(PAUSE);
    }
}

fn adopted() -> Vec<Pid> {
    tree::children_of_thread(getpid(), getpid())
}

/// A model is forbidden to gain rights, and with it all that it starts, for good. What a shell left
/// us with before it became this program, or what somebody started beside us in our container, is not
/// for us to kill.
fn is_of_a_model(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"]))
}

/// Reaps a child that has ended.
fn reap(child: Pid) {
    let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    if waitid(Id::Pid(child), ended).is_ok_and(|status| status.pid().is_some()) {
        let _ = waitpid(child, Some(WaitPidFlag::WNOHANG));
    }
}
