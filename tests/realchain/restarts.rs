//! A node that stops and comes back around the opening of a window.

use crate::commands::Ending;
use crate::deployment::Deployment;
use crate::node::Node;

/// When the node ends: so many blocks after the opening.
const BEFORE: i64 = -1;
const JUST_AFTER: i64 = 0;
const THREE_AFTER: i64 = 3;

/// Ends the node around the next window's opening. Gives its nonce.
fn restart_at(deployment: &Deployment<'_>, ending: Ending, blocks: i64) -> i64 {
    // One that is far enough for the moment before it not to be over.
    let now = deployment.node.rpc.height();
    let opening = deployment.next_opening();
    let opening = if now + 1 < opening + blocks { opening } else { opening + deployment.topic.epoch_length };
    deployment.node.wait_for(opening + blocks);
    deployment.node.restart(ending);
    opening
}

/// Each of these restarts costs no window, and none is paid for twice.
fn assert_restarts_cost_nothing(node: &Node, cases: &[(Ending, i64)]) {
    if !node.can_restart() {
        return node.skip("restarts: no REALCHAIN_STOP and REALCHAIN_START");
    }
    let deployment = Deployment::new(node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    let mut last = from;
    for (ending, blocks) in cases {
        last = restart_at(&deployment, *ending, *blocks);
        deployment.node.wait_for(last + deployment.topic.worker_submission_window);
    }
    // The window after the last of them is answered as well.
    deployment.conclude(worker, (from, last + deployment.topic.epoch_length), &[], cases.len() + 1);
}

#[test]
fn killed_just_after_the_opening() {
    assert_restarts_cost_nothing(&Node::new(), &[(Ending::Killed, JUST_AFTER)]);
}

#[test]
#[ignore = "slow: six windows and more"]
fn stopped_in_order_and_killed_around_the_opening() {
    let cases = [BEFORE, JUST_AFTER, THREE_AFTER]
        .into_iter()
        .flat_map(|blocks| [(Ending::InOrder, blocks), (Ending::Killed, blocks)]);
    assert_restarts_cost_nothing(&Node::new(), &cases.collect::<Vec<_>>());
}
