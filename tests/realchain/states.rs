//! Nodes that know less than others: one that syncs, one without the services of gRPC.

use bootstrap::journal::{RoundRow, Timestamp};
use serde_json::json;

use crate::bench::PATIENCE;
use crate::deployment::Deployment;
use crate::node::Node;
use crate::rpc::Rpc;

/// Blocks in which a node without any state has synced.
const SYNCED: i64 = 120;

/// Looks at a local node before it has caught up: some seconds.
const LOOKS: u32 = 200;

/// Of a payload, when nothing is known of what it will use.
const DEFAULT_GAS_LIMIT: u64 = 250_000;

#[test]
fn a_node_that_syncs_makes_nobody_answer_the_past() {
    let node = Node::new();
    let fault = json!({"method": "*", "kind": "catching_up"});
    if !node.is_local() {
        return node.skip("a node that falls behind and syncs again: this one cannot be made to");
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
    let new = deployment.rounds().into_iter().filter(|(nonce, _)| !known.contains_key(nonce));
    assert_of_windows_after(&deployment, begun, new.map(|(_, round)| round));
    // Nothing was paid for before or in between that was not asked for: the whole time is looked at.
    deployment.conclude(worker, (again, again), &[], 1);
}

/// Begins before the end of its sync, and is ready with it.
#[test]
#[ignore = "slow: a node that syncs"]
fn a_worker_that_has_only_a_node_that_syncs_waits_for_it() {
    let node = Node::new();
    let (deployment, begun) = (Deployment::new(&node), node.rpc.height());
    let Some((url, _running)) = node.syncing() else {
        return node.skip("a node that syncs: no REALCHAIN_SYNC, which starts another node and says its URL");
    };
    let syncing = Rpc::new(vec![url.clone()]);
    let syncs = || syncing.status()["sync_info"]["catching_up"] == true;
    if !syncing.until("an answer of the node that syncs", PATIENCE, || {
        syncs().then_some(true).or_else(|| (syncing.height() > begun).then_some(false))
    }) {
        return node.skip("a node that syncs: it was too quick");
    }
    let worker = deployment.run_with(&[("ALLORA_NETWORK", &url)]);
    let mut looks = 0;
    deployment.until("a worker that is ready", SYNCED, || {
        let is_ready = deployment.is_ready();
        if syncs() {
            assert!(!is_ready, "as long as its node syncs: {}", deployment.log());
            looks += 1;
            if looks == LOOKS {
                node.steer("devnet_clearFaults", &json!({}));
            }
        }
        is_ready.then_some(())
    });
    let from = deployment.next_opening();
    deployment.until_settled(from);
    assert_of_windows_after(&deployment, begun, deployment.rounds().into_values());
    deployment.conclude(worker, (from, from), &[], 1);
}

/// Nothing was begun for a window that was over at the height `begun`, or sent for one that was over.
fn assert_of_windows_after(deployment: &Deployment<'_>, begun: i64, rounds: impl Iterator<Item = RoundRow>) {
    for round in rounds {
        let end = round.nonce + deployment.topic.worker_submission_window;
        assert!(end > begun, "a round of a window that was over before: {round:#?}\n{}", deployment.log());
        let Some(prepared) = round.prepared_at else { continue };
        let is_open = prepared < Timestamp::from(deployment.node.rpc.block_time(end));
        assert!(is_open, "a transaction for a window that was over: {round:#?}\n{}", deployment.log());
    }
}

#[test]
fn without_simulate_the_last_gas_is_taken_and_before_it_a_default() {
    let node = Node::new();
    node.take_services();
    if node.has_services() {
        return node.skip(
            "a node without gRPC and REST: this one has them, and no REALCHAIN_START that leaves them out where \
             REALCHAIN_SERVICES is off",
        );
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
