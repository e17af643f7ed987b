//! Signed bytes, and whether they can still land.
//!
//! A transaction is *live* from the moment it is recorded until the chain has it, every endpoint has
//! refused it, or it is provably dead. While one is live, another for the same purpose is only taken when it
//! has the same sequence, since then the chain takes one of the two at most.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::key::{RoundKey, find};
use super::{JournalError, Reader, Timestamp, Uallo};

/// What a transaction is to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The answer to a window. Its round has begun.
    Payload(RoundKey),
    /// The registration of the wallet in a topic. Belongs to no round.
    Registration {
        /// The topic.
        topic_id: u64,
    },
}

impl Purpose {
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Payload(_) => "payload",
            Self::Registration { .. } => "registration",
        }
    }

    pub(super) const fn topic_id(self) -> u64 {
        match self {
            Self::Payload(key) => key.topic_id,
            Self::Registration { topic_id } => topic_id,
        }
    }

    /// Row number of the round.
    pub(super) fn round(self, db: &Connection) -> Result<Option<i64>, JournalError> {
        match self {
            Self::Payload(key) => Ok(Some(find(db, key)?.0)),
            Self::Registration { .. } => Ok(None),
        }
    }
}

/// A signed transaction that nobody but its signer has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransaction {
    /// The bytes that would be broadcast. Their SHA-256 is the transaction's hash.
    pub bytes: Vec<u8>,
    /// Sequence of the account that it uses up.
    pub sequence: u64,
    /// Fee that it offers: all of it is spent once it is in a block.
    pub fee: Uallo,
    /// What its message costs beside the fee, when it succeeds.
    pub charge: Uallo,
    /// Gas limit.
    pub gas_limit: u64,
    /// Last block that may hold it.
    pub timeout_height: u64,
}

impl NewTransaction {
    /// The most that it takes from the wallet.
    #[must_use]
    pub const fn cost(&self) -> Uallo {
        self.fee.plus(self.charge)
    }
}

/// A transaction that is in the journal, and therefore may be broadcast. Only the journal makes these, and only
/// [`Journal::prepare`](super::Journal::prepare) out of new bytes: another transaction cannot leave while one
/// for the same purpose may still land.
///
/// ```compile_fail,E0451
/// # use bootstrap::journal::{NewTransaction, Prepared};
/// fn skip_the_journal(tx: NewTransaction) -> Prepared {
///     Prepared { hash: String::new(), tx, broadcast_at: None } // its fields are private
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    hash: String,
    tx: NewTransaction,
    broadcast_at: Option<Timestamp>,
}

impl Prepared {
    /// The bytes to broadcast, always the same.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.tx.bytes
    }

    /// SHA-256 of the bytes, in upper case hexadecimal digits, as the chain shows it.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Sequence of the account that it uses up.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.tx.sequence
    }

    /// The most that it takes from the wallet: its fee, and what its message costs.
    #[must_use]
    pub const fn cost(&self) -> Uallo {
        self.tx.cost()
    }

    /// Gas limit.
    #[must_use]
    pub const fn gas_limit(&self) -> u64 {
        self.tx.gas_limit
    }

    /// Last block that may hold it.
    #[must_use]
    pub const fn timeout_height(&self) -> u64 {
        self.tx.timeout_height
    }

    /// When it was first sent. Without it, not one byte of it has left this machine, unless the machine
    /// lost power just then.
    #[must_use]
    pub const fn broadcast_at(&self) -> Option<Timestamp> {
        self.broadcast_at
    }

    pub(super) const SELECT: &'static str = "SELECT hash, bytes, sequence, fee, charge, gas_limit, \
         timeout_height, broadcast_at FROM transactions";

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            hash: row.get(0)?,
            tx: NewTransaction {
                bytes: row.get(1)?,
                sequence: row.get(2)?,
                fee: row.get(3)?,
                charge: row.get(4)?,
                gas_limit: row.get(5)?,
                timeout_height: row.get(6)?,
            },
            broadcast_at: row.get(7)?,
        })
    }
}

/// In SQL: it is in a block, took nothing there, and has not used its sequence.
pub(super) const VOID: &str = "state = 'included' AND code != 0 AND fee_paid = '0'";

/// A transaction that is in a block and did nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedInBlock {
    /// Whose code it is.
    pub codespace: String,
    /// Not 0.
    pub code: u32,
    /// The chain's words.
    pub log: String,
    /// Gas limit.
    pub gas_limit: u64,
    /// Gas that it used.
    pub gas_used: u64,
    /// What it offered.
    pub fee: Uallo,
    /// What it took from the wallet all the same.
    pub paid: Uallo,
    /// When it was signed.
    pub prepared_at: Timestamp,
}

impl Reader {
    /// Transactions for `purpose` that may be in flight, oldest first.
    ///
    /// # Errors
    /// Its round was never begun, or those of the disk.
    pub fn live(&self, purpose: Purpose) -> Result<Vec<Prepared>, JournalError> {
        live(self.db(), purpose)
    }

    /// Hashes of those for `purpose` that were given up: refused by every node, dead, or in a block where they took
    /// nothing. Such bytes are as good as before, and whoever still has them may bring them into another block.
    ///
    /// # Errors
    /// Its round was never begun, or those of the disk.
    pub fn given_up(&self, purpose: Purpose) -> Result<Vec<String>, JournalError> {
        let mut query = self.db().prepare_cached(&format!(
            "SELECT hash FROM transactions WHERE kind = ?1 AND topic_id = ?2 AND round_id IS ?3 \
             AND (state IN ('rejected', 'dead') OR {VOID}) ORDER BY id",
        ))?;
        let round = purpose.round(self.db())?;
        let found = query.query_map(params![purpose.kind(), purpose.topic_id(), round], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Those for `purpose` that failed in a block, oldest first.
    ///
    /// # Errors
    /// Its round was never begun, or those of the disk.
    pub fn failed_in_block(&self, purpose: Purpose) -> Result<Vec<FailedInBlock>, JournalError> {
        let mut query = self.db().prepare_cached(
            "SELECT codespace, code, log, gas_limit, gas_used, fee, fee_paid, prepared_at FROM transactions \
             WHERE kind = ?1 AND topic_id = ?2 AND round_id IS ?3 AND state = 'included' AND code != 0 ORDER BY id",
        )?;
        let round = purpose.round(self.db())?;
        let found = query.query_map(params![purpose.kind(), purpose.topic_id(), round], |row| {
            Ok(FailedInBlock {
                codespace: row.get(0)?,
                code: row.get(1)?,
                log: row.get(2)?,
                gas_limit: row.get(3)?,
                gas_used: row.get(4)?,
                fee: row.get(5)?,
                paid: row.get(6)?,
                prepared_at: row.get(7)?,
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The highest sequence that the chain is known to have used up. One that took nothing used none.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_sequence(&self) -> Result<Option<u64>, JournalError> {
        let mut query = self.db().prepare(
            "SELECT max(sequence) FROM transactions WHERE state = 'included' \
             AND (code = 0 OR fee_paid != '0')",
        )?;
        Ok(query.query_row([], |row| row.get(0))?)
    }

    /// Gas that the last successful transaction of this kind used in this topic.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_gas_used(&self, purpose: Purpose) -> Result<Option<u64>, JournalError> {
        let mut query = self.db().prepare_cached(
            "SELECT gas_used FROM transactions WHERE kind = ?1 AND topic_id = ?2 AND code = 0 \
             AND gas_used IS NOT NULL ORDER BY id DESC LIMIT 1",
        )?;
        Ok(query.query_row(params![purpose.kind(), purpose.topic_id()], |row| row.get(0)).optional()?)
    }
}

pub(super) fn live(db: &Connection, purpose: Purpose) -> Result<Vec<Prepared>, JournalError> {
    let sql = format!(
        "{} WHERE kind = ?1 AND topic_id = ?2 AND round_id IS ?3 AND state IN ('prepared', 'broadcast') ORDER BY id",
        Prepared::SELECT
    );
    let round = purpose.round(db)?;
    let mut query = db.prepare_cached(&sql)?;
    let found = query.query_map(params![purpose.kind(), purpose.topic_id(), round], Prepared::read)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Hash of the transaction of this round that the chain has carried out.
pub(super) fn delivered(db: &Connection, round: i64) -> Result<Option<String>, JournalError> {
    Ok(db
        .prepare_cached(
            "SELECT hash FROM transactions WHERE round_id = ?1 AND state = 'included' AND code = 0",
        )?
        .query_row([round], |row| row.get(0))
        .optional()?)
}
