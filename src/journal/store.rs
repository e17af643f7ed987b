//! The open journal: folder, file, lock, identity.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

use super::cached::STATEMENTS;
use super::{JournalError, OpenError, Reader, reader, schema};
use crate::failpoint::{self, Moment, Step};

/// How long a call waits for another program that has the file locked. Only readers of this program are
/// expected, and they hold it for moments.
const BUSY: Duration = Duration::from_secs(5);

/// What a disk must take to be called writable, in bytes: several times what any step of a round writes.
const ROOM: usize = 1 << 20;

/// How long a lock that is taken may still be let go, and how often it is tried meanwhile.
const LOCK_LIMIT: Duration = Duration::from_millis(500);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Whether a change must survive a power cut when the call returns. A crash of the process loses neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Flushed to the disk, with all that was written before it.
    Flushed,
    /// Left to the operating system: losing it loses history, never money.
    Buffered,
}

/// The record of one wallet on one chain, and the lock that keeps a second process away from both.
#[derive(Debug)]
pub struct Journal {
    reader: Reader,
    path: PathBuf,
    durability: Durability,
    // After the connection: closing any descriptor of the file drops SQLite's own locks.
    lock: File,
}

impl Journal {
    /// Opens the journal of `address` on `chain_id` in `state_dir`, or makes an empty one. Folder mode
    /// 0700 when it is new, file mode 0600.
    ///
    /// # Errors
    /// Another process has it; the file is foreign, newer, or damaged; folder or disk cannot be used. An
    /// existing file is never replaced.
    pub fn open(state_dir: &Path, chain_id: &str, address: &str) -> Result<Self, OpenError> {
        let path = Self::path_of(state_dir, chain_id, address);
        let folder = |source| OpenError::Folder { path: state_dir.to_owned(), source };
        Self::make_folder(state_dir)?;
        if !path.try_exists().map_err(folder)? {
            // SQLite would read it into the new journal.
            let log = reader::log_of(&path);
            if log.try_exists().map_err(folder)? {
                return Err(OpenError::Damaged {
                    path,
                    detail: format!("only {} is left of it", log.display()),
                });
            }
            create(state_dir, &path, chain_id, address)?;
        }
        let lock = lock_soon(&path)?;
        let mut db = check(&path, chain_id, address)?;

        let unusable =
            |error: rusqlite::Error| OpenError::Unusable { path: path.clone(), source: error.into() };
        schema::migrate(&mut db).map_err(unusable)?;
        db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(unusable)?;
        db.pragma_update(None, "synchronous", "full").map_err(unusable)?;
        db.pragma_update(None, "foreign_keys", true).map_err(unusable)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        let host = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        db.execute(
            "UPDATE identity SET holder_pid = ?1, holder_host = ?2",
            params![std::process::id(), host.as_deref().map(str::trim)],
        )
        .map_err(unusable)?;
        Ok(Self { reader: Reader::over(db), path, durability: Durability::Flushed, lock })
    }

    /// Makes the folder of journals where it is not there.
    ///
    /// # Errors
    /// [`OpenError::Folder`].
    pub fn make_folder(state_dir: &Path) -> Result<(), OpenError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(state_dir);
        made.map_err(|source| OpenError::Folder { path: state_dir.to_owned(), source })
    }

    /// Where the journal of `address` on `chain_id` is, whether it is there or not.
    #[must_use]
    pub fn path_of(state_dir: &Path, chain_id: &str, address: &str) -> PathBuf {
        state_dir.join(file_name(chain_id, address))
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has been recorded so far.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Writes something that changes nothing, after more than any step of a round takes: a disk that has room for a page
    /// and no more would be called writable again with each page.
    ///
    /// # Errors
    /// Those of the disk: whatever is written next would fail too.
    pub fn check_writable(&mut self) -> Result<(), JournalError> {
        self.check_is_there()?;
        let folder = self.path.parent().unwrap_or(&self.path);
        // Without a name, so that nothing is left of it whatever happens.
        tempfile::tempfile_in(folder)
            .and_then(|mut file| file.write_all(&vec![1; ROOM]).and_then(|()| file.sync_data()))
            .map_err(JournalError::NoRoom)?;
        self.reader.db_mut().execute("UPDATE identity SET holder_pid = ?1", [std::process::id()])?;
        Ok(())
    }

    fn check_is_there(&self) -> Result<(), JournalError> {
        let links = self.lock.metadata().map_or(0, |file| file.nlink());
        if links == 0 { Err(JournalError::Removed) } else { Ok(()) }
    }

    /// Runs `work`, which is `step`, in one transaction that no other writer can come between, and commits it.
    pub(super) fn write<T, E>(
        &mut self,
        step: Step,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<JournalError>,
    {
        failpoint::reach(step, Moment::Before);
        self.check_is_there()?;
        let db = self.reader.db_mut();
        if self.durability != durability {
            let level = if durability == Durability::Flushed { "full" } else { "normal" };
            db.pragma_update(None, "synchronous", level).map_err(JournalError::from)?;
            self.durability = durability;
        }
        let transaction =
            db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(JournalError::from)?;
        let answer = work(&transaction)?;
        failpoint::reach(step, Moment::Uncommitted);
        transaction.commit().map_err(JournalError::from)?;
        failpoint::reach(step, Moment::After);
        Ok(answer)
    }
}

/// `CHAIN_ID.ADDRESS.journal`. What is unusual in a chain id, which a node may choose, is escaped.
fn file_name(chain_id: &str, address: &str) -> String {
    let plain = |part: &str| -> String {
        part.bytes().fold(String::new(), |mut name, byte| {
            match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => name.push(char::from(byte)),
                _ => name.push_str(&format!("%{byte:02X}")),
            }
            name
        })
    };
    format!("{}.{}.{}", plain(chain_id), plain(address), reader::EXTENSION)
}

/// Makes a complete empty journal under another name and gives it its own name last. A file of that name
/// is therefore whole from its first moment: one that is empty or cut has been damaged since.
fn create(state_dir: &Path, path: &Path, chain_id: &str, address: &str) -> Result<(), OpenError> {
    let folder = |source| OpenError::Folder { path: state_dir.to_owned(), source };
    let unusable =
        |error: rusqlite::Error| OpenError::Unusable { path: path.to_owned(), source: error.into() };

    let new = tempfile::Builder::new().prefix(".new-").tempfile_in(state_dir).map_err(folder)?;
    let mut db = Connection::open(new.path()).map_err(unusable)?;
    schema::mark(&db).map_err(unusable)?;
    schema::migrate(&mut db).map_err(unusable)?;
    db.execute("INSERT INTO identity (only_row, chain_id, address) VALUES (1, ?1, ?2)", [chain_id, address])
        .map_err(unusable)?;
    db.close().map_err(|(_, error)| unusable(error))?;

    match new.persist_noclobber(path) {
        Ok(_) => {}
        // Another process was faster; the lock decides which of the two goes on.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(folder(error.error)),
    }
    File::open(state_dir).and_then(|folder| folder.sync_all()).map_err(folder)
}

/// Takes the lock, and waits a moment for one that is just being let go: a process that is started by another
/// thread or was killed this instant has the descriptor until it runs its own program or is gone.
fn lock_soon(path: &Path) -> Result<File, OpenError> {
    let end = Instant::now() + LOCK_LIMIT;
    loop {
        match lock(path) {
            Err(OpenError::InUse { .. }) if Instant::now() < end => thread::sleep(LOCK_PAUSE),
            taken => return taken,
        }
    }
}

/// Takes the lock: `flock` on the journal itself, which ends with the process however it ends and cannot
/// be deleted without the journal.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Folder { path: path.to_owned(), source };
    let file = fs::OpenOptions::new().read(true).write(true).open(path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let holder = Reader::open(path).and_then(|journal| journal.holder()).ok().flatten();
            Err(OpenError::InUse { path: path.to_owned(), holder })
        }
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Whether another process has the journal of `address` on `chain_id`, or, where that is not known yet, on any chain:
/// [`OpenError::InUse`] then. Holds the lock itself for a moment.
#[must_use]
pub fn in_use(state_dir: &Path, chain_id: Option<&str>, address: &str) -> Option<OpenError> {
    let of_address = file_name("", address);
    let is_ours = |path: &PathBuf| match chain_id {
        Some(chain_id) => *path == Journal::path_of(state_dir, chain_id, address),
        None => path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&of_address)),
    };
    let mut ours = reader::files(state_dir).unwrap_or_default().into_iter().filter(is_ours);
    ours.find_map(|path| lock(&path).err().filter(|error| matches!(error, OpenError::InUse { .. })))
}

/// Opens the file and makes sure that it is whole, ours, and of this wallet.
fn check(path: &Path, chain_id: &str, address: &str) -> Result<Connection, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { path: path.to_owned(), detail };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let inspect = |error: rusqlite::Error| match JournalError::from(error) {
        JournalError::Damaged(error) => damaged(error.to_string()),
        source => OpenError::Unusable { path: path.to_owned(), source },
    };

    let db = Connection::open_with_flags(path, flags).map_err(inspect)?;
    db.busy_timeout(BUSY).map_err(inspect)?;
    if fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        return Err(damaged("the file is empty".into()));
    }
    if !schema::is_ours(&db).map_err(inspect)? {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let found = schema::version(&db).map_err(inspect)?;
    if found > schema::NEWEST {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: schema::NEWEST });
    }
    let verdict: String = db.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(inspect)?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let owner: (String, String) = db
        .query_row("SELECT chain_id, address FROM identity", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(inspect)?;
    if owner != (chain_id.to_owned(), address.to_owned()) {
        return Err(OpenError::OtherOwner { path: path.to_owned(), chain_id: owner.0, address: owner.1 });
    }
    Ok(db)
}
