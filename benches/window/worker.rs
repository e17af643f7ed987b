//! A worker with a model that does nothing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::chain::Chain;
use super::support::process::{self, BINARY, Process, until};
use super::support::{bundle, folder};

/// Resident memory in bytes.
#[derive(Debug)]
pub struct Memory {
    /// Of the process that holds the key.
    pub worker: u64,
    /// Of the process that runs Python.
    pub model: u64,
}

/// `bootstrap run` against a chain.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    started: Instant,
    folder: TempDir,
}

impl Worker {
    /// Starts one with a folder of its own.
    pub fn start(chain: &Chain, python: &Path) -> Result<Self> {
        Self::start_at(chain.rpc(), chain, python)
    }

    /// The same, with another address of the chain.
    pub fn start_at(rpc: &str, chain: &Chain, python: &Path) -> Result<Self> {
        let folder = folder::new()?;
        bundle::write(&folder.path().join("bundle"), bundle::HANGS_ON_REQUEST)?;
        Self::spawn(folder, rpc, chain, python)
    }

    /// Kills it while it predicts, and starts it again in the same folder.
    pub async fn killed_and_restarted(self, chain: &Chain, python: &Path) -> Result<Self> {
        let hang = self.folder.path().join("bundle/hang");
        fs::write(&hang, "")?;
        let predicts = || (self.heartbeat().ok()?["phase"] == "predicting").then_some(());
        until("a prediction", predicts).await?;
        let Self { process, folder, .. } = self;
        process.kill();
        fs::remove_file(&hang)?;
        Self::spawn(folder, chain.rpc(), chain, python)
    }

    /// When its process began.
    pub const fn started(&self) -> Instant {
        self.started
    }

    fn spawn(folder: TempDir, rpc: &str, chain: &Chain, python: &Path) -> Result<Self> {
        let mut command = Command::new(BINARY);
        command
            .arg("run")
            .arg(folder.path().join("bundle"))
            .arg("--python")
            .arg(python)
            .arg("--state-dir")
            .arg(folder.path().join("state"))
            .arg("--heartbeat-file")
            .arg(folder.path().join("heartbeat"))
            .env("ALLORA_NETWORK", rpc)
            .env("ALLORA_PRIVATE_KEY", chain.private_key()?);
        let started = Instant::now();
        let process = Process::start(&mut command, &folder.path().join("log"))?;
        Ok(Self { process, started, folder })
    }

    /// Waits until the heartbeat says so; how long that was from the start of the process.
    pub async fn until_model_is_ready(&self) -> Result<Duration> {
        let ready = until("a ready model", || {
            let heartbeat = self.heartbeat().ok()?;
            (heartbeat["model"]["state"] == "ready").then_some(())
        });
        ready
            .await
            .with_context(|| fs::read_to_string(self.folder.path().join("log")).unwrap_or_default())?;
        Ok(self.started.elapsed())
    }

    /// Resident memory now.
    pub fn memory(&self) -> Result<Memory> {
        let model = self.heartbeat()?["model"]["pid"].as_u64().context("no model")?;
        Ok(Memory {
            worker: process::memory(self.process.pid())?.rss,
            model: process::memory(u32::try_from(model)?)?.rss,
        })
    }

    /// CPU time of the worker so far.
    pub fn cpu(&self) -> Result<Duration> {
        process::cpu(self.process.pid())
    }

    /// How long one probe takes, from its start to its exit.
    pub fn probe_live(&self) -> Result<Duration> {
        let started = Instant::now();
        let heartbeat = self.folder.path().join("heartbeat");
        let output =
            Command::new(BINARY).args(["probe", "live", "--heartbeat-file"]).arg(heartbeat).output()?;
        let took = started.elapsed();
        ensure!(output.status.success(), "not live: {}", String::from_utf8_lossy(&output.stdout));
        Ok(took)
    }

    fn heartbeat(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.folder.path().join("heartbeat"))?)?)
    }
}
