//! A disk that fills up, a folder that cannot be written, a journal that is not ours: nothing leaves that is
//! not written down, and the worker goes on when it can.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use caps::{CapSet, Capability};

use crate::support::{Bench, manual};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

#[test]
fn a_disk_that_is_full_for_a_while() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    worker.set_disk_full(true);
    let nonce = bench.mine_to_opening();
    bench.until_why("the journal cannot be written");
    assert_eq!(bench.probe("live"), Some(0));
    assert_eq!(bench.probe("ready"), Some(1));
    assert_eq!(bench.mempool(), 0, "nothing leaves that is not in the journal");

    worker.set_disk_full(false);
    bench.until_admitted();
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

/// Room for a page, and not for a round: it is full until there is room for all.
#[test]
fn a_disk_that_takes_a_page_and_no_round_is_not_called_writable() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    let name = format!("{}.{}.journal-wal", bench.devnet.chain_id(), bench.address());
    let log = fs::metadata(bench.folder.path().join("state").join(name)).unwrap().len();
    worker.limit_files(Some(log + 5_000));
    let nonce = bench.mine_to_opening();
    bench.until_why("the journal cannot be written");
    let (limited, again) = (std::time::Instant::now(), "the journal can be written again");
    // As long as several tries take.
    bench.until("some tries", |_| (limited.elapsed().as_secs() >= 3).then_some(()));
    assert!(!bench.log().contains(again), "{}", bench.log());
    bench.devnet.mine(11).unwrap();
    worker.limit_files(None);
    let round = bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "expired"));
    let reason = round["reason"].as_str().unwrap();
    assert!(reason.starts_with("the journal could not be written while the window was open"), "{reason}");
    assert_eq!(bench.log().matches(again).count(), 1, "{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_disk_that_fills_up_while_a_transaction_is_on_its_way() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    worker.set_disk_full(true);
    bench.devnet.mine(1).unwrap();
    bench.until_why("the journal cannot be written");
    worker.set_disk_full(false);
    bench.until_a_round_is("admitted");
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_disk_that_is_full_at_the_start_is_waited_for() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.start_on_full_disk(bench.bootstrap().arg("run"));
    bench.until_why("the journal cannot be opened");
    assert_eq!((bench.probe("live"), bench.probe("ready")), (Some(0), Some(1)));
    let nonce = bench.mine_to_opening();
    worker.set_disk_full(false);
    bench.until_admitted();
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));

    // One that answers a single window does not wait for people.
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.start_on_full_disk(bench.bootstrap().args(["run", "--once"]));
    assert_eq!(worker.exit().code(), Some(78));
}

#[test]
fn a_journal_that_is_removed_while_it_is_in_use_ends_the_worker() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    fs::remove_dir_all(bench.folder.path().join("state")).unwrap();
    bench.mine_to_opening();
    assert_eq!(worker.exit().code(), Some(78), "{}", bench.log());
    assert!(bench.log().contains("was removed while it was in use"), "{}", bench.log());
    assert_eq!(bench.mempool(), 0);
}

/// What is wrong with the state folder at the start, and what the worker says to it.
#[test]
fn what_cannot_be_used_stops_the_start_and_is_left_as_it_is() {
    let bench = Bench::registered(manual(), ONE);
    let state = bench.folder.path().join("state");
    let journal = state.join(format!("{}.{}.journal", bench.devnet.chain_id(), bench.address()));
    let in_sql = |sql: &str| {
        fs::create_dir_all(&state).unwrap();
        rusqlite::Connection::open(&journal).unwrap().execute_batch(sql).unwrap();
    };
    let of_another = include_str!("../journals/schema-1.sql");
    let torn = || {
        fs::create_dir_all(&state).unwrap();
        fs::write(&journal, "torn").unwrap();
    };
    let cases: [(&str, &dyn Fn()); 5] = [
        ("is not a journal", &|| in_sql("CREATE TABLE things (name TEXT)")),
        ("belongs to allo1wallet", &|| in_sql(of_another)),
        ("schema 999", &|| in_sql(&format!("{of_another}; PRAGMA user_version = 999"))),
        ("is damaged", &torn),
        ("cannot be kept in", &|| fs::write(&state, "a file").unwrap()),
    ];
    for (says, spoil) in cases {
        spoil();
        let before = fs::read(&journal).ok();
        let output = bench.bootstrap().arg("run").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{says}: {text}");
        assert!(text.contains(says) && text.contains("hint: "), "{says}: {text}");
        assert_eq!(fs::read(&journal).ok(), before, "{says}");
        let _ = fs::remove_dir_all(&state);
    }
}

/// Runs a worker that permissions bind, whoever runs this test.
fn run_bound(bench: &Bench) -> Output {
    let mut command = bench.bootstrap();
    command.arg("run");
    let bound = move || {
        // Who is not root has no such right to lose.
        let _ = caps::drop(None, CapSet::Bounding, Capability::CAP_DAC_OVERRIDE);
        command.output().unwrap()
    };
    // What a thread gives up, the others keep.
    std::thread::spawn(bound).join().unwrap()
}

#[test]
fn a_state_folder_that_is_read_only_stops_the_start() {
    let bench = Bench::registered(manual(), ONE);
    let state = bench.folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let permit = |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
    let refused = |what: &str| {
        permit(0o555);
        let output = run_bound(&bench);
        permit(0o755);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{what}: {text}");
        assert!(text.contains(state.to_str().unwrap()) && text.contains("--state-dir"), "{what}: {text}");
    };
    refused("an empty one");
    let worker = bench.run(&[]);
    bench.until_ready();
    assert_eq!(worker.stop(), Some(0));
    refused("one with a journal");
}
