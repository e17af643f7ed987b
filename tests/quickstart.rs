//! The README's first command, as a newcomer types it: a chain, a wallet and a model, all by itself.
//!
//! Honours `ALLORA_PYTHON`, so that every interpreter of a machine can be tried.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

#[path = "support/bench.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Three epochs of 20 blocks of a second, a start, and a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn three_windows_are_answered_and_it_stops_by_itself() {
    let folder = TempDir::new().unwrap();
    let worker = bootstrap(&folder).args(["run", &quickstart(), "--windows", "3"]).log(&folder);
    assert_eq!(exit_code(worker, PATIENCE), Some(0), "{}", log(&folder));

    let rounds = rounds(&folder);
    assert_eq!(rounds.len(), 3, "{rounds:?}");
    for round in &rounds {
        assert_eq!(round["state"], "admitted", "{round}");
        assert!(round["value"].as_str().unwrap().parse::<f64>().unwrap().is_finite(), "{round}");
        assert_eq!(round["tx_hash"].as_str().unwrap().len(), 64, "{round}");
    }
    let mut nonces: Vec<_> = rounds.iter().map(|round| round["nonce"].as_i64().unwrap()).collect();
    nonces.dedup();
    assert_eq!(nonces.len(), 3, "a window has one row");
}

/// The embedded chain dies with its worker, so the journal of the first run says nothing of the second, and
/// nobody wants to read it beside that.
#[test]
fn a_second_run_answers_a_chain_of_its_own() {
    let folder = TempDir::new().unwrap();
    let mut hashes = BTreeSet::new();
    for runs in 1..=2 {
        let mut command = bootstrap(&folder);
        if runs == 2 {
            // A start that fails takes nothing away.
            let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = taken.local_addr().unwrap().to_string();
            let mut failing = bootstrap(&folder);
            failing.env("ALLORA_METRICS_ADDR", address);
            let failed = failing.args(["run", &quickstart()]).log(&folder);
            assert_eq!(exit_code(failed, PATIENCE), Some(78), "{}", log(&folder));
            assert_eq!(rounds(&folder).len(), 1, "{}", log(&folder));
            // A key of one's own is funded there: nobody else could.
            command.env("ALLORA_PRIVATE_KEY", "07".repeat(32));
        }
        let worker = command.args(["run", &quickstart(), "--windows", "1"]).log(&folder);
        assert_eq!(exit_code(worker, PATIENCE), Some(0), "{}", log(&folder));
        let rounds = rounds(&folder);
        assert_eq!(rounds.len(), 1, "{rounds:?}");
        hashes.insert(rounds[0]["tx_hash"].to_string());
        assert_eq!(hashes.len(), runs, "{rounds:?}");
    }
}

#[test]
fn ctrl_c_stops_it_in_order() {
    let folder = TempDir::new().unwrap();
    let mut worker = bootstrap(&folder).args(["run", &quickstart()]).log(&folder);
    let heartbeat = heartbeat_of_a_ready_model(&folder, &mut worker);
    let model = Pid::from_raw(i32::try_from(heartbeat["model"]["pid"].as_i64().unwrap()).unwrap());
    kill(Pid::from_raw(worker.id().cast_signed()), Signal::SIGINT).unwrap();

    assert_eq!(exit_code(worker, Duration::from_secs(20)), Some(0), "{}", log(&folder));
    assert!(kill(model, None).is_err(), "the model outlived its worker");
    let probe = bootstrap(&folder).args(["probe", "live"]).output().unwrap();
    assert_eq!(probe.status.code(), Some(1), "a worker that stopped is not live");
}

/// A command with folders of its own, and no settings but the interpreter's.
fn bootstrap(folder: &TempDir) -> Command {
    let mut command = support::bare();
    command
        .env("ALLORA_STATE_DIR", folder.path().join("state"))
        .env("ALLORA_HEARTBEAT_FILE", folder.path().join("heartbeat"));
    command
}

/// Starts it with its log in the folder.
trait Log {
    fn log(&mut self, folder: &TempDir) -> Child;
}

impl Log for Command {
    fn log(&mut self, folder: &TempDir) -> Child {
        let log = fs::File::create(log_path(folder)).unwrap();
        self.stdin(Stdio::null()).stderr(log).spawn().unwrap()
    }
}

fn rounds(folder: &TempDir) -> Vec<Value> {
    let listed = bootstrap(folder).args(["journal", "list", "--json"]).output().unwrap();
    serde_json::from_slice(&listed.stdout).unwrap()
}

fn log_path(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}

fn log(folder: &TempDir) -> String {
    fs::read_to_string(log_path(folder)).unwrap()
}

fn quickstart() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart").display().to_string()
}

/// Waits for the process to end; one that does not is killed and has no code.
fn exit_code(mut process: Child, patience: Duration) -> Option<i32> {
    let deadline = Instant::now() + patience;
    while Instant::now() < deadline {
        if let Some(status) = process.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    None
}

fn heartbeat_of_a_ready_model(folder: &TempDir, worker: &mut Child) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let heartbeat = fs::read(folder.path().join("heartbeat")).ok();
        let heartbeat: Option<Value> = heartbeat.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(heartbeat) = heartbeat.filter(|heartbeat| heartbeat["model"]["state"] == "ready") {
            return heartbeat;
        }
        let ended = worker.try_wait().unwrap();
        assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}\n{}", log(folder));
        std::thread::sleep(Duration::from_millis(20));
    }
}
