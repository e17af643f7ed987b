//! The gas meter, and what things cost.
//!
//! A real node counts every read and write of its store; here each step has a constant, fitted to
//! what a v0.17 node used for transactions of the same kind.

use super::error::{AbciError, sdk};

/// For each byte of a transaction.
pub const TX_BYTE: u64 = 10;
/// Parameters that are read before anything else.
pub const SET_UP: u64 = 1_000;
/// What a query has used before a simulation begins; all that is told of one that does not come to the ante handler.
pub const QUERY: u64 = 1_174;
/// Account, sequence and signature, all in all.
pub const SIGNATURE: u64 = 29_473;
/// The part of it for what is read before the account.
pub const ACCOUNT: u64 = 1_638;
/// The part of it for its key, which comes before its sequence.
pub const KEY: u64 = 7_034;
/// Keeping the public key of an account that signs for the first time.
pub const NEW_KEY: u64 = 13_500;
/// Taking the fee.
pub const FEE: u64 = 28_269;
/// Handing the fee on, after the messages. A message that failed does not spare it.
pub const POST: u64 = 21_123;
/// What Simulate does not count, because it moves no fee and verifies no signature.
pub const SIMULATE_SAVES: u64 = 15_850;
/// What Simulate counts for a signature that is left empty: its bytes and a stand-in for its key.
pub const EMPTY_SIGNATURE: u64 = 2_650;
/// Cost of a message that fails in its first checks.
pub const MESSAGE_REFUSED: u64 = 2_000;
/// Registration, all in all.
pub const REGISTER: u64 = 39_620;
/// The part of it for what is looked at before it is paid for.
pub const REGISTER_CHECKS: u64 = 3_300;
/// Bank transfer, all in all.
pub const SEND: u64 = 20_328;
/// The part of it for what is looked at before money moves.
pub const SEND_CHECKS: u64 = 5_600;
/// Checks of a payload up to its nonce.
pub const PAYLOAD_CHECKS: u64 = 6_270;
/// The part of them for what a worker has signed.
pub const BUNDLE_CHECKS: u64 = 1_938;
/// The part of them for what a reputer has signed.
pub const LOSSES_CHECKS: u64 = 938;
/// Looking for a worker on one list after the other, and not finding it.
pub const NOT_LISTED: u64 = 6_680;
/// Paying for the worker's data.
pub const DATA_FEE: u64 = 21_130;
/// Planning its admission.
pub const ADMISSION_PLAN: u64 = 7_700;
/// Doing what was planned, whatever it is.
pub const ADMISSION: u64 = 16_500;
/// The part of it for looking at what was submitted.
pub const NORMALIZATION: u64 = 1_646;
/// The part of it for the labels, before their sum is known.
pub const LABELS: u64 = 6_124;
/// Storing an inference.
pub const INFERENCE: u64 = 8_800;
/// Storing a forecast beside it.
pub const FORECAST: u64 = 26_600;
/// Putting another worker out of the active set.
pub const EVICTION: u64 = 12_400;
/// A reputer's payload, all in all.
pub const REPUTER_PAYLOAD: u64 = 70_700;
/// The part of it for a reputer's stake and what it sent before.
pub const REPUTER_STANDING: u64 = 30_000;
/// Putting a worker on a whitelist.
pub const WHITELIST: u64 = 6_230;
/// Stake and funds, all in all.
pub const STAKE: u64 = 40_000;

/// A real node notices at the next small read that the limit is passed.
const READ_STEP: u64 = 36;

/// Counts gas against the limit of a transaction.
#[derive(Debug, Clone)]
pub struct GasMeter {
    limit: u64,
    used: u64,
}

impl GasMeter {
    /// A meter that stops at `limit`.
    pub fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    /// A meter for Simulate, which no limit stops.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// Gas used so far.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Counts a step that is made of many small reads and writes.
    pub fn consume(&mut self, amount: u64) -> Result<(), AbciError> {
        let wanted = self.used.saturating_add(amount);
        self.used = wanted.min(self.limit.saturating_add(READ_STEP));
        self.check("ReadPerByte")
    }

    /// Counts one whole step.
    pub fn consume_at_once(&mut self, amount: u64, location: &str) -> Result<(), AbciError> {
        self.used = self.used.saturating_add(amount);
        self.check(location)
    }

    /// Takes back what Simulate does not count.
    pub fn refund(&mut self, amount: u64) {
        self.used = self.used.saturating_sub(amount);
    }

    fn check(&self, location: &str) -> Result<(), AbciError> {
        if self.used <= self.limit {
            return Ok(());
        }
        let (wanted, used) = (self.limit, self.used);
        let text = format!("out of gas in location: {location}; gasWanted: {wanted}, gasUsed: {used}");
        Err(sdk::OUT_OF_GAS.wrap(text))
    }
}
