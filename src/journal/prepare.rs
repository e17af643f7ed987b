//! Taking signed bytes into the journal: the step that keeps a window from being paid for twice.

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::cached::Cached as _;
use super::key::find;
use super::spend::{SpendLimit, in_flight, spent_on};
use super::store::Durability::{Buffered, Flushed};
use super::transaction::{NewTransaction, Prepared, Purpose, live};
use super::{Journal, JournalError, RoundState, Timestamp, Uallo};
use crate::failpoint::Step;

/// Why a transaction was not taken into the journal. It must not be broadcast.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// An earlier one with another sequence can still land: both would be paid.
    #[error("transaction {hash} with sequence {sequence} can still land")]
    Live {
        /// The earlier one.
        hash: String,
        /// Its sequence. A new transaction that uses it too would be taken.
        sequence: u64,
    },
    /// The chain has already carried one out for this nonce, or has had these very bytes.
    #[error("this nonce was answered with transaction {hash}")]
    Paid {
        /// The one that was carried out.
        hash: String,
    },
    /// The round has ended.
    #[error("the round has ended as {0}")]
    Finished(RoundState),
    /// The day's limit would be passed.
    #[error("{spent} uallo are spent or in flight today; {cost} more would pass the limit of {limit} a day")]
    Limit {
        /// Spent today, and the most that what is in flight takes.
        spent: Uallo,
        /// The most that the new one takes.
        cost: Uallo,
        /// The limit.
        limit: Uallo,
    },
    /// The journal itself failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Journal {
    /// Checks that paying is safe and records the transaction, in one step that nobody can come between.
    /// Flushed to the disk when it returns: only then may a byte leave.
    ///
    /// # Errors
    /// Another for the same purpose can still land or was paid; the round has ended; the day's limit would
    /// be passed; or those of the disk. In each case nothing was recorded.
    pub fn prepare(
        &mut self,
        purpose: Purpose,
        tx: NewTransaction,
        limit: SpendLimit,
        at: Timestamp,
    ) -> Result<Prepared, PrepareError> {
        let hash = hex::encode_upper(Sha256::digest(&tx.bytes));
        self.write(Step::Prepare, Flushed, |db| {
            refuse_if_settled(db, purpose, &hash)?;
            let rivals = live(db, purpose)?;
            if let Some(rival) = rivals.iter().find(|rival| rival.sequence() != tx.sequence) {
                return Err(PrepareError::Live { hash: rival.hash().to_owned(), sequence: rival.sequence() });
            }
            if let SpendLimit::PerDay(limit) = limit {
                // Of those with one sequence the chain takes one.
                let spent = spent_on(db, at.day())?.plus(in_flight(db, tx.sequence)?);
                let cost = tx.cost();
                if spent.plus(cost) > limit {
                    return Err(PrepareError::Limit { spent, cost, limit });
                }
            }
            if let Some(same) = rivals.into_iter().find(|rival| rival.hash() == hash) {
                return Ok(same);
            }
            insert(db, purpose, &hash, &tx, at)?;
            let sql = format!("{} WHERE hash = ?1", Prepared::SELECT);
            Ok(db.query_row_cached(&sql, [&hash], Prepared::read).map_err(JournalError::from)?)
        })
    }

    /// Records that the bytes are about to leave for `endpoint`. Before each broadcast; a process that dies
    /// right after it has at worst sent nothing.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn broadcasting(&mut self, tx: &Prepared, endpoint: &str, at: Timestamp) -> Result<(), JournalError> {
        self.write(Step::Broadcasting, Buffered, |db| {
            db.execute_cached(
                "UPDATE transactions SET state = iif(state = 'prepared', 'broadcast', state), endpoint = ?2, \
                 broadcast_at = coalesce(broadcast_at, ?3) WHERE hash = ?1",
                params![tx.hash(), endpoint, at],
            )?;
            db.execute_cached(
                "UPDATE rounds SET state = 'broadcast' WHERE state = 'prepared' \
                 AND id = (SELECT round_id FROM transactions WHERE hash = ?1)",
                [tx.hash()],
            )?;
            Ok(())
        })
    }
}

/// A nonce is answered once, and bytes that are in a block are not sent again.
fn refuse_if_settled(db: &Connection, purpose: Purpose, hash: &str) -> Result<(), PrepareError> {
    let round = match purpose {
        Purpose::Payload(key) => {
            let (round, state) = find(db, key)?;
            if state.is_final() {
                return Err(PrepareError::Finished(state));
            }
            Some(round)
        }
        Purpose::Registration { .. } => None,
    };
    let paid = db
        .query_row_cached(
            "SELECT hash FROM transactions WHERE state = 'included' \
             AND (round_id = ?1 AND code = 0 OR hash = ?2)",
            params![round, hash],
            |row| row.get(0),
        )
        .optional()
        .map_err(JournalError::from)?;
    paid.map_or(Ok(()), |hash| Err(PrepareError::Paid { hash }))
}

/// Records a transaction, or makes one live again that was refused and is to be sent once more as it is.
fn insert(
    db: &Connection,
    purpose: Purpose,
    hash: &str,
    tx: &NewTransaction,
    at: Timestamp,
) -> Result<(), JournalError> {
    let round = purpose.round(db)?;
    db.execute_cached(
        "INSERT INTO transactions (hash, kind, topic_id, round_id, bytes, sequence, fee, charge, gas_limit, \
         timeout_height, state, prepared_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'prepared', ?11) \
         ON CONFLICT (hash) DO UPDATE SET state = 'prepared', bytes = excluded.bytes, code = NULL, \
         codespace = NULL, log = NULL",
        params![
            hash,
            purpose.kind(),
            purpose.topic_id(),
            round,
            tx.bytes,
            tx.sequence,
            tx.fee,
            tx.charge,
            tx.gas_limit,
            tx.timeout_height,
            at
        ],
    )?;
    db.execute_cached(
        "UPDATE rounds SET state = 'prepared', \
         transaction_id = (SELECT id FROM transactions WHERE hash = ?2) WHERE id = ?1",
        params![round, hash],
    )?;
    Ok(())
}
