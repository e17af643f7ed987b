//! The figures that the model process is held to: `cargo bench --bench model`.
//!
//! The bench is the worker: it holds the model as `bootstrap run` does, whose release binary is the model
//! process, with the Python that `ALLORA_PYTHON` names or that is on PATH. Prints a table in Markdown.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the result, and how far it is

mod subject;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bootstrap::model::{self, Interpreter, Private};
use tokio_util::sync::CancellationToken;

use subject::Subject;
use support::figures::{Table, percentile};
use support::process::{self, Memory};

/// Starts that are timed.
const STARTS: usize = 200;
/// Calls that are timed.
const CALLS: usize = 10_000;
/// Models that are killed from outside.
const KILLS: usize = 1_000;
/// Calls that hang.
const HANGS: usize = 200;
/// How long those have.
const HANG_LIMIT: Duration = Duration::from_millis(60);

fn main() -> Result<()> {
    model::forbid_dumps();
    // What a model prints is formatted as a worker's log, and goes nowhere.
    tracing_subscriber::fmt().json().with_writer(std::io::sink).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        model::adopt_orphans()?;
        tokio::spawn(measure()).await?
    })
}

async fn measure() -> Result<()> {
    let (named, any, stopping) = (process::python()?, ">=3.9".parse()?, CancellationToken::new());
    let python =
        Interpreter::find(Some(&named), Path::new("/"), any, OsStr::new(""), &Private::default(), &stopping)?;
    let mut table = Table::default();
    starts(&python, &mut table).await.context("starts")?;
    round_trips(&python, &mut table).await.context("round trips")?;
    kills(&python, &mut table).await.context("kills")?;
    hangs(&python, &mut table).await.context("hangs")?;
    lasting(&python, &mut table).await.context("lasting")?;
    output(&python, &mut table).await.context("output")?;
    println!("{table}\nPython: {}", python.executable.display());
    Ok(())
}

/// Models that are started, and what one takes that waits.
async fn starts(python: &Interpreter, table: &mut Table) -> Result<()> {
    let mut times = Vec::with_capacity(STARTS);
    let mut idle = None;
    for _ in 0..STARTS {
        let started = Instant::now();
        let mut subject = Subject::start(python, "def predict(nonce):\n    return 1\n")?;
        subject.until_ready().await?;
        times.push(started.elapsed());
        let pid = subject.pid()?;
        idle = Some((process::memory(pid)?, process::memory(process::parent(pid)?)?));
        subject.stop().await;
    }
    table.time("spawn to ready, p50", 25.0, percentile(&times, 50.0));
    table.time("spawn to ready, p99", None, percentile(&times, 99.0));
    let (Memory { rss, pss }, keeper) = idle.context("no start")?;
    table.memory("idle model, Rss", None, rss);
    table.memory("idle model, Pss", None, pss);
    table.memory("its keeper, Pss", None, keeper.pss);
    Ok(())
}

async fn round_trips(python: &Interpreter, table: &mut Table) -> Result<()> {
    let sync = calls(python, "def predict(nonce):\n    return nonce\n").await?;
    table.short_time("round trip, sync, p50", 20.0, percentile(&sync, 50.0));
    table.short_time("round trip, sync, p99", None, percentile(&sync, 99.0));
    table.short_time("round trip, sync, p99.9", None, percentile(&sync, 99.9));
    let r#async = calls(python, "async def predict(nonce):\n    return nonce\n").await?;
    table.short_time("round trip, async, p50", None, percentile(&r#async, 50.0));
    table.short_time("round trip, async, p99", None, percentile(&r#async, 99.0));
    table.short_time("round trip, async, p99.9", None, percentile(&r#async, 99.9));
    Ok(())
}

async fn calls(python: &Interpreter, code: &str) -> Result<Vec<Duration>> {
    let subject = Subject::start(python, code)?;
    let mut times = Vec::with_capacity(CALLS);
    subject.value().await?; // waits for the model to be loaded
    for _ in 0..CALLS {
        let asked = Instant::now();
        subject.value().await?;
        times.push(asked.elapsed());
    }
    subject.stop().await;
    Ok(times)
}

/// The kernel kills the model, as it does when memory runs out.
async fn kills(python: &Interpreter, table: &mut Table) -> Result<()> {
    let mut subject = Subject::start(python, "def predict(nonce):\n    return nonce\n")?;
    let (mut reaped, mut replaced) = (Vec::with_capacity(HANGS), Vec::with_capacity(HANGS));
    for _ in 0..HANGS {
        subject.value().await?; // one that has answered is replaced at once
        let gone = subject.watch_end()?;
        let killed = Instant::now();
        let pid = subject.kill()?;
        subject.until_replaced(pid).await?;
        replaced.push(killed.elapsed());
        reaped.push(gone.await?? - killed);
    }
    subject.stop().await;
    table.time("kill to reaped, p50", None, percentile(&reaped, 50.0));
    table.time("kill to reaped, p99", None, percentile(&reaped, 99.0));
    table.time("kill to new model ready, p50", None, percentile(&replaced, 50.0));
    table.time("kill to new model ready, p99", None, percentile(&replaced, 99.0));
    Ok(())
}

/// The model hangs, in turn in Python and in C that holds the interpreter's lock, with a child of its own.
async fn hangs(python: &Interpreter, table: &mut Table) -> Result<()> {
    let mut subject = Subject::start(
        python,
        "import itertools, os, subprocess\ndef predict(nonce):\n    if nonce == 0: return 0\n    \
         subprocess.Popen(['sleep', '1000'])\n    while nonce % 2: pass\n    sum(itertools.repeat(0))\n",
    )?;
    let (mut gone, mut overshoot) = (Vec::with_capacity(HANGS), Vec::with_capacity(HANGS));
    for turn in 1..=HANGS {
        subject.value().await?;
        let (pid, end) = (subject.pid()?, subject.watch_end()?);
        let deadline = Instant::now() + HANG_LIMIT;
        subject.hangs(i64::try_from(turn)?, HANG_LIMIT).await?;
        overshoot.push(deadline.elapsed());
        gone.push(end.await??.saturating_duration_since(deadline));
        subject.until_replaced(pid).await?;
    }
    subject.stop().await;
    table.time("deadline to group dead and reaped, p50", None, percentile(&gone, 50.0));
    table.time("deadline to group dead and reaped, p99", 10.0, percentile(&gone, 99.0));
    table.time("deadline overshoot of a hung model, p99", 20.0, percentile(&overshoot, 99.0));
    Ok(())
}

/// What the worker keeps of calls and deaths.
async fn lasting(python: &Interpreter, table: &mut Table) -> Result<()> {
    let mut subject = Subject::start(python, "def predict(nonce):\n    return nonce\n")?;
    let mut before = 0;
    // A tenth of it first: what is allocated once is not what leaks.
    for (calls, kills) in [(CALLS / 10, KILLS / 10), (CALLS, KILLS)] {
        before = process::memory(std::process::id())?.rss;
        for _ in 0..calls {
            subject.value().await?;
        }
        for kill in 1..=kills {
            subject.value().await?;
            let pid = subject.kill()?;
            subject.until_replaced(pid).await?;
            if kill % 200 == 0 {
                eprintln!("{kill} of {kills} kills");
            }
        }
    }
    subject.stop().await;
    let after = process::memory(std::process::id())?.rss;
    table.memory("worker, growth over 10,000 calls and 1,000 kills", 1.0, after.saturating_sub(before));
    table.memory("worker, Rss", None, after);
    Ok(())
}

/// What it keeps of what the model prints.
async fn output(python: &Interpreter, table: &mut Table) -> Result<()> {
    let subject = Subject::start(
        python,
        "import os\nlines = (b'x' * 99 + b'\\n') * 10_000\ndef predict(nonce):\n    \
         for _ in range(500 if nonce else 10):\n        left = memoryview(lines)\n        \
         while left: left = left[os.write(1, left):]\n    return nonce\n",
    )?;
    subject.value().await?;
    let before = process::memory(std::process::id())?.rss;
    let started = Instant::now();
    subject.ask(1).await?;
    let took = started.elapsed();
    subject.value().await?;
    let after = process::memory(std::process::id())?.rss;
    subject.stop().await;
    table.memory("worker, growth over 500 MB of output", 1.0, after.saturating_sub(before));
    table.time("500 MB of output", None, took);
    Ok(())
}
