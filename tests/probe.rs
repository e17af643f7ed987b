//! `bootstrap probe` through the real binary.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use bootstrap::health::{Heartbeat, HeartbeatFile, Phase};
use bootstrap::journal::Timestamp;
use time::{Duration, OffsetDateTime};

fn after(seconds: f64) -> Timestamp {
    (OffsetDateTime::now_utc() + Duration::seconds_f64(seconds)).into()
}

/// A worker in this process, which answers windows.
fn waiting() -> Heartbeat {
    Heartbeat {
        phase: Phase::Waiting,
        phase_deadline: None,
        ready: true,
        why: None,
        started: true,
        ..Heartbeat::starting("devnet".into(), after(60.0))
    }
}

async fn written(folder: &Path, heartbeat: &Heartbeat) -> HeartbeatFile {
    let file = HeartbeatFile::new(&folder.join("heartbeat"));
    file.write(heartbeat).await.unwrap();
    file
}

/// Exit code and line of each probe.
fn probe(path: &Path, question: &str) -> (i32, String) {
    let output = Command::cargo_bin("bootstrap")
        .unwrap()
        .args(["probe", question, "--heartbeat-file"])
        .arg(path)
        .timeout(std::time::Duration::from_secs(20))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    (output.status.code().unwrap(), line.trim_end().to_owned())
}

fn answers(path: &Path) -> [bool; 3] {
    ["startup", "live", "ready"].map(|question| probe(path, question).0 == 0)
}

/// The heartbeat as if it had been written `seconds` earlier.
fn age(path: &Path, seconds: f64) {
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let now = json["instant"]["seconds"].as_f64().unwrap();
    json["instant"]["seconds"] = (now - seconds).into();
    fs::write(path, json.to_string()).unwrap();
}

#[tokio::test]
async fn each_phase_answers_each_question() {
    let folder = tempfile::tempdir().unwrap();
    let loading = Heartbeat { phase: Phase::Loading, ready: false, why: Some("loading".into()), ..waiting() };
    let window = Heartbeat { phase: Phase::Predicting, phase_deadline: Some(after(25.0)), ..waiting() };
    let blocked =
        Heartbeat { phase: Phase::Blocked, ready: false, why: Some("not whitelisted".into()), ..waiting() };
    for (heartbeat, expected) in [
        (Heartbeat::starting("devnet".into(), after(60.0)), [false, true, false]),
        // Without a chain, and its first load has ended.
        (
            Heartbeat { started: true, ..Heartbeat::starting("devnet".into(), after(60.0)) },
            [true, true, false],
        ),
        (Heartbeat { started: false, ..loading.clone() }, [false, true, false]),
        (loading, [true, true, false]),
        // A window is open during the first load.
        (Heartbeat { started: false, ready: false, ..window.clone() }, [false, true, false]),
        (window, [true, true, true]),
        (waiting(), [true, true, true]),
        (blocked, [true, true, false]),
        (Heartbeat { phase: Phase::Stopped, ready: false, ..waiting() }, [false, false, false]),
    ] {
        let file = written(folder.path(), &heartbeat).await;
        assert_eq!(answers(file.path()), expected, "{:?}", heartbeat.phase);
    }
}

#[tokio::test]
async fn the_reason_is_what_the_worker_said() {
    let folder = tempfile::tempdir().unwrap();
    let why = "topic 1 needs a whitelisted wallet:\n\u{1b}[31mallo1x".to_owned();
    let file = written(
        folder.path(),
        &Heartbeat { phase: Phase::Blocked, ready: false, why: Some(why), ..waiting() },
    )
    .await;
    let (code, line) = probe(file.path(), "ready");
    assert_eq!((code, line.as_str()), (1, "no: topic 1 needs a whitelisted wallet:  [31mallo1x"));
}

#[tokio::test]
async fn a_loop_that_does_not_turn_is_dead_only_after_its_deadline_and_15_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), &waiting()).await;
    age(file.path(), 12.0);
    assert_eq!(probe(file.path(), "live").0, 0);
    age(file.path(), 5.0);
    let (code, line) = probe(file.path(), "live");
    assert_eq!(code, 1);
    assert!(line.starts_with("no: the worker hangs in phase waiting"), "{line}");

    let slow = Heartbeat { phase: Phase::Loading, phase_deadline: Some(after(300.0)), ..waiting() };
    let file = written(folder.path(), &slow).await;
    age(file.path(), 310.0);
    assert_eq!(probe(file.path(), "live").0, 0);
    age(file.path(), 10.0);
    assert_eq!(probe(file.path(), "live").0, 1);
}

#[tokio::test]
async fn a_worker_that_is_gone_is_dead_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let file = written(folder.path(), &Heartbeat { pid: child.id(), ..waiting() }).await;
    assert_eq!(probe(file.path(), "live").0, 0);

    child.kill().unwrap();
    // Not waited for yet: a process that nobody has buried is gone all the same.
    let dead = || probe(file.path(), "live");
    let gone = (0..100).map(|_| dead()).find(|(code, _)| *code == 1);
    assert!(gone.unwrap().1.contains("the worker is gone"));
    child.wait().unwrap();
    assert_eq!(dead().0, 1);
}

#[tokio::test]
async fn a_heartbeat_of_an_earlier_boot_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), &waiting()).await;
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
    json["instant"]["boot_id"] = "another".into();
    fs::write(file.path(), json.to_string()).unwrap();
    let (code, line) = probe(file.path(), "live");
    assert_eq!((code, line.as_str()), (1, "no: the worker has not run since the machine was started"));
}

#[tokio::test]
async fn anything_else_at_the_path_is_a_no_and_never_a_hang() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("heartbeat");
    assert!(probe(&path, "live").1.starts_with("no: no worker runs"));

    let whole = {
        let file = written(folder.path(), &waiting()).await;
        fs::read(file.path()).unwrap()
    };
    let hostile: [&[u8]; 9] = [
        b"",
        b"1700000000\n",
        b"{}",
        b"null",
        &whole[..whole.len() / 2],
        &[0xff; 4096],
        &[b'['; 60_000],
        &[b' '; 200_000],
        b"{\"time\":\"2026-11-21T10:00:00Z\",\"pid\":-1}",
    ];
    for content in hostile {
        fs::write(&path, content).unwrap();
        assert_eq!(answers(&path), [false; 3]);
    }

    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(answers(&path), [false; 3]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(answers(&path), [false; 3]);
}

#[tokio::test]
async fn a_heartbeat_replaces_a_link_and_is_readable_for_all() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    fs::write(&precious, "untouched").unwrap();
    std::os::unix::fs::symlink(&precious, folder.path().join("heartbeat")).unwrap();
    let file = written(folder.path(), &waiting()).await;
    assert_eq!(fs::read_to_string(&precious).unwrap(), "untouched");
    assert_eq!(fs::symlink_metadata(file.path()).unwrap().permissions().mode() & 0o7777, 0o644);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    assert_eq!(answers(file.path()), [true; 3]);
}

#[tokio::test]
async fn a_heartbeat_that_cannot_be_written_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = HeartbeatFile::new(&folder.path().join("missing/heartbeat"));
    assert!(file.write(&waiting()).await.unwrap_err().to_string().contains("missing/heartbeat"));
    fs::create_dir(folder.path().join("taken")).unwrap();
    assert!(HeartbeatFile::new(&folder.path().join("taken")).write(&waiting()).await.is_err());
}

#[test]
fn an_unknown_question_is_a_usage_error() {
    Command::cargo_bin("bootstrap").unwrap().args(["probe", "alive"]).assert().code(64);
}
