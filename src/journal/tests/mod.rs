//! Rules of the journal, one by one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

mod races;
mod refused_at_start;

const CHAIN: &str = "localnet";
const ADDRESS: &str = "allo1wallet";
const KEY: RoundKey = RoundKey { topic_id: 1, nonce: 120 };
const PAYLOAD: Purpose = Purpose::Payload(KEY);

pub(super) fn at(seconds: u64) -> Timestamp {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    Timestamp::parse(&format!("2026-11-21T{:02}:{:02}:{seconds:02}Z", minutes / 60 % 24, minutes % 60))
        .unwrap()
}

pub(super) fn signed(sequence: u64, salt: &str) -> NewTransaction {
    NewTransaction {
        bytes: format!("{sequence} {salt}").into_bytes(),
        sequence,
        fee: Uallo(1_000),
        charge: Uallo(10),
        gas_limit: 150_000,
        timeout_height: 130,
    }
}

pub(super) fn inclusion(code: u32) -> Inclusion {
    Inclusion {
        height: Some(121),
        code,
        codespace: String::new(),
        log: String::new(),
        paid: Uallo(1_010),
        gas_used: Some(140_000),
    }
}

fn refusal() -> Refusal {
    Refusal { code: 32, codespace: "sdk".into(), log: "account sequence mismatch".into() }
}

fn open(folder: &Path) -> Journal {
    Journal::open(folder, CHAIN, ADDRESS).unwrap()
}

/// A journal in which the model has answered for [`KEY`].
fn predicted(folder: &Path) -> Journal {
    let mut journal = open(folder);
    journal.begin_round(KEY, at(0), 130).unwrap();
    journal.predicted(KEY, "0.5", &Limits::default(), at(1)).unwrap();
    journal
}

fn prepare(journal: &mut Journal, tx: NewTransaction) -> Result<Prepared, PrepareError> {
    journal.prepare(PAYLOAD, tx, SpendLimit::None, at(2))
}

fn state(journal: &Journal) -> RoundState {
    journal.reader().last_round(None).unwrap().unwrap().state
}

#[test]
fn while_one_can_land_only_the_same_sequence_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let first = prepare(&mut journal, signed(7, "a")).unwrap();
    journal.broadcasting(&first, "http://one", at(3)).unwrap();

    let refused = prepare(&mut journal, signed(8, "a")).unwrap_err();
    assert!(
        matches!(&refused, PrepareError::Live { hash, sequence: 7 } if hash == first.hash()),
        "{refused}"
    );
    let dearer = prepare(&mut journal, signed(7, "dearer")).unwrap();
    assert_eq!(journal.reader().live(PAYLOAD).unwrap().len(), 2);

    journal.included(dearer.hash(), &inclusion(0), at(4)).unwrap();
    assert_eq!(journal.reader().live(PAYLOAD).unwrap(), [], "its sequence is used up");
    let again = prepare(&mut journal, signed(8, "b")).unwrap_err();
    assert!(matches!(&again, PrepareError::Paid { hash } if hash == dearer.hash()), "{again}");
}

#[test]
fn a_fee_that_was_lost_does_not_give_the_window_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let tx = prepare(&mut journal, signed(7, "a")).unwrap();
    journal.included(tx.hash(), &inclusion(11), at(4)).unwrap();
    assert!(
        matches!(prepare(&mut journal, signed(7, "a")), Err(PrepareError::Paid { .. })),
        "the same bytes"
    );
    assert!(matches!(journal.finish_round(KEY, &Ending::Admitted, at(5)), Err(FinishError::NotIncluded)));
    assert_eq!(journal.reader().last_gas_used(PAYLOAD).unwrap(), None, "what failed says nothing of the gas");

    let more_gas = prepare(&mut journal, signed(8, "b")).unwrap();
    journal.included(more_gas.hash(), &inclusion(78), at(6)).unwrap();
    journal.finish_round(KEY, &Ending::Refused { reason: "emissions 78".into() }, at(7)).unwrap();
    assert!(matches!(
        prepare(&mut journal, signed(9, "c")),
        Err(PrepareError::Finished(RoundState::Refused))
    ));
    let row = journal.reader().last_round(None).unwrap().unwrap();
    assert_eq!((row.tx_hash.as_deref(), row.fee), (Some(more_gas.hash()), Some(Uallo(2_020))));
    assert_eq!(journal.reader().spent_on_day_of(at(0)).unwrap(), Uallo(2_020));
}

#[test]
fn refused_bytes_free_the_nonce_and_may_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let tx = prepare(&mut journal, signed(7, "a")).unwrap();
    journal.broadcasting(&tx, "http://one", at(3)).unwrap();
    journal.rejected(&tx, &refusal()).unwrap();
    assert_eq!(state(&journal), RoundState::Predicted);

    let same = prepare(&mut journal, signed(7, "a")).unwrap();
    assert_eq!((same.hash(), same.broadcast_at()), (tx.hash(), Some(at(3))));
    journal.rejected(&same, &refusal()).unwrap();
    prepare(&mut journal, signed(8, "b")).unwrap();
}

#[test]
fn what_the_chain_says_is_kept_whole_but_for_a_node_that_means_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let tx = prepare(&mut journal, signed(7, "a")).unwrap();
    let words = "word ".repeat(10_000);
    journal.rejected(&tx, &Refusal { log: words.clone(), ..refusal() }).unwrap();
    let log: String =
        journal.reader().db().query_row("SELECT log FROM transactions", [], |row| row.get(0)).unwrap();
    assert_eq!(log, words);
    journal.finish_round(KEY, &Ending::Refused { reason: words.repeat(100) }, at(5)).unwrap();
    let reason = journal.reader().round(KEY).unwrap().unwrap().reason.unwrap();
    assert!(reason.len() > words.len() && reason.len() < 100_000, "{}", reason.len());
}

#[test]
fn a_transaction_is_dead_only_past_its_timeout_height_or_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let tx = prepare(&mut journal, signed(7, "a")).unwrap();
    for early in [Death::TimedOut { head: 130 }, Death::SequenceUsed { committed: 7 }] {
        assert!(matches!(journal.dead(&tx, early), Err(DeathError::TooEarly { .. })), "{early}");
    }
    assert!(matches!(
        journal.finish_round(KEY, &Ending::Expired { reason: "window closed".into() }, at(5)),
        Err(FinishError::Live { .. })
    ));
    journal.dead(&tx, Death::TimedOut { head: 131 }).unwrap();
    journal.finish_round(KEY, &Ending::Expired { reason: "window closed".into() }, at(6)).unwrap();
    journal.finish_round(KEY, &Ending::Expired { reason: "again".into() }, at(7)).unwrap();
    assert!(matches!(
        journal.finish_round(KEY, &Ending::DryRun, at(8)),
        Err(FinishError::Finished(RoundState::Expired))
    ));
    assert_eq!(journal.reader().last_round(None).unwrap().unwrap().reason.as_deref(), Some("window closed"));
}

#[test]
fn an_inclusion_counts_once_and_even_after_a_wrong_death() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let tx = prepare(&mut journal, signed(7, "a")).unwrap();
    journal.dead(&tx, Death::TimedOut { head: 131 }).unwrap();
    journal.included(tx.hash(), &inclusion(0), at(4)).unwrap();
    journal.included(tx.hash(), &inclusion(0), at(5)).unwrap();
    assert_eq!(journal.reader().spent_on_day_of(at(0)).unwrap(), Uallo(1_010));
    assert_eq!(journal.reader().last_round(None).unwrap().unwrap().fee, Some(Uallo(1_010)));
    journal.finish_round(KEY, &Ending::NotAdmitted, at(6)).unwrap();
}

#[test]
fn a_day_limit_counts_what_was_spent_and_what_is_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let limit = SpendLimit::PerDay(Uallo(3_029));
    let registration = Purpose::Registration { topic_id: 1 };
    let paid = journal.prepare(registration, signed(6, "register"), limit, at(2)).unwrap();
    journal.included(paid.hash(), &inclusion(0), at(2)).unwrap();

    journal.prepare(PAYLOAD, signed(7, "a"), limit, at(3)).unwrap();
    journal.prepare(PAYLOAD, signed(7, "rival"), limit, at(3)).unwrap();
    let other = RoundKey { topic_id: 1, nonce: 140 };
    journal.begin_round(other, at(3), 150).unwrap();
    let refused = journal.prepare(Purpose::Payload(other), signed(8, "b"), limit, at(4)).unwrap_err();
    assert!(
        matches!(refused, PrepareError::Limit { spent: Uallo(2_020), cost: Uallo(1_010), .. }),
        "{refused}"
    );
    let enough = SpendLimit::PerDay(Uallo(3_030));
    journal.prepare(Purpose::Payload(other), signed(8, "b"), enough, at(4)).unwrap();
}

#[test]
fn a_registration_belongs_to_no_round_and_may_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let purpose = Purpose::Registration { topic_id: 1 };
    let first = journal.prepare(purpose, signed(0, "a"), SpendLimit::None, at(0)).unwrap();
    let refused = journal.prepare(purpose, signed(1, "b"), SpendLimit::None, at(1)).unwrap_err();
    assert!(matches!(refused, PrepareError::Live { sequence: 0, .. }), "{refused}");
    journal.included(first.hash(), &inclusion(5), at(2)).unwrap();
    let second = journal.prepare(purpose, signed(1, "b"), SpendLimit::None, at(3)).unwrap();
    journal.included(second.hash(), &inclusion(0), at(4)).unwrap();
    assert_eq!(journal.reader().last_gas_used(purpose).unwrap(), Some(140_000));
    assert_eq!(journal.reader().last_gas_used(PAYLOAD).unwrap(), None);
    assert_eq!(journal.reader().spent_on_day_of(at(0)).unwrap(), Uallo(2_020));
    assert_eq!(journal.reader().rounds().unwrap(), []);
}

#[test]
fn an_unfinished_round_comes_back_with_its_last_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    journal.begin_round(KEY, at(0), 130).unwrap();
    let fail = |journal: &mut Journal, number: u64| {
        let failure =
            Failure { kind: "exception".into(), message: format!("{number} {}", "x".repeat(5_000)) };
        journal.failed(KEY, &failure, at(number)).unwrap();
    };
    let kept = |journal: &Journal| -> (u64, String) {
        let of_all = "SELECT count(*), (SELECT message FROM failures ORDER BY id LIMIT 1) FROM failures";
        journal.reader().db().query_row(of_all, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    (0..1_000).for_each(|number| fail(&mut journal, number));
    let (count, oldest) = kept(&journal);
    assert!(count == 1_000 && oldest.starts_with("0 x"), "{count}");
    (1_000..1_100).for_each(|number| fail(&mut journal, number));
    let (count, oldest) = kept(&journal);
    assert!(count == 1_000 && oldest.starts_with("100 x"), "{count}");
    let unfinished = journal.reader().unfinished().unwrap();
    let last = unfinished[0].last_failure.as_ref().unwrap();
    assert!(last.message.starts_with("1099 x") && last.message.chars().count() <= 2_001);
    assert_eq!((unfinished[0].row.attempts, unfinished[0].window_end), (1_100, 130));
}

#[test]
fn failures_in_a_row_are_those_of_the_topic_and_any_other_end_stops_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    let mut end = |topic_id: u64, nonce: i64, ending: Ending| {
        let key = RoundKey { topic_id, nonce };
        journal.begin_round(key, at(0), 130).unwrap();
        if ending == Ending::Admitted {
            let tx = signed(nonce.unsigned_abs(), "a");
            let tx = journal.prepare(Purpose::Payload(key), tx, SpendLimit::None, at(0)).unwrap();
            journal.included(tx.hash(), &inclusion(0), at(1)).unwrap();
        }
        journal.finish_round(key, &ending, at(2)).unwrap();
        journal.reader().consecutive_failures(topic_id).unwrap()
    };
    let expired = || Ending::Expired { reason: "the model failed".into() };
    assert_eq!(end(1, 1, expired()), 1);
    assert_eq!(end(1, 2, Ending::Admitted), 0);
    assert_eq!(end(1, 3, expired()), 1);
    assert_eq!(end(1, 4, Ending::Refused { reason: "not whitelisted".into() }), 2);
    assert_eq!(end(2, 5, expired()), 1, "another topic");
    assert_eq!(end(1, 6, expired()), 3);
    let others = [Ending::Skipped { reason: "no data".into() }, Ending::AnsweredElsewhere, Ending::DryRun];
    for (nonce, other) in (7..).step_by(2).zip(others) {
        assert_eq!(end(1, nonce, other), 0);
        assert_eq!(end(1, nonce + 1, expired()), 1);
    }
}

#[test]
fn what_took_nothing_in_one_block_may_land_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let tx = prepare(&mut journal, signed(7, "a")).unwrap();
    let void = Inclusion { height: Some(122), paid: Uallo(0), ..inclusion(13) };
    journal.included(tx.hash(), &void, at(1)).unwrap();
    assert_eq!(journal.reader().given_up(PAYLOAD).unwrap(), [tx.hash()]);
    assert_eq!(journal.reader().last_sequence().unwrap(), None);

    let landed = Inclusion { height: Some(124), ..inclusion(0) };
    for _ in 0..2 {
        journal.included(tx.hash(), &landed, at(2)).unwrap();
        journal.included(tx.hash(), &void, at(3)).unwrap();
    }
    journal.finish_round(KEY, &Ending::Admitted, at(4)).unwrap();
    let round = journal.reader().round(KEY).unwrap().unwrap();
    assert_eq!((round.height, round.fee), (Some(124), Some(landed.paid)), "{round:?}");
    assert_eq!(journal.reader().given_up(PAYLOAD).unwrap(), Vec::<String>::new());
    assert_eq!(journal.reader().spent_on_day_of(at(2)).unwrap(), landed.paid);
}

#[test]
fn a_call_about_a_round_that_was_never_begun_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    assert!(matches!(
        journal.predicted(KEY, "1", &Limits::default(), at(0)),
        Err(JournalError::NoRound { nonce: 120, .. })
    ));
    assert!(matches!(
        prepare(&mut journal, signed(1, "a")),
        Err(PrepareError::Journal(JournalError::NoRound { .. }))
    ));
}

#[test]
fn a_full_disk_records_nothing_and_goes_on_when_there_is_space_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    let limit = |journal: &Journal, pages: i64| {
        journal.reader().db().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    limit(&journal, 1);
    let big = NewTransaction { bytes: vec![b'x'; 100_000], ..signed(7, "") };
    let full = prepare(&mut journal, big.clone()).unwrap_err();
    assert!(
        matches!(&full, PrepareError::Journal(error @ JournalError::Full(_)) if !error.hint().is_empty()),
        "{full}"
    );
    assert_eq!(state(&journal), RoundState::Predicted);
    assert_eq!(journal.reader().live(PAYLOAD).unwrap(), []);

    limit(&journal, 1_000_000);
    prepare(&mut journal, big).unwrap();
}

#[test]
fn a_journal_that_turned_read_only_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = predicted(folder.path());
    journal.reader().db().pragma_update(None, "query_only", true).unwrap();
    let refused = prepare(&mut journal, signed(7, "a")).unwrap_err();
    assert!(matches!(refused, PrepareError::Journal(JournalError::ReadOnly(_))), "{refused}");
}

#[test]
fn files_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("a/state");
    let journal = predicted(&state_dir);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state_dir), 0o700);
    for entry in fs::read_dir(&state_dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!(fs::read_dir(&state_dir).unwrap().count(), 3, "the journal and the two files of its log");
    drop(journal);
}

#[test]
fn names_of_chains_cannot_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("state");
    let journal = Journal::open(&state_dir, "../../evil.\u{0}chain", ADDRESS).unwrap();
    assert_eq!(journal.path().parent(), Some(state_dir.as_path()));
    assert_eq!(files(&state_dir).unwrap(), [journal.path()]);
}

#[test]
fn an_older_journal_is_migrated_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("localnet.allo1wallet.journal");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(include_str!("../../../tests/journals/schema-1.sql")).unwrap();
    drop(db);
    let old = fs::read(&path).unwrap();

    let before = Reader::open(&path).unwrap().rounds().unwrap();
    assert_eq!(fs::read(&path).unwrap(), old, "a reader changes nothing");

    let mut journal = open(folder.path());
    assert_eq!(schema::version(journal.reader().db()).unwrap(), schema::NEWEST);
    assert_eq!(journal.reader().rounds().unwrap(), before);
    assert_eq!(
        before.iter().map(|row| row.state).collect::<Vec<_>>(),
        [RoundState::Admitted, RoundState::Broadcast]
    );
    let Begin::Resume(round) = journal.begin_round(KEY, at(60), 130).unwrap() else { panic!("not resumed") };
    assert_eq!((round.live[0].bytes(), round.live[0].sequence()), (b"8".as_slice(), 8));
    assert_eq!(round.last_failure.unwrap().message, "ValueError: no data");
    assert_eq!(journal.reader().spent_on_day_of(at(0)).unwrap(), Uallo(1_010));
}
