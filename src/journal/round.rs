//! One nonce of one topic, from its opening to its end.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::store::Durability::{Buffered, Flushed};
use super::transaction::{self, Purpose};
use super::{Journal, JournalError, Prepared, Reader, Timestamp, Uallo};
use crate::failpoint::Step;

/// Failures that are kept for each round. A model that fails all through a long window is counted on.
const FAILURES_KEPT: i64 = 20;

/// Characters of a failure's message, or of a reason, that are kept.
const TEXT_KEPT: usize = 2_000;

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
    /// Everything was done but the broadcast, as asked.
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

    /// Whether nothing can change any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Predicting | Self::Predicted | Self::Prepared | Self::Broadcast)
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

/// How a round ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The chain took the inference into the active set. Only after an inclusion with code 0.
    Admitted,
    /// The chain took the transaction, not the inference. Only after an inclusion with code 0.
    NotAdmitted,
    /// The chain refused for good: codespace, code and text, or what the simulation said.
    Refused {
        /// The chain's words.
        reason: String,
    },
    /// The window closed, and nothing of ours is in it.
    Expired {
        /// Why nothing was sent in time.
        reason: String,
    },
    /// The model chose not to answer.
    Skipped {
        /// The model's words.
        reason: String,
    },
    /// The chain holds an answer of our address that this journal does not know.
    AnsweredElsewhere,
    /// Everything was done but the broadcast, as asked.
    DryRun,
}

impl Ending {
    /// The final state that it leads to.
    #[must_use]
    pub const fn state(&self) -> RoundState {
        match self {
            Self::Admitted => RoundState::Admitted,
            Self::NotAdmitted => RoundState::NotAdmitted,
            Self::Refused { .. } => RoundState::Refused,
            Self::Expired { .. } => RoundState::Expired,
            Self::Skipped { .. } => RoundState::Skipped,
            Self::AnsweredElsewhere => RoundState::AnsweredElsewhere,
            Self::DryRun => RoundState::DryRun,
        }
    }

    fn reason(&self) -> Option<String> {
        match self {
            Self::Refused { reason } | Self::Expired { reason } | Self::Skipped { reason } => {
                Some(cut(reason))
            }
            _ => None,
        }
    }
}

/// A round as `journal list`, `journal export` and `status` show it: the columns, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoundRow {
    /// The topic.
    pub topic_id: u64,
    /// Height of the block that opened the window.
    pub nonce: i64,
    /// How far the round has come.
    pub state: RoundState,
    /// Why it ended, where the state alone does not say; otherwise what went wrong last when the model was
    /// asked, as `kind: message`.
    pub reason: Option<String>,
    /// The prediction as submitted; the text of a JSON object when the topic has several outputs.
    pub value: Option<String>,
    /// The newest transaction, in upper case hexadecimal digits.
    pub tx_hash: Option<String>,
    /// Block that holds it.
    pub height: Option<u64>,
    /// All that the chain took for this round so far.
    pub fee: Option<Uallo>,
    /// Gas that the transaction used.
    pub gas_used: Option<u64>,
    /// How often the model was asked.
    pub attempts: u64,
    /// When the worker learnt of the window.
    pub opened_at: Timestamp,
    /// When the model answered.
    pub predicted_at: Option<Timestamp>,
    /// When the transaction was signed and recorded.
    pub prepared_at: Option<Timestamp>,
    /// When it was first sent.
    pub broadcast_at: Option<Timestamp>,
    /// When the end was known.
    pub finished_at: Option<Timestamp>,
    /// Where it was last sent.
    pub endpoint: Option<String>,
}

impl RoundRow {
    /// Selects what [`RoundRow::read`] reads, in its order.
    pub(super) const SELECT: &'static str = "SELECT r.topic_id, r.nonce, r.state, \
         coalesce(r.reason, (SELECT f.kind || ': ' || f.message FROM failures f WHERE f.round_id = r.id \
         ORDER BY f.id DESC LIMIT 1)), r.value, t.hash, t.height, r.fee, t.gas_used, r.attempts, r.opened_at, r.predicted_at, t.prepared_at, t.broadcast_at, \
         r.finished_at, t.endpoint FROM rounds r LEFT JOIN transactions t ON t.id = r.transaction_id";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            topic_id: row.get(0)?,
            nonce: row.get(1)?,
            state: row.get(2)?,
            reason: row.get(3)?,
            value: row.get(4)?,
            tx_hash: row.get(5)?,
            height: row.get(6)?,
            fee: row.get(7)?,
            gas_used: row.get(8)?,
            attempts: row.get(9)?,
            opened_at: row.get(10)?,
            predicted_at: row.get(11)?,
            prepared_at: row.get(12)?,
            broadcast_at: row.get(13)?,
            finished_at: row.get(14)?,
            endpoint: row.get(15)?,
        })
    }

    /// The round's name.
    #[must_use]
    pub const fn key(&self) -> RoundKey {
        RoundKey { topic_id: self.topic_id, nonce: self.nonce }
    }
}

/// One call of the model that gave nothing to submit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure in a word: `exception`, `timeout`, `rejected`, ...
    pub kind: String,
    /// What went wrong. Long texts are cut.
    pub message: String,
}

/// A round that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// What is known of it.
    pub row: RoundRow,
    /// Last block in which the chain takes an answer.
    pub window_end: u64,
    /// Transactions that may be in flight, oldest first. They must be looked up on the chain, or sent again
    /// as they are, before anything else is done for this nonce. Several have the same sequence.
    pub live: Vec<Prepared>,
    /// Hash of the transaction that the chain has carried out. Whether it was admitted is still to be noted.
    pub delivered: Option<String>,
    /// What the model failed with last.
    pub last_failure: Option<Failure>,
}

/// What the journal knows of a nonce when its window is taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Nothing: the round has now begun.
    Fresh,
    /// An earlier life began it: go on from here.
    Resume(Box<Unfinished>),
    /// It has ended. There is nothing to do.
    Finished(Box<RoundRow>),
}

/// Why a round could not be ended so.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// A transaction of this round can still land, so its end is not known.
    #[error("transaction {hash} can still land")]
    Live {
        /// That transaction.
        hash: String,
    },
    /// No transaction of this round is on the chain with code 0, so the chain cannot have judged it.
    #[error("no transaction of this round was included")]
    NotIncluded,
    /// The chain has carried a transaction of this round out, so it was either admitted or not.
    #[error("transaction {hash} was carried out")]
    Delivered {
        /// That transaction.
        hash: String,
    },
    /// It has already ended otherwise.
    #[error("the round has already ended as {0}")]
    Finished(RoundState),
    /// The journal itself failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Journal {
    /// Takes up a window. `opened_at` is when the worker learnt of it, `window_end` the last block in which
    /// the chain takes an answer.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn begin_round(
        &mut self,
        key: RoundKey,
        opened_at: Timestamp,
        window_end: u64,
    ) -> Result<Begin, JournalError> {
        self.write(Step::Begin, Buffered, |db| {
            let new = db.execute(
                "INSERT INTO rounds (topic_id, nonce, window_end, state, opened_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (topic_id, nonce) DO NOTHING",
                params![key.topic_id, key.nonce, window_end, RoundState::Predicting, opened_at],
            )?;
            if new == 1 {
                return Ok(Begin::Fresh);
            }
            let sql = format!("{} WHERE r.topic_id = ?1 AND r.nonce = ?2", RoundRow::SELECT);
            let row = db.query_row(&sql, params![key.topic_id, key.nonce], RoundRow::read)?;
            if row.state.is_final() {
                return Ok(Begin::Finished(Box::new(row)));
            }
            Ok(Begin::Resume(Box::new(resume(db, row)?)))
        })
    }

    /// Counts a call of the model that gave nothing to submit, and keeps why.
    ///
    /// # Errors
    /// The round was never begun, or those of the disk.
    pub fn failed(&mut self, key: RoundKey, failure: &Failure, at: Timestamp) -> Result<(), JournalError> {
        self.write(Step::Failed, Buffered, |db| {
            let (round, _) = find(db, key)?;
            db.execute("UPDATE rounds SET attempts = attempts + 1 WHERE id = ?1", [round])?;
            db.execute(
                "INSERT INTO failures (round_id, at, kind, message) VALUES (?1, ?2, ?3, ?4)",
                params![round, at, failure.kind, cut(&failure.message)],
            )?;
            db.execute(
                "DELETE FROM failures WHERE round_id = ?1 AND id NOT IN \
                 (SELECT id FROM failures WHERE round_id = ?1 ORDER BY id DESC LIMIT ?2)",
                params![round, FAILURES_KEPT],
            )?;
            Ok(())
        })
    }

    /// Records the model's answer, validated: a decimal text, or the text of a JSON object of them.
    ///
    /// # Errors
    /// The round was never begun, or those of the disk.
    pub fn predicted(&mut self, key: RoundKey, value: &str, at: Timestamp) -> Result<(), JournalError> {
        self.write(Step::Predicted, Buffered, |db| {
            let (round, _) = find(db, key)?;
            db.execute(
                "UPDATE rounds SET attempts = attempts + 1, value = ?2, predicted_at = ?3 WHERE id = ?1",
                params![round, value, at],
            )?;
            // A transaction that is on its way says more about the round than a newer prediction.
            db.execute(
                "UPDATE rounds SET state = 'predicted' WHERE id = ?1 AND state = 'predicting'",
                [round],
            )?;
            Ok(())
        })
    }

    /// Ends a round. Flushed to the disk when it returns. Ending it twice in the same way changes nothing.
    ///
    /// # Errors
    /// A transaction of this round can still land; the chain has no transaction that it could have judged;
    /// the round has ended otherwise; or those of the disk.
    pub fn finish_round(&mut self, key: RoundKey, ending: &Ending, at: Timestamp) -> Result<(), FinishError> {
        self.write(Step::Finish, Flushed, |db| {
            let (round, state) = find(db, key)?;
            if state.is_final() {
                return if state == ending.state() { Ok(()) } else { Err(FinishError::Finished(state)) };
            }
            if let Some(live) = transaction::live(db, Purpose::Payload(key))?.first() {
                return Err(FinishError::Live { hash: live.hash().to_owned() });
            }
            let is_judged = matches!(ending, Ending::Admitted | Ending::NotAdmitted);
            match transaction::delivered(db, round)? {
                None if is_judged => return Err(FinishError::NotIncluded),
                Some(hash) if !is_judged => return Err(FinishError::Delivered { hash }),
                _ => {}
            }
            // A skip is an answer of the model, and the only one that `predicted` does not count.
            let asked = u8::from(matches!(ending, Ending::Skipped { .. }));
            db.execute(
                "UPDATE rounds SET state = ?2, reason = ?3, finished_at = ?4, attempts = attempts + ?5 WHERE id = ?1",
                params![round, ending.state(), ending.reason(), at, asked],
            )
            .map_err(JournalError::from)?;
            Ok(())
        })
    }
}

impl Reader {
    /// Every round that has not ended, newest nonce first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, JournalError> {
        let sql = format!(
            "{} WHERE r.state IN ('predicting', 'predicted', 'prepared', 'broadcast') ORDER BY r.nonce DESC",
            RoundRow::SELECT
        );
        let rows: Vec<_> =
            self.db().prepare(&sql)?.query_map([], RoundRow::read)?.collect::<Result<_, _>>()?;
        rows.into_iter().map(|row| resume(self.db(), row)).collect()
    }
}

/// Row number and state of a round that must be there.
pub(super) fn find(db: &Connection, key: RoundKey) -> Result<(i64, RoundState), JournalError> {
    db.query_row(
        "SELECT id, state FROM rounds WHERE topic_id = ?1 AND nonce = ?2",
        params![key.topic_id, key.nonce],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .optional()?
    .ok_or(JournalError::NoRound { topic_id: key.topic_id, nonce: key.nonce })
}

fn resume(db: &Connection, row: RoundRow) -> Result<Unfinished, JournalError> {
    let key = row.key();
    let (round, _) = find(db, key)?;
    let window_end =
        db.query_row("SELECT window_end FROM rounds WHERE id = ?1", [round], |row| row.get(0))?;
    let last_failure = db
        .query_row(
            "SELECT kind, message FROM failures WHERE round_id = ?1 ORDER BY id DESC LIMIT 1",
            [round],
            |row| Ok(Failure { kind: row.get(0)?, message: row.get(1)? }),
        )
        .optional()?;
    let live = transaction::live(db, Purpose::Payload(key))?;
    Ok(Unfinished { row, window_end, live, delivered: transaction::delivered(db, round)?, last_failure })
}

pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_KEPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
