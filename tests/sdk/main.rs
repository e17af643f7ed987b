//! The worker of `allora-sdk` for Python, unmodified, on the local chain: what another client than ours makes of it.
//!
//! `ALLORA_SDK_PYTHON` names an interpreter that has the package, version 1.3.0.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

#[path = "../support/bench.rs"]
mod support;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{http_get, wait};

/// The SDK takes seconds to start, and registers first.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `found` gives something; `log` is shown when nothing comes.
fn until<T>(what: &str, log: impl Fn() -> String, found: impl FnMut() -> Option<T>) -> T {
    wait::until(what, PATIENCE, log, found)
}

#[test]
#[ignore = "needs allora-sdk, which .ci/run installs"]
fn submits_windows_and_has_them_admitted() {
    let python = std::env::var_os("ALLORA_SDK_PYTHON").expect("ALLORA_SDK_PYTHON names an interpreter");
    let folder = tempfile::tempdir().unwrap();
    let facts = folder.path().join("devnet.json");
    let mut devnet = support::bare();
    devnet
        .args(["devnet", "--listen", "127.0.0.1:0", "--block-time", "500ms"])
        .args(["--epoch", "10", "--window", "8", "--config-out"])
        .arg(&facts)
        .stdout(Stdio::null());
    let _devnet = Running(devnet.spawn().unwrap());
    let facts: Value =
        until("facts of the chain", String::new, || serde_json::from_slice(&fs::read(&facts).ok()?).ok());
    let fact = |name: &str| facts[name].as_str().unwrap();
    let account = &facts["accounts"][0];

    let log = folder.path().join("log");
    let output = fs::File::create(&log).unwrap();
    let worker = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/worker.py"))
        .current_dir(folder.path())
        .env("CHAIN_ID", fact("chain_id"))
        .env("RPC_ENDPOINT", fact("grpc"))
        .env("WEBSOCKET_ENDPOINT", fact("websocket"))
        .env("FAUCET_URL", "")
        .env("FEE_DENOM", "uallo")
        .env("FEE_MIN_GAS_PRICE", "1")
        .env("PRIVATE_KEY", account["private_key"].as_str().unwrap())
        .env("TOPIC_ID", "1")
        .stdin(Stdio::null())
        .stderr(output.try_clone().unwrap())
        .stdout(output)
        .spawn();
    let _worker = Running(worker.unwrap());

    let address = fact("rpc").strip_prefix("http://").unwrap();
    let rows = until(
        "three submissions",
        || fs::read_to_string(&log).unwrap(),
        || {
            let answer = http_get(address, "/devnet_submissions?topic_id=1");
            let rows = answer["result"].as_array()?;
            (rows.len() >= 3).then(|| rows.clone())
        },
    );
    let nonces: Vec<u64> = rows.iter().map(|row| row["nonce"].as_u64().unwrap()).collect();
    assert!(rows.iter().all(|row| row["inferer"] == account["address"] && row["value"] == "1"), "{rows:?}");
    assert!(nonces.windows(2).all(|pair| pair[1] == pair[0] + 10), "no window is left out: {nonces:?}");
    // It saw its transactions in blocks, by GetTx.
    let seen = || fs::read_to_string(&log).unwrap().matches("Successfully submitted").count();
    until("word of success", || fs::read_to_string(&log).unwrap(), || (seen() >= 2).then_some(()));
}
