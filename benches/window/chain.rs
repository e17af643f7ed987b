//! The chain under the worker: its process, and a client that sees what a node shows.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use super::support::process::{BINARY, Process, until};

/// Longer than the longest epoch of the bench.
const NEXT_WINDOW: Duration = Duration::from_secs(90);

/// What the chain says about itself.
#[derive(Debug, Deserialize)]
struct Facts {
    rpc: String,
    websocket: String,
    accounts: Vec<Account>,
}

/// A funded account.
#[derive(Debug, Deserialize)]
struct Account {
    private_key: String,
}

/// A local chain with blocks of 500 ms.
#[derive(Debug)]
pub struct Chain {
    facts: Facts,
    http: reqwest::Client,
    _process: Process,
    _folder: TempDir,
}

impl Chain {
    /// Starts one. Epoch and window are in blocks.
    pub async fn start(epoch: &str, window: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let config = folder.path().join("devnet.json");
        let process = Process::start(
            Command::new(BINARY)
                .args(["devnet", "--listen", "127.0.0.1:0", "--block-time", "500ms"])
                .args(["--epoch", epoch, "--window", window, "--ground-truth-lag", epoch])
                .arg("--config-out")
                .arg(&config),
            &folder.path().join("log"),
        )?;
        let facts = until("devnet's facts", || std::fs::read_to_string(&config).ok()).await?;
        Ok(Self {
            facts: serde_json::from_str(&facts)?,
            http: reqwest::Client::new(),
            _process: process,
            _folder: folder,
        })
    }

    /// Address of its JSON-RPC.
    pub fn rpc(&self) -> &str {
        &self.facts.rpc
    }

    /// A funded account.
    pub fn private_key(&self) -> Result<&str> {
        Ok(&self.facts.accounts.first().context("no account")?.private_key)
    }

    /// For each of the next windows: from the frame that tells of its opening to a transaction in the
    /// mempool.
    pub async fn answers(&self, windows: usize) -> Result<Vec<Duration>> {
        let (mut socket, _) = tokio_tungstenite::connect_async(&self.facts.websocket).await?;
        let query = "tm.event='NewBlockEvents' AND emissions.v10.EventWorkerSubmissionWindowOpened.topic_id = '\"1\"'";
        let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"query": query}});
        socket.send(Message::text(subscribe.to_string())).await?;
        let acknowledged = socket.next().await.context("the websocket closed")??;
        anyhow::ensure!(!acknowledged.to_text()?.contains("error"), "{acknowledged}");

        let mut delays = Vec::with_capacity(windows);
        while delays.len() < windows {
            let frame =
                tokio::time::timeout(NEXT_WINDOW, socket.next()).await?.context("the websocket closed")??;
            if !frame.is_text() {
                continue;
            }
            let opened = Instant::now();
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
        let answer: Value = self.http.post(&self.facts.rpc).json(&request).send().await?.json().await?;
        answer["result"]["n_txs"].as_str().context("no n_txs")?.parse().context("n_txs")
    }
}
