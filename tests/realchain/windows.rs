//! Windows in a row, and a worker that comes to a topic for the first time.

use crate::deployment::Deployment;
use crate::node::Node;

/// A worker that registers answers so many windows in a row.
fn answers(deployment: &Deployment<'_>, windows: usize) {
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    let status = deployment.node.window(deployment.topic.id, &deployment.address());
    assert!(status.is_registered);
    // One that was open already may be answered beside them.
    let last = deployment.until_answered(windows + 1)[windows];
    deployment.conclude(worker, (from, last), &[], windows);
}

/// Takes the registration back, if there is one from an earlier test.
fn leave(node: &Node, topic_id: u64) {
    let account = &node.accounts[0];
    if node.window(topic_id, &account.address()).is_registered {
        account.leave(&node.rpc, topic_id);
    }
}

#[test]
fn registers_and_answers() {
    let node = Node::new();
    leave(&node, node.topic_id);
    answers(&Deployment::new(&node), 2);
}

#[test]
#[ignore = "slow: ten windows"]
fn ten_windows_in_a_row() {
    let node = Node::new();
    answers(&Deployment::new(&node), 10);
}

#[test]
fn a_topic_of_labels() {
    let node = Node::new();
    match node.topic_of_labels() {
        Some(topic_id) => answers(&Deployment::on_topic(&node, topic_id), 2),
        None => node.skip("no active topic with labels"),
    }
}
