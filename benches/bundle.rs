//! The figures that `pack` and `check` are held to: `cargo bench --bench bundle`. Prints a table in Markdown.
//!
//! The bundle has 200 MB: weights that do not compress, as trained ones, and as much text in
//! many files. `tar` runs in turn with `pack`,
//! so that both have the same machine.
#![allow(clippy::print_stdout)] // the result

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use support::figures::Table;

/// Bytes of weights, and of text.
const HALF: usize = 100_000_000;
/// Bytes of each file of text: short enough to be searched for secrets.
const CSV: usize = 210_000;
/// How often each is timed; the fastest counts.
const TIMES: usize = 3;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("b");
    support::bundle::write(&root, "def predict(nonce):\n    return 0.5\n")?;
    fs::create_dir(root.join("artifacts"))?;
    let weights: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(HALF).collect();
    fs::write(root.join("artifacts/weights.bin"), weights)?;
    let row = |number: usize| format!("{number},{},{}\n", fastrand::u32(..1_000_000), fastrand::f32());
    let mut rows = (0..).map(row);
    for file in 0..HALF / CSV {
        let mut text = String::new();
        while text.len() < CSV {
            text.extend(rows.next());
        }
        fs::write(root.join(format!("artifacts/table-{file}.csv")), text)?;
    }

    let (mut packed, mut tarred) = (Duration::MAX, Duration::MAX);
    for _ in 0..TIMES {
        packed = packed.min(time(bootstrap(folder.path()).args(["pack", "b", "-o", "."]))?);
        tarred =
            tarred.min(time(Command::new("tar").current_dir(folder.path()).args(["czf", "b.tar.gz", "b"]))?);
    }
    let mut table = Table::default();
    table.time("pack of 200 MB", None, packed);
    table.time("tar cz of the same", None, tarred);
    table.count("pack beside tar cz", 1.1, packed.as_secs_f64() / tarred.as_secs_f64());
    for (name, what) in [("check of its folder", "b"), ("check of its archive", "bench-0.1.0.tar.gz")] {
        let mut fastest = Duration::MAX;
        for _ in 0..TIMES {
            fastest = fastest.min(time(bootstrap(folder.path()).args(["check", what]))?);
        }
        table.time(name, 1_000.0, fastest);
    }
    println!("{table}");
    Ok(())
}

fn bootstrap(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command.current_dir(folder);
    command
}

fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).status()?;
    let took = start.elapsed();
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(took)
}
