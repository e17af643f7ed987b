//! How much memory a model takes.
//!
//! Counted is what is resident, of the model process and of everything that it started. Pages that
//! several of them share, as the workers of a pool share what they were forked with, count once: each
//! process bears its part (the kernel's *proportional set size*). That figure is slow to get, since
//! the kernel walks all pages for it; so the sum of the resident sizes, which is never smaller, is
//! looked at first, and the exact figure only where that sum matters. Pages that were swapped out do
//! not count.

use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, SysconfVar, sysconf};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::tree;

/// How closely a limit is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// While it loads or answers.
    Close,
    /// While nobody asks: only a thread of its own could take memory.
    Idle,
}

impl Pace {
    /// Time between two looks.
    const fn period(self) -> Duration {
        match self {
            Self::Close => Duration::from_millis(50),
            Self::Idle => Duration::from_millis(500),
        }
    }
}

/// A look that takes long is repeated after this many times its duration: looking must not become a
/// load.
const SPARING: u32 = 10;

/// Bytes in a MiB.
pub const MIB: u64 = 1024 * 1024;

/// `runtime.memory_mb`.
#[derive(Debug, Clone, Copy)]
pub struct MemoryLimit(u64);

impl MemoryLimit {
    /// A limit in MiB.
    pub const fn of_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(MIB))
    }

    /// In bytes. A model that uses more is killed.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// From how many bytes on a model is replaced when nobody waits for it, having used `loaded` when
    /// it was fresh: 80 %. One that is near that from the start would be replaced for ever, so half of
    /// what loading left is always its own.
    pub const fn recycling(self, loaded: u64) -> u64 {
        let (share, half) = (self.0 / 5 * 4, self.0.midpoint(loaded));
        if share > half { share } else { half }
    }
}

/// Bytes that the descendants of `keeper` take together, exact where that matters to the limit.
pub async fn look(keeper: Pid, limit: Option<MemoryLimit>) -> u64 {
    let enough = limit.map_or(u64::MAX, |limit| limit.recycling(0));
    // The kernel may hold a reader as long as the process maps memory.
    tokio::task::spawn_blocking(move || used(keeper, enough)).await.unwrap_or(0)
}

/// The same; exact when it is more than `enough`.
fn used(keeper: Pid, enough: u64) -> u64 {
    let processes = tree::descendants(keeper);
    let resident = || processes.iter().map(|&process| resident(process));
    let sum = resident().sum();
    if sum <= enough || processes.len() < 2 {
        return sum;
    }
    // A process that does not let us look into it counts in full.
    processes.iter().zip(resident()).map(|(&process, all)| proportional(process).unwrap_or(all)).sum()
}

/// Resident bytes of one process; none when it is gone.
pub fn resident(process: Pid) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|page| page.try_into().ok());
    pages.saturating_mul(page.unwrap_or(4096))
}

/// Its part of what it shares, and all of the rest.
fn proportional(process: Pid) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Looks at the memory of a model until it is dropped.
#[derive(Debug)]
pub struct MemoryWatch {
    /// What is watched for.
    pub limit: MemoryLimit,
    used: watch::Receiver<u64>,
    pace: watch::Sender<Pace>,
    _task: AbortOnDropHandle<()>,
}

impl MemoryWatch {
    /// Watches the descendants of `keeper`, closely until it is told otherwise.
    pub fn start(keeper: Pid, limit: MemoryLimit) -> Self {
        let (tell, used) = watch::channel(0);
        let (pace, mut paces) = watch::channel(Pace::Close);
        let task = tokio::spawn(async move {
            loop {
                let start = Instant::now();
                if tell.send(look(keeper, Some(limit)).await).is_err() {
                    break;
                }
                let pause = paces.borrow_and_update().period().max(start.elapsed() * SPARING);
                // Another pace ends the pause.
                if let Ok(Err(_)) = tokio::time::timeout(pause, paces.changed()).await {
                    break;
                }
            }
        });
        Self { limit, used, pace, _task: AbortOnDropHandle::new(task) }
    }

    /// Goes on at this pace.
    pub fn go_on(&self, pace: Pace) {
        self.pace.send_if_modified(|known| std::mem::replace(known, pace) != pace);
    }

    /// Waits until more is used than the limit allows; gives how much.
    pub async fn exceeded(&mut self) -> u64 {
        let exceeding = |&used: &u64| used > self.limit.bytes();
        match self.used.wait_for(exceeding).await.map(|used| *used) {
            Ok(used) => used,
            // The runtime is shutting down; everything is dropped next.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_large_from_the_start_is_not_replaced_for_it() {
        let limit = MemoryLimit::of_mib(100);
        let recycling = |loaded: u64| limit.recycling(loaded * MIB) / MIB;
        assert_eq!([0, 50, 60, 80, 90].map(recycling), [80, 80, 80, 90, 95]);
    }
}
