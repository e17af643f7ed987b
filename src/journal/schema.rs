//! Tables, versions, migrations.

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours ("boot"), in the field that SQLite keeps for this.
const APPLICATION_ID: i32 = 0x626f_6f74;

/// Step `n` makes schema `n + 1` of schema `n`. A step that was released is never changed again.
const STEPS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
];

/// The schema that this release writes.
pub(super) const NEWEST: usize = STEPS.len();

/// Marks an empty file.
pub(super) fn mark(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Whether a file has the mark.
pub(super) fn is_ours(db: &Connection) -> rusqlite::Result<bool> {
    let mark: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    Ok(mark == APPLICATION_ID)
}

/// The schema of an open file; 0 when it has no tables yet.
pub(super) fn version(db: &Connection) -> rusqlite::Result<usize> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the file to [`NEWEST`], in one transaction: after a crash it has the old schema or the new one.
pub(super) fn migrate(db: &mut Connection) -> rusqlite::Result<()> {
    let from = version(db)?;
    if from >= NEWEST {
        return Ok(());
    }
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for sql in &STEPS[from..] {
        step.execute_batch(sql)?;
    }
    step.pragma_update(None, "user_version", NEWEST)?;
    step.commit()
}
