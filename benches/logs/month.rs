//! What a month leaves on the disk.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use bootstrap::journal::{
    Ending, Inclusion, Journal, Limits, NewTransaction, Purpose, RoundKey, SpendLimit, Timestamp, Uallo,
};
use bootstrap::logs::LogFile;
use bootstrap::settings::Rotation;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::figures::Table;
use crate::support::{bundle, process};

const WINDOWS: u32 = 30 * 24 * 12;
const WINDOW: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);
/// The settings' defaults.
const ROTATION: Rotation = Rotation { max_bytes: 10 << 20, every: DAY, keep: DAY.saturating_mul(30) };
/// A line of each hour, about as long as it is.
const HOURLY: usize = 600;
/// `alerts.log` at its limit: so many lines, about as long as they are.
const ALERTS: u64 = 1_000 * 400;

/// Measures the files of 30 days of 5-minute windows, each with one round.
pub fn measure(table: &mut Table) -> Result<()> {
    // On a disk, each of some 17,000 flushes takes its milliseconds.
    let folder = tempfile::tempdir_in("/dev/shm")?;
    let lines = lines_of_a_round(tempfile::tempdir()?.path())?;
    let log = log(&folder.path().join("log"), &lines)?;
    let journal = journal(&folder.path().join("state"))?;
    table.count("lines of a round", None, lines.len() as f64);
    table.memory("30 days of 5-minute windows: log", None, log);
    table.memory("the same: journal", None, journal);
    table.memory("the same: log, journal and alerts", 50.0, log + journal + ALERTS);
    Ok(())
}

/// What a worker logs of one round, at default settings.
fn lines_of_a_round(folder: &Path) -> Result<Vec<Value>> {
    let root = folder.join("bundle");
    bundle::write(&root, "def predict(nonce): return nonce / 7")?;
    let log = folder.join("worker.log");
    let status = Command::new(process::BINARY)
        .args(["run", "--network", "devnet", "--windows", "3"])
        .arg(&root)
        .env("ALLORA_PYTHON", process::python()?)
        .env("ALLORA_STATE_DIR", folder.join("state"))
        .env("ALLORA_HEARTBEAT_FILE", folder.join("heartbeat"))
        .env("ALLORA_LOG_FILE", &log)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "the worker ended with {status}");
    let text = fs::read_to_string(log)?;
    let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    // The first round is preceded by the start, the last one by the end.
    let mut nonces: Vec<_> = lines.iter().filter_map(|line| line["nonce"].as_u64()).collect();
    nonces.dedup();
    let at = |nonce: Option<&u64>| lines.iter().position(|line| line["nonce"].as_u64() == nonce.copied());
    let (from, to) = at(nonces.get(1)).zip(at(nonces.get(2))).context("three rounds")?;
    Ok(lines[from..to].to_vec())
}

/// Bytes of log files after a month of such rounds.
fn log(folder: &Path, lines: &[Value]) -> Result<u64> {
    let begun = SystemTime::now();
    let mut log = LogFile::open(&folder.join("worker.log"), ROTATION)?;
    for window in 0..WINDOWS {
        let now = begun + WINDOW * window;
        let mut append = |line: String| log.append(format!("{line}\n").as_bytes(), now);
        for line in lines {
            append(renewed(line, now, window)?.to_string())?;
        }
        if window.is_multiple_of(12) {
            append((0..HOURLY / 8).map(|_| format!("{:08}", fastrand::u32(..))).collect())?;
        }
    }
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let (mut bytes, mut plain) = (0, 0);
        for entry in folder.read_dir()? {
            let entry = entry?;
            bytes += entry.metadata()?.len();
            plain += usize::from(entry.path().extension().is_none_or(|end| end != "gz"));
        }
        // The log itself and its lock.
        if plain == 2 {
            return Ok(bytes);
        }
        ensure!(Instant::now() < end, "rotated files are not compressed");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The line with what differs from round to round: nothing compresses better than it would.
fn renewed(line: &Value, now: SystemTime, window: u32) -> Result<Value> {
    let mut line = line.clone();
    for (key, value) in line.as_object_mut().context("a line is an object")? {
        match value {
            Value::Number(number) if number.is_u64() && key != "topic_id" => {
                *value = (u64::from(window) * 60).into()
            }
            Value::Number(_) if key != "topic_id" => *value = fastrand::f64().into(),
            Value::String(text) if text.len() == 64 => {
                *text = (0..4).map(|_| format!("{:016X}", fastrand::u64(..))).collect();
            }
            _ => {}
        }
    }
    line["timestamp"] = OffsetDateTime::from(now).format(&Rfc3339)?.into();
    Ok(line)
}

/// Bytes of a journal with a month of rounds that were admitted.
fn journal(folder: &Path) -> Result<u64> {
    let begun = SystemTime::now();
    let mut journal =
        Journal::open(folder, "allora-testnet-1", "allo1cvtrxk38t29zvt6mgtm87zyf4nq3zfpr5ezx3f")?;
    for window in 0..WINDOWS {
        let at = Timestamp::from(OffsetDateTime::from(begun + WINDOW * window));
        let height = u64::from(window) * 60;
        let key = RoundKey { topic_id: 69, nonce: height.try_into()? };
        journal.begin_round(key, at, height + 30)?;
        journal.predicted(key, &fastrand::f64().to_string(), &Limits::default(), at)?;
        let transaction = NewTransaction {
            // What a payload of a worker has.
            bytes: (0..700).map(|_| fastrand::u8(..)).collect(),
            sequence: window.into(),
            fee: Uallo(2_000_000_000_000_000),
            charge: Uallo(0),
            gas_limit: 200_000,
            timeout_height: height + 30,
        };
        let prepared = journal.prepare(Purpose::Payload(key), transaction, SpendLimit::None, at)?;
        journal.broadcasting(&prepared, "https://rpc.example.com", at)?;
        let inclusion = Inclusion {
            height: Some(height + 2),
            code: 0,
            codespace: String::new(),
            log: String::new(),
            paid: Uallo(2_000_000_000_000_000),
            gas_used: Some(180_000),
        };
        journal.included(prepared.hash(), &inclusion, at)?;
        journal.finish_round(key, &Ending::Admitted, at)?;
    }
    let mut bytes = 0;
    for entry in folder.read_dir()? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
