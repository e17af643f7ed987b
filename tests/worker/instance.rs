//! Another instance with the same wallet, on another machine: recognised from the chain.

use std::time::Duration;

use bootstrap::chain::payload::Inference;
use bootstrap::devnet::{Fault, FaultKind, Options};
use nix::sys::signal::Signal;

use crate::support::{Bench, Worker, manual, write_bundle};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// What it says is not what [`ONE`] says.
const OTHER: &str = "def predict(nonce):\n    return nonce / 16\n";

#[test]
fn a_second_machine_stands_by_and_takes_over() {
    let first = Bench::registered(manual(), ONE);
    let second = first.another(0);
    // With the same value both send the same bytes, which are nobody else's to either of them.
    write_bundle(&second.folder.path().join("bundle"), OTHER, "");
    let (one, two) = (first.run(&[]), second.run(&[]));
    first.until_ready();
    second.until_ready();
    // Both see it open; the chain takes one, and nothing is paid for the other.
    let nonce = first.mine_to_opening();
    first.until_sent();
    let standing_by = first.until("one that stands by", |bench| {
        bench.devnet.mine(1).unwrap();
        [&first, &second].into_iter().find(|bench| bench.heartbeat()["phase"] == "standby")
    });
    assert_eq!((first.inferences(nonce), first.paid().len()), (1, 1));
    assert_eq!((standing_by.probe("live"), standing_by.probe("ready")), (Some(0), Some(1)));

    let (active, passive) = if std::ptr::eq(standing_by, &first) { (two, one) } else { (one, two) };
    active.kill();
    let unanswered = first.mine_to_opening();
    first.devnet.mine(11).unwrap();
    standing_by.until("taking over", |bench| (bench.heartbeat()["phase"] != "standby").then_some(()));
    let nonce = first.mine_to_opening();
    first.until_sent();
    first.devnet.mine(1).unwrap();
    standing_by.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((first.inferences(unanswered), first.inferences(nonce), first.paid().len()), (0, 1, 2));
    assert_eq!(passive.stop(), Some(0));
}

#[test]
fn two_workers_that_share_a_heartbeat_file_are_told_of() {
    let first = Bench::registered(manual(), ONE);
    let file = first.folder.path().join("heartbeat").display().to_string();
    let second = first.another(1).set("ALLORA_HEARTBEAT_FILE", &file);
    let one = first.run(&[]);
    first.until("a heartbeat", |bench| bench.heartbeat()["journal"].is_string().then_some(()));
    let two = second.run(&[]);
    let words = "another worker writes the same heartbeat file";
    second.until(words, |bench| {
        let log = bench.log();
        log.lines().any(|line| line.contains(words) && line.contains(&one.pid().to_string())).then_some(())
    });
    assert_eq!((one.stop(), two.stop()), (Some(0), Some(0)));
}

/// Another instance has answered `nonce`; its transaction waits for a block. The worker has seen nothing of it yet.
fn answered_elsewhere(bench: &Bench, worker: &Worker) -> i64 {
    sent_elsewhere(bench, worker, 1)
}

/// The same, for a topic that may be another one than ours.
fn sent_elsewhere(bench: &Bench, worker: &Worker, topic: u64) -> i64 {
    bench.until_ready();
    worker.signal(Signal::SIGSTOP);
    let nonce = bench.mine_to_opening();
    let value = Inference::Single("9".parse().unwrap());
    bench.devnet.submit_as(&bench.address(), topic, nonce, value).unwrap();
    worker.signal(Signal::SIGCONT);
    nonce
}

/// A worker sees only that its sequence is taken: it waits until it can see by what, and then goes on behind it.
#[test]
fn behind_what_another_program_sends_for_another_topic_the_window_is_answered() {
    let chain = Options { topics: 2, max_active_topics_per_block: 2, ..manual() };
    let bench = Bench::registered(chain, ONE).set("ALLORA_LOG_LEVEL", "bootstrap=debug");
    let worker = bench.run(&[]);
    let nonce = sent_elsewhere(&bench, &worker, 2);
    bench.until("a try", |bench| bench.log().contains("account sequence mismatch").then_some(()));
    bench.until("a wait", |bench| {
        bench.log().contains("the transaction is tried again after the next block").then_some(())
    });
    assert_eq!(bench.mempool(), 1, "{}", bench.log());
    bench.devnet.mine(1).unwrap();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 2), "theirs and ours");
    let signed: Vec<u64> = {
        let journal = bench.journal();
        let mut query = journal.prepare("SELECT sequence FROM transactions").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(signed, [1], "nothing was signed with a sequence that was taken");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn while_the_chain_stands_still_nothing_is_sent_behind_the_answer_of_another_machine() {
    let bench = Bench::registered(manual(), ONE).set("ALLORA_LOG_LEVEL", "bootstrap=debug");
    let worker = bench.run(&[]);
    let nonce = answered_elsewhere(&bench, &worker);
    bench.until("a try", |bench| bench.log().contains("account sequence mismatch").then_some(()));
    // Much longer than the worker takes a block for late.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(bench.mempool(), 1, "{}", bench.log());
    bench.devnet.mine(1).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "answered_elsewhere"));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert!(!bench.log().contains("an answer that is not known"), "{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn where_nothing_can_be_simulated_the_answer_of_another_machine_is_seen() {
    let bench = Bench::registered(manual(), ONE);
    bench.devnet.fault(Fault::new(FaultKind::Error).on("/cosmos.tx.v1beta1.Service/Simulate")).unwrap();
    let worker = bench.run(&[]);
    let nonce = answered_elsewhere(&bench, &worker);
    bench.devnet.mine(1).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| !round["finished_at"].is_null()));
    assert_eq!(bench.round(nonce).unwrap()["state"], "answered_elsewhere");
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn where_no_node_says_anything_nothing_is_sent_behind_the_answer_of_another_machine() {
    let bench = Bench::registered(manual(), ONE).set("ALLORA_LOG_LEVEL", "bootstrap=debug");
    let worker = bench.run(&[]);
    let nonce = answered_elsewhere(&bench, &worker);
    bench.until("a try", |bench| bench.log().contains("account sequence mismatch").then_some(()));
    bench.devnet.fault(Fault::new(FaultKind::Html).on("abci_query")).unwrap();
    bench.devnet.mine(1).unwrap();
    bench.until("a try", |bench| bench.log().contains("no node can say which").then_some(()));
    assert_eq!(bench.mempool(), 0, "{}", bench.log());
    bench.devnet.clear_faults();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "answered_elsewhere"));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn where_nothing_can_be_simulated_a_node_that_is_behind_does_not_hide_the_answer_of_another_machine() {
    const LATEST: &str = "/emissions.v10.QueryService/GetWorkerLatestInputInferenceByTopicId";
    let bench = Bench::registered(manual(), ONE).set("ALLORA_LOG_LEVEL", "bootstrap=debug");
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.devnet.fault(Fault::new(FaultKind::Error).on("/cosmos.tx.v1beta1.Service/Simulate")).unwrap();
    bench.devnet.fault(Fault::new(FaultKind::Lag { blocks: 5 }).on(LATEST)).unwrap();
    let nonce = answered_elsewhere(&bench, &worker);
    bench.until("a try", |bench| bench.log().contains("account sequence mismatch").then_some(()));
    bench.devnet.mine(1).unwrap();
    bench.until("another try", |bench| bench.log().contains("no node can say which").then_some(()));
    assert_eq!(bench.mempool(), 0, "{}", bench.log());
    bench.devnet.clear_faults();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "answered_elsewhere"));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}
