//! The part of the script that is paid for: transactions that come into a block, and what a websocket tells of one.

use bootstrap::chain::messages::{EmissionsVersion, RemoveRegistrationRequest, TopicOutputArity};
use bootstrap::chain::tx::UnsignedTx;
use serde_json::{Value, json};

use crate::account::{self, Account, Included};
use crate::agreement::Agreement;
use crate::node::Node;
use crate::rpc::{bytes, number};
use crate::script::{NO_TOPIC, comparable, recording, without_state};

/// Windows that are tried until each payload comes into the block that it is meant for.
const WINDOWS: usize = 10;

/// What the chain made of a transaction, by the recording of one like it.
type Delivered = (&'static str, Value);

/// Part of the gas that two chains may differ by: it counts the bytes that are read and written, thus the lengths of
/// heights, amounts and addresses.
const GAS_TOLERANCE: u64 = 20;

/// Code, text, gas and the kinds of events, in their order. `tx`: the transaction's bytes, as JSON has them.
fn essence(tx: &Value, result: &Value, chain_id: &str) -> Value {
    let events = result["events"].as_array().into_iter().flatten();
    let events = events.map(|event| {
        let attributes = event["attributes"].as_array().into_iter().flatten();
        json!({"type": event["type"], "keys": attributes.map(|attribute| &attribute["key"]).collect::<Vec<_>>()})
    });
    let log = without_state(result["log"].as_str().unwrap_or_default(), chain_id);
    let gas = |key: &str| number(&result[key]).unsigned_abs();
    json!({
        // A frame leaves out what is nothing.
        "code": result["code"].as_u64().unwrap_or(0),
        "codespace": result["codespace"].as_str().unwrap_or_default(),
        "log": log,
        "gas_used": gas("gas_used"),
        // The limit is its sender's own choice.
        "wants_its_limit": gas("gas_wanted") == gas_limit(&bytes(tx)),
        "events": events.collect::<Vec<_>>(),
    })
}

/// The same of a frame.
fn essence_of_frame(frame: &Value, chain_id: &str) -> Value {
    let data = &frame["result"]["data"];
    let executed = &data["value"]["TxResult"];
    json!({"type": data["type"], "result": essence(&executed["tx"], &executed["result"], chain_id)})
}

/// The same with the gas of another that used nearly as much.
fn with_gas_of(theirs: &Value, ours: &Value) -> Value {
    let mut ours = ours.clone();
    for place in ["/gas_used", "/result/gas_used"] {
        let Some(theirs) = theirs.pointer(place).and_then(Value::as_u64) else { continue };
        let Some(gas) = ours.pointer_mut(place) else { continue };
        if gas.as_u64().is_some_and(|ours| ours.abs_diff(theirs) <= theirs / GAS_TOLERANCE) {
            *gas = theirs.into();
        }
    }
    ours
}

/// Payloads of one window, at its ends.
struct Window {
    /// In the block at whose end it opens.
    too_early: Included,
    first: Included,
    /// What a websocket told of the first.
    frame: Value,
    /// In its last block.
    second: Included,
    /// In the block after that.
    too_late: Included,
}

impl Window {
    /// Answers windows until each payload comes into the block that it is meant for.
    fn answer(node: &Node, account: &Account) -> Self {
        let query = format!("tm.event='Tx' AND message.sender='{}'", account.address());
        let length = node.topic(node.topic_id).unwrap().worker_submission_window;
        for _ in 0..WINDOWS {
            let nonce = node.window(node.topic_id, "").next_window_start_block;
            let version = node.rpc.version();
            let message = version.any(&account.payload(version, node.topic_id, nonce));
            let deliver = || account.deliver(&node.rpc, &message);
            node.wait_for(nonce - 1);
            let too_early = deliver();
            let simulated = account.simulate(&node.rpc, &UnsignedTx::new(message.clone(), 0));
            let (first, frame) = node.rpc.with_frame(&query, deliver);
            node.wait_for(nonce + length - 1);
            let (second, too_late) = (deliver(), deliver());
            let ends = [nonce, nonce + length, nonce + length + 1];
            if [&too_early, &second, &too_late].map(|included| included.height) == ends {
                assert_simulated_too_low(simulated, &first.result);
                return Self { too_early, first, frame, second, too_late };
            }
        }
        panic!("no payload comes into the block that it is meant for")
    }
}

fn gas_limit(tx: &[u8]) -> u64 {
    cosmrs::Tx::from_bytes(tx).unwrap().auth_info.fee.gas_limit
}

/// A simulation counts no payment of a fee.
fn assert_simulated_too_low(simulated: Result<u64, String>, result: &Value) {
    // A node without gRPC and REST has no simulation.
    let Ok(simulated) = simulated else { return };
    let used = number(&result["gas_used"]).unsigned_abs();
    assert!((13_000..=16_000).contains(&(used - simulated)), "{simulated} of {used}");
}

/// Fails to leave, to join what is not there and to give what it has not; registers, sends the same bytes once more,
/// registers again, also when it is too late; answers a window from before its first block to after its last one.
fn play(node: &Node) -> Vec<Delivered> {
    // So that the blocks are long enough for a machine that is busy.
    node.steer("devnet_setBlockTime", &json!({"seconds": 1}));
    let (account, chain_id) = (&node.accounts[0], node.rpc.chain_id());
    let sender = account.address();
    if node.window(node.topic_id, &sender).is_registered {
        account.leave(&node.rpc, node.topic_id);
    }
    // An account's first transaction stores its public key, which takes gas.
    account.pay(&node.rpc, &sender, 1);
    let version = node.rpc.version();
    let register = |topic_id| account::registration(version, &sender, topic_id);
    let leave =
        RemoveRegistrationRequest { sender: sender.clone(), topic_id: node.topic_id, is_reputer: false };
    let not_registered = account.deliver(&node.rpc, &version.any(&leave));
    let nowhere = account.deliver(&node.rpc, &register(NO_TOPIC));
    let too_much = account.deliver(&node.rpc, &account.transfer(&sender, 2 * account.balance(&node.rpc)));
    let register = register(node.topic_id);
    let registered = account.deliver(&node.rpc, &register);
    let same = node.rpc.try_call("broadcast_tx_sync", &json!({"tx": registered.bytes})).unwrap();
    let again = account.deliver(&node.rpc, &register);
    let dead = account.deliver_too_late(&node.rpc, &register);
    let window = Window::answer(node, account);
    let essence = |included: &Included| essence(&included.bytes, &included.result, &chain_id);
    vec![
        ("tx/remove_registration_not_registered.delivered", essence(&not_registered)),
        ("tx/register_no_topic.delivered", essence(&nowhere)),
        ("tx/send_more_than_have.delivered", essence(&too_much)),
        ("tx/register_without_whitelist.delivered", essence(&registered)),
        ("tx/same_tx_after_commit", comparable(&same, &chain_id)),
        ("tx/register_twice.delivered", essence(&again)),
        ("tx/timeout_height_equals_committed.delivered", essence(&dead)),
        ("tx/payload_in_opening_block.delivered", essence(&window.too_early)),
        ("tx/payload_ok.delivered", essence(&window.first)),
        ("websocket/tx_sender_w5", essence_of_frame(&window.frame, &chain_id)),
        ("tx/payload_duplicate.delivered", essence(&window.second)),
        ("tx/payload_too_late_registered.delivered", essence(&window.too_late)),
    ]
}

/// What the recorded node made of it.
fn recorded(name: &str) -> Value {
    let recording = recording(name);
    match recording.get("frame") {
        Some(frame) => essence_of_frame(frame, "localnet"),
        None if recording["response"].get("error").is_some() => {
            comparable(&recording["response"], "localnet")
        }
        None => {
            let result = &recording["response"]["result"];
            essence(&result["tx"], &result["tx_result"], "localnet")
        }
    }
}

#[test]
fn what_is_paid_for_agrees_with_a_local_chain_and_with_the_recordings() {
    let node = Node::new();
    if !node.is_local() && std::env::var_os("REALCHAIN_PAY").is_none() {
        return node.skip("the part of the script that is paid for: REALCHAIN_PAY is not set");
    }
    if node.topic(node.topic_id).unwrap().output_arity() == TopicOutputArity::Multi {
        return node.skip("the part of the script that is paid for: the topic has labels");
    }
    let delivered = play(&node);
    let mut agreement = Agreement::default();
    if node.rpc.version() == EmissionsVersion::V10 {
        for (name, ours) in &delivered {
            let recorded = recorded(name);
            agreement.add(name, "the recordings", &with_gas_of(&recorded, ours), &recorded);
        }
    }
    if !node.is_local() {
        for ((name, ours), (_, theirs)) in delivered.iter().zip(play(&Node::local())) {
            agreement.add(name, "a local chain", &with_gas_of(&theirs, ours), &theirs);
        }
    }
    agreement.conclude(&node);
}
