//! An account that others use, that is empty for a while, and a price that moves.

use std::collections::BTreeSet;

use bootstrap::chain::tx::TxHash;
use serde_json::json;

use crate::account::{self, Account};
use crate::deployment::Deployment;
use crate::node::Node;
use crate::payload::Payload;

/// uallo that an account is left with: less than any transaction costs.
const LEFT: u128 = 5;

/// Windows that are tried until a sequence is taken from the worker.
const MOST: i64 = 10;

/// Blocks that are filled to move the price.
const CROWDED: usize = 5;

#[test]
fn foreign_transactions_take_the_sequence() {
    let node = Node::new();
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    let (mut opening, mut own) = (from, Vec::new());
    loop {
        // One in each block around the opening, from a program that knows nothing of the worker.
        for height in opening - 1..opening + 2 {
            node.wait_for(height);
            own.extend(deployment.account().use_a_sequence(&node.rpc).as_ref().map(TxHash::to_string).ok());
        }
        node.wait_for(opening + deployment.topic.worker_submission_window);
        if opening > from && has_taken_a_sequence(&deployment, &own) {
            break;
        }
        assert!(
            opening < from + MOST * deployment.topic.epoch_length,
            "the worker had each sequence that it wanted"
        );
        opening = deployment.next_opening();
    }
    deployment.conclude(worker, (from, opening), &own, 2);
}

/// Whether one of these transactions is of a block from an opening on, and the answer to that window had to take the
/// next sequence: an account's transactions are in the order of their sequences.
fn has_taken_a_sequence(deployment: &Deployment<'_>, own: &[String]) -> bool {
    deployment.paid().windows(2).any(|pair| {
        let is_of_the_window = |payload: Payload| pair[0].height >= payload.nonce;
        own.contains(&pair[0].hash) && pair[1].payload.is_some_and(is_of_the_window)
    })
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
    let (drained, all) = worker_account.pay_all_but(&node.rpc, &purse.address(), LEFT);
    let is_noticed = deployment.until("a reason not to be ready", 3 * deployment.topic.epoch_length, || {
        let is_filled = worker_account.balance(&node.rpc) > LEFT;
        (!deployment.is_ready() || is_filled).then_some(!is_filled)
    });
    if !is_noticed {
        // The windows that follow are looked at all the same.
        node.skip("what a worker says of an empty account: the chain's rewards filled it again");
    }
    purse.pay(&node.rpc, &worker_account.address(), all);
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    deployment.conclude(worker, (from, from + deployment.topic.epoch_length), &[drained.to_string()], 1);
}

#[test]
fn a_price_that_moves() {
    let node = Node::new();
    let crowd = node.accounts.last().filter(|_| node.accounts.len() > 1);
    let crowd = crowd.filter(|crowd| crowd.can_crowd(&node.rpc, CROWDED));
    if !node.is_local() && crowd.is_none() {
        return node.skip(
            "a price of gas that moves: a second account of REALCHAIN_MNEMONICS has to fill blocks for that",
        );
    }
    let deployment = Deployment::new(&node);
    let worker = deployment.run();
    deployment.until_ready(&worker);
    let from = deployment.next_opening();
    // Up just before an opening, when the worker has asked for the price already, and down again.
    match crowd.filter(|_| !node.is_local()) {
        Some(crowd) => crowd_around(&node, crowd, from),
        None => {
            for (window, price) in (0..).zip(["7.5", "2.25"]) {
                node.wait_for(from + window * deployment.topic.epoch_length - 1);
                node.steer("devnet_setGasPrice", &json!({"price": price}));
            }
        }
    }
    deployment.conclude(worker, (from, from + deployment.topic.epoch_length), &[], 2);
}

/// Fills the blocks around an opening, so that the chain's own rule moves the price.
fn crowd_around(node: &Node, crowd: &Account, opening: i64) {
    let before = account::price(&node.rpc);
    let (mut refusals, mut highest) = (BTreeSet::new(), before);
    for height in (opening - 3..).take(CROWDED) {
        node.wait_for(height);
        refusals.extend(crowd.crowd_a_block(&node.rpc).err().map(|refusal| refusal.to_string()));
        highest = highest.max(account::price(&node.rpc));
    }
    if highest == before {
        node.skip(&format!("a price of gas that moves: full blocks did not move it. {refusals:?}"));
    }
}
