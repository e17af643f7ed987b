//! The part of the script that is paid for: transactions that come into a block, and what a websocket tells of one.

use bootstrap::chain::decimal::Decimal;
use bootstrap::chain::messages::{EmissionsVersion, RegisterRequest, TopicOutputArity};
use bootstrap::chain::payload::{Inference, WorkerPayload};
use cosmrs::Any;
use serde_json::{Value, json};

use crate::account::Account;
use crate::node::Node;
use crate::script::{Agreement, recording, without_state};

/// Windows that are tried until a payload and another one come into the same.
const WINDOWS: usize = 10;

/// What the chain made of a transaction, by the recording of one like it.
type Delivered = (&'static str, Value);

/// Code, text and the kinds of events, in their order.
fn essence(result: &Value, chain_id: &str) -> Value {
    let events = result["events"].as_array().into_iter().flatten();
    let events = events.map(|event| {
        let attributes = event["attributes"].as_array().into_iter().flatten();
        json!({"type": event["type"], "keys": attributes.map(|attribute| &attribute["key"]).collect::<Vec<_>>()})
    });
    let log = without_state(result["log"].as_str().unwrap_or_default(), chain_id);
    json!({
        // A frame leaves out what is nothing.
        "code": result["code"].as_u64().unwrap_or(0),
        "codespace": result["codespace"].as_str().unwrap_or_default(),
        "log": log,
        "events": events.collect::<Vec<_>>(),
    })
}

/// The same of a frame.
fn essence_of_frame(frame: &Value, chain_id: &str) -> Value {
    let data = &frame["result"]["data"];
    json!({"type": data["type"], "result": essence(&data["value"]["TxResult"]["result"], chain_id)})
}

fn payload(node: &Node, nonce: i64) -> Any {
    let inference = Some(Inference::Single("1.5".parse::<Decimal>().unwrap()));
    let payload = WorkerPayload { topic_id: node.topic_id, nonce, inference, ..WorkerPayload::default() };
    let version = node.rpc.version();
    version.any(&payload.sign(version, node.accounts[0].wallet()).unwrap())
}

/// A payload in an open window, what a websocket tells of it, and another one for the same window.
struct Twice {
    nonce: i64,
    first: Value,
    frame: Value,
    second: Value,
}

fn twice_in_a_window(node: &Node, account: &Account) -> Twice {
    let query = format!("tm.event='Tx' AND message.sender='{}'", account.address());
    for _ in 0..WINDOWS {
        let nonce = node.window(node.topic_id, "").next_window_start_block;
        node.wait_for(nonce);
        let deliver = || account.deliver(&node.rpc, &payload(node, nonce)).1;
        let (first, frame) = node.rpc.with_frame(&query, deliver);
        let second = deliver();
        if [&first, &second].iter().all(|result| result["codespace"] != "emissions") {
            return Twice { nonce, first, frame, second };
        }
    }
    panic!("the window is over before two payloads are in blocks")
}

/// Registers, registers again, answers, answers again, and answers when it is too late.
fn play(node: &Node) -> Vec<Delivered> {
    // So that the window is long enough for a machine that is busy.
    node.steer("devnet_setBlockTime", &json!({"seconds": 1}));
    let (account, chain_id) = (&node.accounts[0], node.rpc.chain_id());
    let sender = account.address();
    if node.window(node.topic_id, &sender).is_registered {
        account.leave(&node.rpc, node.topic_id);
    }
    let request =
        RegisterRequest { sender: sender.clone(), topic_id: node.topic_id, owner: sender, is_reputer: false };
    let register = node.rpc.version().any(&request);
    let [registered, again] = [(); 2].map(|()| account.deliver(&node.rpc, &register).1);
    let Twice { nonce, first, frame, second } = twice_in_a_window(node, account);
    let topic = node.topic(node.topic_id).unwrap();
    node.wait_for(nonce + topic.worker_submission_window);
    let late = account.deliver(&node.rpc, &payload(node, nonce)).1;
    vec![
        ("tx/register_ok.delivered", essence(&registered, &chain_id)),
        ("tx/register_twice.delivered", essence(&again, &chain_id)),
        ("tx/payload_ok.delivered", essence(&first, &chain_id)),
        ("websocket/tx_sender_w5", essence_of_frame(&frame, &chain_id)),
        ("tx/payload_duplicate.delivered", essence(&second, &chain_id)),
        ("tx/payload_too_late_registered.delivered", essence(&late, &chain_id)),
    ]
}

/// What the recorded node made of it.
fn recorded(name: &str) -> Value {
    let recording = recording(name);
    match recording.get("frame") {
        Some(frame) => essence_of_frame(frame, "localnet"),
        None => essence(&recording["response"]["result"]["tx_result"], "localnet"),
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
            agreement.add(name, "the recordings", ours, &recorded(name));
        }
    }
    if !node.is_local() {
        for ((name, ours), (_, theirs)) in delivered.iter().zip(play(&Node::local())) {
            agreement.add(name, "a local chain", ours, &theirs);
        }
    }
    agreement.conclude(&node);
}
