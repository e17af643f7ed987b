//! What to run, what to ask, what comes back.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootstrap_frames::{Fault, Prediction, cut};

use super::Interpreter;
use super::printable::printable_lines;
use super::private::Private;
use crate::bundle::Manifest;

/// The program that is running, whatever became of its file since it was started.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// How long a process may give no sign of life between two calls. A thread of a model may keep the
/// interpreter to itself for some time, in a library's C code, and is not dead for it; one that does so
/// for longer than a call usually has would cost a window.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Longest message and longest traceback of a failure, in bytes. Our module sends less; the model, which has
/// the same connection, can send what it likes.
const MAX_MESSAGE: usize = 8 * 1024;
const MAX_TRACEBACK: usize = 64 * 1024;
/// Longest value and longest label of a prediction, in bytes, as in our module.
const MAX_VALUE: usize = 1024;
/// Most labels of a prediction, as in our module.
const MAX_LABELS: usize = 1024;

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

/// One question.
#[derive(Debug, Clone)]
pub struct Call {
    /// Block height of the nonce.
    pub nonce: i64,
    /// The topic that asks.
    pub topic_id: u64,
    /// Last block of the window, when one is open.
    pub window_closes_at: Option<i64>,
    /// Name or address of the network, without credentials.
    pub network: String,
    /// Time for the answer, waiting for the model to load included.
    pub limit: Duration,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Decimal texts, exactly as the model gave them.
    Value(Prediction),
    /// It left this nonce out on purpose.
    Skipped {
        /// Its own words.
        why: String,
    },
}

impl Answer {
    /// A prediction, unless it is larger than any that our module gives.
    pub(super) fn value(prediction: Prediction) -> Option<Self> {
        let fits = |text: &String| text.len() <= MAX_VALUE;
        let all_fit = match &prediction {
            Prediction::One(value) => fits(value),
            Prediction::Many(values) => {
                values.len() <= MAX_LABELS && values.iter().all(|(label, value)| fits(label) && fits(value))
            }
        };
        all_fit.then_some(Self::Value(prediction))
    }

    /// What a model says of a nonce that it leaves out.
    pub(super) fn skipped(why: String) -> Self {
        Self::Skipped { why: shown(&why, MAX_MESSAGE) }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default())]
pub struct Failure {
    /// What kind of end it was.
    pub kind: FailureKind,
    /// One line or a few, for people.
    pub message: String,
    /// What to do about it, where that depends on more than the kind.
    pub advice: Option<String>,
    /// Python's, when there was an exception; the last lines it printed, when it crashed.
    pub traceback: Option<String>,
}

/// The ways in which a model fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The function raised.
    Exception,
    /// It did not answer in time, and was killed.
    Timeout,
    /// The process ended by itself or broke the protocol.
    Crash,
    /// It returned something that is no prediction.
    BadValue,
    /// The module could not be imported.
    Import,
    /// It took more memory than it may, and was killed.
    Memory,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Exception, Self::Timeout, Self::Crash, Self::BadValue, Self::Import, Self::Memory];

    /// The word for it, in logs, journal and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exception => "exception",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::BadValue => "bad_value",
            Self::Import => "import",
            Self::Memory => "memory",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Failure {
    /// A failure without a traceback. Of a long message the beginning.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: shown(&message.into(), MAX_MESSAGE), advice: None, traceback: None }
    }

    fn with_advice(self, advice: &str) -> Self {
        Self { advice: Some(shown(advice, MAX_MESSAGE)), ..self }
    }

    fn with_traceback(self, traceback: Option<String>) -> Self {
        Self { traceback: traceback.map(|text| shown(&text, MAX_TRACEBACK)), ..self }
    }
}

/// What a model said, for logs, terminals and the journal.
fn shown(text: &str, limit: usize) -> String {
    cut(printable_lines(text), limit)
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Import { message, traceback } => {
                Self::new(FailureKind::Import, message).with_traceback(traceback)
            }
            Fault::Exception { class, message, traceback } => {
                let message = if message.is_empty() { class } else { format!("{class}: {message}") };
                Self::new(FailureKind::Exception, message).with_traceback(traceback)
            }
            Fault::BadValue(bad) => Self::new(FailureKind::BadValue, bad.finding()).with_advice(&bad.fix),
        }
    }
}

/// Why a model cannot even be started. Everything later is a [`Failure`] and is tried again.
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
