//! A round as it is shown.

use rusqlite::Row;
use serde::Serialize;

use super::{Limits, RoundKey, RoundState, Timestamp, Uallo, Verdict};

/// A round as `journal list`, `journal export` and `status` show it: the columns, in their order, and behind
/// them what JSON has beside.
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
    /// When the window opened, by the worker's clock and as far as it could tell.
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
    /// What validation said of the newest prediction. JSON only.
    pub verdict: Option<Verdict>,
    /// The limits that this prediction is beyond. JSON only.
    pub limits: Limits,
    /// The chain. Not in CSV.
    pub chain_id: String,
}

impl RoundRow {
    /// Selects what [`RoundRow::read`] reads, in its order. Failures are looked for only where there are any: the
    /// model was asked more often than it gave a value.
    pub(super) const SELECT: &'static str = "SELECT r.topic_id, r.nonce, r.state, \
         coalesce(r.reason, CASE WHEN r.attempts > (r.predicted_at IS NOT NULL) THEN \
         (SELECT f.kind || ': ' || f.message FROM failures f WHERE f.round_id = r.id \
         ORDER BY f.id DESC LIMIT 1) END), \
         r.value, t.hash, t.height, r.fee, t.gas_used, r.attempts, r.opened_at, r.predicted_at, \
         t.prepared_at, t.broadcast_at, r.finished_at, t.endpoint, r.verdict, r.limits, \
         (SELECT chain_id FROM identity) \
         FROM rounds r LEFT JOIN transactions t ON t.id = r.transaction_id";

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
            verdict: row.get(16)?,
            limits: row.get(17)?,
            chain_id: row.get(18)?,
        })
    }

    /// The round's name.
    #[must_use]
    pub const fn key(&self) -> RoundKey {
        RoundKey { topic_id: self.topic_id, nonce: self.nonce }
    }
}
