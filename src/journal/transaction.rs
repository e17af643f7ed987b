//! Signed bytes, and whether they can still land.
//!
//! A transaction is *live* from the moment it is recorded until the chain has it, every endpoint has
//! refused it, or it is provably dead. While one is live, another for the same purpose is only taken when it
//! has the same sequence, since then the chain takes one of the two at most.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use super::round::{self, RoundState};
use super::store::Durability::{Buffered, Flushed};
use super::{Journal, JournalError, Reader, RoundKey, Timestamp, Uallo};

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
    const fn kind(self) -> &'static str {
        match self {
            Self::Payload(_) => "payload",
            Self::Registration { .. } => "registration",
        }
    }

    const fn topic_id(self) -> u64 {
        match self {
            Self::Payload(key) => key.topic_id,
            Self::Registration { topic_id } => topic_id,
        }
    }

    /// Row number of the round.
    fn round(self, db: &Connection) -> Result<Option<i64>, JournalError> {
        match self {
            Self::Payload(key) => Ok(Some(round::find(db, key)?.0)),
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
    /// Gas limit.
    pub gas_limit: u64,
    /// Last block that may hold it.
    pub timeout_height: u64,
}

/// The hard limit on what a wallet may spend in a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendLimit {
    /// There is none.
    None,
    /// At most this much: what was spent, what is in flight and what the new transaction offers.
    PerDay(Uallo),
}

/// A transaction that is in the journal, and therefore may be broadcast. Only the journal makes these.
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

    /// Fee that it offers.
    #[must_use]
    pub const fn fee(&self) -> Uallo {
        self.tx.fee
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

    const SELECT: &'static str = "SELECT hash, bytes, sequence, fee, gas_limit, timeout_height, broadcast_at \
         FROM transactions";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            hash: row.get(0)?,
            tx: NewTransaction {
                bytes: row.get(1)?,
                sequence: row.get(2)?,
                fee: row.get(3)?,
                gas_limit: row.get(4)?,
                timeout_height: row.get(5)?,
            },
            broadcast_at: row.get(6)?,
        })
    }
}

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
    #[error("{spent} uallo are spent or in flight today; {fee} more would pass the limit of {limit} a day")]
    Limit {
        /// Spent today and offered by what is in flight.
        spent: Uallo,
        /// Offered by the new one.
        fee: Uallo,
        /// The limit.
        limit: Uallo,
    },
    /// The journal itself failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What the chain says of a transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The block.
    pub height: u64,
    /// 0 is success.
    pub code: u32,
    /// Whose code it is; empty on success.
    pub codespace: String,
    /// The chain's words.
    pub log: String,
    /// All that it took from the wallet: the fee, and what the message itself costs.
    pub paid: Uallo,
    /// Gas that was used.
    pub gas_used: u64,
}

/// CheckTx refused the bytes: nothing was paid, and no node keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code, not 0.
    pub code: u32,
    /// Whose code it is.
    pub codespace: String,
    /// The node's words.
    pub log: String,
}

/// The proof that a transaction cannot land any more: a node that is not behind did not find its hash, and
/// was past the point where it could still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Its timeout height has passed.
    TimedOut {
        /// Height of that node, above the transaction's timeout height.
        head: u64,
    },
    /// Another transaction of the account used its sequence.
    SequenceUsed {
        /// The account's next sequence by that node, above the transaction's.
        committed: u64,
    },
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut { head } => write!(f, "not found at height {head}, after its timeout height"),
            Self::SequenceUsed { .. } => f.write_str("another transaction used its sequence"),
        }
    }
}

/// Why a transaction was not taken for dead.
#[derive(Debug, thiserror::Error)]
pub enum DeathError {
    /// It can still land: the proof is from before its timeout height or its sequence.
    #[error("transaction {hash} can still land")]
    TooEarly {
        /// The transaction.
        hash: String,
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
        self.write(Flushed, |db| {
            refuse_if_settled(db, purpose, &hash)?;
            let rivals = live(db, purpose)?;
            if let Some(rival) = rivals.iter().find(|rival| rival.sequence() != tx.sequence) {
                return Err(PrepareError::Live { hash: rival.hash.clone(), sequence: rival.sequence() });
            }
            if let SpendLimit::PerDay(limit) = limit {
                // Of those with one sequence the chain takes one.
                let spent = spent_on(db, at.day())?.plus(in_flight(db, tx.sequence)?);
                if spent.plus(tx.fee) > limit {
                    return Err(PrepareError::Limit { spent, fee: tx.fee, limit });
                }
            }
            if let Some(same) = rivals.into_iter().find(|rival| rival.hash == hash) {
                return Ok(same);
            }
            insert(db, purpose, &hash, &tx, at)?;
            let sql = format!("{} WHERE hash = ?1", Prepared::SELECT);
            Ok(db.query_row(&sql, [&hash], Prepared::read).map_err(JournalError::from)?)
        })
    }

    /// Records that the bytes are about to leave for `endpoint`. Before each broadcast; a process that dies
    /// right after it has at worst sent nothing.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn broadcasting(&mut self, tx: &Prepared, endpoint: &str, at: Timestamp) -> Result<(), JournalError> {
        self.write(Buffered, |db| {
            db.execute(
                "UPDATE transactions SET state = iif(state = 'prepared', 'broadcast', state), endpoint = ?2, \
                 broadcast_at = coalesce(broadcast_at, ?3) WHERE hash = ?1",
                params![tx.hash, endpoint, at],
            )?;
            db.execute(
                "UPDATE rounds SET state = 'broadcast' WHERE state = 'prepared' \
                 AND id = (SELECT round_id FROM transactions WHERE hash = ?1)",
                [&tx.hash],
            )?;
            Ok(())
        })
    }

    /// Records what came of a transaction that is in a block, and what it cost. Flushed to the disk. Every
    /// other live one with its sequence is dead from now on. A second call changes nothing.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn included(&mut self, tx: &Prepared, what: &Inclusion, at: Timestamp) -> Result<(), JournalError> {
        self.write(Flushed, |db| {
            let changed = db.execute(
                "UPDATE transactions SET state = 'included', bytes = NULL, height = ?2, code = ?3, codespace = ?4, \
                 log = ?5, fee_paid = ?6, gas_used = ?7 WHERE hash = ?1 AND state != 'included'",
                params![
                    tx.hash,
                    what.height,
                    what.code,
                    what.codespace,
                    round::cut(&what.log),
                    what.paid,
                    what.gas_used
                ],
            )?;
            if changed == 0 {
                return Ok(());
            }
            let spent = spent_on(db, at.day())?.plus(what.paid);
            db.execute(
                "INSERT INTO spend (day, uallo) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET uallo = ?2",
                params![at.day(), spent],
            )?;
            db.execute(
                "UPDATE transactions SET state = 'dead', bytes = NULL, log = 'its sequence was used by ' || ?2 \
                 WHERE sequence = ?1 AND state IN ('prepared', 'broadcast')",
                params![tx.sequence(), tx.hash],
            )?;
            charge(db, &tx.hash, what.paid)?;
            step_back(db)
        })
    }

    /// Records that **every** endpoint that got the bytes refused them at CheckTx. One that did not answer
    /// may have them: then the transaction stays live.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn rejected(&mut self, tx: &Prepared, why: &Refusal) -> Result<(), JournalError> {
        self.write(Flushed, |db| {
            db.execute(
                "UPDATE transactions SET state = 'rejected', bytes = NULL, code = ?2, codespace = ?3, log = ?4 \
                 WHERE hash = ?1 AND state IN ('prepared', 'broadcast')",
                params![tx.hash, why.code, why.codespace, round::cut(&why.log)],
            )?;
            step_back(db)
        })
    }

    /// Records that a transaction can never land. Flushed to the disk.
    ///
    /// # Errors
    /// The proof is from before its timeout height, or those of the disk.
    pub fn dead(&mut self, tx: &Prepared, proof: Death) -> Result<(), DeathError> {
        let is_past = match proof {
            Death::TimedOut { head } => head > tx.timeout_height(),
            Death::SequenceUsed { committed } => committed > tx.sequence(),
        };
        if !is_past {
            return Err(DeathError::TooEarly { hash: tx.hash.clone() });
        }
        self.write(Flushed, |db| {
            db.execute(
                "UPDATE transactions SET state = 'dead', bytes = NULL, log = ?2 \
                 WHERE hash = ?1 AND state IN ('prepared', 'broadcast')",
                params![tx.hash, proof.to_string()],
            )?;
            step_back(db)
        })?;
        Ok(())
    }
}

impl Reader {
    /// Transactions for `purpose` that may be in flight, oldest first.
    ///
    /// # Errors
    /// Its round was never begun, or those of the disk.
    pub fn live(&self, purpose: Purpose) -> Result<Vec<Prepared>, JournalError> {
        live(self.db(), purpose)
    }

    /// The highest sequence that the chain is known to have used up.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_sequence(&self) -> Result<Option<u64>, JournalError> {
        let mut query =
            self.db().prepare("SELECT max(sequence) FROM transactions WHERE state = 'included'")?;
        Ok(query.query_row([], |row| row.get(0))?)
    }

    /// Gas that the last successful transaction of this kind used in this topic.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_gas_used(&self, purpose: Purpose) -> Result<Option<u64>, JournalError> {
        let mut query = self.db().prepare_cached(
            "SELECT gas_used FROM transactions WHERE kind = ?1 AND topic_id = ?2 AND code = 0 \
             ORDER BY id DESC LIMIT 1",
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

/// Whether the chain has carried out a transaction of this round.
pub(super) fn delivered(db: &Connection, round: i64) -> Result<bool, JournalError> {
    Ok(db
        .prepare_cached("SELECT 1 FROM transactions WHERE round_id = ?1 AND state = 'included' AND code = 0")?
        .exists([round])?)
}

/// A nonce is answered once, and bytes that are in a block are not sent again.
fn refuse_if_settled(db: &Connection, purpose: Purpose, hash: &str) -> Result<(), PrepareError> {
    let round = match purpose {
        Purpose::Payload(key) => {
            let (round, state) = round::find(db, key)?;
            if state.is_final() {
                return Err(PrepareError::Finished(state));
            }
            Some(round)
        }
        Purpose::Registration { .. } => None,
    };
    let paid = db
        .query_row(
            "SELECT hash FROM transactions WHERE state = 'included' \
             AND (round_id = ?1 AND code = 0 OR hash = ?2)",
            params![round, hash],
            |row| row.get(0),
        )
        .optional()
        .map_err(JournalError::from)?;
    paid.map_or(Ok(()), |hash| Err(PrepareError::Paid { hash }))
}

/// Fees of everything that may be in flight, but for those with `sequence`.
fn in_flight(db: &Connection, sequence: u64) -> Result<Uallo, JournalError> {
    let mut query = db.prepare_cached(
        "SELECT sequence, fee FROM transactions WHERE state IN ('prepared', 'broadcast') AND sequence != ?1",
    )?;
    let fees = query.query_map([sequence], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, Uallo>(1)?)))?;
    let mut dearest = std::collections::BTreeMap::<u64, Uallo>::new();
    for fee in fees {
        let (sequence, fee) = fee?;
        let entry = dearest.entry(sequence).or_default();
        *entry = fee.max(*entry);
    }
    Ok(dearest.into_values().fold(Uallo::default(), Uallo::plus))
}

pub(super) fn spent_on(db: &Connection, day: &str) -> Result<Uallo, JournalError> {
    let spent = db.query_row("SELECT uallo FROM spend WHERE day = ?1", [day], |row| row.get(0));
    Ok(spent.optional()?.unwrap_or_default())
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
    db.execute(
        "INSERT INTO transactions (hash, kind, topic_id, round_id, bytes, sequence, fee, gas_limit, \
         timeout_height, state, prepared_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'prepared', ?10) \
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
            tx.gas_limit,
            tx.timeout_height,
            at
        ],
    )?;
    db.execute(
        "UPDATE rounds SET state = 'prepared', \
         transaction_id = (SELECT id FROM transactions WHERE hash = ?2) WHERE id = ?1",
        params![round, hash],
    )?;
    Ok(())
}

/// Adds a payment to the round of a transaction, which is the one that counts from now on.
fn charge(db: &Connection, hash: &str, paid: Uallo) -> Result<(), JournalError> {
    let round: Option<(i64, i64, Option<Uallo>)> = db
        .query_row(
            "SELECT r.id, t.id, r.fee FROM transactions t JOIN rounds r ON r.id = t.round_id WHERE t.hash = ?1",
            [hash],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    if let Some((round, transaction, before)) = round {
        db.execute(
            "UPDATE rounds SET transaction_id = ?2, fee = ?3 WHERE id = ?1",
            params![round, transaction, before.unwrap_or_default().plus(paid)],
        )?;
    }
    Ok(())
}

/// Returns rounds to their prediction when none of their transactions is on the chain or can land any more.
fn step_back(db: &Connection) -> Result<(), JournalError> {
    db.execute(
        "UPDATE rounds SET state = 'predicted' WHERE state IN ('prepared', 'broadcast') \
         AND NOT EXISTS (SELECT 1 FROM transactions t WHERE t.round_id = rounds.id \
                         AND t.state IN ('prepared', 'broadcast', 'included'))",
        [],
    )?;
    Ok(())
}
