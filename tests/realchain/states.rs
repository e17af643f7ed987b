//! Nodes that know less than others: one that syncs, one without the services of gRPC.

use cosmrs::proto::cosmos::tx::v1beta1::GetTxRequest;
use serde_json::json;

use crate::deployment::Deployment;
use crate::node::Node;

#[test]
fn a_node_that_syncs_makes_nobody_answer_the_past() {
    let node = Node::new();
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    deployment.until_settled(from);
    // Everything from old state, and on the websocket the events of windows that are over, until it has caught up.
    let synced = node.rpc.height() + 2;
    let fault = json!({"method": "*", "kind": "catching_up"});
    if node.steer("devnet_fault", &fault).is_none() {
        return node.skip("a node that syncs: this one does not");
    }
    node.wait_for(synced);
    node.steer("devnet_clearFaults", &json!({}));
    let again = deployment.next_opening();
    deployment.until_settled(again);
    assert_eq!(worker.stop(), Some(0), "{}", deployment.log());
    // Nothing was paid for before or in between that was not asked for: the whole time is looked at.
    let answered = deployment.assert_none_lost_and_none_paid_twice(again, &[]);
    assert!(answered >= 1, "{answered} windows");
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
    deployment.until_settled(from + deployment.topic.epoch_length);
    assert_eq!(worker.stop(), Some(0), "{}", deployment.log());
    let answered = deployment.assert_none_lost_and_none_paid_twice(from, &[]);
    assert!(answered >= 2, "{answered} windows");
}
