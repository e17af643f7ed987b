//! The model that is measured.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bootstrap::bundle::Manifest;
use bootstrap::model::{
    Answer, Call, Failure, FailureKind, Interpreter, Model, ModelSpec, ModelState, ModelStatus, Private,
};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::support::bundle;
use super::support::process::{self, BINARY};

/// For anything that is no subject of a measurement.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a process is looked for.
const LOOK: Duration = Duration::from_micros(100);

/// A model with a bundle of its own.
#[derive(Debug)]
pub struct Subject {
    model: Model,
    status: watch::Receiver<ModelStatus>,
    _folder: TempDir,
}

impl Subject {
    /// Starts one.
    pub fn start(python: &Interpreter, code: &str) -> Result<Self> {
        let folder = TempDir::new()?;
        let root = folder.path().join("bundle");
        bundle::write(&root, code)?;
        let (manifest, _) = Manifest::read(&root)?;
        let spec =
            ModelSpec::of_bundle(&manifest, python.clone(), Private::default(), Some(1), "devnet".into());
        let model = Model::start(ModelSpec { program: BINARY.into(), ..spec })?;
        Ok(Self { status: model.watch(), model, _folder: folder })
    }

    /// Waits until it is loaded.
    pub async fn until_ready(&mut self) -> Result<()> {
        let ready = self.status.wait_for(|status| status.state == ModelState::Ready);
        tokio::time::timeout(PATIENCE, ready).await.context("no model in time")??;
        Ok(())
    }

    /// Waits until another process than `old` is loaded.
    pub async fn until_replaced(&mut self, old: u32) -> Result<()> {
        let replaced = |status: &ModelStatus| status.state == ModelState::Ready && status.pid != Some(old);
        tokio::time::timeout(PATIENCE, self.status.wait_for(replaced))
            .await
            .context("no model in time")??;
        Ok(())
    }

    /// The number of its process.
    pub fn pid(&self) -> Result<u32> {
        self.status.borrow().pid.context("no process")
    }

    /// Kills its process, and says which it was.
    pub fn kill(&self) -> Result<u32> {
        let pid = self.pid()?;
        kill(number(pid)?, Signal::SIGKILL)?;
        Ok(pid)
    }

    /// When the process, its keeper and its children are gone and reaped.
    pub fn watch_end(&self) -> Result<JoinHandle<Result<Instant>>> {
        let pid = self.pid()?;
        let (process, keeper) = (number(pid)?, number(process::parent(pid)?)?);
        let is_gone = |pid| kill(pid, None) == Err(Errno::ESRCH);
        Ok(tokio::task::spawn_blocking(move || {
            let limit = Instant::now() + PATIENCE;
            // The keeper is the last: it ends when it has reaped all of them.
            while !(is_gone(process) && is_gone(keeper)) {
                ensure!(Instant::now() < limit, "{process} does not end");
                std::thread::sleep(LOOK);
            }
            Ok(Instant::now())
        }))
    }

    /// An answer to nonce 0, as soon as the model is loaded.
    pub async fn value(&self) -> Result<()> {
        self.ask(0).await
    }

    /// An answer.
    pub async fn ask(&self, nonce: i64) -> Result<()> {
        match self.model.predict(call(nonce, PATIENCE)).await? {
            Answer::Value(_) => Ok(()),
            Answer::Skipped { why } => bail!("skipped: {why}"),
        }
    }

    /// A call that ends with its deadline.
    pub async fn hangs(&self, nonce: i64, limit: Duration) -> Result<()> {
        match self.model.predict(call(nonce, limit)).await {
            Err(Failure { kind: FailureKind::Timeout, .. }) => Ok(()),
            other => bail!("not a hang: {other:?}"),
        }
    }

    /// Ends it.
    pub async fn stop(self) {
        self.model.stop().await;
    }
}

fn call(nonce: i64, limit: Duration) -> Call {
    Call { nonce, topic_id: 1, window_closes_at: None, network: "devnet".into(), limit }
}

fn number(pid: u32) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(pid)?))
}
