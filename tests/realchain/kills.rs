//! SIGKILL of the worker between signing a transaction and its block.

use bootstrap::failpoint::{Failpoint, Moment, Step};

use serde_json::json;

use crate::deployment::Deployment;
use crate::node::Node;
use crate::payload::Payload;

/// The window that a worker died in is answered by the next life, with one payment.
fn assert_answered_once(deployment: &Deployment<'_>, from: i64) {
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let last = deployment.next_opening();
    deployment.conclude(worker, (from, last), &[], 2);
}

#[test]
fn while_the_transaction_waits_for_its_block() {
    let node = Node::new();
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let nonce = deployment.next_opening();
    let wanted = Some(Payload { topic: deployment.topic.id, nonce });
    deployment.until("its transaction", deployment.topic.epoch_length, || {
        let waits = node.rpc.unconfirmed().iter().any(|tx| Payload::of_tx(tx) == wanted);
        // On a quick chain the block may have been quicker.
        let is_in = deployment.rounds().get(&nonce).is_some_and(|round| round.tx_hash.is_some());
        (waits || is_in).then_some(())
    });
    worker.kill();
    assert_answered_once(&deployment, nonce);
}

#[cfg(debug_assertions)] // a release build has no failpoints
#[test]
#[ignore = "slow: blocks of a second"]
fn when_it_is_signed_and_when_it_has_left() {
    let points =
        [(Step::Prepare, Moment::After), (Step::Broadcast, Moment::Before), (Step::Broadcast, Moment::After)];
    let node = Node::new();
    // As many as a worker that starts on a busy machine needs.
    node.steer("devnet_setBlockTime", &json!({"seconds": 1}));
    let deployment = Deployment::new(&node);
    // Registered, so that the first transaction of a life answers a window.
    let worker = deployment.run();
    deployment.until_ready(&worker);
    deployment.stop(worker);
    let from = deployment.next_opening();
    for (step, moment) in points {
        let point = Failpoint(step, moment).to_string();
        let mut worker = deployment.run_with(&[(Failpoint::VARIABLE, &point)]);
        deployment
            .until(&format!("death at {point}"), 2 * deployment.topic.epoch_length, || worker.has_ended());
        let worker = deployment.run();
        deployment.until_ready(&worker);
        deployment.until_all_ended();
        deployment.stop(worker);
    }
    assert_answered_once(&deployment, from);
}
