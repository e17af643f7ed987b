//! Many workers on one machine: `cargo bench --bench density [-- WORKERS]`.
//!
//! Each worker has its own bundle, wallet and state folder, and is a process of its own with a Python beside it. All
//! answer one chain: first one topic, whose windows open for all of them at once, then a topic each. Prints a table in
//! Markdown for both, and fails when a window was lost or the memory is over in proportion. Fewer than 100 workers, with blocks of a second, take less than a
//! minute each time; from 100 on, blocks take 5 s and a window opens every 5 minutes: 12 minutes each time.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the result, and how far it is

mod chain;
#[path = "../support/mod.rs"]
mod support;
mod worker;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use chain::{Chain, Pace};
use support::figures::Table;
use support::process;
use worker::Worker;

/// Windows of each topic that are counted.
const WINDOWS: u64 = 2;
/// Memory that 500 workers may take, in MiB; that of fewer is in proportion.
const MOST_MEMORY: f64 = 12.0 * 1024.0 / 500.0;

/// How workers are spread.
#[derive(Debug, Clone, Copy)]
pub enum Topics {
    /// All answer topic 1.
    One,
    /// Each answers its own.
    Each,
}

impl Topics {
    /// How many there are for so many workers.
    fn count(self, workers: u64) -> u64 {
        match self {
            Self::One => 1,
            Self::Each => workers,
        }
    }

    /// The topic of a worker.
    fn of(self, index: u64) -> u64 {
        match self {
            Self::One => 1,
            Self::Each => index + 1,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Cargo passes `--bench`.
    let workers = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let workers = workers.map_or(Ok(300), |workers| workers.parse()).context("how many workers?")?;
    // The chain has several connections of each worker.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let python = process::python()?;
    let mut failures = vec![];
    for topics in [Topics::One, Topics::Each] {
        failures.extend(crowd(workers, topics, &python).await?);
    }
    ensure!(failures.is_empty(), "{}", failures.join(", "));
    Ok(())
}

/// So many workers for some windows. Gives what is not as it should be.
async fn crowd(workers: u64, topics: Topics, python: &Path) -> Result<Vec<String>> {
    let pace = Pace::of(workers);
    let chain = Chain::start(&pace, workers, topics.count(workers)).await?;
    let started = Instant::now();
    let start = |index| Worker::start(&chain, python, index, topics.of(index));
    let crowd = (0..workers).map(start).collect::<Result<Vec<_>>>()?;
    for worker in &crowd {
        worker.until_ready().await?;
    }
    let ready = started.elapsed();
    eprintln!("{workers} workers are ready");

    let family = process::families(crowd.iter().map(Worker::pid))?;
    let cpu = |pids: &[u32]| pids.iter().filter_map(|pid| process::cpu(*pid).ok()).sum::<Duration>();
    let (watched, of_workers, of_chain) = (Instant::now(), cpu(&family), cpu(&[chain.pid()]));
    let first = chain.height().await?;
    let last = first + WINDOWS * pace.epoch + pace.window;
    chain.until_height(last).await?;
    let share = |before: Duration, pids: &[u32]| {
        cpu(pids).saturating_sub(before).as_secs_f64() / watched.elapsed().as_secs_f64()
    };
    let (of_workers, of_chain) = (share(of_workers, &family), share(of_chain, &[chain.pid()]));
    let memory: u64 =
        family.iter().filter_map(|pid| process::memory(*pid).ok()).map(|memory| memory.pss).sum();

    let mut due = 0;
    let mut lost = BTreeMap::new();
    for worker in &crowd {
        let rounds = worker.rounds()?;
        for nonce in pace.nonces(worker.topic(), first, last) {
            due += 1;
            let ended = rounds.get(&nonce).map_or("no round", String::as_str);
            let was_answered = ended.starts_with("admitted") || ended.starts_with("not_admitted");
            if !was_answered {
                *lost.entry(ended.to_owned()).or_insert(0_u64) += 1;
            }
        }
    }
    for worker in &crowd {
        worker.ask_to_end();
    }
    let missing: u64 = lost.values().sum();
    let most_memory = MOST_MEMORY * workers as f64;
    let mut table = Table::default();
    table.time("start of the first to the last one ready", None, ready);
    table.memory("memory of all with their models", most_memory, memory);
    table.memory("of it, each", None, memory / workers);
    table.share("CPU of all with their models, of a core", None, of_workers);
    table.share("CPU of the chain, of a core", None, of_chain);
    table.count("answers due", None, due as f64);
    table.count("windows lost", 0.0, missing as f64);
    println!("{workers} workers, topics: {topics:?}\n\n{table}");
    for (how, count) in lost {
        println!("lost: {count} {how}");
    }
    let is_too_much = memory as f64 > most_memory * f64::from(1 << 20);
    let lost = (missing > 0).then(|| format!("topics {topics:?}: {missing} windows were lost"));
    let memory = is_too_much.then(|| format!("topics {topics:?}: more memory than {most_memory:.0} MiB"));
    Ok(lost.into_iter().chain(memory).collect())
}
