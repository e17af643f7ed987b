//! Files that are no journal of ours, or not whole.

use super::*;

/// Opens what `spoil` made of a closed journal with one prepared transaction.
fn open_after(spoil: impl FnOnce(&Path)) -> OpenError {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    prepare(&mut journal, signed(7, "a")).unwrap();
    let path = journal.path().to_owned();
    drop(journal);
    spoil(&path);
    let before = fs::read(&path).ok();
    let error = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap_err();
    assert_eq!(fs::read(&path).ok(), before, "left as it was");
    assert!(!error.hint().is_empty());
    error
}

fn in_sql(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn empty() {
    let error = open_after(|path| fs::write(path, "").unwrap());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn no_database() {
    let error = open_after(|path| fs::write(path, "not a database ".repeat(1_000)).unwrap());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn cut_short() {
    let error = open_after(|path| {
        let whole = fs::read(path).unwrap();
        fs::write(path, &whole[..whole.len() / 2]).unwrap();
    });
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn overwritten_in_the_middle() {
    let error = open_after(|path| {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2 / 4_096 * 4_096;
        bytes[middle..middle + 4_096].fill(0xaa);
        fs::write(path, bytes).unwrap();
    });
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn another_program() {
    let error = open_after(|path| {
        fs::remove_file(path).unwrap();
        in_sql(path, "CREATE TABLE things (name TEXT)");
    });
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
}

#[test]
fn a_later_release() {
    let error = open_after(|path| in_sql(path, "PRAGMA user_version = 999"));
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
}

#[test]
fn another_wallet() {
    let error = open_after(|path| in_sql(path, "UPDATE identity SET address = 'allo1other'"));
    assert!(matches!(&error, OpenError::OtherOwner { address, .. } if address == "allo1other"), "{error}");
}

#[test]
fn only_its_log_is_left() {
    let error = open_after(|path| {
        fs::remove_file(path).unwrap();
        fs::write(format!("{}-wal", path.display()), "something").unwrap();
    });
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn a_folder_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Journal::open(&file, CHAIN, ADDRESS).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
}
