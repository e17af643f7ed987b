//! What came of a transaction: in a block, refused, or dead.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::cached::Cached as _;
use super::spend::spent_on;
use super::store::Durability::Flushed;
use super::transaction::{Prepared, VOID};
use super::{Journal, JournalError, Timestamp, Uallo, round};
use crate::failpoint::Step;

/// What the chain says of a transaction that is in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The block; `None` where no node has it any more, and only what it did is known.
    pub height: Option<u64>,
    /// 0 is success.
    pub code: u32,
    /// Whose code it is; empty on success.
    pub codespace: String,
    /// The chain's words.
    pub log: String,
    /// All that it took from the wallet: the fee, and what the message itself costs.
    pub paid: Uallo,
    /// Gas that was used, where the block is known.
    pub gas_used: Option<u64>,
}

/// CheckTx refused the bytes: nothing was paid, and no node keeps them. The worker makes one of the answers of all
/// nodes, and nobody outside of this crate does:
///
/// ```compile_fail,E0639
/// # use bootstrap::journal::Refusal;
/// let forged = Refusal { code: 5, codespace: String::new(), log: String::new() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The code, not 0.
    pub code: u32,
    /// Whose code it is.
    pub codespace: String,
    /// The node's words.
    pub log: String,
}

/// The proof that a transaction cannot land any more: a node that is not behind did not find its hash, and
/// was past the point where it could still come. The worker makes one of what it has located, and nobody outside of this
/// crate does:
///
/// ```compile_fail,E0639
/// # use bootstrap::journal::Death;
/// let forged = Death::TimedOut { head: u64::MAX };
/// ```
///
/// ```compile_fail,E0639
/// # use bootstrap::journal::Death;
/// let forged = Death::SequenceUsed { committed: u64::MAX };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Its timeout height has passed.
    #[non_exhaustive]
    TimedOut {
        /// Height of that node, above the transaction's timeout height.
        head: u64,
    },
    /// Another transaction of the account used its sequence.
    #[non_exhaustive]
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

impl Inclusion {
    /// Whether it used its sequence up. One that failed before its fee was taken has changed nothing: others
    /// with its sequence can still land.
    #[must_use]
    pub const fn used_sequence(&self) -> bool {
        self.code == 0 || self.paid.0 > 0
    }
}

impl Journal {
    /// Records what came of the transaction with this hash, which is in a block, and what it cost. Flushed to
    /// the disk. Every other live one whose sequence it used is dead from now on. A second call changes nothing, unless
    /// it took nothing the first time: then it may have come into another block. Gives its sequence.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn included(&mut self, hash: &str, what: &Inclusion, at: Timestamp) -> Result<u64, JournalError> {
        self.write(Step::Included, Flushed, |db| {
            let changed = db.execute_cached(
                &format!(
                    "UPDATE transactions SET state = 'included', bytes = NULL, height = ?2, code = ?3, \
                     codespace = ?4, log = ?5, fee_paid = ?6, gas_used = ?7 \
                     WHERE hash = ?1 AND (state != 'included' OR {VOID})"
                ),
                params![
                    hash,
                    what.height,
                    what.code,
                    what.codespace,
                    round::words(&what.log),
                    what.paid,
                    what.gas_used
                ],
            )?;
            let find = "SELECT sequence FROM transactions WHERE hash = ?1";
            let sequence = db.query_row_cached(find, [hash], |row| row.get(0))?;
            if changed == 0 {
                return Ok(sequence);
            }
            let spent = spent_on(db, at.day())?.plus(what.paid);
            db.execute_cached(
                "INSERT INTO spend (day, uallo) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET uallo = ?2",
                params![at.day(), spent],
            )?;
            if what.used_sequence() {
                db.execute_cached(
                    "UPDATE transactions SET state = 'dead', bytes = NULL, log = 'its sequence was used by ' || ?1 \
                     WHERE sequence = ?2 AND state IN ('prepared', 'broadcast')",
                    params![hash, sequence],
                )?;
            }
            charge(db, hash, what.paid)?;
            step_back(db)?;
            Ok(sequence)
        })
    }

    /// Records that **every** endpoint that got the bytes refused them at CheckTx. One that did not answer
    /// may have them: then the transaction stays live.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn rejected(&mut self, tx: &Prepared, why: &Refusal) -> Result<(), JournalError> {
        self.write(Step::Rejected, Flushed, |db| {
            db.execute_cached(
                "UPDATE transactions SET state = 'rejected', bytes = NULL, code = ?2, codespace = ?3, log = ?4 \
                 WHERE hash = ?1 AND state IN ('prepared', 'broadcast')",
                params![tx.hash(), why.code, why.codespace, round::words(&why.log)],
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
            return Err(DeathError::TooEarly { hash: tx.hash().to_owned() });
        }
        self.write(Step::Dead, Flushed, |db| {
            db.execute_cached(
                "UPDATE transactions SET state = 'dead', bytes = NULL, log = ?2 \
                 WHERE hash = ?1 AND state IN ('prepared', 'broadcast')",
                params![tx.hash(), proof.to_string()],
            )?;
            step_back(db)
        })?;
        Ok(())
    }
}

/// Adds a payment to the round of a transaction, which is the one that counts from now on.
fn charge(db: &Connection, hash: &str, paid: Uallo) -> Result<(), JournalError> {
    let round: Option<(i64, i64, Option<Uallo>)> = db
        .query_row_cached(
            "SELECT r.id, t.id, r.fee FROM transactions t JOIN rounds r ON r.id = t.round_id WHERE t.hash = ?1",
            [hash],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    if let Some((round, transaction, before)) = round {
        db.execute_cached(
            "UPDATE rounds SET transaction_id = ?2, fee = ?3 WHERE id = ?1",
            params![round, transaction, before.unwrap_or_default().plus(paid)],
        )?;
    }
    Ok(())
}

/// Returns rounds to their prediction when none of their transactions is on the chain or can land any more.
fn step_back(db: &Connection) -> Result<(), JournalError> {
    db.execute_cached(
        "UPDATE rounds SET state = 'predicted' WHERE state IN ('prepared', 'broadcast') \
         AND NOT EXISTS (SELECT 1 FROM transactions t WHERE t.round_id = rounds.id \
                         AND t.state IN ('prepared', 'broadcast', 'included'))",
        [],
    )?;
    Ok(())
}
