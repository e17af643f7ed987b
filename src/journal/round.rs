//! One nonce of one topic, from its opening to its end.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::cached::Cached as _;
use super::key::{RoundKey, find};
use super::store::Durability::Buffered;
use super::transaction::{self, Purpose};
use super::{Journal, JournalError, Limits, Prepared, Reader, RoundRow, RoundState, Timestamp, Verdict};
use crate::failpoint::Step;

/// Failures that are kept for each round: as many as a window of 80 minutes has, with the pauses of 5 s between them.
const FAILURES_KEPT: i64 = 1_000;

/// Characters of a model's failure that are kept.
const FAILURE_KEPT: usize = 2_000;

/// Characters of what the chain said, or of why a round ended, that are kept: more than any node is known to say. It is
/// kept whole, but for a node that means harm.
const WORDS_KEPT: usize = 64 * 1024;

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

impl Journal {
    /// Takes up a window. `opened_at` is when it opened, `window_end` the last block in which
    /// the chain takes an answer. A dry run is no answer: its round goes on, without its value.
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
            let new = db.execute_cached(
                "INSERT INTO rounds (topic_id, nonce, window_end, state, opened_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (topic_id, nonce) DO NOTHING",
                params![key.topic_id, key.nonce, window_end, RoundState::Predicting, opened_at],
            )?;
            if new == 1 {
                return Ok(Begin::Fresh);
            }
            db.execute_cached(
                "UPDATE rounds SET state = ?3, value = NULL, verdict = NULL, limits = '[]', predicted_at = NULL, \
                 finished_at = NULL WHERE topic_id = ?1 AND nonce = ?2 AND state = ?4",
                params![key.topic_id, key.nonce, RoundState::Predicting, RoundState::DryRun],
            )?;
            let sql = format!("{} WHERE r.topic_id = ?1 AND r.nonce = ?2", RoundRow::SELECT);
            let row = db.query_row_cached(&sql, params![key.topic_id, key.nonce], RoundRow::read)?;
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
            note_failure(db, round, failure, at)
        })
    }

    /// The same for a prediction that validation rejected: `why` is kept as a failure of the kind `rejected`,
    /// `limits` are those that it is beyond.
    ///
    /// # Errors
    /// The round was never begun, or those of the disk.
    pub fn rejected_prediction(
        &mut self,
        key: RoundKey,
        why: &str,
        limits: &Limits,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let failure = Failure { kind: Verdict::Rejected.as_str().to_owned(), message: why.to_owned() };
        self.write(Step::Failed, Buffered, |db| {
            let (round, _) = find(db, key)?;
            db.execute_cached(
                "UPDATE rounds SET verdict = ?2, limits = ?3 WHERE id = ?1",
                params![round, Verdict::Rejected, limits],
            )?;
            note_failure(db, round, &failure, at)
        })
    }

    /// Records the model's answer, validated: a decimal text, or the text of a JSON object of them. `warnings`
    /// are the limits that it is beyond and submitted all the same.
    ///
    /// # Errors
    /// The round was never begun, or those of the disk.
    pub fn predicted(
        &mut self,
        key: RoundKey,
        value: &str,
        warnings: &Limits,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let verdict = if warnings.0.is_empty() { Verdict::Accepted } else { Verdict::Warned };
        self.write(Step::Predicted, Buffered, |db| {
            let (round, _) = find(db, key)?;
            db.execute_cached(
                "UPDATE rounds SET attempts = attempts + 1, value = ?2, predicted_at = ?3, verdict = ?4, limits = ?5 \
                 WHERE id = ?1",
                params![round, value, at, verdict, warnings],
            )?;
            // A transaction that is on its way says more about the round than a newer prediction.
            db.execute_cached(
                "UPDATE rounds SET state = 'predicted' WHERE id = ?1 AND state = 'predicting'",
                [round],
            )?;
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

    /// The last value that the chain took in this topic, and in how many rounds in a row it took it.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn repeated_value(&self, topic_id: u64) -> Result<Option<(String, u64)>, JournalError> {
        let taken = "FROM rounds WHERE topic_id = ?1 AND state IN ('admitted', 'not_admitted')";
        let last = format!("SELECT value {taken} ORDER BY nonce DESC LIMIT 1");
        let value: Option<Option<String>> =
            self.db().query_row(&last, [topic_id], |row| row.get(0)).optional()?;
        let Some(value) = value.flatten() else { return Ok(None) };
        let count = format!(
            "SELECT count(*) {taken} AND nonce > (SELECT coalesce(max(nonce), 0) {taken} AND value IS NOT ?2)"
        );
        let times = self.db().query_row(&count, params![topic_id, value], |row| row.get(0))?;
        Ok(Some((value, times)))
    }
}

fn note_failure(db: &Connection, round: i64, failure: &Failure, at: Timestamp) -> Result<(), JournalError> {
    db.execute("UPDATE rounds SET attempts = attempts + 1 WHERE id = ?1", [round])?;
    db.execute(
        "INSERT INTO failures (round_id, at, kind, message) VALUES (?1, ?2, ?3, ?4)",
        params![round, at, failure.kind, cut(&failure.message, FAILURE_KEPT)],
    )?;
    db.execute(
        "DELETE FROM failures WHERE round_id = ?1 AND id <= \
         (SELECT id FROM failures WHERE round_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        params![round, FAILURES_KEPT],
    )?;
    Ok(())
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

/// The chain's words, or why a round ended.
pub(super) fn words(text: &str) -> String {
    cut(text, WORDS_KEPT)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
