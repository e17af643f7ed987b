//! The name of a round.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;

use super::cached::Cached as _;
use super::{JournalError, RoundState};

/// Names a round: a topic gives each window the number of the block that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RoundKey {
    /// The topic.
    pub topic_id: u64,
    /// Height of the block that opened the window.
    pub nonce: i64,
}

impl fmt::Display for RoundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} nonce {}", self.topic_id, self.nonce)
    }
}

/// Row number and state of a round that must be there.
pub(super) fn find(db: &Connection, key: RoundKey) -> Result<(i64, RoundState), JournalError> {
    db.query_row_cached(
        "SELECT id, state FROM rounds WHERE topic_id = ?1 AND nonce = ?2",
        params![key.topic_id, key.nonce],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .optional()?
    .ok_or(JournalError::NoRound { topic_id: key.topic_id, nonce: key.nonce })
}
