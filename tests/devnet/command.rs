//! `bootstrap devnet`, the program.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use assert_cmd::cargo::CommandCargoExt as _;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::support::{manual, request};

/// A running command; killed when the test ends without having stopped it.
struct Running(Child);

impl Running {
    fn start(args: &[&str]) -> (Self, Vec<String>) {
        let mut command = Command::cargo_bin("bootstrap").unwrap();
        let mut child = command.arg("devnet").args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut banner = vec![];
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let last = line.starts_with("Listening on ");
            banner.push(line);
            if last {
                break;
            }
        }
        (Self(child), banner)
    }

    fn stop(mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn banner_and_config_file_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.json");
    let (running, banner) = Running::start(&[
        "--listen",
        "127.0.0.1:0",
        "--accounts",
        "2",
        "--topics",
        "2",
        "--labels",
        "up,down",
        "--epoch",
        "30",
        "--config-out",
        file.to_str().unwrap(),
    ]);
    let config: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let keys: Vec<&String> = config.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["accounts", "block_time_seconds", "chain_id", "grpc", "rpc", "topics", "websocket"]);
    let rpc = config["rpc"].as_str().unwrap();
    assert_eq!(banner.last().unwrap(), &format!("Listening on {rpc}"));
    assert_eq!(
        config["topics"][1],
        serde_json::json!({"id": 2, "epoch_length": 30, "worker_submission_window": 10})
    );
    let text = banner.join("\n");
    let shown = |value: &Value| text.contains(value.as_str().unwrap());
    for account in config["accounts"].as_array().unwrap() {
        assert!(shown(&account["address"]) && shown(&account["mnemonic"]) && shown(&account["private_key"]));
    }
    assert!(shown(&config["grpc"]), "{text}");
    assert!(shown(&config["chain_id"]) && shown(&config["websocket"]) && text.contains("up, down"), "{text}");
    assert_eq!(running.stop(Signal::SIGTERM), Some(0));
}

#[tokio::test]
async fn faults_of_the_command_are_asked_for_at_its_port() {
    let (running, banner) =
        Running::start(&["--listen", "127.0.0.1:0", "--grpc", "off", "--block-time", "manual"]);
    assert!(!banner.iter().any(|line| line.contains("gRPC")), "{banner:?}");
    let url = banner.last().unwrap().strip_prefix("Listening on ").unwrap().to_owned();
    let client = reqwest::Client::new();
    let status = async |method: &str, params: Value| {
        client.post(&url).body(request(method, params)).send().await.unwrap().status().as_u16()
    };
    let fault = serde_json::json!({"method": "*", "kind": "http_status", "status": 503});
    assert_eq!(status("devnet_fault", fault).await, 200);
    assert_eq!(status("health", Value::Null).await, 503);
    assert_eq!(status("devnet_clearFaults", Value::Null).await, 200);
    assert_eq!(status("health", Value::Null).await, 200);
    assert_eq!(running.stop(Signal::SIGTERM), Some(0));
}

#[test]
fn control_c_stops_it_in_order() {
    let (running, _) = Running::start(&["--listen", "127.0.0.1:0", "--block-time", "manual"]);
    assert_eq!(running.stop(Signal::SIGINT), Some(0));
}

/// Exit code and stderr of a command that does not get as far as listening.
fn refused(args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    let mut child =
        command.arg("devnet").args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

#[test]
fn wrong_usage_is_64() {
    let (code, text) =
        refused(&["--listen", "127.0.0.1:0", "--epoch", "5", "--window", "6", "--accounts", "0"]);
    assert_eq!(code, Some(64), "{text}");
    assert!(
        text.contains("window of 6 blocks is longer than the epoch of 5") && text.contains("accounts"),
        "{text}"
    );
    for args in [["--block-time", "fast"], ["--listen", "here"], ["--emissions", "v8"], ["--grpc", "on"]] {
        assert_eq!(refused(&args).0, Some(64), "{args:?}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let other = manual();
    let address = other.address().to_string();
    let (code, text) = refused(&["--listen", &address]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains(&address) && text.contains("hint: "), "{text}");
}

#[test]
fn a_config_file_that_cannot_be_written_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing").join("d.json");
    let (code, text) = refused(&["--listen", "127.0.0.1:0", "--config-out", file.to_str().unwrap()]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("d.json"), "{text}");
}
