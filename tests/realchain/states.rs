//! Nodes that know less than others: one that syncs, one without the services of gRPC.

use bootstrap::journal::Timestamp;
use cosmrs::proto::cosmos::tx::v1beta1::GetTxRequest;
use serde_json::json;

use crate::deployment::Deployment;
use crate::node::Node;

/// Of a payload, when nothing is known of what it will use.
const DEFAULT_GAS_LIMIT: u64 = 250_000;

#[test]
fn a_node_that_syncs_makes_nobody_answer_the_past() {
    let node = Node::new();
    let fault = json!({"method": "*", "kind": "catching_up"});
    if !node.is_local() {
        return node.skip("a node that syncs: this one does not");
    }
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    deployment.until_settled(deployment.next_opening());
    // Everything from old state, and on the websocket the events of windows that are over, until it has caught up.
    let (known, begun) = (deployment.rounds(), node.rpc.height());
    node.steer("devnet_fault", &fault);
    deployment.until("a worker that is not ready", begun, || (!deployment.is_ready()).then_some(()));
    node.wait_for(begun + 2);
    assert!(!deployment.is_ready(), "as long as its node syncs: {}", deployment.log());
    node.steer("devnet_clearFaults", &json!({}));
    let again = deployment.next_opening();
    deployment.until_settled(again);
    let last = deployment.topic.worker_submission_window;
    for (nonce, round) in deployment.rounds().into_iter().filter(|(nonce, _)| !known.contains_key(nonce)) {
        let end = nonce + last;
        assert!(end > begun, "a round of a window that was over before: {round:#?}\n{}", deployment.log());
        let Some(prepared) = round.prepared_at else { continue };
        let is_open = prepared < Timestamp::from(node.rpc.block_time(end));
        assert!(is_open, "a transaction for a window that was over: {round:#?}\n{}", deployment.log());
    }
    // Nothing was paid for before or in between that was not asked for: the whole time is looked at.
    deployment.conclude(worker, (again, again), &[], 1);
}

#[test]
fn without_simulate_the_last_gas_is_taken_and_before_it_a_default() {
    let node = Node::new();
    node.steer("devnet_fault", &json!({"method": "*", "kind": "no_grpc"}));
    let missing = node.rpc.query(&GetTxRequest { hash: "0".repeat(64) }).unwrap_err();
    if !missing.contains("unknown query path") {
        return node.skip("a node without gRPC and REST: this one has them");
    }
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    deployment.conclude(worker, (from, from + deployment.topic.epoch_length), &[], 2);
    let answers = deployment.paid_answers();
    assert_eq!(answers[0].gas_limit, DEFAULT_GAS_LIMIT, "{answers:#?}");
    for pair in answers.windows(2) {
        assert_eq!(pair[1].gas_limit, (pair[0].gas_used * 115).div_ceil(100), "{answers:#?}");
    }
}
