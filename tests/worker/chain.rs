//! Chains that come late, halt, skip, are upgraded, or say nothing: windows are answered all the same.

use std::time::Duration;

use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::devnet::{BlockTime, Endpoint, Fault, FaultKind, Options, Whitelist};
use nix::sys::signal::Signal;
use time::OffsetDateTime;

use crate::liar::Liar;
use crate::support::{Bench, manual, quick};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// The next window is answered once.
fn answers_the_next(bench: &Bench) {
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!(bench.inferences(nonce), 1);
}

/// A worker that is told of a second endpoint too, after the chain's own.
fn with_second(options: Options) -> (Bench, Endpoint) {
    let bench = Bench::registered(options, ONE);
    let second = bench.devnet.open_endpoint().unwrap();
    let urls = format!("{},{}", bench.devnet.rpc_url(), second.rpc_url());
    let chain_id = bench.devnet.chain_id().to_owned();
    (bench.set("ALLORA_NETWORK", &urls).set("ALLORA_CHAIN_ID", &chain_id), second)
}

#[test]
fn without_events_windows_are_answered_by_looking() {
    for kind in [FaultKind::DropRequest, FaultKind::HalfOpen, FaultKind::Html] {
        let bench = Bench::registered(manual(), ONE);
        bench.devnet.fault(Fault::new(kind).on("websocket")).unwrap();
        let worker = bench.run(&[]);
        bench.until_ready();
        for _ in 0..3 {
            answers_the_next(&bench);
        }
        assert_eq!(bench.paid().len(), 3);
        assert_eq!(worker.stop(), Some(0));
    }
}

#[test]
fn events_that_fall_silent_cost_no_window() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    answers_the_next(&bench);
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on("event")).unwrap();
    for _ in 0..3 {
        answers_the_next(&bench);
    }
    assert_eq!(bench.paid().len(), 4);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_transaction_does_not_wait_for_one_that_was_never_taken() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    answers_the_next(&bench);
    // Only events come, so that nobody can tell what became of the next two.
    bench.devnet.fault(Fault::new(FaultKind::Error)).unwrap();
    let signed = |nonce| {
        bench.until("a signature", |bench| bench.round(nonce).filter(|round| !round["tx_hash"].is_null()))
    };
    let never = bench.mine_to_opening();
    signed(never);
    let next = bench.mine_to_opening();
    signed(next);
    bench.devnet.clear_faults();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(next).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.inferences(never), bench.inferences(next), bench.paid().len()), (0, 1, 2));
    assert_eq!(worker.stop(), Some(0));
}

/// Windows that touch are as near as the chain lets two nonces come: each answer here is in the last block of its window,
/// which opens the next one, so that two rounds meet.
#[test]
fn windows_of_two_blocks_and_windows_that_touch() {
    for (epoch_length, worker_submission_window) in [(8, 2), (4, 4)] {
        let chain =
            Options { epoch_length, worker_submission_window, ground_truth_lag: epoch_length, ..manual() };
        let bench = Bench::registered(chain, ONE);
        let worker = bench.run(&[]);
        bench.until_ready();
        let refused = Fault::new(FaultKind::DropRequest).on("broadcast_tx_sync");
        let nonces = [(); 4].map(|()| {
            bench.devnet.fault(refused.clone()).unwrap();
            let nonce = bench.mine_to_opening();
            bench
                .until("a signature", |bench| bench.round(nonce).filter(|round| !round["tx_hash"].is_null()));
            bench.devnet.mine(worker_submission_window - 1).unwrap();
            bench.devnet.clear_faults();
            bench.until_sent();
            nonce
        });
        bench.devnet.mine(1).unwrap();
        for nonce in nonces {
            bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
            assert_eq!(bench.inferences(nonce), 1);
        }
        assert!(nonces.windows(2).all(|two| two[1].abs_diff(two[0]) == epoch_length), "{nonces:?}");
        let submitted = bench.devnet.submissions(1).unwrap();
        assert_eq!(bench.paid().len(), submitted.len(), "a fee for each: {submitted:?}");
        assert_eq!(worker.stop(), Some(0));
    }
}

#[test]
fn blocks_of_thirty_seconds() {
    const BLOCK: Duration = Duration::from_secs(30);
    // Those before the first window.
    let begun = OffsetDateTime::now_utc() - BLOCK * 12;
    let bench = Bench::registered(Options { genesis_time: Some(begun), ..manual() }, ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    let told = bench.until("a forecast", |bench| {
        let log = bench.log();
        let (_, seconds) = log.split_once("ready; the next window opens in ")?;
        seconds.split_once(' ')?.0.parse::<u64>().ok()
    });
    assert!((15..=35).contains(&told), "a block is awaited in {told} s");
    answers_the_next(&bench);
    assert_eq!(bench.paid().len(), 1);
    assert_eq!(worker.stop(), Some(0));
}

/// With blocks of 200 ms a halt is as long as one of minutes on a public network.
#[test]
fn a_chain_that_halts_within_windows_and_blocks_of_another_pace() {
    const HALT: Duration = Duration::from_secs(7);
    let bench = Bench::registered(quick(), ONE);
    let worker = bench.run(&[]);
    bench.until_a_round_is("admitted");
    bench.devnet.set_block_time(BlockTime::Manual).unwrap();
    let taken = bench.mine_to_opening();
    bench.until_sent();
    std::thread::sleep(HALT);
    assert_eq!((bench.probe("live"), bench.mempool()), (Some(0), 1), "the same bytes again, and no others");
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(taken).filter(|round| round["state"] == "admitted"));

    bench.devnet.fault(Fault::new(FaultKind::Error).on("broadcast_tx_sync")).unwrap();
    let refused = bench.mine_to_opening();
    std::thread::sleep(HALT);
    assert_eq!(bench.mempool(), 0);
    bench.devnet.clear_faults();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(refused).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.inferences(taken), bench.inferences(refused)), (1, 1));
    assert_eq!(bench.paid().len(), bench.devnet.submissions(1).unwrap().len());
    // Each silence is borne for longer than the one before.
    let reconnected = bench.log().matches("no events, the chain is polled").count();
    assert!((1..=8).contains(&reconnected), "{reconnected}: {}", bench.log());

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

/// Of two topics that are due in one block the other one comes first, and ours a block later than was foretold.
#[test]
fn a_window_that_opens_a_block_late_because_of_another_topic() {
    let bench = Bench::registered(Options { topics: 2, ..manual() }, ONE).set("ALLORA_TOPIC_ID", "2");
    bench.devnet.set_registered(2, &bench.address(), true).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    let mine_to = |height| bench.devnet.mine(height - bench.devnet.height().unwrap()).unwrap();
    let answers = |nonce: i64| {
        bench.until_sent();
        bench.devnet.mine(1).unwrap();
        bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    };
    // Ours opens at 2 and each twelve blocks later. The other one, which is due a block earlier, begins anew with it.
    bench.devnet.set_topic_active(1, false).unwrap();
    mine_to(26);
    bench.devnet.set_topic_active(1, true).unwrap();
    answers(26);
    mine_to(39);
    answers(39);
    mine_to(51);
    answers(51);
    assert_eq!(bench.round(38), None, "{}", bench.log());
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

#[test]
fn bytes_that_an_unreachable_node_may_have_are_outlived_by_such_with_the_same_sequence() {
    let (bench, second) = with_second(Options { emissions: EmissionsVersion::V9, ..manual() });
    let worker = bench.run(&[]);
    bench.until_ready();
    // One never gets them, the other may.
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on("broadcast_tx_sync")).unwrap();
    second.fault(Fault::new(FaultKind::DropReply).on("broadcast_tx_sync")).unwrap();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    second.close().unwrap();
    bench.devnet.upgrade(EmissionsVersion::V10).unwrap();
    bench.devnet.clear_faults();
    bench.devnet.mine(1).unwrap();
    bench.until("another transaction", |bench| {
        // Nobody listens while the nodes start again.
        (!bench.devnet.unconfirmed_txs().unwrap().is_empty()).then_some(())
    });
    bench.devnet.mine(1).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    let journal = bench.journal();
    let mut query = journal.prepare("SELECT sequence, state FROM transactions ORDER BY id").unwrap();
    let signed: Vec<(u64, String)> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(signed, [(0, "dead".to_owned()), (0, "included".to_owned())], "{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_window_that_came_and_went_while_the_worker_stood_still_is_in_the_journal() {
    let bench = Bench::registered(manual(), ONE);
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on("websocket")).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    worker.signal(Signal::SIGSTOP);
    let missed = bench.mine_to_opening();
    bench.devnet.mine(10).unwrap();
    bench.devnet.set_topic_active(1, false).unwrap();
    let skipped = bench.mine_to_opening();
    bench.devnet.set_topic_active(1, true).unwrap();
    let open = bench.mine_to_opening();
    worker.signal(Signal::SIGCONT);
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(open).filter(|round| round["state"] == "admitted"));
    let round = bench.until("the missed one", |bench| bench.round(missed));
    assert_eq!(round["state"], "expired", "{round}");
    assert!(round["reason"].as_str().unwrap().contains("stood still"), "{round}");
    assert_eq!(bench.round(skipped), None, "it never opened");
    assert_eq!(worker.stop(), Some(0));
}

/// A worker that is told of a liar first, and then of the chain's own endpoint.
fn with_liar() -> (Bench, Liar) {
    let bench = Bench::registered(manual(), ONE);
    let liar = Liar::before(bench.devnet.open_endpoint().unwrap());
    let urls = format!("{},{}", liar.url(), bench.devnet.rpc_url());
    let chain_id = bench.devnet.chain_id().to_owned();
    (bench.set("ALLORA_NETWORK", &urls).set("ALLORA_CHAIN_ID", &chain_id), liar)
}

/// What would end a window, or hold it up, is believed of no node alone while another one takes the transaction.
#[test]
fn a_node_that_refuses_every_simulation_ends_no_window() {
    let (bench, liar) = with_liar();
    let worker = bench.run(&[]);
    bench.until_ready();
    answers_the_next(&bench);
    for words in [
        "signature verification failed",
        "topic does not exist",
        "inference already submitted",
        "insufficient funds",
        "worker nonce window not available",
        "the node's state cannot be read",
    ] {
        liar.refuses_with(words);
        answers_the_next(&bench);
        assert!(liar.times() > 0, "`{words}` was not heard");
    }
    assert_eq!((bench.rounds().len(), bench.paid().len()), (7, 7), "{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

/// A node may be up while its application cannot be asked: no other node says what it says, so they are asked.
#[test]
fn a_node_that_fails_every_query_holds_nothing_up() {
    let (bench, liar) = with_liar();
    liar.fails_with(26, "AlloraApp is not ready; please wait for first block: invalid height");
    let worker = bench.run(&[]);
    bench.until_ready();
    answers_the_next(&bench);
    for (code, words) in [
        (6, "rpc error: code = Internal desc = store: failed to get key: leveldb: closed"),
        (18, "failed to load state at height 21; version does not exist: invalid request"),
        (111_222, "runtime error: invalid memory address or nil pointer dereference: panic"),
    ] {
        liar.fails_with(code, words);
        answers_the_next(&bench);
        assert!(liar.times() > 0, "`{words}` was not heard");
    }
    assert_eq!((bench.rounds().len(), bench.paid().len()), (4, 4), "{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

/// A node that is wrong about itself closes no window and opens none, whether it is asked first or last.
#[test]
fn heights_that_are_far_too_high_cost_no_window() {
    for is_first in [true, false] {
        let (bench, second) = with_second(manual());
        let liar = if is_first { bench.devnet.endpoint() } else { &second };
        let worker = bench.run(&[]);
        bench.until_ready();
        answers_the_next(&bench);
        liar.fault(Fault::new(FaultKind::Ahead { blocks: 1_000_000 })).unwrap();
        answers_the_next(&bench);
        answers_the_next(&bench);
        assert_eq!((bench.rounds().len(), bench.paid().len()), (3, 3), "{}", bench.log());
        assert_eq!(worker.stop(), Some(0));
    }
}

/// Nobody contradicts it then, but it cannot show the block that it claims to be at.
#[test]
fn a_height_that_is_far_too_high_ends_no_window_while_the_honest_node_is_away() {
    const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";
    let (bench, honest) = with_second(manual());
    let liar = bench.devnet.endpoint();
    let worker = bench.run(&[]);
    bench.until_ready();
    answers_the_next(&bench);
    liar.fault(Fault::new(FaultKind::Ahead { blocks: 310_717 })).unwrap();
    answers_the_next(&bench);
    // By what they know, the window is not open yet.
    for endpoint in [liar, &honest] {
        endpoint.fault(Fault::new(FaultKind::Lag { blocks: 12 }).on(SIMULATE)).unwrap();
    }
    let nonce = bench.mine_to_opening();
    bench.until("a value", |bench| bench.round(nonce).filter(|round| round["state"] == "predicted"));
    honest.close().unwrap();
    let asked = || liar.calls().get("block").copied().unwrap_or(0);
    let before = asked();
    bench.until("doubts", |_| (asked() > before).then_some(()));
    honest.clear_faults();
    honest.open().unwrap();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.rounds().len(), bench.paid().len()), (3, 3), "{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_node_that_is_wrong_about_itself_from_the_start_keeps_nobody_from_being_ready() {
    for blocks in [50, 5_000] {
        let (bench, second) = with_second(manual());
        bench.devnet.fault(Fault::new(FaultKind::Ahead { blocks })).unwrap();
        let worker = bench.run(&[]);
        bench.until_ready();
        answers_the_next(&bench);
        answers_the_next(&bench);
        assert_eq!((bench.rounds().len(), bench.paid().len()), (2, 2), "{}", bench.log());
        assert!(
            bench.rounds().iter().all(|round| round["endpoint"] == second.rpc_url()),
            "{:?}",
            bench.rounds()
        );
        assert_eq!(worker.stop(), Some(0));
    }
}

/// Of two transactions that no node took for certain, the first is dead, so that the turn of the second does not
/// come. What was before it, the second life does not know: it may have been somebody else's, which is in no block
/// yet.
#[test]
fn what_a_silent_node_may_have_is_not_replaced_by_one_with_another_sequence() {
    let (bench, second) = with_second(manual());
    let bench = bench.set("ALLORA_LOG_LEVEL", "bootstrap=debug");
    let worker = bench.run(&[]);
    bench.until_ready();
    answers_the_next(&bench);
    for endpoint in [bench.devnet.endpoint(), &second] {
        endpoint.fault(Fault::new(FaultKind::Error)).unwrap();
    }
    let signed = |nonce| {
        bench.until("a signature", |bench| bench.round(nonce).filter(|round| !round["tx_hash"].is_null()))
    };
    let never = bench.mine_to_opening();
    signed(never);
    let nonce = bench.mine_to_opening();
    let first = signed(nonce);
    worker.kill();

    second.close().unwrap();
    second.clear_faults();
    bench.devnet.clear_faults();
    let worker = bench.run(&[]);
    bench.until("a refusal", |bench| bench.log().contains("no other is signed").then_some(()));
    assert_eq!((bench.mempool(), &bench.round(nonce).unwrap()["tx_hash"]), (0, &first["tx_hash"]));

    second.open().unwrap();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.inferences(never), bench.inferences(nonce), bench.paid().len()), (0, 1, 2));
    assert_eq!(worker.stop(), Some(0));
}

/// The chain stands still near its end, and the next one is far away: with pauses that only grow there would be a
/// handful of looks in a minute.
#[test]
fn a_window_that_may_not_be_answered_is_looked_at_until_its_last_block() {
    const LOOK: &str = "/emissions.v10.QueryService/GetWorkerSubmissionWindowStatus";
    const NONCE: i64 = 1;
    let chain = Options {
        whitelist: Whitelist::On,
        epoch_length: 3_000,
        worker_submission_window: 20,
        ground_truth_lag: 3_000,
        ..manual()
    };
    let bench = Bench::new(chain, ONE);
    bench.devnet.mine(18).unwrap();
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    let worker = bench.run(&[]);
    bench.until_why("whitelist");
    let looks = || bench.devnet.endpoint().calls().get(LOOK).copied().unwrap_or(0);
    bench.until("looks at the window", |_| (looks() >= 20).then_some(()));
    bench.devnet.set_whitelisted(1, &bench.address(), true).unwrap();
    bench.until_admitted();
    assert_eq!((bench.inferences(NONCE), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

/// So long that people notice. It is waited for, so it is left to `.ci/run`.
#[test]
#[ignore = "stands still for more than a minute"]
fn a_chain_that_halts_for_a_minute() {
    const HALT: Duration = Duration::from_secs(65);
    // One has the answer, the other refuses it when it stands still.
    let [taken, refused] = [(); 2].map(|()| Bench::registered(quick(), ONE));
    let benches = [&taken, &refused];
    let workers = benches.map(|bench| bench.run(&[]));
    for bench in benches {
        bench.until_a_round_is("admitted");
        bench.devnet.set_block_time(BlockTime::Manual).unwrap();
    }
    refused.devnet.fault(Fault::new(FaultKind::Error).on("broadcast_tx_sync")).unwrap();
    let nonces = benches.map(Bench::mine_to_opening);
    taken.until_sent();
    std::thread::sleep(HALT);
    for bench in benches {
        bench.until_why("no new block");
        assert_eq!((bench.probe("live"), bench.probe("ready")), (Some(0), Some(1)));
    }
    assert_eq!((taken.mempool(), refused.mempool()), (1, 0));
    refused.devnet.clear_faults();
    refused.until_sent();
    for (bench, nonce) in benches.into_iter().zip(nonces) {
        bench.devnet.mine(1).unwrap();
        bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
        answers_the_next(bench);
        bench.until_ready();
        assert_eq!(bench.paid().len(), bench.devnet.submissions(1).unwrap().len(), "{}", bench.log());
    }
    for worker in workers {
        assert_eq!(worker.stop(), Some(0));
    }
}

#[test]
fn an_answer_that_is_not_known_is_counted_once() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.devnet.fault(Fault::new(FaultKind::Error).on("broadcast_tx_sync").times(1)).unwrap();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    bench.until("a turn", |bench| (bench.heartbeat()["unknown_answers"] == 1).then_some(()));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn what_a_full_mempool_did_not_take_is_sent_again_once_there_is_room() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.devnet.fault(Fault::new(FaultKind::MempoolFull)).unwrap();
    let nonce = bench.mine_to_opening();
    let refused = bench.until("a broadcast", |bench| {
        bench
            .round(nonce)
            .filter(|round| round["state"] == "broadcast")
            .filter(|_| bench.log().contains("mempool is full"))
    });
    assert_eq!(bench.mempool(), 0);
    bench.devnet.clear_faults();
    bench.devnet.mine(1).unwrap();
    let round = bench.until("an answer", |bench| {
        if bench.mempool() > 0 {
            bench.devnet.mine(1).unwrap();
        }
        bench.round(nonce).filter(|round| round["state"] == "admitted")
    });
    assert_eq!(round["tx_hash"], refused["tx_hash"], "the same bytes");
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

/// It has cost nothing, so it ends no window before its time.
#[test]
fn a_refusal_that_is_not_known_is_tried_again_and_final_when_the_window_is_over() {
    let bench = Bench::registered(manual(), ONE);
    let refused = FaultKind::CheckCode { code: 1234, codespace: "other".to_owned() };
    bench.devnet.fault(Fault::new(refused).on("broadcast_tx_sync")).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until("a second try", |bench| {
        (bench.heartbeat()["unknown_answers"].as_u64() > Some(1)).then_some(())
    });
    assert_eq!(bench.round(nonce).unwrap()["finished_at"], serde_json::Value::Null);
    bench.devnet.mine(11).unwrap();
    let round = bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "refused"));
    let reason = round["reason"].as_str().unwrap();
    // The last try may have met the block after the window.
    assert!(reason.ends_with(" (other 1234)") || reason.ends_with("tx timeout height"), "{round}");
    assert_eq!(bench.paid(), Vec::<String>::new());
    assert_eq!(worker.stop(), Some(0));
}

/// The pauses between the tries grow in a long window, and none is as long as what is left of it. The third window and
/// so on are for machines that are late.
#[test]
fn a_chain_that_thinks_better_of_it_shortly_before_the_end_of_a_long_window() {
    const EPOCH: u64 = 40;
    const WINDOW: u64 = 30;
    let chain = Options {
        epoch_length: EPOCH,
        worker_submission_window: WINDOW,
        ground_truth_lag: EPOCH,
        ..manual()
    };
    let bench = Bench::registered(chain, ONE);
    let refused = FaultKind::CheckCode { code: 1234, codespace: "other".to_owned() };
    let refuse = || bench.devnet.fault(Fault::new(refused.clone()).on("broadcast_tx_sync")).unwrap();
    refuse();
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.devnet.mine(EPOCH - bench.devnet.height().unwrap()).unwrap();
    bench.devnet.set_block_time(BlockTime::Every(Duration::from_millis(200))).unwrap();
    let mut is_refused = true;
    bench.until("an answer", |bench| {
        let height = bench.devnet.height().unwrap();
        let since_opening = (height - 1) % EPOCH;
        if height > EPOCH && is_refused && (WINDOW - 6..WINDOW - 2).contains(&since_opening) {
            bench.devnet.clear_faults();
            is_refused = false;
        } else if !is_refused && since_opening > WINDOW {
            refuse();
            is_refused = true;
        }
        (!bench.devnet.submissions(1).unwrap().is_empty()).then_some(())
    });
    assert_eq!(worker.stop(), Some(0));
}
