//! Nodes that keep no index of transactions: a round ends as the chain has it all the same.

use bootstrap::devnet::{Fault, FaultKind};
use serde_json::Value;

use crate::support::{Bench, manual};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";
const INFERENCES: &str = "/emissions.v10.QueryService/GetInferencesAtBlock";

/// Nobody tells what became of a transaction.
fn silent(bench: &Bench) {
    bench.devnet.fault(Fault::new(FaultKind::Error).on("tx")).unwrap();
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on("websocket")).unwrap();
}

/// Mines past the window's end, and waits for that of its round.
fn end_of(bench: &Bench, nonce: i64) -> Value {
    let height = bench.devnet.height().unwrap();
    bench.devnet.mine(u64::try_from(nonce).unwrap() + 11 - height).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| !round["finished_at"].is_null()))
}

/// An answer that is admitted in the block after it was sent, which its round says. Gives the round.
fn assert_admitted(bench: &Bench) -> Value {
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    let height = bench.devnet.mine(1).unwrap();
    let round = end_of(bench, nonce);
    assert_eq!((&round["state"], &round["height"]), (&"admitted".into(), &height.into()), "{round}");
    round
}

/// An answer that never arrives is known to be dead, and has cost nothing.
fn assert_what_is_lost_expires(bench: &Bench) {
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on("broadcast_tx_sync")).unwrap();
    let nonce = bench.mine_to_opening();
    bench.until("a broadcast", |bench| bench.round(nonce).filter(|round| round["state"] == "broadcast"));
    let round = end_of(bench, nonce);
    assert_eq!((&round["state"], &round["fee"]), (&"expired".into(), &Value::Null), "{round}");
}

#[test]
fn rounds_end_by_the_blocks_the_account_and_the_inferences() {
    let bench = Bench::registered(manual(), ONE);
    silent(&bench);
    let worker = bench.run(&[]);
    bench.until_ready();

    let round = assert_admitted(&bench);
    let paid = bench.devnet.payments(&bench.address()).unwrap().pop().unwrap();
    assert_eq!((&round["tx_hash"], &round["fee"]), (&paid.tx_hash.into(), &paid.fee.to_string().into()));
    assert!(round["gas_used"].as_u64() > Some(50_000), "{round}");

    assert_what_is_lost_expires(&bench);

    // Blocks that are gone.
    bench.devnet.clear_faults();
    silent(&bench);
    bench.devnet.fault(Fault::new(FaultKind::Error).on("block")).unwrap();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    let round = end_of(&bench, nonce);
    assert_eq!((&round["state"], &round["height"]), (&"admitted".into(), &Value::Null), "{round}");
    let paid = bench.devnet.payments(&bench.address()).unwrap().pop().unwrap();
    assert_eq!(round["fee"], paid.fee.to_string(), "{round}");

    assert_eq!(bench.log().matches("no node can say").count(), 3, "once for each: {}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

/// As one that is behind its node, or lacks the block in which that was killed.
#[test]
fn an_index_that_lacks_a_transaction_does_not_prove_it_dead() {
    let bench = Bench::registered(manual(), ONE);
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on("websocket")).unwrap();
    bench.devnet.fault(Fault::new(FaultKind::Lag { blocks: 15 }).on("tx")).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();

    assert_admitted(&bench);
    assert_what_is_lost_expires(&bench);
    assert_eq!(bench.paid().len(), 1);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn where_nothing_is_told_at_all_the_next_window_is_answered_all_the_same() {
    let bench = Bench::registered(manual(), ONE);
    silent(&bench);
    for method in ["block", INFERENCES] {
        bench.devnet.fault(Fault::new(FaultKind::Error).on(method)).unwrap();
    }
    let worker = bench.run(&[]);
    bench.until_ready();
    for _ in 0..10 {
        let nonce = bench.mine_to_opening();
        bench.until_sent();
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
fn a_node_that_is_behind_does_not_tell_what_came_of_a_window() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until_a_round_is("admitted");
    assert_eq!(worker.stop(), Some(0));
    // As of a worker that was killed before it had written the end down.
    bench.journal().execute("UPDATE rounds SET state = 'broadcast', finished_at = NULL", []).unwrap();
    bench.devnet.mine(10).unwrap();
    silent(&bench);
    bench.devnet.fault(Fault::new(FaultKind::Lag { blocks: 12 }).on(INFERENCES)).unwrap();
    let worker = bench.run(&[]);
    let asked = || bench.devnet.endpoint().calls().get(INFERENCES).copied().unwrap_or(0);
    bench.until("questions", |_| (asked() >= 3).then_some(()));
    assert_eq!(bench.round(nonce).unwrap()["state"], "broadcast");
    // And what it says of its height is wrong, too.
    bench.devnet.fault(Fault::new(FaultKind::Ahead { blocks: 24 }).on(INFERENCES)).unwrap();
    let before = asked();
    bench.until("more questions", |_| (asked() >= before + 6).then_some(()));
    assert_eq!(bench.round(nonce).unwrap()["state"], "broadcast");
    bench.devnet.clear_faults();
    silent(&bench);
    bench.until_a_round_is("admitted");
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}
