//! How far a round has come.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;

/// How far a round has come. The first four go on after a restart, the others are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundState {
    /// The model is being asked.
    Predicting,
    /// The model has answered.
    Predicted,
    /// A transaction is signed and recorded; it has not left.
    Prepared,
    /// A transaction has left, or may have.
    Broadcast,
    /// The chain took the inference into the active set.
    Admitted,
    /// The chain took the transaction, and the score was too low for the active set.
    NotAdmitted,
    /// The chain refused for good.
    Refused,
    /// The window closed, and nothing of ours is in it.
    Expired,
    /// The model chose not to answer.
    Skipped,
    /// The chain holds an answer of our address that this journal does not know.
    AnsweredElsewhere,
    /// Everything was done but the broadcast, as asked. A later run takes the window up again while it is open.
    DryRun,
}

impl RoundState {
    /// Every state, in the order of a round's life.
    pub const ALL: [Self; 11] = [
        Self::Predicting,
        Self::Predicted,
        Self::Prepared,
        Self::Broadcast,
        Self::Admitted,
        Self::NotAdmitted,
        Self::Refused,
        Self::Expired,
        Self::Skipped,
        Self::AnsweredElsewhere,
        Self::DryRun,
    ];

    /// The word for it in SQL, JSON and CSV.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Predicting => "predicting",
            Self::Predicted => "predicted",
            Self::Prepared => "prepared",
            Self::Broadcast => "broadcast",
            Self::Admitted => "admitted",
            Self::NotAdmitted => "not_admitted",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Skipped => "skipped",
            Self::AnsweredElsewhere => "answered_elsewhere",
            Self::DryRun => "dry_run",
        }
    }

    /// Whether the round has ended.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Predicting | Self::Predicted | Self::Prepared | Self::Broadcast)
    }

    /// Whether the window should have been answered, and was not.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Refused | Self::Expired)
    }
}

impl fmt::Display for RoundState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl ToSql for RoundState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for RoundState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or(FromSqlError::InvalidType)
    }
}
