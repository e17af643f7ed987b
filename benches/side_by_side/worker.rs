//! The two workers, each as its users start it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use super::chain::Chain;
use super::support::process::{self, BINARY, Memory, Process};
use super::support::{bundle, folder};

/// Until a worker is ready.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the SDK's worker says when it begins to look for windows, registered.
const SDK_IS_READY: &str = "Starting polling worker";

/// Whose worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// `bootstrap run`.
    Bootstrap,
    /// The worker of `allora-sdk` for Python.
    Sdk,
}

impl Client {
    /// Both, in the order of the table's columns.
    pub const BOTH: [Self; 2] = [Self::Bootstrap, Self::Sdk];

    /// Its column in the table, and its account on the chain.
    pub const fn column(self) -> usize {
        match self {
            Self::Bootstrap => 0,
            Self::Sdk => 1,
        }
    }
}

/// Where a worker finds the chain.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// URLs of JSON-RPC; the SDK's worker knows the first one, for its websocket.
    pub rpc: Vec<String>,
    /// `host:port` of gRPC, which only the SDK's worker speaks.
    pub grpc: String,
}

impl Addresses {
    /// The node itself.
    pub fn of(chain: &Chain) -> Self {
        Self { rpc: vec![chain.rpc.clone()], grpc: chain.grpc.clone() }
    }
}

/// The interpreters that the workers run with.
#[derive(Debug)]
pub struct Pythons {
    /// Of the model.
    pub model: PathBuf,
    /// That has `allora-sdk`.
    pub sdk: PathBuf,
}

/// A worker with a model that does nothing.
#[derive(Debug)]
pub struct Worker {
    client: Client,
    process: Process,
    started: Instant,
    folder: TempDir,
}

impl Worker {
    /// Starts one with a folder of its own.
    pub fn start(client: Client, chain: &Chain, addresses: &Addresses, pythons: &Pythons) -> Result<Self> {
        Self::start_in(folder::new()?, client, chain, addresses, pythons)
    }

    /// Ends it and starts it again in its folder.
    pub fn restarted(self, chain: &Chain, addresses: &Addresses, pythons: &Pythons) -> Result<Self> {
        let Self { client, process, folder, .. } = self;
        drop(process);
        Self::start_in(folder, client, chain, addresses, pythons)
    }

    fn start_in(
        folder: TempDir,
        client: Client,
        chain: &Chain,
        addresses: &Addresses,
        pythons: &Pythons,
    ) -> Result<Self> {
        let mut command = match client {
            Client::Bootstrap => bootstrap(folder.path(), chain, addresses, pythons)?,
            Client::Sdk => sdk(folder.path(), chain, addresses, pythons)?,
        };
        // That of its last life says that it is ready.
        let _ = fs::remove_file(folder.path().join("heartbeat"));
        let started = Instant::now();
        let process = Process::start(&mut command, &folder.path().join("log"))?;
        Ok(Self { client, process, started, folder })
    }

    /// Waits until it takes windows; how long that was from the start of its process.
    pub async fn until_ready(&self) -> Result<Duration> {
        while !self.is_ready() {
            ensure!(self.started.elapsed() < PATIENCE, "{:?} is not ready:\n{}", self.client, self.log());
            sleep(Duration::from_millis(1)).await;
        }
        Ok(self.started.elapsed())
    }

    fn is_ready(&self) -> bool {
        match self.client {
            Client::Bootstrap => self.heartbeat().is_ok_and(|heartbeat| heartbeat["ready"] == true),
            Client::Sdk => self.log().contains(SDK_IS_READY),
        }
    }

    /// From now on its model hangs when it is asked, or does not.
    pub fn set_hanging(&self, hangs: bool) -> Result<()> {
        let file = hang_file(self.folder.path());
        if hangs {
            fs::write(file, "")?
        } else {
            fs::remove_file(file)?
        }
        Ok(())
    }

    /// Memory of all its processes.
    pub fn memory(&self) -> Result<Memory> {
        // One of them may have ended meanwhile.
        Ok(self.processes()?.into_iter().filter_map(|pid| process::memory(pid).ok()).sum())
    }

    /// CPU time of all its processes so far.
    pub fn cpu(&self) -> Result<Duration> {
        Ok(self.processes()?.into_iter().filter_map(|pid| process::cpu(pid).ok()).sum())
    }

    fn processes(&self) -> Result<Vec<u32>> {
        process::families([self.process.pid()])
    }

    fn heartbeat(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.folder.path().join("heartbeat"))?)?)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

fn bootstrap(folder: &Path, chain: &Chain, addresses: &Addresses, pythons: &Pythons) -> Result<Command> {
    let root = folder.join("bundle");
    if !root.exists() {
        bundle::write(&root, bundle::HANGS_ON_REQUEST)?;
        // A model that hangs is given up for a new one while the window is open.
        let manifest = fs::read_to_string(root.join("model.yaml"))?
            .replace("topic_id: 1", &format!("topic_id: {}", chain.topic_id));
        fs::write(root.join("model.yaml"), manifest + "runtime: {max_seconds: 1}\n")?;
    }
    let mut command = Command::new(BINARY);
    command
        .arg("run")
        .arg(root)
        .arg("--python")
        .arg(&pythons.model)
        .arg("--state-dir")
        .arg(folder.join("state"))
        .arg("--heartbeat-file")
        .arg(folder.join("heartbeat"))
        .env("ALLORA_NETWORK", addresses.rpc.join(","))
        .env("ALLORA_MNEMONIC", &chain.mnemonics[0]);
    Ok(command)
}

fn sdk(folder: &Path, chain: &Chain, addresses: &Addresses, pythons: &Pythons) -> Result<Command> {
    let rpc = addresses.rpc.first().context("no address")?;
    let mut command = Command::new(&pythons.sdk);
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/worker.py"))
        .current_dir(folder)
        .env("CHAIN_ID", &chain.chain_id)
        .env("RPC_ENDPOINT", format!("grpc+http://{}", addresses.grpc))
        .env("WEBSOCKET_ENDPOINT", Chain::websocket(rpc))
        .env("FAUCET_URL", "")
        .env("FEE_DENOM", "uallo")
        .env("FEE_MIN_GAS_PRICE", "1")
        .env("MNEMONIC", &chain.mnemonics[1])
        .env("TOPIC_ID", chain.topic_id.to_string())
        .env("HANG_FILE", hang_file(folder));
    Ok(command)
}

/// Whose presence makes the model hang.
fn hang_file(folder: &Path) -> PathBuf {
    let bundle = folder.join("bundle");
    if bundle.exists() { bundle.join("hang") } else { folder.join("hang") }
}
