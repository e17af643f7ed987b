//! The figures that a bundle's image is held to: `cargo bench --bench image`. Needs root and Docker, and debootstrap for the
//! base. Prints a table in Markdown.
//!
//! A start is timed from `docker run` to the worker's word that its model is loaded, in turn with a container of the same
//! image whose only word is that: what is left is the worker's own.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // the result; the engine of tests fails as they do

#[path = "../tests/support/engine.rs"]
mod engine;
#[path = "support/mod.rs"]
mod support;
#[path = "../tests/support/wait.rs"]
mod wait;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use engine::{Engine, IMAGE};
use support::devnet::Devnet;
use support::figures::{Table, percentile};
use support::process::BINARY;

/// The base, under the name that the Dockerfile asks for.
const BASE: &str = "python:3.11-slim";
/// The bundle's image.
const TAG: &str = "bench:0.1.0";
/// What the worker says when its model is ready.
const LOADED: &str = "the model is loaded";
/// How often a start is timed.
const STARTS: usize = 20;
/// How often a build is timed; the fastest counts.
const BUILDS: usize = 3;

fn main() -> Result<()> {
    let engine = Engine::get();
    engine.must(&["tag", IMAGE, BASE]);
    let folder = TempDir::new()?;
    let bundle = folder.path().join("b");
    support::bundle::write(&bundle, "def predict(nonce):\n    return 0.5\n")?;
    let manifest = bundle.join("model.yaml");
    fs::write(&manifest, fs::read_to_string(&manifest)?.replace(">=3.9", "3.11"))?;

    let build = || -> Result<Duration> {
        let start = Instant::now();
        let mut command = engine.command(BINARY);
        let output = command.args(["image", "build"]).arg(&bundle).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(start.elapsed())
    };
    build()?;
    let size = |image: &str| engine.must(&["image", "inspect", "--format={{.Size}}", image]).parse::<f64>();
    let added = (size(TAG)? - size(BASE)?) / 1e6;
    let mut rebuilt = Duration::MAX;
    for number in 0..BUILDS {
        fs::write(bundle.join("model.py"), format!("def predict(nonce):\n    return {number}\n"))?;
        rebuilt = rebuilt.min(build()?);
    }

    let devnet = tokio::runtime::Runtime::new()?.block_on(Devnet::start(&["--block-time", "1s"]))?;
    let account = devnet.facts.accounts.first().context("no account")?;
    let network = format!("--env=ALLORA_NETWORK={}", devnet.facts.rpc);
    let key = format!("--env=ALLORA_PRIVATE_KEY={}", account.private_key);
    let word = format!("echo {LOADED} >&2");
    let (mut bare, mut worker) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        bare.push(start(&engine, &["--entrypoint=/bin/sh", TAG, "-c", &word])?);
        worker.push(start(&engine, &[&network, &key, TAG])?);
    }
    let own = |percent| percentile(&worker, percent).saturating_sub(percentile(&bare, percent));

    let mut table = Table::default();
    table.count("added to the base image, in MB", 25.0, added);
    table.time("rebuild after a change of code, packing and export included", 3_000.0, rebuilt);
    table.time("docker run to model ready, median", None, percentile(&worker, 50.0));
    table.time("the same less that of a container that does nothing, least of each", None, own(0.0));
    table.time("the same less that of a container that does nothing, medians", 100.0, own(50.0));
    println!("{table}");
    Ok(())
}

/// From `docker run` with these arguments to the word.
fn start(engine: &Engine, arguments: &[&str]) -> Result<Duration> {
    const NAME: &str = "started";
    let start = Instant::now();
    let mut command = engine.command("docker");
    command.args(["run", "--rm", "--network=host", "--name", NAME]).args(arguments);
    let mut docker = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let said = BufReader::new(docker.stderr.take().context("no stderr")?).lines();
    let mut lines = Vec::new();
    for line in said {
        lines.push(line?);
        if lines.last().is_some_and(|line| line.contains(LOADED)) {
            break;
        }
    }
    let took = start.elapsed();
    ensure!(lines.last().is_some_and(|line| line.contains(LOADED)), "{}", lines.join("\n"));
    // It may have ended by itself.
    engine.docker(&["rm", "--force", "--volumes", NAME]);
    docker.wait()?;
    Ok(took)
}
