//! What validation said of a prediction.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;

/// Whether a prediction may be submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is within all limits.
    Accepted,
    /// It is submitted all the same.
    Warned,
    /// It is not submitted.
    Rejected,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Accepted, Self::Warned, Self::Rejected];

    /// The word for it in SQL, JSON and the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Warned => "warned",
            Self::Rejected => "rejected",
        }
    }
}

impl ToSql for Verdict {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Verdict {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word).ok_or(FromSqlError::InvalidType)
    }
}

/// Names of the limits that a prediction is beyond, such as `validation.warn_above`; stored as a JSON array.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Limits(pub Vec<String>);

impl ToSql for Limits {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(serde_json::Value::from(self.0.as_slice()).to_string().into())
    }
}

impl FromSql for Limits {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|error| FromSqlError::Other(error.into()))
    }
}
