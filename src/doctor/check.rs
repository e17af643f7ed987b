//! One thing that was looked at, and the verdict.

use std::error::Error;
use std::fmt;

use serde::Serialize;

/// Longest detail and longest fix, in characters: both may quote a node or a file.
const LONGEST: usize = 1_000;

/// What is looked at, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The settings; looked at only where one of them cannot be read.
    Settings,
    /// `model.yaml` and the files of the bundle.
    Bundle,
    /// An interpreter that fits the bundle.
    Python,
    /// What the bundle's requirements name.
    Packages,
    /// The wallet's key.
    Key,
    /// The folder of the journal.
    StateDir,
    /// The file that probes read.
    Heartbeat,
    /// The log file; looked at only where one is set.
    LogFile,
    /// The address of metrics; looked at only where one is set.
    MetricsAddr,
    /// The file of metrics; looked at only where one is set.
    MetricsFile,
    /// The walls around the model.
    Isolation,
    /// Whether the nodes answer.
    Endpoint,
    /// Whether they are of the chain that is meant.
    ChainId,
    /// Whether they answer from the newest state.
    Synced,
    /// The clock of this machine.
    Clock,
    /// Whether the wallet can pay for its next transaction.
    Balance,
    /// Whether the wallet is a worker of the topic.
    Registration,
    /// Whether the topic lets the wallet submit.
    Whitelist,
    /// Whether the topic is there and opens windows.
    Topic,
}

impl Subject {
    /// The word for it in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Bundle => "bundle",
            Self::Python => "python",
            Self::Packages => "packages",
            Self::Key => "key",
            Self::StateDir => "state_dir",
            Self::Heartbeat => "heartbeat",
            Self::LogFile => "log_file",
            Self::MetricsAddr => "metrics_addr",
            Self::MetricsFile => "metrics_file",
            Self::Isolation => "isolation",
            Self::Endpoint => "endpoint",
            Self::ChainId => "chain_id",
            Self::Synced => "synced",
            Self::Clock => "clock",
            Self::Balance => "balance",
            Self::Registration => "registration",
            Self::Whitelist => "whitelist",
            Self::Topic => "topic",
        }
    }

    /// It is as it should be.
    pub(super) fn ok(self, detail: impl fmt::Display) -> Check {
        self.check(Status::Ok, detail, None)
    }

    /// A window can be answered all the same.
    pub(super) fn warning(self, detail: impl fmt::Display, fix: impl Into<String>) -> Check {
        self.check(Status::Warning, detail, Some(fix.into()))
    }

    /// No window can be answered before it is fixed.
    pub(super) fn failed(self, detail: impl fmt::Display, fix: impl Into<String>) -> Check {
        self.check(Status::Failed, detail, Some(fix.into()))
    }

    /// It could not be looked at.
    pub(super) fn skipped(self, why: impl fmt::Display) -> Check {
        self.check(Status::Skipped, why, None)
    }

    /// It could not be looked at before another is fixed.
    pub(super) fn awaits(self, other: Self) -> Check {
        self.skipped(format_args!("waits for `{}`", other.as_str()))
    }

    fn check(self, status: Status, detail: impl fmt::Display, fix: Option<String>) -> Check {
        let detail = line(&detail.to_string());
        Check { name: self, status, detail, fix: fix.map(|fix| line(&fix)) }
    }
}

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// A window can be answered all the same.
    Warning,
    /// No window can be answered before it is fixed.
    Failed,
    /// It could not be looked at; the detail says what it waits for.
    Skipped,
}

/// One thing that was looked at. Fields are named as in the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: Subject,
    /// The verdict.
    pub status: Status,
    /// What was found, in one line. Never a secret.
    pub detail: String,
    /// What to do about it, in one line.
    pub fix: Option<String>,
}

/// An error with its causes.
pub(super) fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// One line, whatever a node or a file said.
fn line(text: &str) -> String {
    let mut line: String = text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}
