//! A node that stops and comes back around the opening of a window.

use bootstrap::chain::outcome::{Refusal, Stage, Verdict};
use bootstrap::chain::tx::UnsignedTx;
use serde_json::{Value, json};

use crate::account::Included;
use crate::bench::PATIENCE;
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

/// Restarts that are tried until the node refuses something before its next block.
const RESTARTS: usize = 3;

/// What a node says of good transactions and simulations before its first block after a start, and a worker must not
/// believe.
#[test]
#[ignore = "slow: a node that starts in a window"]
fn a_node_that_has_just_started_refuses_what_is_good() {
    let node = Node::new();
    if !node.can_restart() {
        return node.skip("restarts: no REALCHAIN_STOP and REALCHAIN_START");
    }
    node.steer("devnet_setBlockTime", &json!({"seconds": 1}));
    // The first account of a chain may have the number 0 indeed.
    let (account, version) = (node.accounts.last().unwrap(), node.rpc.version());
    let signer = account.signer(&node.rpc);
    let (mut is_simulation_refused, mut is_check_refused) = (false, false);
    for _ in 0..RESTARTS {
        let opening = node.window(node.topic_id, "").next_window_start_block;
        let payload = version.any(&account.payload(version, node.topic_id, opening));
        let payload = UnsignedTx::new(payload, 0);
        node.wait_for(opening);
        node.restart(Ending::Killed);
        let head = node.rpc.height();
        let (mut simulated, mut checked) = (Vec::new(), Vec::new());
        let hash = node.rpc.until("a transaction that is taken", PATIENCE, || {
            let simulation = account.simulate(&node.rpc, &payload);
            let check = account.use_a_sequence(&node.rpc);
            // With a block in between they may say anything.
            if node.rpc.height() == head {
                simulated.extend(simulation.err());
                checked.extend(check.as_ref().err().cloned());
            }
            check.ok()
        });
        node.rpc.until("its block", PATIENCE, || Included::find(&node.rpc, hash));
        for text in &simulated {
            let refusal = Refusal { stage: Stage::Simulate, codespace: "sdk", code: 6, text };
            // It knows no query before its services have started, and no height before its first block.
            let is_of_its_height = refusal.verdict() == Verdict::NodeRestarted;
            assert!(is_of_its_height || text.contains("unknown query path"), "{refusal:?}");
            is_simulation_refused |= is_of_its_height;
        }
        for answer in &checked {
            let stage = Stage::Check { account_number: signer.account_number };
            assert_eq!(refusal(stage, answer).verdict(), Verdict::NodeRestarted, "{answer}");
            is_check_refused = true;
        }
        if is_simulation_refused && is_check_refused {
            return;
        }
    }
    let seen = format!("CheckTx: {is_check_refused}, simulation: {is_simulation_refused}");
    assert!(!node.is_local(), "a local chain that has just started refuses: {seen}");
    node.skip(&format!("what a node refuses that has just started, which may make a block at once: {seen}"));
}

fn refusal(stage: Stage, answer: &Value) -> Refusal<'_> {
    let text = |key: &str| answer[key].as_str().unwrap_or_default();
    let code = answer["code"].as_i64().unwrap();
    Refusal { stage, codespace: text("codespace"), code, text: text("log") }
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
