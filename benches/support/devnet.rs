//! A local chain in a process of its own.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use tempfile::TempDir;

use super::process::{BINARY, Process, until};

/// What the chain says about itself.
#[derive(Debug, Deserialize)]
pub struct Facts {
    /// Its name.
    pub chain_id: String,
    /// URL of JSON-RPC.
    pub rpc: String,
    /// URL of the websocket.
    pub websocket: String,
    /// URL of gRPC, unless it is off.
    pub grpc: Option<String>,
    /// Funded ones.
    pub accounts: Vec<Account>,
}

/// A funded account.
#[derive(Debug, Deserialize)]
pub struct Account {
    /// In hex.
    pub private_key: String,
    /// Words.
    pub mnemonic: String,
}

/// The chain's process. Ends with this.
#[derive(Debug)]
pub struct Devnet {
    /// Where it is.
    pub facts: Facts,
    process: Process,
    _folder: TempDir,
}

impl Devnet {
    /// Starts one on free ports, with these arguments of the command line.
    pub async fn start(arguments: &[&str]) -> Result<Self> {
        let folder = TempDir::new()?;
        let config = folder.path().join("devnet.json");
        // A file of its own: what it had in memory of the workers' one would make them seem smaller.
        let binary = folder.path().join("bootstrap");
        fs::copy(BINARY, &binary)?;
        let process = Process::start(
            Command::new(&binary)
                .args(["devnet", "--listen", "127.0.0.1:0"])
                .args(arguments)
                .arg("--config-out")
                .arg(&config),
            &folder.path().join("log"),
        )?;
        let facts = until("devnet's facts", || fs::read_to_string(&config).ok()).await?;
        let facts = serde_json::from_str(&facts).context("devnet's facts")?;
        Ok(Self { facts, process, _folder: folder })
    }

    /// Number of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}
