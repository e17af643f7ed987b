//! One of many workers, with a model that does nothing.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::chain::Chain;
use super::support::process::{BINARY, Process};
use super::support::{bundle, folder};

const MODEL: &str = "def predict(nonce):\n    return 1\n";
/// How long the last of a crowd may take to be ready, and how often it is looked.
const READY: (Duration, Duration) = (Duration::from_secs(600), Duration::from_millis(200));

/// `bootstrap run` with a bundle, a wallet and a state folder of its own.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    topic: u64,
    folder: TempDir,
}

impl Worker {
    /// Starts the one with this number.
    pub fn start(chain: &Chain, python: &Path, index: u64, topic: u64) -> Result<Self> {
        let folder = folder::new()?;
        let inner = |name: &str| folder.path().join(name);
        bundle::write(&inner("bundle"), MODEL)?;
        let mut command = Command::new(BINARY);
        command
            .arg("run")
            .arg(inner("bundle"))
            .args(["--topic-id", &topic.to_string()])
            .arg("--python")
            .arg(python)
            .arg("--state-dir")
            .arg(inner("state"))
            .arg("--heartbeat-file")
            .arg(inner("heartbeat"))
            .env("ALLORA_NETWORK", chain.rpc())
            .env("ALLORA_PRIVATE_KEY", chain.private_key(index)?);
        let process = Process::start(&mut command, &inner("log"))?;
        Ok(Self { process, topic, folder })
    }

    /// Number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The topic that it answers.
    pub const fn topic(&self) -> u64 {
        self.topic
    }

    /// Asks it to end, and does not wait for that.
    pub fn ask_to_end(&self) {
        self.process.ask_to_end();
    }

    /// Waits until it would answer a window that opened now.
    pub async fn until_ready(&self) -> Result<()> {
        let (limit, pause) = READY;
        let asked = Instant::now();
        loop {
            let heartbeat = fs::read(self.folder.path().join("heartbeat")).unwrap_or_default();
            let heartbeat: Value = serde_json::from_slice(&heartbeat).unwrap_or_default();
            if heartbeat["ready"] == true {
                return Ok(());
            }
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            ensure!(asked.elapsed() < limit, "not ready: {}\n{}", heartbeat["why"], log());
            tokio::time::sleep(pause).await;
        }
    }

    /// How the rounds of its journal ended, with the reason where there is one, by their nonces.
    pub fn rounds(&self) -> Result<HashMap<u64, String>> {
        let mut command = Command::new(BINARY);
        command.args(["journal", "list", "--json", "--state-dir"]).arg(self.folder.path().join("state"));
        let output = command.output()?;
        ensure!(output.status.success(), "no journal: {}", String::from_utf8_lossy(&output.stderr));
        let rounds: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        let ended = |round: &Value| {
            let nonce = round["nonce"].as_u64().context("no nonce")?;
            let words = [&round["state"], &round["reason"]].map(|word| word.as_str().unwrap_or_default());
            Ok((nonce, words.join(" ").trim_end().to_owned()))
        };
        rounds.iter().map(ended).collect()
    }
}
