//! Windows that go as they should, and what the chain has to say against it.

use std::time::Duration;

use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::chain::payload::Inference;
use bootstrap::devnet::{Fault, FaultKind, Options, Whitelist};
use nix::sys::signal::Signal;
use time::OffsetDateTime;

use crate::support::{Bench, manual, quick};

const ONE: &str = "def predict(nonce):\n    print('asked for', nonce)\n    return 1.5\n";

#[test]
fn registers_and_answers_windows_until_it_is_asked_to_stop() {
    let bench = Bench::new(quick(), ONE);
    let worker = bench.run(&[]);
    bench.until("two answers", |bench| (bench.devnet.submissions(1).unwrap().len() >= 2).then_some(()));
    bench.until("two ends", |bench| {
        (bench.rounds().iter().filter(|round| round["state"] == "admitted").count() >= 2).then_some(())
    });
    let heartbeat = bench.heartbeat();
    assert_eq!(heartbeat["ready"], true, "{heartbeat}");
    assert_eq!(worker.stop(), Some(0));
    assert_eq!(bench.heartbeat()["phase"], "stopped");

    let submissions = bench.devnet.submissions(1).unwrap();
    // Another window may have opened meanwhile.
    for round in bench.rounds().into_iter().filter(|round| round["state"] == "admitted") {
        let stored =
            submissions.iter().find(|row| round["nonce"] == row.nonce).expect("journal and chain agree");
        assert_eq!(round["value"], "1.5");
        assert_eq!(round["tx_hash"], stored.tx_hash, "{round}");
        assert_eq!(round["height"], stored.height, "{round}");
    }
    assert_eq!(bench.log().matches("\"registered\"").count(), 1, "{}", bench.log());
    // A registration, and one transaction for each window.
    assert_eq!(bench.paid().len(), 1 + submissions.len());
    let nonce = submissions[0].nonce;
    assert!(bench.log().contains(&format!("asked for {nonce}")), "what the model prints is in the log");
}

#[test]
fn the_journal_says_what_the_chain_took() {
    let bench = Bench::new(quick(), ONE);
    let worker = bench.run(&["--windows", "2"]);
    assert_eq!(worker.exit().code(), Some(0));
    let payments = bench.devnet.payments(&bench.address()).unwrap();
    for round in bench.rounds() {
        let paid = payments.iter().find(|row| round["tx_hash"] == row.tx_hash.as_str()).unwrap();
        assert_eq!(round["fee"], paid.fee.to_string(), "{round}");
    }
}

/// A run answers one window and ends well.
fn answers_one(bench: &Bench) {
    let worker = bench.run(&["--once", "--wait", "600"]);
    bench.until_ready();
    bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    assert_eq!(worker.exit().code(), Some(0), "{}", bench.log());
}

#[test]
fn emissions_v9_is_spoken_too() {
    let bench = Bench::registered(Options { emissions: EmissionsVersion::V9, ..manual() }, ONE);
    answers_one(&bench);
    assert_eq!(bench.devnet.submissions(1).unwrap()[0].value.as_deref(), Some("1.5"));
}

#[test]
fn several_outputs_are_labelled() {
    let code = "def predict():\n    return {'up': '0.25', 'down': 0.75}\n";
    let bench = Bench::registered(Options { labels: vec!["up".into(), "down".into()], ..manual() }, code);
    answers_one(&bench);
    let stored = &bench.devnet.submissions(1).unwrap()[0];
    assert_eq!(stored.values, [("up".into(), "0.25".into()), ("down".into(), "0.75".into())]);
    let values: serde_json::Value =
        serde_json::from_str(bench.rounds()[0]["value"].as_str().unwrap()).unwrap();
    assert_eq!(values, serde_json::json!({"up": "0.25", "down": "0.75"}));
}

#[test]
fn a_dry_run_does_everything_but_the_broadcast() {
    let bench = Bench::registered(manual(), ONE);
    bench.mine_to_opening();
    let dry = bench.run(&["--once", "--dry-run", "--wait", "60"]);
    assert_eq!(dry.exit().code(), Some(0), "{}", bench.log());
    assert_eq!(bench.rounds()[0]["state"], "dry_run");
    assert!(bench.paid().is_empty());
    assert!(bench.devnet.submissions(1).unwrap().is_empty());
}

#[test]
fn once_has_honest_exit_codes() {
    // No window opens: blocks are made by hand, and nobody makes one.
    let bench = Bench::new(manual(), ONE);
    bench.devnet.mine(3).unwrap();
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    bench.devnet.set_topic_active(1, false).unwrap();
    bench.devnet.mine(30).unwrap();
    assert_eq!(bench.run(&["--once", "--wait", "1"]).exit().code(), Some(75));

    let bench = Bench::new(Options { whitelist: Whitelist::On, ..quick() }, ONE);
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--once", "--wait", "2"]).exit().code(), Some(77), "{}", bench.log());

    let bench = Bench::new(quick(), ONE).set("ALLORA_NETWORK", "http://127.0.0.1:1");
    assert_eq!(bench.run(&["--once", "--wait", "1"]).exit().code(), Some(69));
}

#[test]
fn until_a_time_that_is_past_ends_at_once() {
    let bench = Bench::new(quick(), ONE);
    assert_eq!(bench.run(&["--until", "2020-01-01"]).exit().code(), Some(0));
    let soon = time::OffsetDateTime::now_utc() + Duration::from_secs(3);
    let soon = soon.format(&time::format_description::well_known::Rfc3339).unwrap();
    assert_eq!(bench.run(&["--until", &soon]).exit().code(), Some(0));
}

#[test]
fn a_worker_that_is_not_on_the_whitelist_is_live_and_goes_on_once_it_is() {
    let bench = Bench::new(Options { whitelist: Whitelist::On, ..quick() }, ONE);
    let worker = bench.run(&[]);
    bench.until("blocked", |bench| (bench.heartbeat()["phase"] == "blocked").then_some(()));
    bench.until("a reason", |bench| {
        bench.heartbeat()["why"].as_str().is_some_and(|why| why.contains("whitelist")).then_some(())
    });
    let live = bench.bootstrap().args(["probe", "live"]).status().unwrap();
    let ready = bench.bootstrap().args(["probe", "ready"]).status().unwrap();
    assert_eq!((live.code(), ready.code()), (Some(0), Some(1)));
    bench.devnet.set_whitelisted(1, &bench.address(), true).unwrap();
    bench.until_a_round_is("admitted");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_wallet_without_money_waits_and_goes_on_when_it_is_funded() {
    let bench = Bench::new(quick(), ONE);
    bench.devnet.set_balance(&bench.address(), 0).unwrap();
    let worker = bench.run(&[]);
    bench.until("a reason", |bench| {
        bench.heartbeat()["why"].as_str().is_some_and(|why| why.contains("funds")).then_some(())
    });
    bench.devnet.set_balance(&bench.address(), 1_000_000_000_000).unwrap();
    bench.until_a_round_is("admitted");
    assert_eq!(worker.stop(), Some(0));
}

/// A chain whose windows are two blocks long, and whose blocks are so far apart that whoever waits for the next one
/// is too late. The next one opens a window.
fn slow() -> Bench {
    let begun = time::OffsetDateTime::now_utc() - Duration::from_secs(30_000);
    Bench::registered(Options { genesis_time: Some(begun), worker_submission_window: 2, ..manual() }, ONE)
}

/// Makes the block before a window's last, and waits until the worker has called `method` in it, in vain.
fn until_tried_in_the_last_block_of(bench: &Bench, nonce: i64, method: &str) {
    bench.devnet.mine(1).unwrap();
    bench.until("the last block", |bench| (bench.heartbeat()["head"]["height"] == nonce + 1).then_some(()));
    let calls = || bench.devnet.endpoint().calls().get(method).copied().unwrap_or(0);
    let before = calls();
    bench.until("another try in it", |_| (calls() > before).then_some(()));
}

#[test]
fn what_is_mended_in_the_last_block_of_a_window_is_sent_in_it() {
    let bench = slow();
    bench.devnet.set_balance(&bench.address(), 0).unwrap();
    let worker = bench.run(&[]);
    bench.until_why("are missing");
    let nonce = bench.mine_to_opening();
    bench.until("a refusal", |bench| (bench.heartbeat()["phase"] == "blocked").then_some(()));
    until_tried_in_the_last_block_of(&bench, nonce, "/cosmos.tx.v1beta1.Service/Simulate");
    bench.devnet.set_balance(&bench.address(), 1_000_000_000_000).unwrap();
    bench.until_admitted();
    assert_eq!(bench.inferences(nonce), 1);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn what_no_node_takes_is_offered_again_in_the_last_block_of_a_window() {
    let bench = slow();
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.devnet.fault(Fault::new(FaultKind::Error).on("broadcast_tx_sync")).unwrap();
    let nonce = bench.mine_to_opening();
    bench.until("a broadcast", |bench| bench.round(nonce).filter(|round| round["state"] == "broadcast"));
    until_tried_in_the_last_block_of(&bench, nonce, "broadcast_tx_sync");
    bench.devnet.clear_faults();
    bench.until_admitted();
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

/// Without simulation only a block tells that the registration is gone.
#[test]
fn who_is_not_registered_any_more_registers_before_the_answer_is_sent_again() {
    let bench = Bench::registered(manual(), ONE);
    bench.devnet.fault(Fault::new(FaultKind::NoGrpc)).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.set_registered(1, &bench.address(), false).unwrap();
    for _ in ["fails", "registers", "answers"] {
        bench.until_sent();
        bench.devnet.mine(1).unwrap();
    }
    bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 3), "{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_higher_price_is_paid_and_no_more() {
    let bench = Bench::new(quick(), ONE);
    let worker = bench.run(&[]);
    bench.until_a_round_is("admitted");
    bench.devnet.set_gas_price("7".parse().unwrap()).unwrap();
    let before = bench.rounds().len();
    let round = bench.until("a dearer round", |bench| {
        bench.rounds().into_iter().skip(before).find(|round| round["state"] == "admitted")
    });
    worker.stop();
    let fee: u128 = round["fee"].as_str().unwrap().parse().unwrap();
    let gas: u128 = round["gas_used"].as_u64().unwrap().into();
    assert!(fee >= 7 * gas && fee <= 7 * gas * 12 / 10, "{round}");
}

#[test]
fn a_foreign_transaction_takes_our_sequence() {
    let bench = Bench::new(manual(), ONE);
    bench.devnet.mine(12).unwrap();
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    let worker = bench.run(&[]);
    bench.until("ready", |bench| (bench.heartbeat()["ready"] == true).then_some(()));
    // The worker has read the sequence; another program uses it.
    let sequence = 1;
    bench.devnet.set_sequence(&bench.address(), sequence).unwrap();
    let nonce = bench.mine_to_opening();
    bench.until_admitted();
    assert_eq!(bench.inferences(nonce), 1);
    worker.stop();
}

#[test]
fn what_another_instance_answered_is_not_paid_again() {
    let bench = Bench::new(manual(), ONE);
    bench.devnet.mine(12).unwrap();
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    let nonce = bench.mine_to_opening();
    bench.devnet.submit_as(&bench.address(), 1, nonce, Inference::Single("9".parse().unwrap())).unwrap();
    bench.devnet.mine(1).unwrap();
    // This one was started later: an earlier life without its journal, not another instance.
    let worker = bench.run(&[]);
    bench.until_a_round_is("answered_elsewhere");
    assert_eq!(bench.paid().len(), 1);
    // From here on it is another one.
    let nonce = bench.mine_to_opening();
    bench.devnet.submit_as(&bench.address(), 1, nonce, Inference::Single("9".parse().unwrap())).unwrap();
    bench.devnet.mine(2).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| !round["finished_at"].is_null()));
    worker.signal(Signal::SIGINT);
    assert_eq!(worker.exit().code(), Some(0));
    assert_eq!(bench.inferences(nonce), 1);
}

/// A block comes each 30 s: who waits for one in the last that is left, waits for the end of the window.
#[test]
fn in_the_last_block_no_other_is_waited_for() {
    const ACCOUNT: &str = "/cosmos.auth.v1beta1.Query/AccountInfo";
    const BLOCK: Duration = Duration::from_secs(30);
    let begun = OffsetDateTime::now_utc() - BLOCK * 12;
    let chain = Options { genesis_time: Some(begun), worker_submission_window: 2, ..manual() };
    let bench = Bench::registered(chain, ONE);
    bench.devnet.fault(Fault::new(FaultKind::Error).on(ACCOUNT)).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    let asked = || bench.devnet.endpoint().calls().get(ACCOUNT).copied().unwrap_or(0);
    let nonce = bench.mine_to_opening();
    bench.until("a value", |bench| bench.round(nonce).filter(|round| round["state"] == "predicted"));
    bench.devnet.mine(1).unwrap();
    let before = asked();
    bench.until("questions", |_| (asked() >= before + 3).then_some(()));
    bench.devnet.clear_faults();
    bench.until_admitted();
    assert_eq!(bench.inferences(nonce), 1);
    assert_eq!(worker.stop(), Some(0));
}
