//! The log as whoever collects it sees it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use assert_cmd::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

/// A bundle whose function has this body.
fn bundle(body: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("runner.py", &format!("def predict(nonce):\n    {body}\n    return 1.0\n"));
    write("requirements.txt", "");
    write(
        "model.yaml",
        "schema_version: \"0.1\"
name: m
version: \"1.10\"
python: {version: \">=3.9\"}
entrypoint: {kind: python_function, module: runner, function: predict}
environment: {pip_requirements: requirements.txt}
",
    );
    folder
}

fn predict(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.arg("predict").arg(folder).stdin(Stdio::null()).env_remove("ALLORA_LOG_FORMAT");
    command
}

#[test]
fn away_from_a_terminal_every_line_is_an_object_that_names_bundle_and_round() {
    let folder = bundle("print('hello')");
    let output = predict(folder.path()).env("BUNDLE_ID", "b-1").env("ALLORA_TOPIC_ID", "7").output().unwrap();
    assert_eq!(output.stdout, b"1.0\n");
    let lines: Vec<Value> = String::from_utf8(output.stderr)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for line in &lines {
        for key in ["timestamp", "level", "target", "message"] {
            assert!(line[key].is_string(), "{line}");
        }
        assert_eq!(
            (&line["bundle_id"], &line["model_name"], &line["model_version"]),
            (&"b-1".into(), &"m".into(), &"1.10".into())
        );
    }
    let hello = lines.iter().find(|line| line["message"] == "hello").unwrap();
    assert_eq!((&hello["topic_id"], &hello["nonce"]), (&7.into(), &1.into()));
}

#[test]
fn lines_for_people_on_request() {
    let folder = bundle("print('hello')");
    for bundle_id in [None, Some("b-1")] {
        let mut command = predict(folder.path());
        command.args(["--log-format", "pretty"]).env_remove("BUNDLE_ID");
        command.envs(bundle_id.map(|id| ("BUNDLE_ID", id)));
        let text = String::from_utf8(command.output().unwrap().stderr).unwrap();
        assert!(text.lines().any(|line| line.contains("INFO") && line.contains("hello")), "{text}");
        let is_named = |line: &str| line.split(' ').nth(1) == bundle_id;
        assert!(text.lines().all(|line| is_named(line) == bundle_id.is_some()), "{text}");
    }
}

#[test]
fn the_level_is_a_filter() {
    let folder = bundle("print('hello')");
    let output = predict(folder.path()).args(["--log-level", "error"]).output().unwrap();
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (b"1.0\n".as_slice(), b"".as_slice()));
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let folder = bundle("for line in range(5000): print('x' * 200)");
    let mut child = predict(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (done, waited) = std::sync::mpsc::channel();
    let mut stdout = child.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut value = String::new();
        stdout.read_to_string(&mut value).unwrap();
        done.send(value).unwrap();
    });
    // Far beyond the limit of the prediction; stderr stays open and unread.
    let value = waited.recv_timeout(Duration::from_secs(60));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(value.as_deref(), Ok("1.0\n"));
}

#[test]
fn a_report_that_cannot_be_written_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = predict(&folder.path().join("absent")).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(66));
}
