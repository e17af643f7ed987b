//! The chain under the workers.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::support::devnet::Devnet;

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

/// A local chain, in a process of its own.
#[derive(Debug)]
pub struct Chain {
    devnet: Devnet,
    block: Duration,
}

impl Chain {
    /// Starts one with a funded account for each worker.
    pub async fn start(pace: &Pace, workers: u64, topics: u64) -> Result<Self> {
        let (epoch, window, topics) = (pace.epoch.to_string(), pace.window.to_string(), topics.to_string());
        let (block_time, accounts) = (format!("{}s", pace.block.as_secs()), workers.to_string());
        let devnet = Devnet::start(
            &[
                &["--grpc", "off", "--block-time", &block_time, "--accounts", &accounts][..],
                &["--epoch", &epoch, "--ground-truth-lag", &epoch, "--window", &window],
                &["--topics", &topics, "--max-active-topics-per-block", &topics],
            ]
            .concat(),
        )
        .await?;
        Ok(Self { devnet, block: pace.block })
    }

    /// Address of its JSON-RPC.
    pub fn rpc(&self) -> &str {
        &self.devnet.facts.rpc
    }

    /// Number of its process.
    pub fn pid(&self) -> u32 {
        self.devnet.pid()
    }

    /// The key of a funded account.
    pub fn private_key(&self, index: u64) -> Result<&str> {
        let account = self.devnet.facts.accounts.get(usize::try_from(index)?);
        Ok(&account.context("no such account")?.private_key)
    }

    /// Height of the newest block.
    pub async fn height(&self) -> Result<u64> {
        let answer: Value = reqwest::get(format!("{}/status", self.devnet.facts.rpc)).await?.json().await?;
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
