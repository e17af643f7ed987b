//! Another instance with the same wallet, on another machine: recognised from the chain.

use crate::support::{Bench, manual};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

#[test]
fn a_second_machine_stands_by_and_takes_over() {
    let first = Bench::registered(manual(), ONE);
    let second = first.another(0);
    let (one, two) = (first.run(&[]), second.run(&[]));
    first.until_ready();
    second.until_ready();
    // Both see it open; the chain takes one, and nothing is paid for the other.
    let nonce = first.mine_to_opening();
    first.until("a transaction", |bench| (bench.mempool() > 0).then_some(()));
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
    first.until("a transaction", |bench| (bench.mempool() > 0).then_some(()));
    first.devnet.mine(1).unwrap();
    standing_by.until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((first.inferences(unanswered), first.inferences(nonce), first.paid().len()), (0, 1, 2));
    assert_eq!(passive.stop(), Some(0));
}
