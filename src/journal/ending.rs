//! How a round ends, and what stands against it.

use rusqlite::params;

use super::cached::Cached as _;
use super::key::find;
use super::round::words;
use super::store::Durability::Flushed;
use super::transaction::{self, Purpose};
use super::{Journal, JournalError, RoundKey, RoundState, Timestamp};
use crate::failpoint::Step;

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
                Some(words(reason))
            }
            _ => None,
        }
    }
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
            db.execute_cached(
                "UPDATE rounds SET state = ?2, reason = ?3, finished_at = ?4, attempts = attempts + ?5 WHERE id = ?1",
                params![round, ending.state(), ending.reason(), at, asked],
            )
            .map_err(JournalError::from)?;
            Ok(())
        })
    }
}
