//! The same file read from outside, while a worker writes it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use super::cached::Cached as _;
use super::{Holder, JournalError, RoundKey, RoundRow, RoundState, Timestamp, Uallo, schema, spend};

/// Extension of a journal's file.
pub(super) const EXTENSION: &str = "journal";

/// How long a reader waits while a worker starts on the file.
const BUSY: Duration = Duration::from_secs(2);

/// What has been recorded. Takes no lock that a worker would notice.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
}

/// Every journal in a state folder, by name. None when the folder is not there.
///
/// # Errors
/// The folder cannot be listed.
pub fn files(state_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(state_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

impl Reader {
    /// Opens a journal for reading. The folder may be read-only, and a worker may be running.
    ///
    /// # Errors
    /// It cannot be read, or a later release wrote it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let (db, version) = match open_in_place(path) {
            // SQLite wants to make the files of its write-ahead log even to read.
            Err(error) if may_not_write(&error) => open_copy(path)?,
            opened => opened?,
        };
        if !schema::is_ours(&db)? {
            return Err(JournalError::Foreign);
        }
        match version.cmp(&schema::NEWEST) {
            Ordering::Less => Ok(Self { db: migrated_copy(&db)? }),
            Ordering::Equal => Ok(Self { db }),
            Ordering::Greater => Err(JournalError::Newer { found: version, known: schema::NEWEST }),
        }
    }

    /// The same for the process that writes.
    pub(super) const fn over(db: Connection) -> Self {
        Self { db }
    }

    pub(super) const fn db(&self) -> &Connection {
        &self.db
    }

    pub(super) const fn db_mut(&mut self) -> &mut Connection {
        &mut self.db
    }

    /// The process that has, or had, the journal open for writing.
    pub(super) fn holder(&self) -> Result<Option<Holder>, JournalError> {
        Ok(self.db.query_row("SELECT holder_pid, holder_host FROM identity", [], |row| {
            let pid: Option<u32> = row.get(0)?;
            let host = row.get(1)?;
            Ok(pid.map(|pid| Holder { pid, host }))
        })?)
    }

    /// Every round, ordered by topic and nonce.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn rounds(&self) -> Result<Vec<RoundRow>, JournalError> {
        // Room for all of them at once: of a hundred thousand, memory is what takes the time.
        let count = self.db.query_row("SELECT count(*) FROM rounds", [], |row| row.get(0))?;
        let mut rounds = Vec::with_capacity(count);
        // The index that keeps a round unique has this order.
        let sql = format!("{} ORDER BY r.topic_id, r.nonce", RoundRow::SELECT);
        let mut query = self.db.prepare(&sql)?;
        for round in query.query_map([], RoundRow::read)? {
            rounds.push(round?);
        }
        Ok(rounds)
    }

    /// The round that was begun last, of one topic or of all.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_round(&self, topic_id: Option<u64>) -> Result<Option<RoundRow>, JournalError> {
        let sql =
            format!("{} WHERE ?1 IS NULL OR r.topic_id = ?1 ORDER BY r.id DESC LIMIT 1", RoundRow::SELECT);
        Ok(self.db.query_row(&sql, [topic_id], RoundRow::read).optional()?)
    }

    /// The round of this topic and nonce, when there was one.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn round(&self, key: RoundKey) -> Result<Option<RoundRow>, JournalError> {
        let sql = format!("{} WHERE r.topic_id = ?1 AND r.nonce = ?2", RoundRow::SELECT);
        Ok(self.db.query_row_cached(&sql, params![key.topic_id, key.nonce], RoundRow::read).optional()?)
    }

    /// Final states of the last rounds of the topic that ended, the oldest first.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_endings(&self, topic_id: u64, most: usize) -> Result<Vec<RoundState>, JournalError> {
        let mut query = self.db.prepare(
            "SELECT state FROM rounds WHERE topic_id = ?1 AND finished_at IS NOT NULL ORDER BY nonce DESC LIMIT ?2",
        )?;
        let states = query.query_map(params![topic_id, most], |row| row.get(0))?;
        let mut states: Vec<_> = states.collect::<Result<_, _>>()?;
        states.reverse();
        Ok(states)
    }

    /// When a round of the topic was last admitted.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn last_success(&self, topic_id: u64) -> Result<Option<Timestamp>, JournalError> {
        Ok(self.db.query_row(
            "SELECT max(finished_at) FROM rounds WHERE topic_id = ?1 AND state = 'admitted'",
            [topic_id],
            |row| row.get(0),
        )?)
    }

    /// Number of rounds in each state that occurs, of one topic or of all.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn counts(&self, topic_id: Option<u64>) -> Result<BTreeMap<RoundState, u64>, JournalError> {
        // As it stands, the index by state and topic alone is read.
        let mut query = self
            .db
            .prepare("SELECT state, count(*) FROM rounds WHERE ?1 IS NULL OR topic_id = ?1 GROUP BY state")?;
        let counts = query.query_map([topic_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(counts.collect::<Result<_, _>>()?)
    }

    /// What the chain took on the day (UTC) of `at`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn spent_on_day_of(&self, at: Timestamp) -> Result<Uallo, JournalError> {
        spend::spent_on(&self.db, at.day())
    }

    /// How many of the topic's last rounds in a row [failed](RoundState::is_failure). Any other end stops the count;
    /// those that have none yet are passed over.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn consecutive_failures(&self, topic_id: u64) -> Result<u64, JournalError> {
        let mut query = self.db.prepare(
            "SELECT state FROM rounds WHERE topic_id = ?1 AND finished_at IS NOT NULL ORDER BY nonce DESC",
        )?;
        // No more of them is read than counts.
        let mut states = query.query_map([topic_id], |row| row.get::<_, RoundState>(0))?;
        let mut failures = 0;
        while states.next().transpose()?.is_some_and(RoundState::is_failure) {
            failures += 1;
        }
        Ok(failures)
    }
}

fn open_in_place(path: &Path) -> Result<(Connection, usize), rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    let version = schema::version(&db)?;
    Ok((db, version))
}

fn may_not_write(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
}

/// Opens a copy of the journal and of its log, which a worker that was killed leaves behind.
fn open_copy(path: &Path) -> Result<(Connection, usize), JournalError> {
    let scratch = tempfile::tempdir().map_err(JournalError::Copy)?;
    let copy = scratch.path().join("copy");
    for (from, to) in [(path.to_owned(), copy.clone()), (log_of(path), log_of(&copy))] {
        match fs::File::open(from).and_then(|mut from| io::copy(&mut from, &mut fs::File::create(to)?)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(JournalError::Copy(error)),
            _ => {}
        }
    }
    let db = in_memory(&Connection::open(&copy)?)?;
    let version = schema::version(&db)?;
    Ok((db, version))
}

/// The write-ahead log of a journal.
pub(super) fn log_of(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The index of the log, shared by those who have the journal open.
pub(super) fn index_of(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push("-shm");
    name.into()
}

/// An older journal, brought to the newest schema in memory: a reader must not change the file.
fn migrated_copy(db: &Connection) -> Result<Connection, JournalError> {
    let mut copy = in_memory(db)?;
    schema::migrate(&mut copy)?;
    Ok(copy)
}

fn in_memory(db: &Connection) -> Result<Connection, JournalError> {
    let mut copy = Connection::open_in_memory()?;
    Backup::new(db, &mut copy)?.run_to_completion(1_000, Duration::ZERO, None)?;
    Ok(copy)
}
