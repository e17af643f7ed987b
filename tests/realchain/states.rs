//! Nodes that know less than others: one that syncs, one without the services of gRPC.

use cosmrs::proto::cosmos::tx::v1beta1::GetTxRequest;
use serde_json::json;

use crate::deployment::Deployment;
use crate::node::Node;

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
    let synced = node.rpc.height() + 2;
    node.steer("devnet_fault", &fault);
    node.wait_for(synced);
    node.steer("devnet_clearFaults", &json!({}));
    let again = deployment.next_opening();
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
}
