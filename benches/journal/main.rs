//! What looks at a journal of 100,000 rounds, nearly a year of 5-minute windows: `cargo bench --bench journal [-- ROUNDS]`.
//!
//! Each command is the release binary, started and awaited as a shell does. Prints a table in Markdown.
#![allow(clippy::print_stdout)] // the result

#[path = "../support/mod.rs"]
mod support;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bootstrap::health::{Heartbeat, HeartbeatFile, Phase};
use bootstrap::journal::{Journal, Timestamp};
use rusqlite::{Connection, params};

use support::figures::{Table, percentile};
use support::process::BINARY;

/// How often each command is timed.
const RUNS: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Cargo passes `--bench`.
    let rounds = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let rounds = rounds.map_or(Ok(100_000), |rounds| rounds.parse()).context("how many rounds?")?;
    let folder = tempfile::tempdir()?;
    let (state, heartbeat) = (folder.path().join("state"), folder.path().join("heartbeat"));
    let journal = Journal::open(&state, "localnet", "allo1wallet")?.path().to_owned();
    fill(&journal, rounds)?;
    let beat = Heartbeat {
        phase: Phase::Waiting,
        ready: true,
        why: None,
        journal: Some(journal),
        ..Heartbeat::starting("devnet".into(), Timestamp::now())
    };

    let mut table = Table::default();
    let (state, shown) = (state.display().to_string(), heartbeat.display().to_string());
    for (name, most, arguments) in [
        ("`status`", 20.0, &["status", "--state-dir", &state, "--heartbeat-file", &shown][..]),
        ("`status --json`", 20.0, &["status", "--json", "--state-dir", &state, "--heartbeat-file", &shown]),
        ("`probe live`", 5.0, &["probe", "live", "--heartbeat-file", &shown]),
        ("`probe ready`", 5.0, &["probe", "ready", "--heartbeat-file", &shown]),
        ("`journal list`", 200.0, &["journal", "list", "--state-dir", &state]),
        ("`journal list --json`", 200.0, &["journal", "list", "--json", "--state-dir", &state]),
        ("`journal export --csv`", 200.0, &["journal", "export", "--csv", "--state-dir", &state]),
    ] {
        HeartbeatFile::new(&heartbeat).write(&beat).await?;
        let times = (0..RUNS).map(|_| timed(arguments)).collect::<Result<Vec<_>>>()?;
        table.time(name, most, percentile(&times, 50.0));
    }
    println!("{rounds} rounds\n\n{table}");
    Ok(())
}

/// Rounds as a worker leaves them: most admitted, some without a transaction.
fn fill(journal: &Path, rounds: u32) -> Result<()> {
    let mut db = Connection::open(journal)?;
    // A round and its transaction name each other.
    db.pragma_update(None, "foreign_keys", false)?;
    let all = db.transaction()?;
    let at = Timestamp::now();
    for number in 1..=rounds {
        let (nonce, is_answered) = (i64::from(number) * 60, number % 20 != 0);
        let state = if is_answered { "admitted" } else { "expired" };
        let reason = (!is_answered).then_some("exception: ValueError: no price for this window");
        let transaction = is_answered.then_some(number);
        all.execute(
            "INSERT INTO rounds (id, topic_id, nonce, window_end, state, reason, value, attempts, transaction_id, \
             fee, opened_at, predicted_at, finished_at) VALUES (?1, 1, ?2, ?2 + 30, ?3, ?4, '0.123456789', 1, ?5, \
             '2100010', ?6, ?6, ?6)",
            params![number, nonce, state, reason, transaction, at],
        )?;
        if is_answered {
            all.execute(
                "INSERT INTO transactions (id, hash, kind, topic_id, round_id, sequence, fee, gas_limit, \
                 timeout_height, state, prepared_at, broadcast_at, endpoint, height, code, fee_paid, gas_used) VALUES \
                 (?1, printf('%064X', ?1), 'payload', 1, ?1, ?1, '2100000', 210000, ?2 + 30, 'included', ?3, ?3, \
                 'https://rpc.example.com', ?2 + 1, 0, '2100010', 180000)",
                params![number, nonce, at],
            )?;
        }
    }
    all.commit()?;
    Ok(())
}

/// From the start of the command to its end.
fn timed(arguments: &[&str]) -> Result<Duration> {
    let mut command = Command::new(BINARY);
    command.args(arguments).stdin(Stdio::null()).stdout(File::create("/dev/null")?);
    let start = Instant::now();
    let status = command.status()?;
    let taken = start.elapsed();
    ensure!(status.success(), "{arguments:?} ended with {status}");
    Ok(taken)
}
