//! What to run, and within which limits.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Interpreter;
use super::private::Private;
use crate::bundle::Manifest;

/// The program that is running, whatever became of its file since it was started.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// How long a process may give no sign of life between two calls. A thread of a model may keep the
/// interpreter to itself for some time, in a library's C code, and is not dead for it; one that does so
/// for longer than a call usually has would cost a window.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// A model: whose function, in which interpreter, within which limits.
#[derive(Debug, Clone)]
pub struct ModelSpec {
    /// The program whose command `host` is the model process: [`THIS_PROGRAM`], except in tests.
    pub program: PathBuf,
    /// The interpreter.
    pub python: Interpreter,
    /// The bundle's folder, absolute.
    pub bundle_root: PathBuf,
    /// Working directory of import and calls, absolute.
    pub workdir: PathBuf,
    /// Where weights lie, absolute.
    pub artifacts_dir: PathBuf,
    /// Dotted name of the module.
    pub module: String,
    /// Name of the function in it.
    pub function: String,
    /// Deadline of importing the module.
    pub load_limit: Duration,
    /// How long a process may give no sign of life between two calls: [`SILENCE_LIMIT`], except in
    /// tests.
    pub silence_limit: Duration,
    /// Limit of resident memory in MiB, of a process with all that it starts.
    pub memory_mb: Option<u64>,
    /// Threads that numeric libraries are told to use; by default the processors we may use.
    pub cpu_cores: Option<f64>,
    /// Keep a second, loaded process that takes over when the first is gone.
    pub spare: bool,
    /// Files and folders that the model may write to, absolute.
    pub writable: Vec<PathBuf>,
    /// What the model must not read or see.
    pub private: Private,
    /// Files that the model may read but never write, wherever they are: the heartbeat.
    pub read_only: Vec<PathBuf>,
    /// Whether it is asked once only, by somebody who shows what comes of it: nothing is logged of its end then.
    pub is_asked_once: bool,
    /// For its environment.
    pub topic_id: Option<u64>,
    /// For its environment: name or address of the network, without credentials.
    pub network: String,
}

impl ModelSpec {
    /// The model of a bundle as its manifest describes it. `network` is for its environment
    /// and must be without credentials.
    #[must_use]
    pub fn of_bundle(
        manifest: &Manifest,
        python: Interpreter,
        private: Private,
        topic_id: Option<u64>,
        network: String,
    ) -> Self {
        let (entrypoint, runtime) = (&manifest.entrypoint, &manifest.runtime);
        Self {
            program: THIS_PROGRAM.into(),
            python,
            bundle_root: manifest.root.clone(),
            workdir: entrypoint.workdir.clone(),
            artifacts_dir: entrypoint.artifacts_dir.clone(),
            module: entrypoint.module.clone(),
            function: entrypoint.function.clone(),
            load_limit: runtime.load_seconds,
            silence_limit: SILENCE_LIMIT,
            memory_mb: runtime.memory_mb,
            cpu_cores: runtime.cpu_cores,
            spare: runtime.spare,
            writable: runtime.writable.clone(),
            private,
            read_only: Vec::new(),
            is_asked_once: false,
            topic_id,
            network,
        }
    }
}

/// Why a model cannot even be started. Everything later is a [`Failure`](super::Failure) and is tried again.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The scratch folder cannot be made.
    #[error("no scratch folder for the model can be made in {}", .0.display())]
    Scratch(PathBuf, #[source] std::io::Error),
    /// The thread that spawns processes cannot be started.
    #[error("no thread for the model process can be started")]
    Thread(#[source] std::io::Error),
    /// A path is not UTF-8, which neither Python's import system nor our messages take.
    #[error("the path {0} is not UTF-8")]
    NotUtf8(PathBuf),
    /// A key file, a state folder, a log file or the heartbeat lies where the model may write or must read.
    #[error("{}", exposed(kept, folder))]
    Exposed {
        /// The worker's.
        kept: PathBuf,
        /// The model's.
        folder: PathBuf,
    },
}

fn exposed(kept: &Path, folder: &Path) -> String {
    let (shown, folder_shown) = (kept.display(), folder.display());
    if kept.starts_with(folder) {
        format!("{shown} belongs to the worker, but lies in {folder_shown}, where the model gets at it")
    } else {
        format!("{shown} belongs to the worker, but {folder_shown}, which is the model's, lies in it")
    }
}

impl StartError {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        matches!(self, Self::Exposed { .. }).then_some(
            "move it out, and say where it is; key, state, log, heartbeat and environment file have their place outside of the \
             bundle, TMPDIR and runtime.writable: ALLORA_MNEMONIC_FILE or ALLORA_PRIVATE_KEY_FILE, ALLORA_STATE_DIR, ALLORA_LOG_FILE, \
             ALLORA_HEARTBEAT_FILE, --env-file",
        )
    }
}
