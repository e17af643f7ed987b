//! A disk that fills up, a folder that cannot be written, a journal that is not ours: nothing leaves that is
//! not written down, and the worker goes on when it can.

use std::fs;
use std::os::unix::process::CommandExt as _;

use nix::sys::signal::{SigHandler, Signal, signal};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::{Bench, Worker, manual};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// No page of the journal fits below this, and the heartbeat does.
const FULL: u64 = 4_000;

/// A worker whose files can be kept from growing.
fn run(bench: &Bench) -> Worker {
    let mut command = bench.bootstrap();
    command.arg("run");
    // As on a full disk: the write fails, no signal comes.
    let ignore = || {
        // SAFETY: `signal` is async-signal-safe, and no handler of ours is involved.
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.map(drop).map_err(Into::into)
    };
    // SAFETY: between fork and exec it calls nothing but `sigaction`.
    unsafe { command.pre_exec(ignore) };
    bench.start(&mut command)
}

/// The most that a file of the worker may have from now on.
fn limit(worker: &Worker, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Pid::from_raw(worker.pid().as_raw()), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_disk_that_is_full_for_a_while() {
    let bench = Bench::registered(manual(), ONE);
    let worker = run(&bench);
    bench.until_ready();
    limit(&worker, Some(FULL));
    let nonce = bench.mine_to_opening();
    bench.until_why("the journal cannot be written");
    assert_eq!(bench.probe("live"), Some(0));
    assert_eq!(bench.probe("ready"), Some(1));
    assert_eq!(bench.mempool(), 0, "nothing leaves that is not in the journal");

    limit(&worker, None);
    bench.until("a transaction", |bench| (bench.mempool() > 0).then_some(()));
    bench.devnet.mine(1).unwrap();
    bench.until_a_round_is("admitted");
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_disk_that_fills_up_while_a_transaction_is_on_its_way() {
    let bench = Bench::registered(manual(), ONE);
    let worker = run(&bench);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until("a transaction", |bench| (bench.mempool() > 0).then_some(()));
    limit(&worker, Some(FULL));
    bench.devnet.mine(1).unwrap();
    bench.until_why("the journal cannot be written");
    limit(&worker, None);
    bench.until_a_round_is("admitted");
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
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
