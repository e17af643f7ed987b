//! What a worker is made of, and how it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::context::Options;
use crate::chain::pool::{Pool, PoolError};
use crate::chain::query::NoTopic;
use crate::health::metrics::Metrics;
use crate::health::{Heartbeat, HeartbeatFile};
use crate::journal::{JournalError, OpenError};
use crate::model::Model;
use crate::wallet::Wallet;

/// When the worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Never.
    Forever,
    /// After this many finished rounds.
    Windows(u64),
    /// After one window.
    Once {
        /// By when it has to open; by default within the topic's epoch.
        until: Option<Instant>,
    },
}

/// What the loop is made of.
pub struct Setup {
    /// Endpoints.
    pub pool: Arc<Pool>,
    /// The key.
    pub wallet: Wallet,
    /// The model, loading.
    pub model: Model,
    /// The user's key for the faucet of a test network.
    pub api_key: Option<Zeroizing<String>>,
    /// What the user asked for.
    pub options: Options,
    /// The longest pause between two looks at the chain.
    pub polling_interval: Duration,
    /// Folder of the journal.
    pub state_dir: PathBuf,
    /// The heartbeat.
    pub heartbeat: HeartbeatFile,
    /// Told of each turn of the loop.
    pub turns: watch::Sender<Option<Heartbeat>>,
    /// What is counted.
    pub metrics: Metrics,
    /// When to end.
    pub goal: Goal,
    /// When to end, on the clock.
    pub until: Option<OffsetDateTime>,
    /// Cancelled when the worker is asked to stop.
    pub stopping: CancellationToken,
}

/// How the worker ended in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Asked to, or the time was over.
    Stopped,
    /// The goal is reached.
    Done,
    /// Once: nothing was submitted this time.
    NothingSubmitted(Reason),
    /// Once: the topic does not exist. It may come into being, and a node that is behind does not know it yet.
    NoTopic(NoTopic),
    /// Once: the chain does not let this wallet submit.
    NotPermitted(Reason),
    /// Once: no endpoint could be used.
    NoEndpoint(Reason),
}

impl Ended {
    /// Why, where nobody asked for it.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Stopped | Self::Done => None,
            Self::NoTopic(topic) => Some(topic.to_string()),
            Self::NothingSubmitted(reason) | Self::NotPermitted(reason) | Self::NoEndpoint(reason) => {
                Some(reason.why.clone())
            }
        }
    }
}

/// Why a window was not answered, and what the user can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// One line.
    pub why: String,
    /// Words for a hint.
    pub hint: &'static str,
}

impl Reason {
    /// What is best looked at by the command for it.
    #[must_use]
    pub const fn to_examine(why: String) -> Self {
        Self { why, hint: "`bootstrap doctor` looks at all that a window needs, and names what to do" }
    }

    /// The endpoints do not answer, or not truthfully.
    #[must_use]
    pub const fn of_endpoints(why: String) -> Self {
        Self { why, hint: "look at the network and at ALLORA_NETWORK; `bootstrap doctor` asks each endpoint" }
    }
}

/// Why the worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// All endpoints are of another chain.
    #[error("the endpoints are not of the chain that was asked for")]
    WrongChain(#[source] PoolError),
    /// The journal cannot be opened.
    #[error("the journal cannot be opened")]
    Open(#[source] OpenError),
    /// The journal cannot be written.
    #[error("the journal cannot be written")]
    Journal(#[from] JournalError),
    /// The system gives no thread.
    #[error("the system gives no thread for the journal")]
    Thread(#[source] std::io::Error),
}
