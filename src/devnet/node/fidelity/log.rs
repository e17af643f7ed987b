//! Logs of a node that restarts or catches up: who asked what, second by second, and what came. They are played row
//! by row on a node to which the same happens, and come out in the same form, with the recorded seconds. What this
//! chain has nothing to say of, such as the error of a socket, is null.

use cosmrs::proto::cosmos::{
    auth::v1beta1::{QueryAccountInfoRequest, QueryAccountInfoResponse},
    base::tendermint::v1beta1::GetSyncingRequest,
    tx::v1beta1::SimulateRequest,
};
use prost::Message as _;
use serde_json::{Value, json};

use super::scene::Scene;
use crate::{
    chain::{
        messages::{
            EmissionsVersion, RegisterRequest,
            query::{
                GetParamsRequest, GetUnfulfilledWorkerNoncesRequest, GetWorkerSubmissionWindowStatusRequest,
                GetWorkerSubmissionWindowStatusResponse,
            },
        },
        payload::{Inference, WorkerPayload},
        tx::{Fee, SignerData, UnsignedTx},
    },
    devnet::{
        app::tests::{address, replay, wallet},
        encoding::base64,
        node::{faults::Outlook, follower::FollowerId, order::Ending},
    },
};

/// How far behind the chain a node is while it catches up.
const BEHIND: u64 = 100;

/// Who had signed the transaction that waited while a node caught up, and with which sequence.
const PENDING: &str = "w3";
const PENDING_SEQUENCE: u64 = 15;

/// More than what is sent needs.
const FEE: Fee = Fee { amount: 300_000, gas_limit: 300_000 };

/// Who asked, when and what came.
struct Row<'a> {
    second: f64,
    who: &'a str,
    what: &'a str,
}

fn rows(log: &Value) -> Vec<Row<'_>> {
    log.as_array().unwrap().iter().map(row).collect()
}

fn row(row: &Value) -> Row<'_> {
    match row.as_array().unwrap().as_slice() {
        [second, who, what] => {
            Row { second: second.as_f64().unwrap(), who: who.as_str().unwrap(), what: what.as_str().unwrap() }
        }
        _ => panic!("{row} is no row"),
    }
}

/// The log with what this chain says in each row.
fn played(log: &Value, mut play: impl FnMut(usize, &Row<'_>) -> Option<String>) -> Value {
    let rows = rows(log);
    rows.iter().enumerate().map(|(index, row)| json!([row.second, row.who, play(index, row)])).collect()
}

/// Two logs of a validator that restarts.
pub fn restart(name: &str, log: &Value) -> Value {
    if name == "restart_in_window" { restart_in_window(log) } else { restart_twice(log) }
}

/// Stopped in order, then killed, without anything open.
fn restart_twice(log: &Value) -> Value {
    let mut app = replay::captured_chain();
    // It had signed before.
    app.set_sequence(&address("w1"), 4).unwrap();
    let mut scene = Scene::new(app);
    scene.mine_up_to(866);
    let sender = address("w1");
    let register = RegisterRequest { sender: sender.clone(), topic_id: 1, owner: sender, is_reputer: false };
    let fee = Fee { amount: 1, gas_limit: 400_000 };
    let cheap = signed(&scene, "w1", UnsignedTx::new(EmissionsVersion::V10.any(&register), 0), fee);
    played(log, |_, row| {
        let http = |said: String| format!("http 200 ok {said}");
        Some(match (row.who, row.what) {
            (_, what) if what.starts_with("EXC") => return None,
            ("status", _) => http(format!("catching_up={}", catching_up(&mut scene))),
            ("block_results_1", _) => {
                let answer = scene.call("block_results", json!({}));
                assert!(answer["result"]["height"].is_string(), "{answer}");
                http("code=None cs=None log=".into())
            }
            ("query_keepalive", _) => {
                let answer = scene.query(&GetParamsRequest {});
                http(format!("code={} log={}", answer["code"], text(&answer["log"])))
            }
            ("broadcast(fee too low)", _) => http(sent(&mut scene, &cheap).replace('\'', "")),
            ("ws", what) => {
                let height = what.strip_prefix("block ")?.parse().unwrap();
                scene.mine_up_to(height);
                format!("block {}", scene.node.app.height())
            }
            ("driver", what) => {
                let ending = if what == "START" { Ending::InOrder } else { Ending::Killed };
                if what.starts_with("START") {
                    scene.node.restart(FollowerId::VALIDATOR, ending, None);
                }
                return None;
            }
            (who, _) => panic!("{who}"),
        })
    })
}

/// Killed while a window is open that is still to be answered.
fn restart_in_window(log: &Value) -> Value {
    let mut app = replay::captured_chain();
    app.set_topic_active(3, true).unwrap();
    app.set_registered(3, &address("w1"), true).unwrap();
    app.set_sequence(&address("w1"), 4).unwrap();
    let mut scene = Scene::new(app);
    scene.mine_up_to(1413);
    let inference = Some(Inference::Labeled(vec![("up".into(), "1.5".parse().unwrap())]));
    let payload = WorkerPayload { topic_id: 3, nonce: 1413, inference, ..WorkerPayload::default() };
    let payload = EmissionsVersion::V10.any(&payload.sign(EmissionsVersion::V10, &wallet("w1")).unwrap());
    let unsigned = UnsignedTx::new(payload, 0);
    let tx = signed(&scene, "w1", unsigned.clone(), FEE);
    let simulation = SimulateRequest {
        tx_bytes: unsigned.simulation(*wallet("w1").public_key(), 4, FEE),
        ..Default::default()
    };
    scene.node.restart(FollowerId::VALIDATOR, Ending::Killed, None);
    // A block was there a moment before its height was asked for.
    let heights: Vec<(f64, u64)> = rows(log)
        .iter()
        .filter_map(|row| Some((row.second, row.what.parse().ok().filter(|_| row.who == "h")?)))
        .collect();
    played(log, |_, row| {
        if row.what.starts_with("EXC") {
            return None;
        }
        let seen = heights.iter().rev().find(|(second, _)| *second <= row.second + 0.05);
        scene.mine_up_to(seen.map_or(0, |(_, height)| *height));
        Some(match row.who {
            "h" => height(&mut scene),
            "send" => sent(&mut scene, &tx),
            "simulate" => {
                let answer = scene.query(&simulation);
                let log = text(&answer["log"]);
                let quote = if log.contains('\'') { '"' } else { '\'' };
                format!("({}, '{}', {quote}{log}{quote})", answer["code"], text(&answer["codespace"]))
            }
            "status" => {
                let request = GetWorkerSubmissionWindowStatusRequest { topic_id: 3, address: String::new() };
                let answer = bytes(&scene.query(&request)["value"]);
                let status = GetWorkerSubmissionWindowStatusResponse::decode(answer.as_slice()).unwrap();
                let (nonce, end) = (status.current_nonce_block_height, status.window_end_block);
                format!("{{'open': {}, 'nonce': {nonce}, 'end': {end}}}", i32::from(status.is_open))
            }
            who => panic!("{who}"),
        })
    })
}

/// A second node that takes the blocks of the chain one after the other, while a transaction for its end is sent to it
/// again and again.
pub fn sync(log: &Value) -> Value {
    let mut waits = Scene::new(replay::captured_chain());
    waits.mine_up_to(1);
    waits.outlook = Outlook { no_block: true, ..Outlook::default() };
    let mut follows = Scene::new(replay::captured_chain());
    follows.outlook = Outlook { catching_up: true, ..Outlook::default() };
    let sender = address(PENDING);
    let register =
        RegisterRequest { sender: sender.clone(), topic_id: 1, owner: sender.clone(), is_reputer: false };
    let signer = SignerData { chain_id: "localnet".into(), account_number: 5, sequence: PENDING_SEQUENCE };
    let register = UnsignedTx::new(EmissionsVersion::V10.any(&register), 0);
    let tx = register.sign(&wallet(PENDING), &signer, FEE).bytes;
    let stations = stations(log);
    played(log, |index, row| {
        if row.what.starts_with("EXC") || row.who == "wsx" {
            return None;
        }
        if (row.who, row.what) == ("catching_up", "False") {
            follows.outlook = Outlook::default();
        }
        // Its head is behind, so that what it will see there can be made before.
        let head = stations[index].0;
        let ahead = if follows.outlook.catching_up { BEHIND } else { 0 };
        while head > 0 && follows.node.app.height() < head + ahead {
            follows.node.produce_block();
            let height = follows.node.app.height();
            for (_, sequence) in stations.iter().filter(|(station, _)| *station == height) {
                follows.node.app.set_sequence(&sender, *sequence).unwrap();
            }
        }
        let node = if head == 0 { &mut waits } else { &mut follows };
        Some(match row.who {
            "height" => height(node),
            "catching_up" => catching_up(node).into(),
            "broadcast_pending" => sent(node, &tx),
            "health" => node.call("health", json!({}))["result"].to_string(),
            "GetSyncing" => text(&node.query(&GetSyncingRequest {})["value"]),
            "account" => {
                let answer =
                    bytes(&node.query(&QueryAccountInfoRequest { address: sender.clone() })["value"]);
                let info = QueryAccountInfoResponse::decode(answer.as_slice()).unwrap().info;
                info.map_or(0, |info| info.account_number).to_string()
            }
            "GetUnfulfilled" => {
                let answer = node.query(&GetUnfulfilledWorkerNoncesRequest { topic_id: 1 });
                format!("({}, '{}')", answer["code"], text(&answer["log"]))
            }
            who => panic!("{who}"),
        })
    })
}

/// Height of the node in each row of the log, with what the account had signed until then.
fn stations(log: &Value) -> Vec<(u64, u64)> {
    let mut last = (0, 0);
    let station = |row: Row<'_>| {
        match row.who {
            "height" => last.0 = row.what.parse().unwrap(),
            // Its height was not asked for at each of them, but it had grown.
            "broadcast_pending" if last.0 > 0 => {
                let expected = row.what.split_once("expected ").and_then(|(_, rest)| rest.split_once(','));
                last = (last.0 + 1, expected.map_or(PENDING_SEQUENCE, |(text, _)| text.parse().unwrap()));
            }
            _ => {}
        }
        last
    };
    rows(log).into_iter().map(station).collect()
}

/// Signs with the account's next sequence.
fn signed(scene: &Scene, name: &str, tx: UnsignedTx, fee: Fee) -> Vec<u8> {
    let (account_number, sequence) = scene.node.app.next_signature(&address(name)).unwrap();
    let signer = SignerData { chain_id: "localnet".into(), account_number, sequence };
    tx.sign(&wallet(name), &signer, fee).bytes
}

/// What a broadcast came to.
fn sent(scene: &mut Scene, tx: &[u8]) -> String {
    let answer = scene.call("broadcast_tx_sync", json!({"tx": base64(tx)}));
    match answer.get("error") {
        Some(error) => {
            let (code, message, data) = (&error["code"], &error["message"], &error["data"]);
            format!(r#"JSONRPC-ERROR {{"code": {code}, "message": {message}, "data": {data}}}"#)
        }
        None => {
            let result = &answer["result"];
            format!(
                "code={} cs='{}' log='{}'",
                result["code"],
                text(&result["codespace"]),
                text(&result["log"])
            )
        }
    }
}

fn height(scene: &mut Scene) -> String {
    text(&scene.call("status", json!({}))["result"]["sync_info"]["latest_block_height"])
}

fn catching_up(scene: &mut Scene) -> &'static str {
    match scene.call("status", json!({}))["result"]["sync_info"]["catching_up"].as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => panic!("no status"),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn bytes(value: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text(value)).unwrap()
}
