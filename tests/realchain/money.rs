//! An account that others use, that is empty for a while, and a price that moves.

use bootstrap::chain::tx::TxHash;
use serde_json::json;

use crate::deployment::Deployment;
use crate::node::Node;

/// uallo that an account is left with: less than any transaction costs.
const LEFT: u128 = 5;

#[test]
fn foreign_transactions_take_the_sequence() {
    let node = Node::new();
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    let mut own = Vec::new();
    for window in 0..2 {
        let opening = from + window * deployment.topic.epoch_length;
        // One in each block around the opening, from a program that knows nothing of the worker.
        for height in opening - 1..opening + 2 {
            node.wait_for(height);
            own.extend(deployment.account().use_a_sequence(&node.rpc).as_ref().map(TxHash::to_string));
        }
    }
    assert!(!own.is_empty(), "the worker was quicker in every block");
    deployment.conclude(worker, (from, from + deployment.topic.epoch_length), &own, 2);
}

#[test]
fn drained_and_funded_again() {
    let node = Node::new();
    let [worker_account, purse, ..] = node.accounts.as_slice() else {
        return node.skip("an account that is drained: REALCHAIN_MNEMONICS has one account only");
    };
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    // Just after an answer, so that nothing of the worker's is on its way.
    deployment.until_answered(1);
    let before = worker_account.balance(&node.rpc);
    let drained = worker_account.pay_all_but(&node.rpc, &purse.address(), LEFT).to_string();
    let is_noticed = deployment.until("a reason not to be ready", 3 * deployment.topic.epoch_length, || {
        let is_filled = worker_account.balance(&node.rpc) > LEFT;
        (!deployment.is_ready() || is_filled).then_some(!is_filled)
    });
    if !is_noticed {
        // The windows that follow are looked at all the same.
        node.skip("what a worker says of an empty account: the chain's rewards filled it again");
    }
    purse.pay(&node.rpc, &worker_account.address(), before / 2);
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    deployment.conclude(worker, (from, from + deployment.topic.epoch_length), &[drained], 1);
}

#[test]
fn a_price_that_moves() {
    let node = Node::new();
    let set_price = |price: &str| node.steer("devnet_setGasPrice", &json!({"price": price}));
    if !node.is_local() {
        return node.skip("a price of gas that moves: no transaction of ours can move it");
    }
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    // Up just before an opening, when the worker has asked for the price already, and down again.
    for (window, price) in (0..).zip(["7.5", "2.25"]) {
        node.wait_for(from + window * deployment.topic.epoch_length - 1);
        set_price(price);
    }
    deployment.conclude(worker, (from, from + deployment.topic.epoch_length), &[], 2);
}
