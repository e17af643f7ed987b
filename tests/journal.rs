//! The journal through its public face, and through the real binary.

use bootstrap::journal::{
    Begin, Ending, Inclusion, Journal, NewTransaction, OpenError, PrepareError, Purpose, RoundKey,
    RoundState, SpendLimit, Timestamp, Uallo,
};

const CHAIN: &str = "localnet";
const ADDRESS: &str = "allo1wallet";
const KEY: RoundKey = RoundKey { topic_id: 1, nonce: 120 };

fn at(seconds: u32) -> Timestamp {
    Timestamp::parse(&format!("2026-11-21T10:{:02}:{:02}Z", seconds / 60, seconds % 60)).unwrap()
}

fn signed(sequence: u64, salt: &str) -> NewTransaction {
    NewTransaction {
        bytes: format!("{sequence} {salt}").into_bytes(),
        sequence,
        fee: Uallo(1_000),
        gas_limit: 150_000,
        timeout_height: 130,
    }
}

fn success(height: u64) -> Inclusion {
    Inclusion {
        height,
        code: 0,
        codespace: String::new(),
        log: String::new(),
        paid: Uallo(1_010),
        gas_used: 140_000,
    }
}

#[test]
fn an_answered_window_is_a_row_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();

    assert_eq!(journal.begin_round(KEY, at(0), 130).unwrap(), Begin::Fresh);
    journal.predicted(KEY, "0.5", at(1)).unwrap();
    let tx = journal.prepare(Purpose::Payload(KEY), signed(7, "a"), SpendLimit::None, at(2)).unwrap();
    journal.broadcasting(&tx, "http://127.0.0.1:26657", at(3)).unwrap();
    journal.included(&tx, &success(121), at(4)).unwrap();
    journal.finish_round(KEY, &Ending::Admitted, at(5)).unwrap();

    let row = journal.reader().last_round().unwrap().unwrap();
    assert_eq!(row.state, RoundState::Admitted);
    assert_eq!(row.value.as_deref(), Some("0.5"));
    assert_eq!(row.tx_hash.as_deref(), Some(tx.hash()));
    assert_eq!(
        (row.height, row.fee, row.gas_used, row.attempts),
        (Some(121), Some(Uallo(1_010)), Some(140_000), 1)
    );
    assert_eq!(
        [row.predicted_at, row.prepared_at, row.broadcast_at, row.finished_at],
        [Some(at(1)), Some(at(2)), Some(at(3)), Some(at(5))]
    );
    assert_eq!(journal.reader().spent_on_day_of(at(0)).unwrap(), Uallo(1_010));
    assert_eq!(journal.reader().last_gas_used(Purpose::Payload(KEY)).unwrap(), Some(140_000));
    assert!(
        matches!(journal.begin_round(KEY, at(9), 130).unwrap(), Begin::Finished(row) if row.value.is_some())
    );
}

#[test]
fn a_process_that_dies_after_prepare_finds_the_same_bytes_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();
    journal.begin_round(KEY, at(0), 130).unwrap();
    journal.predicted(KEY, "0.5", at(1)).unwrap();
    journal.prepare(Purpose::Payload(KEY), signed(7, "a"), SpendLimit::None, at(2)).unwrap();
    drop(journal);

    let mut journal = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();
    let Begin::Resume(round) = journal.begin_round(KEY, at(60), 130).unwrap() else { panic!("not resumed") };
    assert_eq!(round.row.state, RoundState::Prepared);
    assert_eq!(round.window_end, 130);
    assert_eq!(round.live.len(), 1);
    assert_eq!(round.live[0].bytes(), b"7 a");

    let other = journal.prepare(Purpose::Payload(KEY), signed(8, "b"), SpendLimit::None, at(61)).unwrap_err();
    assert!(matches!(other, PrepareError::Live { sequence: 7, .. }), "{other}");
    journal.prepare(Purpose::Payload(KEY), signed(7, "b"), SpendLimit::None, at(62)).unwrap();
}

#[test]
fn a_second_process_is_refused_with_the_number_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();
    match Journal::open(folder.path(), CHAIN, ADDRESS) {
        Err(OpenError::InUse { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    Journal::open(folder.path(), CHAIN, "allo1other").unwrap();
    Journal::open(folder.path(), "allora-testnet-1", ADDRESS).unwrap();
}
