//! Chains that come late, halt, skip, are upgraded, or say nothing: windows are answered all the same.

use std::time::Duration;

use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::devnet::{BlockTime, Fault, FaultKind, Options, Whitelist};

use crate::support::{Bench, manual, quick};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// The next window is answered once.
fn answers_the_next(bench: &Bench) {
    let nonce = bench.mine_to_opening();
    bench.until("a transaction", |bench| (bench.mempool() > 0).then_some(()));
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!(bench.inferences(nonce), 1);
}

/// Between the first window that was answered and the last, each was.
fn assert_none_left_out(bench: &Bench) {
    let nonces: Vec<_> = bench.devnet.submissions(1).unwrap().iter().map(|row| row.nonce).collect();
    assert!(nonces.windows(2).all(|pair| pair[1] - pair[0] == 12), "{nonces:?}: {}", bench.log());
}

#[test]
fn without_events_windows_are_answered_by_looking() {
    for kind in [FaultKind::DropRequest, FaultKind::HalfOpen, FaultKind::Html] {
        let bench = Bench::registered(quick(), ONE);
        let fault = |method: &str| Fault { method: method.into(), kind: kind.clone(), times: None };
        bench.devnet.fault(fault("websocket")).unwrap();
        let worker = bench.run(&[]);
        bench.until("three answers", |bench| (bench.devnet.submissions(1).unwrap().len() >= 3).then_some(()));
        assert_none_left_out(&bench);
        assert_eq!(worker.stop(), Some(0));
    }
}

#[test]
fn events_that_fall_silent_cost_no_window() {
    let bench = Bench::registered(quick(), ONE);
    let worker = bench.run(&[]);
    bench.until_a_round_is("admitted");
    bench.devnet.fault(Fault { method: "event".into(), kind: FaultKind::DropRequest, times: None }).unwrap();
    let before = bench.rounds().len();
    bench.until("three more", |bench| {
        (bench.devnet.submissions(1).unwrap().len() >= before + 3).then_some(())
    });
    assert_eq!(worker.stop(), Some(0));
    assert_none_left_out(&bench);
}

#[test]
fn where_no_node_finds_transactions_the_next_window_is_answered_all_the_same() {
    let bench = Bench::registered(manual(), ONE);
    for fault in [Fault::new(FaultKind::Error).on("tx"), Fault::new(FaultKind::DropRequest).on("websocket")] {
        bench.devnet.fault(fault).unwrap();
    }
    let worker = bench.run(&[]);
    bench.until_ready();
    for _ in 0..10 {
        let nonce = bench.mine_to_opening();
        bench.until("a transaction", |bench| (bench.mempool() > 0).then_some(()));
        bench.devnet.mine(1).unwrap();
        assert_eq!(bench.inferences(nonce), 1);
    }
    bench.devnet.clear_faults();
    bench.until("an end of each", |bench| {
        bench.devnet.mine(1).unwrap();
        let ended = bench.rounds().iter().filter(|round| round["state"] == "admitted").count();
        (ended >= 10).then_some(())
    });
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn windows_of_two_blocks() {
    let chain = Options { epoch_length: 8, worker_submission_window: 2, ground_truth_lag: 8, ..quick() };
    let bench = Bench::registered(chain, ONE);
    let worker = bench.run(&["--windows", "3"]);
    assert_eq!(worker.exit().code(), Some(0));
    for round in bench.rounds() {
        assert_eq!(round["state"], "admitted", "{round}: {}", bench.log());
    }
}

#[test]
fn a_chain_that_halts_and_blocks_of_another_pace() {
    let bench = Bench::registered(quick(), ONE);
    let worker = bench.run(&[]);
    bench.until_a_round_is("admitted");
    bench.devnet.set_block_time(BlockTime::Manual).unwrap();
    // Longer than anything that the worker measures in block times.
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(bench.probe("live"), Some(0));
    answers_the_next(&bench);
    bench.devnet.set_block_time(BlockTime::Every(Duration::from_millis(60))).unwrap();
    let before = bench.devnet.submissions(1).unwrap().len();
    bench.until("two more", |bench| (bench.devnet.submissions(1).unwrap().len() >= before + 2).then_some(()));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_topic_that_sleeps_and_windows_that_are_skipped() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    answers_the_next(&bench);
    bench.devnet.set_topic_active(1, false).unwrap();
    for _ in 0..3 {
        bench.mine_to_opening();
    }
    bench.until_why("is not active");
    assert_eq!(bench.probe("live"), Some(0));
    bench.devnet.set_topic_active(1, true).unwrap();
    answers_the_next(&bench);
    assert_eq!(bench.rounds().len(), 2, "what never opened is no round");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn registered_and_whitelisted_within_a_window() {
    let chain = Options {
        whitelist: Whitelist::On,
        epoch_length: 120,
        worker_submission_window: 110,
        ground_truth_lag: 120,
        ..quick()
    };
    let bench = Bench::new(chain, ONE);
    let worker = bench.run(&[]);
    bench.until_why("whitelist");
    bench.devnet.set_whitelisted(1, &bench.address(), true).unwrap();
    let round = bench.until_a_round_is("admitted");
    assert_eq!(bench.inferences(round["nonce"].as_i64().unwrap()), 1);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn an_upgrade_while_the_worker_runs() {
    let bench = Bench::registered(Options { emissions: EmissionsVersion::V9, ..quick() }, ONE);
    let worker = bench.run(&[]);
    bench.until_a_round_is("admitted");
    bench.devnet.upgrade(EmissionsVersion::V10).unwrap();
    let before = bench.devnet.submissions(1).unwrap().len();
    bench.until("two more", |bench| (bench.devnet.submissions(1).unwrap().len() >= before + 2).then_some(()));
    bench.until("events again", |bench| bench.log().contains("the chain was upgraded").then_some(()));
    assert_eq!(worker.stop(), Some(0));
    assert_eq!(bench.paid().len(), bench.devnet.submissions(1).unwrap().len());
}
