//! The figures that the program is held to: `cargo bench --bench window [-- WINDOWS]`.
//!
//! Everything is real: the release binary, a chain in a process of its own with blocks of 500 ms, and
//! the Python that `ALLORA_PYTHON` names or that is on PATH. Prints a table in Markdown. 200 windows
//! take some seven minutes.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the result, and how far it is

mod chain;
#[path = "../support/mod.rs"]
mod support;
mod worker;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use chain::Chain;
use support::figures::{Table, percentile};
use support::process;
use support::proxy::Proxy;
use worker::Worker;

/// Starts of the worker that are timed.
const STARTS: usize = 10;
/// Probes that are timed.
const PROBES: usize = 50;
/// Times that a worker is killed while it predicts.
const KILLS: usize = 10;
/// Until a transaction is in a block for certain, and before the next window is prepared for.
const SETTLED: Duration = Duration::from_millis(1_200);
/// Windows whose requests are counted.
const COUNTED: usize = 10;
/// How long the idle worker is watched.
const IDLE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Cargo passes `--bench`.
    let windows = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let windows = windows.map_or(Ok(200), |windows| windows.parse()).context("how many windows?")?;
    let mut table = Table::default();
    let python = process::python()?;
    busy(windows, &python, &mut table).await?;
    killed(&python, &mut table).await?;
    counted(&python, &mut table).await?;
    idle(&python, &mut table).await?;
    println!("{table}\nPython: {}", python.display());
    Ok(())
}

/// Windows in quick succession.
async fn busy(windows: usize, python: &Path, table: &mut Table) -> Result<()> {
    let chain = Chain::start("4", "3").await?;
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        starts.push(Worker::start(&chain, python)?.until_model_is_ready().await?);
    }
    let worker = Worker::start(&chain, python)?;
    worker.until_model_is_ready().await?;
    let delays = chain.answers(windows).await?;
    table.time("window open to transaction in the mempool, p50", 8.0, percentile(&delays, 50.0));
    table.time("window open to transaction in the mempool, p99", 40.0, percentile(&delays, 99.0));
    table.time("process start to model ready, p50", 80.0, percentile(&starts, 50.0));
    let memory = worker.memory()?;
    table.memory("resident, worker", 15.0, memory.worker);
    table.memory("resident, empty model", 12.0, memory.model);

    let mut probes = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        probes.push(worker.probe_live()?);
    }
    table.time("`bootstrap probe live`, p50", 5.0, percentile(&probes, 50.0));
    Ok(())
}

/// A worker that is killed in each window.
async fn killed(python: &Path, table: &mut Table) -> Result<()> {
    let chain = Chain::start("12", "11").await?;
    let mut worker = Worker::start(&chain, python)?;
    chain.answers(1).await?;
    let mut resumed = Vec::with_capacity(KILLS);
    for _ in 0..KILLS {
        worker = worker.killed_and_restarted(&chain, python).await?;
        chain.until_sent().await?;
        resumed.push(worker.started().elapsed());
    }
    table.time("restart to transaction in the mempool, p50", 150.0, percentile(&resumed, 50.0));
    Ok(())
}

/// What a window costs the chain's nodes.
async fn counted(python: &Path, table: &mut Table) -> Result<()> {
    let chain = Chain::start("8", "6").await?;
    let proxy = Proxy::start(chain.address()?, Duration::ZERO).await?;
    let worker = Worker::start_at(&proxy.url(), &chain, python)?;
    worker.until_model_is_ready().await?;
    // Registration is over, and the last transaction is in a block.
    chain.answers(2).await?;
    tokio::time::sleep(SETTLED).await;
    let before = proxy.traffic().requests;
    chain.answers(COUNTED).await?;
    tokio::time::sleep(SETTLED).await;
    let requests = proxy.traffic().requests - before;
    table.count("requests for one window", 4.0, requests as f64 / COUNTED as f64);
    Ok(())
}

/// A long time between two windows.
async fn idle(python: &Path, table: &mut Table) -> Result<()> {
    let chain = Chain::start("120", "3").await?;
    let worker = Worker::start(&chain, python)?;
    worker.until_model_is_ready().await?;
    chain.answers(1).await?;
    tokio::time::sleep(Duration::from_secs(5)).await; // the round ends some blocks later
    let before = worker.cpu()?;
    tokio::time::sleep(IDLE).await;
    let used = worker.cpu()?.saturating_sub(before);
    table.share("CPU of the idle worker, of a core", 1.0, used.as_secs_f64() / IDLE.as_secs_f64());
    Ok(())
}
