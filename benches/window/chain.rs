//! The chain under the worker, and a client that sees what a node shows.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::support::devnet::Devnet;
use super::support::openings::Openings;

/// Longer than the longest epoch of the bench.
const NEXT_WINDOW: Duration = Duration::from_secs(90);

/// A local chain with blocks of 500 ms.
#[derive(Debug)]
pub struct Chain {
    devnet: Devnet,
    http: reqwest::Client,
}

impl Chain {
    /// Starts one. Epoch and window are in blocks.
    pub async fn start(epoch: &str, window: &str) -> Result<Self> {
        let blocks = ["--epoch", epoch, "--window", window, "--ground-truth-lag", epoch];
        let devnet =
            Devnet::start(&[&["--grpc", "off", "--block-time", "500ms"], &blocks[..]].concat()).await?;
        Ok(Self { devnet, http: reqwest::Client::new() })
    }

    /// Address of its JSON-RPC.
    pub fn rpc(&self) -> &str {
        &self.devnet.facts.rpc
    }

    /// The same without the scheme.
    pub fn address(&self) -> Result<&str> {
        self.rpc().strip_prefix("http://").context("no http URL")
    }

    /// A funded account.
    pub fn private_key(&self) -> Result<&str> {
        Ok(&self.devnet.facts.accounts.first().context("no account")?.private_key)
    }

    /// For each of the next windows: from the frame that tells of its opening to a transaction in the
    /// mempool.
    pub async fn answers(&self, windows: usize) -> Result<Vec<Duration>> {
        let mut openings = Openings::subscribe(&self.devnet.facts.websocket, 1, NEXT_WINDOW).await?;
        let mut delays = Vec::with_capacity(windows);
        while delays.len() < windows {
            let opened = openings.next().await?.at;
            while self.unconfirmed().await? == 0 {
                if opened.elapsed() > Duration::from_secs(2) {
                    bail!("no answer to window {} of {windows}", delays.len() + 1);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            delays.push(opened.elapsed());
            if delays.len() % 20 == 0 {
                eprintln!("{} of {windows} windows", delays.len());
            }
        }
        Ok(delays)
    }

    /// Waits until a transaction waits for a block.
    pub async fn until_sent(&self) -> Result<()> {
        let asked = Instant::now();
        while self.unconfirmed().await? == 0 {
            anyhow::ensure!(asked.elapsed() < NEXT_WINDOW, "no transaction");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Number of transactions in the mempool.
    async fn unconfirmed(&self) -> Result<usize> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": "unconfirmed_txs", "params": {}});
        let answer: Value =
            self.http.post(&self.devnet.facts.rpc).json(&request).send().await?.json().await?;
        answer["result"]["n_txs"].as_str().context("no n_txs")?.parse().context("n_txs")
    }
}
