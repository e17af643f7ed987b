//! The chain on which a real node was recorded, as it was in the moment of each recording.

use base64::Engine as _;
use cosmrs::proto::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin, tx::v1beta1::SimulateRequest};
use prost::{Message as _, Name as _};
use serde_json::Value;

use super::*;
use crate::{
    chain::messages::AddStakeRequest,
    devnet::app::decode::{Message, Tx},
};

/// uallo that the reputer had staked.
const STAKE: u128 = 10_u128.pow(24);

/// Accounts of the captured chain in the order of their numbers.
const CAPTURED: [&str; 10] = ["val", "admin", "reputer", "w1", "w2", "w3", "w4", "w5", "outsider", "poor"];

/// A recorded request with its answer.
pub struct Capture {
    name: String,
    /// `TxRaw`.
    pub tx: Vec<u8>,
    /// Height that was committed when it ran.
    committed: u64,
    /// What the real node said against it, if it did.
    log: String,
}

/// A file under `tests/`.
pub fn read(path: &str) -> Value {
    let path = format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A recording of a transaction by its folder and name: as it was simulated, sent, delivered, found or heard of.
pub fn capture(name: &str) -> Capture {
    let json = read(&format!("captures/{name}.json"));
    let (params, result) = (&json["request"]["params"], &json["response"]["result"]);
    let unbase64 =
        |text: &Value| base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
    let height = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let log = |answer: &Value| answer["log"].as_str().unwrap_or_default().to_owned();
    let (tx, committed, log) = if let Some(response) = result.get("response") {
        let request = hex::decode(params["data"].as_str().unwrap()).unwrap();
        let tx = SimulateRequest::decode(request.as_slice()).unwrap().tx_bytes;
        (tx, height(&response["height"]), log(response))
    } else if params["tx"].is_string() {
        (unbase64(&params["tx"]), 521, log(result))
    } else {
        let heard = &json["frame"]["result"]["data"]["value"]["TxResult"];
        let places = [&result["txs"][0], heard, result];
        let found = places.into_iter().find(|place| place["tx"].is_string()).unwrap();
        (unbase64(&found["tx"]), height(&found["height"]) - 1, log(&found["tx_result"]))
    };
    Capture { name: name.into(), tx, committed, log }
}

/// Accounts and topics of the captured chain.
fn captured_genesis() -> Genesis {
    let mut genesis = genesis();
    genesis.accounts = CAPTURED.iter().map(|name| (address(name), 10 * FUNDS)).collect();
    genesis.creator = address("admin");
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
    genesis
}

/// The captured chain before block 1, with the topics that it had first.
pub fn captured_chain() -> App {
    let mut app = App::new(&captured_genesis()).unwrap();
    // Those came later.
    for topic in [3, 4] {
        app.set_topic_active(topic, false).unwrap();
    }
    app
}

/// The captured chain as it was when a transaction ran.
pub fn scene(capture: &Capture) -> App {
    let name = capture.name.as_str();
    let mut genesis = captured_genesis();
    if name.contains("not_admitted") || name.contains("evict") {
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
    match message {
        Some(Message::InsertReputerPayload(_)) => {
            prepare_reputer(&mut chain);
            for nonce in [1361, 1621].into_iter().filter(|nonce| *nonce < capture.committed) {
                answer(&mut chain, "w1", nonce);
            }
        }
        _ if name.contains("evict") => {
            prepare_reputer(&mut chain);
            score(&mut chain, "w1", 2221, Some("102.5"), 2281);
        }
        _ => {}
    }
    let earlier: &[(&str, u64)] = match name {
        "simulate/payload.duplicate" | "tx/payload_duplicate.delivered" => &[("w1", 481)],
        "simulate/payload.not_admitted" | "tx/payload_not_admitted.delivered" => &[("w1", 1701)],
        "tx/payload_again_after_not_admitted.delivered" => &[("w1", 1701), ("w2", 1701)],
        "tx/payload_evicts_other.delivered" => &[("w2", 2281)],
        "tx/payload_after_eviction.delivered" => &[("w2", 2281), ("w1", 2281)],
        _ => &[],
    };
    for (worker, nonce) in earlier {
        answer(&mut chain, worker, *nonce);
    }
    if name == "tx/reputer_payload_duplicate.delivered" {
        let first = self::capture("tx/reputer_payload_first.delivered");
        chain.mine_up_to(first.committed);
        chain.app.set_sequence(&address("reputer"), 19).unwrap();
        chain.block(vec![first.tx]);
    }
    chain.mine_up_to(capture.committed);
    set_up_sender(&mut chain.app, capture, tx.ok());
    chain.app
}

/// The captured chain as it was when a query was asked, or a block made, after this height.
pub fn moment(name: &str, height: u64) -> App {
    let mut genesis = captured_genesis();
    if name.contains("whitelisted") {
        genesis.whitelist = Whitelist::On;
    }
    let is_of_later_chain = name == "GetReputerSubmissionWindowStatus.open";
    if is_of_later_chain {
        genesis.topics[0].first_nonce = 6;
    }
    let mut chain = Chain::new(&genesis);
    for (name, sequence) in [("admin", 4), ("w3", 16)] {
        use_account(&mut chain, name, sequence);
    }
    chain.app.set_balance(&address("w1"), 10_u128.pow(21)).unwrap();
    if is_of_later_chain || name.contains("eputer") || name.contains("scored") {
        prepare_reputer(&mut chain);
    }
    match height {
        0..481 if is_of_later_chain => answer(&mut chain, "w1", 66),
        481..600 => {
            deliver(&mut chain, "tx/payload_ok.delivered", 1, height);
            deliver(&mut chain, "tx/payload_last_block.delivered", 1, height);
        }
        600..700 => deliver(&mut chain, "tx/payload_multi_ok.delivered", 4, height),
        700..800 if name.ends_with(".whitelisted") => {
            chain.app.set_whitelisted(2, &address("w1"), true).unwrap();
        }
        799 => answer(&mut chain, "w1", 781),
        // The block after it, or the one after that, is the recorded one.
        1219 | 1220 if name.contains("reputer_closing") => {
            score(&mut chain, "w5", 1181, None, height);
            answer(&mut chain, "w5", 1201);
        }
        1404 => {
            score(&mut chain, "w5", 1221, None, height);
            answer(&mut chain, "w5", 1401);
        }
        1600..1700 => answer(&mut chain, "w1", 1621),
        _ => {}
    }
    // Without a height it was none that any module read.
    chain.mine_up_to(if height == 0 { 164 } else { height });
    chain.app
}

/// A recorded answer of a worker in its block, if that was made by `height`.
fn deliver(chain: &mut Chain, name: &str, topic: u64, height: u64) {
    let capture = capture(name);
    let tx = Tx::decode(&capture.tx, EmissionsVersion::V10).unwrap();
    let sender = tx.signers[0].to_string();
    chain.app.set_registered(topic, &sender, true).unwrap();
    chain.app.set_sequence(&sender, tx.auth_info.signer_infos[0].sequence).unwrap();
    if capture.committed < height {
        chain.mine_up_to(capture.committed);
        assert_eq!(chain.block(vec![capture.tx]).txs[0].1.log, "", "{name}");
    }
}

/// A worker answers a nonce of topic 1, and the reputer says what the network's loss is without it.
fn score(chain: &mut Chain, worker: &str, nonce: u64, without: Option<&str>, height: u64) {
    answer(chain, worker, nonce);
    chain.mine_up_to(nonce + 20);
    if chain.app.height() < height {
        sign_and_deliver(chain, "reputer", losses(worker, nonce as i64, without));
    }
}

/// Registration and stake of the reputer.
fn prepare_reputer(chain: &mut Chain) {
    let sender = address("reputer");
    chain.app.set_balance(&sender, 2 * STAKE).unwrap();
    let register =
        RegisterRequest { sender: sender.clone(), topic_id: 1, owner: sender.clone(), is_reputer: true };
    let stake = AddStakeRequest { sender, topic_id: 1, amount: STAKE.to_string() };
    for any in [chain.version.any(&register), chain.version.any(&stake)] {
        sign_and_deliver(chain, "reputer", any);
    }
}

/// An inference of `worker` for a nonce of topic 1, in the first block that can hold it.
fn answer(chain: &mut Chain, worker: &str, nonce: u64) {
    chain.app.set_registered(1, &address(worker), true).unwrap();
    chain.mine_up_to(nonce);
    let inference = Some(Inference::Single("1.5".parse().unwrap()));
    let payload = WorkerPayload { topic_id: 1, nonce: nonce as i64, inference, ..WorkerPayload::default() };
    let any = EmissionsVersion::V10.any(&payload.sign(EmissionsVersion::V10, &wallet(worker)).unwrap());
    sign_and_deliver(chain, worker, any);
}

/// Lets an account have signed so many transactions.
fn use_account(chain: &mut Chain, name: &str, sequence: u64) {
    chain.app.set_sequence(&address(name), sequence - 1).unwrap();
    let message = MsgSend {
        from_address: address(name),
        to_address: address("val"),
        amount: vec![Coin { denom: "uallo".into(), amount: "1".into() }],
    };
    sign_and_deliver(chain, name, Any { type_url: MsgSend::type_url(), value: message.encode_to_vec() });
}

/// In the next block.
fn sign_and_deliver(chain: &mut Chain, name: &str, message: Any) {
    let account_number = CAPTURED.iter().position(|captured| *captured == name).unwrap() as u64;
    let (_, sequence) = chain.app.next_signature(&address(name)).unwrap();
    let signer = SignerData { chain_id: "localnet".into(), account_number, sequence };
    let tx = UnsignedTx::new(message, 0).sign(&wallet(name), &signer, FEE).bytes;
    assert_eq!(chain.block(vec![tx]).txs[0].1.log, "");
}

/// Sequence and balance of the sender as they must have been.
fn set_up_sender(app: &mut App, capture: &Capture, tx: Option<Tx>) {
    let Some(tx) = tx else { return };
    let Some(sender) = tx.signers.first().map(ToString::to_string) else { return };
    if capture.name.ends_with("no_account") || capture.name.ends_with("account_missing") {
        return;
    }
    let expected = capture.log.split_once("expected ").and_then(|(_, rest)| rest.split_once(','));
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
