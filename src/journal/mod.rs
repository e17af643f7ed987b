//! What was promised and what came of it, on disk. Knows neither chain nor model.
//!
//! One SQLite file for each pair of chain and address. A window cannot be paid for twice because the
//! bytes of a transaction can only be had from [`Journal::prepare`], which writes them down in the same
//! step in which it checks that no other transaction for that purpose can still land.
//!
//! | file | noun |
//! |---|---|
//! | `store` | the open journal: folder, file, lock, identity |
//! | `schema` | tables, versions, migrations |
//! | `cached` | statements that are compiled once |
//! | `round`, `key` | one nonce of one topic, from its opening to its end; its name |
//! | `state`, `ending`, `row` | how far a round has come, how it ends, how it is shown |
//! | `transaction` | signed bytes, and whether they can still land |
//! | `prepare` | taking signed bytes in: the one step in which paying is decided |
//! | `outcome` | what came of a transaction: in a block, refused, dead |
//! | `verdict` | what validation said of a prediction |
//! | `spend` | what a day has cost, and its limit |
//! | `handle` | the journal on a thread of its own, for async callers |
//! | `reader` | the same file read from outside, while a worker writes it |
//! | `export` | rounds as CSV and JSON |
//! | `discard` | journals of chains that are gone |
//! | `amount`, `timestamp` | uallo and times, as they are stored |
//! | `error` | what can go wrong, and the way out |

mod amount;
mod cached;
mod discard;
mod ending;
mod error;
mod export;
mod handle;
mod key;
mod outcome;
mod prepare;
mod reader;
mod round;
mod row;
mod schema;
mod spend;
mod state;
mod store;
mod timestamp;
mod transaction;
mod verdict;

pub use amount::Uallo;
pub use discard::discard;
pub use ending::{Ending, FinishError};
pub use error::{Holder, JournalError, OpenError};
pub use export::{write_csv, write_json};
pub use handle::JournalHandle;
pub use key::RoundKey;
pub use outcome::{Death, DeathError, Inclusion, Refusal};
pub use prepare::PrepareError;
pub use reader::{Reader, files};
pub use round::{Begin, Failure, Unfinished};
pub use row::RoundRow;
pub use spend::SpendLimit;
pub use state::RoundState;
pub use store::{Journal, in_use};
pub use timestamp::Timestamp;
pub use transaction::{FailedInBlock, NewTransaction, Prepared, Purpose};
pub use verdict::{Limits, Verdict};

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
