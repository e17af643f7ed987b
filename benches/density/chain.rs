//! The chain under the workers.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::support::process::{BINARY, Process, until};

/// How fast blocks come, and how many of them a window has.
#[derive(Debug)]
pub struct Pace {
    block: Duration,
    /// Blocks from one window of a topic to the next.
    pub epoch: u64,
    /// Blocks in which an answer is taken.
    pub window: u64,
}

impl Pace {
    /// For a crowd of this size: a short run for a small one, the pace of a real network for a large one.
    pub const fn of(workers: u64) -> Self {
        if workers < 100 {
            Self { block: Duration::from_secs(1), epoch: 12, window: 10 }
        } else {
            Self { block: Duration::from_secs(5), epoch: 60, window: 20 }
        }
    }

    /// The nonces of a topic whose windows open after block `first` and are closed at block `last`.
    pub fn nonces(&self, topic: u64, first: u64, last: u64) -> impl Iterator<Item = u64> {
        // The first windows of topics are a block apart.
        let begin = 1 + (topic - 1) % self.epoch;
        let epoch = self.epoch;
        (first + 1..=last - self.window)
            .filter(move |height| *height >= begin && (height - begin).is_multiple_of(epoch))
    }
}

/// What the chain says about itself.
#[derive(Debug, Deserialize)]
struct Facts {
    rpc: String,
    accounts: Vec<Account>,
}

#[derive(Debug, Deserialize)]
struct Account {
    private_key: String,
}

/// A local chain, in a process of its own.
#[derive(Debug)]
pub struct Chain {
    facts: Facts,
    block: Duration,
    process: Process,
    _folder: TempDir,
}

impl Chain {
    /// Starts one with a funded account for each worker.
    pub async fn start(pace: &Pace, workers: u64, topics: u64) -> Result<Self> {
        let folder = TempDir::new()?;
        let config = folder.path().join("devnet.json");
        let (epoch, topics) = (pace.epoch.to_string(), topics.to_string());
        let process = Process::start(
            Command::new(BINARY)
                .args(["devnet", "--listen", "127.0.0.1:0", "--grpc", "off"])
                .args(["--block-time", &format!("{}s", pace.block.as_secs())])
                .args(["--epoch", &epoch, "--ground-truth-lag", &epoch, "--window", &pace.window.to_string()])
                .args(["--accounts", &workers.to_string()])
                .args(["--topics", &topics, "--max-active-topics-per-block", &topics])
                .arg("--config-out")
                .arg(&config),
            &folder.path().join("log"),
        )?;
        let facts = until("devnet's facts", || std::fs::read_to_string(&config).ok()).await?;
        Ok(Self { facts: serde_json::from_str(&facts)?, block: pace.block, process, _folder: folder })
    }

    /// Address of its JSON-RPC.
    pub fn rpc(&self) -> &str {
        &self.facts.rpc
    }

    /// Number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The key of a funded account.
    pub fn private_key(&self, index: u64) -> Result<&str> {
        let account = self.facts.accounts.get(usize::try_from(index)?);
        Ok(&account.context("no such account")?.private_key)
    }

    /// Height of the newest block.
    pub async fn height(&self) -> Result<u64> {
        let answer: Value = reqwest::get(format!("{}/status", self.facts.rpc)).await?.json().await?;
        let height = answer["result"]["sync_info"]["latest_block_height"].as_str();
        height.context("no height")?.parse().context("a height")
    }

    /// Waits until there is a block of this height.
    pub async fn until_height(&self, height: u64) -> Result<()> {
        while self.height().await? < height {
            tokio::time::sleep(self.block).await;
        }
        Ok(())
    }
}
