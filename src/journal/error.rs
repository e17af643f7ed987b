//! What can go wrong with a journal, and the way out.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::ErrorCode;

/// Why a journal could not be opened. The worker must not start: without its journal it could pay twice.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has this journal open: the same wallet on the same chain.
    #[error("this wallet is in use on this chain by {}", .holder.as_ref().map_or_else(|| "another process".into(), ToString::to_string))]
    InUse {
        /// The journal.
        path: PathBuf,
        /// The other process, when it has left its name.
        holder: Option<Holder>,
    },
    /// A file of something else lies where the journal should be.
    #[error("{} is not a journal of this program", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The journal says that it is about another wallet or another chain.
    #[error("the journal {} belongs to {address} on {chain_id}", .path.display())]
    OtherOwner {
        /// The journal.
        path: PathBuf,
        /// The chain it is about.
        chain_id: String,
        /// The wallet it is about.
        address: String,
    },
    /// A later release of this program wrote it.
    #[error("the journal {} has schema {found}; this release knows schemas up to {known}", .path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        found: usize,
        /// The newest schema of this release.
        known: usize,
    },
    /// It cannot be read back whole.
    #[error("the journal {} is damaged: {detail}", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// The state folder or the file cannot be made or opened.
    #[error("the journal cannot be kept in {}", .path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Anything else that SQLite says.
    #[error("the journal {} cannot be used", .path.display())]
    Unusable {
        /// The journal.
        path: PathBuf,
        /// What was wrong.
        source: JournalError,
    },
}

impl OpenError {
    /// Whether the same call may succeed later, with folder and file as they are: the disk is full, or fails.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Folder { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Unusable { source: JournalError::Full(_), .. } => true,
            // Not of a file that cannot be opened at all.
            Self::Unusable { source: JournalError::Disk(error), .. } => {
                error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
            }
            _ => false,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { .. } => {
                "stop that process, or give this one another wallet: two with one wallet would pay twice"
                    .into()
            }
            Self::Foreign { .. } => "move the file away, or choose another folder with --state-dir".into(),
            Self::OtherOwner { .. } => "choose another folder with --state-dir".into(),
            Self::Newer { path, .. } => format!(
                "run the release that wrote it; without it, move {} away, and what was already submitted is \
                 asked of the chain",
                path.display()
            ),
            Self::Damaged { path, .. } => format!(
                "restore it from a backup, or move {0} and {0}-wal away: the history is lost, and what was \
                 already submitted is asked of the chain",
                path.display()
            ),
            Self::Folder { .. } => "choose a folder that can be written with --state-dir".into(),
            Self::Unusable { source, .. } => source.hint().into(),
        }
    }
}

/// The process that has a journal open for writing. Two containers may both be process 1: the host tells
/// them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// The name of its machine or container, where it is known.
    pub host: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "process {} on {host}", self.pid),
            None => write!(f, "process {}", self.pid),
        }
    }
}

/// Why a call to an open journal failed. Nothing of the call was recorded, except after
/// [`JournalError::Slow`], where it may have been.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No space is left on the journal's disk, or the quota is used up.
    #[error("the disk that holds the journal is full")]
    Full(#[source] rusqlite::Error),
    /// The journal's disk does not take what the steps of a round need.
    #[error("the disk that holds the journal has no room")]
    NoRoom(#[source] io::Error),
    /// The file or its file system cannot be written.
    #[error("the journal is read-only")]
    ReadOnly(#[source] rusqlite::Error),
    /// The disk fails, or the process may not make the file any longer.
    #[error("the disk that holds the journal fails")]
    Disk(#[source] rusqlite::Error),
    /// The file was removed while it was open: what is written to it is lost.
    #[error("the journal was removed while it was in use")]
    Removed,
    /// The file is not what was written.
    #[error("the journal is damaged")]
    Damaged(#[source] rusqlite::Error),
    /// A file with the name of a journal is something else.
    #[error("this is not a journal of this program")]
    Foreign,
    /// A later release of this program wrote it.
    #[error("the journal has schema {found}; this release knows schemas up to {known}")]
    Newer {
        /// Its schema.
        found: usize,
        /// The newest schema of this release.
        known: usize,
    },
    /// A journal in a folder that cannot be written has to be copied to be read, and could not be.
    #[error("the journal cannot be copied for reading")]
    Copy(#[source] io::Error),
    /// Another program keeps the file locked.
    #[error("the journal is locked by another program")]
    Busy(#[source] rusqlite::Error),
    /// Anything else that SQLite says.
    #[error("the journal cannot be used")]
    Sqlite(#[source] rusqlite::Error),
    /// The round that a call is about was never begun.
    #[error("topic {topic_id} has no round of nonce {nonce} in the journal")]
    NoRound {
        /// Topic of the call.
        topic_id: u64,
        /// Nonce of the call.
        nonce: i64,
    },
    /// The disk did not answer in time. The call may still be carried out.
    #[error("the journal's disk did not answer within {} s", .0.as_secs())]
    Slow(Duration),
    /// The journal was closed before the call.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Whether the same call may succeed later, with the journal as it is.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Full(_)
                | Self::NoRoom(_)
                | Self::ReadOnly(_)
                | Self::Disk(_)
                | Self::Busy(_)
                | Self::Slow(_)
        )
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Full(_) | Self::NoRoom(_) => "free some space, or choose another folder with --state-dir",
            Self::ReadOnly(_) => "make the state folder writable, or choose another with --state-dir",
            Self::Copy(_) => {
                "make the journal readable, and leave some space in the folder for temporary files"
            }
            Self::Foreign => "move the file away, or choose another folder with --state-dir",
            Self::Newer { .. } => "run the release that wrote it",
            Self::Busy(_) => "close the program that has the journal open for writing",
            Self::Removed => "start the worker again: what was already submitted is asked of the chain",
            Self::Damaged(_) | Self::Disk(_) | Self::Sqlite(_) | Self::Slow(_) => {
                "check the disk that holds the state folder"
            }
            Self::NoRound { .. } | Self::Closed => "this is a mistake of the program: please report it",
        }
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Disk(error),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(error),
            // A column that holds what no release of this program writes there.
            None if matches!(error, rusqlite::Error::FromSqlConversionFailure(..)) => Self::Damaged(error),
            _ => Self::Sqlite(error),
        }
    }
}
