//! What was sent to a real node, sent to this one: the same bytes get the same answers.

use base64::Engine as _;
use cosmrs::proto::cosmos::tx::v1beta1::SimulateRequest;
use prost::Message as _;
use serde_json::Value;

use super::*;
use crate::{
    chain::messages::AddStakeRequest,
    devnet::app::decode::{Message, Tx},
};

/// Accounts of the captured chain in the order of their numbers.
const CAPTURED: [&str; 10] = ["val", "admin", "reputer", "w1", "w2", "w3", "w4", "w5", "outsider", "poor"];

/// Captures that need another history than the scenes below give them.
const ELSEWHERE: [&str; 8] = [
    // Scores that took a thousand blocks; `payload.rs` makes its own.
    "tx/payload_evicts_other.delivered",
    "tx/payload_after_eviction.delivered",
    // Answers of the node around the application.
    "tx/not_base64",
    "tx/same_tx_after_commit",
    "tx/same_tx_in_mempool",
    "tx/tx_too_large",
    // Messages of topic creators, which this chain does not run.
    "tx/whitelist_worker",
    "tx/whitelist_worker.delivered",
];

/// A recorded request with its answer.
pub struct Capture {
    name: String,
    /// `TxRaw`.
    pub tx: Vec<u8>,
    /// Height that was committed when it ran.
    committed: u64,
    answer: Answer,
}

#[derive(Debug, PartialEq)]
struct Answer {
    code: u64,
    codespace: String,
    log: String,
    gas_used: Option<u64>,
    events: Vec<Event>,
}

impl Capture {
    /// Holds the answer of our chain to that of the real one.
    fn assert_said(&self, code: u32, codespace: &str, log: &str) {
        assert_eq!(
            (code.into(), codespace, &without_place(log)),
            (self.answer.code, self.answer.codespace.as_str(), &self.answer.log),
            "{}",
            self.name
        );
    }
}

fn captures(folder: &str) -> Vec<Capture> {
    let path = format!("{}/tests/captures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|file| format!("{folder}/{}", file.trim_end_matches(".json")))
        .filter(|name| !ELSEWHERE.contains(&name.as_str()))
        .collect();
    names.sort();
    names.into_iter().map(|name| capture(&name)).collect()
}

/// A file under `tests/`.
pub fn read(path: &str) -> Value {
    let path = format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A recording by its folder and name.
pub fn capture(name: &str) -> Capture {
    let json = read(&format!("captures/{name}.json"));
    let (params, result) = (&json["request"]["params"], &json["response"]["result"]);
    let unbase64 =
        |text: &Value| base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
    let (tx, committed, answer) = if let Some(response) = result.get("response") {
        let request = hex::decode(params["data"].as_str().unwrap()).unwrap();
        let tx = SimulateRequest::decode(request.as_slice()).unwrap().tx_bytes;
        (tx, number(&response["height"]).unwrap(), response)
    } else if let Some(delivered) = result.get("tx_result") {
        (unbase64(&result["tx"]), number(&result["height"]).unwrap() - 1, delivered)
    } else {
        (unbase64(&params["tx"]), 521, result)
    };
    let events = answer["events"].as_array().into_iter().flatten().map(|event| Event {
        kind: event["type"].as_str().unwrap().into(),
        attributes: event["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (pair["key"].as_str().unwrap().into(), pair["value"].as_str().unwrap().into()))
            .collect(),
    });
    let answer = Answer {
        code: answer["code"].as_u64().unwrap(),
        codespace: answer["codespace"].as_str().unwrap().into(),
        log: without_place(answer["log"].as_str().unwrap()),
        gas_used: number(&answer["gas_used"]),
        events: events.collect(),
    };
    Capture { name: name.into(), tx, committed, answer }
}

/// A simulation's text names a place in the chain's source and the gas, and running out of gas says
/// at which read: neither is ours.
fn without_place(log: &str) -> String {
    if let Some((before, _)) = log.split_once(", gasUsed: ") {
        return before.into();
    }
    match (log.find(" [allora-network").or(log.find(" [cosmos/")), log.find("]")) {
        (Some(start), Some(end)) => {
            let rest = log[end..].splitn(3, '\'').nth(2).unwrap_or_default();
            format!("{}{rest}", &log[..start])
        }
        _ => log.into(),
    }
}

/// Accounts and topics of the captured chain.
fn captured_genesis() -> Genesis {
    let mut genesis = genesis();
    genesis.accounts = CAPTURED.iter().map(|name| (address(name), 10 * FUNDS)).collect();
    for (topic, first_nonce) in genesis.topics.iter_mut().zip([21, 33, 39]) {
        topic.first_nonce = first_nonce;
    }
    let twelve = topic(2, TopicOutput::Single);
    genesis.topics.push(TopicSpec {
        epoch_length: 12,
        worker_submission_window: 12,
        first_nonce: 22,
        ..twelve
    });
    genesis.max_active_topics_per_block = 4;
    genesis
}

/// The captured chain before block 1, with workers w1 and w2 in topic 1.
pub fn captured_chain() -> App {
    let mut app = App::new(&captured_genesis()).unwrap();
    for worker in ["w1", "w2"] {
        app.set_registered(1, &address(worker), true).unwrap();
    }
    app
}

/// The captured chain as it was when a transaction ran.
fn scene(capture: &Capture) -> App {
    let name = capture.name.as_str();
    let mut genesis = captured_genesis();
    if name.contains("not_admitted") {
        genesis.max_top_inferers = 1;
    }
    if name.starts_with("tx/") && name.contains("whitelisted") {
        genesis.whitelist = Whitelist::On;
    }
    let mut chain = Chain::new(&genesis);
    let tx = Tx::decode(&capture.tx, EmissionsVersion::V10);
    let message = tx.as_ref().ok().and_then(|tx| tx.messages.first());
    let registers = matches!(message, Some(Message::Register(_)));
    for (worker, topic) in
        ["w1", "w2", "w3", "w4", "w5"].iter().flat_map(|worker| (1..=4).map(move |topic| (worker, topic)))
    {
        if !registers && !name.contains("unregistered") && !name.contains("remove") || name.contains("twice")
        {
            chain.app.set_registered(topic, &address(worker), true).unwrap();
        }
    }
    if name.contains("payload_whitelisted") {
        chain.app.set_whitelisted(2, &address("w1"), true).unwrap();
    }
    if let Some(Message::InsertReputerPayload(_)) = message {
        prepare_reputer(&mut chain, capture.committed);
    }
    let earlier = match name {
        "simulate/payload.duplicate" | "tx/payload_duplicate.delivered" => Some(("w1", 481)),
        "simulate/payload.not_admitted" | "tx/payload_not_admitted.delivered" => Some(("w1", 1701)),
        "tx/payload_again_after_not_admitted.delivered" => Some(("w1", 1701)),
        _ => None,
    };
    if let Some((worker, nonce)) = earlier {
        chain.mine_to(nonce);
        send(&mut chain.app, worker, nonce);
    }
    if name == "tx/payload_again_after_not_admitted.delivered" {
        send(&mut chain.app, "w2", 1701);
    }
    if name == "tx/reputer_payload_duplicate.delivered" {
        let first = self::capture("tx/reputer_payload_first.delivered");
        chain.mine_to(first.committed);
        chain.app.set_sequence(&address("reputer"), 19).unwrap();
        chain.block(vec![first.tx]);
    }
    while chain.app.height() < capture.committed {
        chain.block(vec![]);
    }
    set_up_sender(&mut chain.app, capture, tx.ok());
    chain.app
}

/// Registration and stake of the reputer, and the inferences that its losses are about.
fn prepare_reputer(chain: &mut Chain, height: u64) {
    let sender = address("reputer");
    let register =
        RegisterRequest { sender: sender.clone(), topic_id: 1, owner: sender.clone(), is_reputer: true };
    let stake = AddStakeRequest { sender, topic_id: 1, amount: "10000".into() };
    for (sequence, any) in [(0, chain.version.any(&register)), (1, chain.version.any(&stake))] {
        let signer = SignerData { chain_id: "localnet".into(), account_number: 2, sequence };
        let tx = UnsignedTx::new(any, 0).sign(&wallet("reputer"), &signer, FEE).bytes;
        assert_eq!(chain.block(vec![tx]).txs[0].1.log, "");
    }
    for nonce in [1361, 1621].into_iter().filter(|nonce| *nonce < height) {
        chain.mine_to(nonce);
        send(&mut chain.app, "w1", nonce);
    }
}

/// A payload of `worker` in the next block.
fn send(app: &mut App, worker: &str, nonce: u64) {
    let number = CAPTURED.iter().position(|name| *name == worker).unwrap() as u64;
    app.set_sequence(&address(worker), 1000).unwrap();
    let inference = Some(Inference::Single("1.5".parse().unwrap()));
    let payload = WorkerPayload { topic_id: 1, nonce: nonce as i64, inference, ..WorkerPayload::default() };
    let any = EmissionsVersion::V10.any(&payload.sign(EmissionsVersion::V10, &wallet(worker)).unwrap());
    let signer = SignerData { chain_id: "localnet".into(), account_number: number, sequence: 1000 };
    let tx = UnsignedTx::new(any, 0).sign(&wallet(worker), &signer, FEE).bytes;
    let block = app.finalize_block(OffsetDateTime::UNIX_EPOCH, vec![tx]);
    assert_eq!(block.txs[0].1.log, "");
}

/// Sequence and balance of the sender as they must have been.
fn set_up_sender(app: &mut App, capture: &Capture, tx: Option<Tx>) {
    let Some(tx) = tx else { return };
    let Some(sender) = tx.signers.first().map(ToString::to_string) else { return };
    if capture.name.ends_with("no_account") || capture.name.ends_with("account_missing") {
        return;
    }
    let expected = capture.answer.log.split_once("expected ").and_then(|(_, rest)| rest.split_once(','));
    let sequence = match expected {
        Some((expected, _)) => expected.parse().unwrap(),
        None => tx.auth_info.signer_infos[0].sequence,
    };
    app.set_sequence(&sender, sequence).unwrap();
    match capture.name.as_str() {
        "tx/insufficient_funds_fee" => app.set_balance(&sender, 5_000).unwrap(),
        "tx/insufficient_funds_registration_fee.delivered" => app.set_balance(&sender, 200_002).unwrap(),
        "tx/send_more_than_have.delivered" => {
            app.set_balance(&sender, 999_999_999_999_999_549_998 + 150_001).unwrap()
        }
        _ => {}
    }
}

/// Within 12 in 100; the real chain's own numbers for one kind of message differ by as much.
fn close(ours: u64, theirs: u64) -> bool {
    ours.abs_diff(theirs) * 100 <= theirs * 12
}

#[test]
fn simulations_say_what_a_real_node_said() {
    for capture in captures("simulate") {
        let app = scene(&capture);
        let request = SimulateRequest { tx_bytes: capture.tx.clone(), ..SimulateRequest::default() };
        let answer = app.query("/cosmos.tx.v1beta1.Service/Simulate", &request.encode_to_vec(), 0);
        capture.assert_said(answer.code, &answer.codespace, &answer.log);
    }
}

#[test]
fn check_tx_says_what_a_real_node_said() {
    for capture in captures("tx").into_iter().filter(|capture| !capture.name.ends_with(".delivered")) {
        let checked = scene(&capture).check_tx(&capture.tx);
        capture.assert_said(checked.code, &checked.codespace, &checked.log);
    }
}

#[test]
fn blocks_do_what_a_real_chain_did() {
    for capture in captures("tx").into_iter().filter(|capture| capture.name.ends_with(".delivered")) {
        let mut app = scene(&capture);
        let block = app.finalize_block(OffsetDateTime::UNIX_EPOCH, vec![capture.tx.clone()]);
        let result = &block.txs[0].1;
        capture.assert_said(result.code, &result.codespace, &result.log);
        assert_eq!(comparable(&result.events), comparable(&capture.answer.events), "{}", capture.name);
        let gas = capture.answer.gas_used.unwrap();
        if result.code == 0 {
            assert!(close(result.gas_used, gas), "{}: {} instead of {gas}", capture.name, result.gas_used);
        }
    }
}

/// Events without what depends on gas, on scores, or on who the proposer is.
fn comparable(events: &[Event]) -> Vec<Event> {
    let collector = crate::devnet::app::ante::fee_collector().to_string();
    let mut after_messages = false;
    let kept = events.iter().map(|event| {
        after_messages |= event.attributes.iter().any(|(key, value)| key == "spender" && *value == collector);
        let attributes = event.attributes.iter().filter(|(key, _)| !after_messages && key != "scores");
        Event { kind: event.kind.clone(), attributes: attributes.cloned().collect() }
    });
    kept.collect()
}
