//! What a wallet spends in a day, and how much it may.

use rusqlite::{Connection, OptionalExtension as _};

use super::cached::Cached as _;
use super::{JournalError, Uallo};

/// The hard limit on what a wallet may spend in a day (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendLimit {
    /// There is none.
    None,
    /// At most this much: what was spent, and the most that the new transaction and all in flight take.
    PerDay(Uallo),
}

/// The most that everything takes that may be in flight, but for those with `sequence`.
pub(super) fn in_flight(db: &Connection, sequence: u64) -> Result<Uallo, JournalError> {
    let mut query = db.prepare_cached(
        "SELECT sequence, fee, charge FROM transactions WHERE state IN ('prepared', 'broadcast') AND sequence != ?1",
    )?;
    let costs = query.query_map([sequence], |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, Uallo>(1)?.plus(row.get(2)?)))
    })?;
    let mut dearest = std::collections::BTreeMap::<u64, Uallo>::new();
    for cost in costs {
        let (sequence, cost) = cost?;
        let entry = dearest.entry(sequence).or_default();
        *entry = cost.max(*entry);
    }
    Ok(dearest.into_values().fold(Uallo::default(), Uallo::plus))
}

pub(super) fn spent_on(db: &Connection, day: &str) -> Result<Uallo, JournalError> {
    let spent = db.query_row_cached("SELECT uallo FROM spend WHERE day = ?1", [day], |row| row.get(0));
    Ok(spent.optional()?.unwrap_or_default())
}
