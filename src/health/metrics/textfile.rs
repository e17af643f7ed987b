//! A file of metrics for the textfile collector of node_exporter.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Metrics;
use crate::health::file;

/// How often it is written. Prometheus scrapes each 15 s to 60 s.
const PERIOD: Duration = Duration::from_secs(15);

/// Metrics could not be written.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be written to {}", .path.display())]
pub struct TextfileError {
    path: PathBuf,
    source: io::Error,
}

impl TextfileError {
    /// What the user should do.
    pub const HINT: &'static str = "set ALLORA_METRICS_FILE to a file in a folder that can be written";
}

/// A file that is kept up to date.
#[derive(Debug)]
pub struct Textfile {
    path: PathBuf,
    metrics: Metrics,
    closing: CancellationToken,
    /// Writes it.
    task: Option<AbortOnDropHandle<()>>,
}

impl Textfile {
    /// A file at `path`. What is there stays until [`Textfile::start`]: it may be that of another worker, which has
    /// the wallet.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn new(path: PathBuf, metrics: Metrics) -> Result<Self, TextfileError> {
        match file::check(path.clone()).await {
            Ok(()) => Ok(Self { path, metrics, closing: CancellationToken::new(), task: None }),
            Err(source) => Err(TextfileError { path, source }),
        }
    }

    /// Whether the file could be written, found out without doing it.
    ///
    /// # Errors
    /// It could not.
    pub fn check(path: &Path) -> Result<(), TextfileError> {
        file::check_now(path).map_err(|source| TextfileError { path: path.to_owned(), source })
    }

    /// Writes it now, and then every 15 seconds. Troubles may pass, and are logged.
    pub fn start(&mut self) {
        let task = keep(self.path.clone(), self.metrics.clone(), self.closing.clone());
        self.task = Some(AbortOnDropHandle::new(tokio::spawn(task)));
    }

    /// Writes it for the last time, where it was written at all: what a worker that ends by itself did is read
    /// afterwards. What only one that runs can say is in it no more, so that nothing takes a worker between two runs of
    /// cron for one that hangs.
    pub async fn close(self) {
        let Some(task) = self.task else { return };
        self.closing.cancel();
        // It panicked, or has ended: either way nobody writes any more.
        let _ = task.await;
        self.metrics.ended();
        report(write(&self.path, &self.metrics).await);
    }
}

async fn keep(path: PathBuf, metrics: Metrics, closing: CancellationToken) {
    let mut could = true;
    loop {
        let written = write(&path, &metrics).await;
        let can = written.is_ok();
        // Once, not each time.
        if could {
            report(written);
        }
        could = can;
        if closing.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_none() {
            return;
        }
    }
}

fn report(written: Result<(), TextfileError>) {
    if let Err(error) = written {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "node_exporter reads old metrics");
    }
}

async fn write(path: &Path, metrics: &Metrics) -> Result<(), TextfileError> {
    let text = metrics.text().map_err(io::Error::other);
    let written = match text {
        Ok(text) => file::replace(path.to_owned(), text.into_bytes()).await,
        Err(error) => Err(error),
    };
    written.map_err(|source| TextfileError { path: path.to_owned(), source })
}
