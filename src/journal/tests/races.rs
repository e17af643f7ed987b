//! Several at once.

use std::sync::Barrier;
use std::thread;

use super::*;

#[test]
fn of_ten_openers_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let start = Barrier::new(10);
    let opened: Vec<_> = thread::scope(|scope| {
        let open = || {
            start.wait();
            Journal::open(folder.path(), CHAIN, ADDRESS)
        };
        let openers: Vec<_> = (0..10).map(|_| scope.spawn(open)).collect();
        openers.into_iter().map(|opener| opener.join().unwrap()).collect()
    });
    assert_eq!(opened.iter().filter(|journal| journal.is_ok()).count(), 1);
    for error in opened.iter().filter_map(|journal| journal.as_ref().err()) {
        assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    }
    assert_eq!(files(folder.path()).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_preparers_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let handle = JournalHandle::spawn(predicted(folder.path())).unwrap();
    let preparers = (0..10).map(|sequence| {
        let handle = handle.clone();
        tokio::spawn(async move { handle.call(move |journal| prepare(journal, signed(sequence, "x"))).await })
    });
    let mut won = 0;
    for preparer in preparers.collect::<Vec<_>>() {
        match preparer.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(matches!(error, PrepareError::Live { .. }), "{error}"),
        }
    }
    assert_eq!(won, 1);

    handle.close().await.unwrap();
    let closed = handle.call(|journal| prepare(journal, signed(1, "y"))).await;
    assert!(matches!(closed, Err(PrepareError::Journal(JournalError::Closed))));
    assert_eq!(open(folder.path()).reader().live(PAYLOAD).unwrap().len(), 1);
}

#[test]
fn a_reader_sees_whole_rounds_while_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let path = journal.path().to_owned();
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut most = 0;
            while most < 200 {
                let rows = Reader::open(&path).unwrap().rounds().unwrap();
                assert!(rows.len() >= most, "rounds never disappear");
                most = rows.len();
            }
        });
        for nonce in 0..200 {
            let key = RoundKey { topic_id: 1, nonce };
            journal.begin_round(key, at(0), 130).unwrap();
            journal.finish_round(key, &Ending::DryRun, at(1)).unwrap();
        }
        reader.join().unwrap();
    });
    drop(journal);
    assert_eq!(open(folder.path()).reader().counts(None).unwrap()[&RoundState::DryRun], 200);
}
