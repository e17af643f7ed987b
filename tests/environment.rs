//! Secrets leave the environment at once.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

#[path = "support/bench.rs"]
mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use assert_cmd::prelude::*;

/// A model that waits inside its first call, so that the worker can be looked at meanwhile.
const RUNNER: &str = "import os, time
def predict(nonce):
    names = ' '.join(sorted(os.environ))
    print('environment:', names, flush=True)
    time.sleep(20)
    return 1.0
";

#[test]
fn neither_the_process_nor_the_model_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    support::write_bundle(&root.join("b"), RUNNER, "");
    let words =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    let mut child = Command::cargo_bin("bootstrap")
        .unwrap()
        .args(["predict", "b"])
        .current_dir(root)
        .env("MNEMONIC", words)
        .env("ALLORA_API_KEY", "faucet-secret")
        .env("ALLORA_STATE_DIR", root.join("state"))
        .env("MODEL_TOKEN", "of the model")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        seen.push(line.unwrap());
        if seen.last().is_some_and(|line| line.contains("environment:")) {
            break;
        }
    }
    let environ = fs::read(format!("/proc/{}/environ", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let environ = String::from_utf8_lossy(&environ);
    assert!(environ.contains("ALLORA_STATE_DIR"), "{environ}");
    assert!(!environ.contains("abandon") && !environ.contains("faucet-secret"), "{environ}");
    let log = seen.join("\n");
    let names = seen.iter().find(|line| line.contains("environment:")).unwrap_or_else(|| panic!("{log}"));
    assert!(names.contains("MODEL_TOKEN"), "{names}");
    assert!(!names.contains("MNEMONIC") && !names.contains("ALLORA_API_KEY"), "{names}");
    assert!(!log.contains("abandon"), "{log}");
    assert!(log.contains("MNEMONIC is an older name"), "{log}");
}
