//! The same requests to two nodes: what one refuses, the other refuses with the same words.

use bootstrap::chain::decimal::Decimal;
use bootstrap::chain::messages::query::{
    GetTopicRequest, GetWorkerLatestInputInferenceByTopicIdRequest, GetWorkerSubmissionWindowStatusRequest,
};
use bootstrap::chain::messages::{
    InputWorkerDataBundle, InsertWorkerPayloadRequest, Query, RegisterRequest, feemarket::GasPriceRequest,
};
use bootstrap::chain::payload::{Inference, WorkerPayload};
use bootstrap::chain::tx::{Fee, SignerData, UnsignedTx};
use cosmrs::Any;
use cosmrs::proto::cosmos::auth::v1beta1::QueryAccountInfoRequest;
use cosmrs::proto::cosmos::tx::v1beta1::SimulateRequest;
use serde_json::{Value, json};

use crate::account::base64;
use crate::node::Node;

/// An account that no chain has.
const NOBODY: &str = "allo1yt7l07cad9t5mnax3yvzkult7z9evesu5ykm2y";
/// More than any chain has.
const NO_TOPIC: u64 = 9_999;

/// A request with its name.
type Exchange = (&'static str, &'static str, Value);

fn query<Q: Query>(node: &Node, query: &Q) -> Value {
    json!({"path": Q::path(node.rpc.version()), "data": hex::encode(query.encode_to_vec())})
}

/// Requests whose answers do not depend on what else happens on the chain.
fn queries(node: &Node) -> Vec<Exchange> {
    let params = json!({"path": node.rpc.version().path("GetParams"), "data": ""});
    let with = |changes: Value| {
        let mut params = params.clone();
        params.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        params
    };
    vec![
        ("health", "health", json!({})),
        ("status", "status", json!({})),
        ("abci_info", "abci_info", json!({})),
        ("no such method", "no_such_method", json!({})),
        ("missing tx", "tx", json!({"hash": base64(&[0; 32]), "prove": false})),
        ("block of the future", "block", json!({"height": "99999999"})),
        ("results of the future", "block_results", json!({"height": "99999999"})),
        ("not base64", "broadcast_tx_sync", json!({"tx": "%"})),
        ("GetParams", "abci_query", params.clone()),
        ("data with 0x", "abci_query", with(json!({"data": "0x0801"}))),
        ("data that is no hex", "abci_query", with(json!({"data": "zz"}))),
        ("height of the future", "abci_query", with(json!({"height": "99999999"}))),
        ("unknown path", "abci_query", with(json!({"path": "/nope.Query/Nope"}))),
        ("unknown method", "abci_query", with(json!({"path": node.rpc.version().path("Nope")}))),
        ("another version", "abci_query", with(json!({"path": "/emissions.v8.QueryService/GetParams"}))),
        (
            "bad bytes",
            "abci_query",
            with(json!({"path": node.rpc.version().path("GetTopic"), "data": "ffff"})),
        ),
        ("missing topic", "abci_query", query(node, &GetTopicRequest { topic_id: NO_TOPIC })),
        ("missing account", "abci_query", query(node, &QueryAccountInfoRequest { address: NOBODY.into() })),
        ("bad address", "abci_query", query(node, &QueryAccountInfoRequest { address: "cosmos1xyz".into() })),
        ("price in another denom", "abci_query", query(node, &GasPriceRequest { denom: "foo".into() })),
        (
            "window of a missing topic",
            "abci_query",
            query(
                node,
                &GetWorkerSubmissionWindowStatusRequest { topic_id: NO_TOPIC, address: String::new() },
            ),
        ),
        (
            "inference of nobody",
            "abci_query",
            query(
                node,
                &GetWorkerLatestInputInferenceByTopicIdRequest {
                    topic_id: node.topic_id,
                    worker_address: NOBODY.into(),
                },
            ),
        ),
    ]
}

/// Transactions that CheckTx refuses, or Simulate. None of them costs anything.
fn transactions(node: &Node) -> Vec<Exchange> {
    let account = &node.accounts[0];
    let version = node.rpc.version();
    let signer = account.signer(&node.rpc);
    let fee = Fee { amount: u128::from(u64::MAX), gas_limit: 300_000 };
    let register = |topic_id| {
        let sender = account.address();
        version.any(&RegisterRequest { sender: sender.clone(), topic_id, owner: sender, is_reputer: false })
    };
    let good = UnsignedTx::new(register(NO_TOPIC), 0);
    let send = |tx: &UnsignedTx, signer: &SignerData, fee| json!({"tx": base64(&tx.sign(account.wallet(), signer, fee).bytes)});
    let of_type = |type_url: &str| {
        UnsignedTx::new(Any { type_url: type_url.to_owned(), value: register(NO_TOPIC).value }, 0)
    };
    let simulate = |message: Any, sequence| {
        let tx = UnsignedTx::new(message, 0);
        let tx_bytes = tx.simulation(*account.wallet().public_key(), sequence, fee);
        query(node, &SimulateRequest { tx_bytes, ..SimulateRequest::default() })
    };
    let over = payload(node);
    let changed = |change: fn(&mut InputWorkerDataBundle)| {
        let mut request = over.clone();
        request.worker_data_bundle.as_mut().map(change).unwrap();
        version.any(&request)
    };
    let unsigned = changed(|bundle| bundle.inferences_forecasts_bundle_signature.clear());
    let of_other_topic = changed(|bundle| bundle.topic_id += 1);
    let empty = changed(|bundle| bundle.inference_forecasts_bundle = Some(Default::default()));
    let SignerData { sequence, account_number, .. } = signer.clone();
    let check = "broadcast_tx_sync";
    vec![
        ("garbage", check, json!({"tx": base64(b"garbage")})),
        ("empty", check, json!({"tx": ""})),
        ("no messages", check, send(&UnsignedTx { messages: vec![], ..good.clone() }, &signer, fee)),
        ("memo too large", check, send(&UnsignedTx { memo: "m".repeat(300), ..good.clone() }, &signer, fee)),
        (
            "timeout that is past",
            check,
            send(&UnsignedTx { timeout_height: 1, ..good.clone() }, &signer, fee),
        ),
        (
            "wrong chain id",
            check,
            send(&good, &SignerData { chain_id: "other".into(), ..signer.clone() }, fee),
        ),
        (
            "wrong account number",
            check,
            send(&good, &SignerData { account_number: account_number + 1, ..signer.clone() }, fee),
        ),
        (
            "sequence too high",
            check,
            send(&good, &SignerData { sequence: sequence + 5, ..signer.clone() }, fee),
        ),
        ("fee too small", check, send(&good, &signer, Fee { amount: 1, ..fee })),
        ("gas limit of 0", check, send(&good, &signer, Fee { gas_limit: 0, ..fee })),
        ("gas limit too small", check, send(&good, &signer, Fee { gas_limit: 10_000, ..fee })),
        ("unknown type", check, send(&of_type("/emissions.v99.RegisterRequest"), &signer, fee)),
        ("older type", check, send(&of_type("/emissions.v8.RegisterRequest"), &signer, fee)),
        ("simulate: missing topic", "abci_query", simulate(register(NO_TOPIC), sequence)),
        ("simulate: wrong sequence", "abci_query", simulate(register(NO_TOPIC), sequence + 5)),
        ("simulate: nonce that is over", "abci_query", simulate(version.any(&over), sequence)),
        ("simulate: no signature", "abci_query", simulate(unsigned, sequence)),
        ("simulate: another topic inside", "abci_query", simulate(of_other_topic, sequence)),
        ("simulate: neither inference nor forecast", "abci_query", simulate(empty, sequence)),
    ]
}

/// For a nonce of which every chain knows that it is not open.
fn payload(node: &Node) -> InsertWorkerPayloadRequest {
    let inference = Some(Inference::Single("1.5".parse::<Decimal>().unwrap()));
    let payload = WorkerPayload { topic_id: node.topic_id, nonce: 1, inference, ..WorkerPayload::default() };
    payload.sign(node.rpc.version(), node.accounts[0].wallet()).unwrap()
}

/// An answer without what is of one chain: numbers, addresses, places in the source.
fn comparable(answer: &Value, node: &Node) -> Value {
    match answer {
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), comparable_field(key, value, node))).collect()
        }
        Value::Array(rows) => rows.iter().map(|row| comparable(row, node)).collect(),
        other => other.clone(),
    }
}

fn comparable_field(key: &str, value: &Value, node: &Node) -> Value {
    match (key, value) {
        ("log" | "data", Value::String(text)) => {
            let chain_id = node.rpc.status()["node_info"]["network"].as_str().unwrap().to_owned();
            let text = text.replace(&node.accounts[0].address(), "ADDRESS").replace(&chain_id, "CHAIN");
            let text = match (text.find(" ["), text.find(']')) {
                (Some(start), Some(end)) if start < end => format!("{}{}", &text[..start], &text[end + 1..]),
                _ => text,
            };
            let words = text.split(|c: char| c.is_ascii_digit()).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join("#").into()
        }
        // Kinds are compared, not contents.
        ("value", value) => json!(value.is_string()),
        (_, Value::String(_)) if !["codespace", "message"].contains(&key) => json!("text"),
        (_, value) => comparable(value, node),
    }
}

#[test]
fn two_nodes_answer_alike() {
    let (node, local) = (Node::new(), Node::local());
    let mut differs = String::new();
    let (theirs, ours) = ([queries(&node), transactions(&node)], [queries(&local), transactions(&local)]);
    let pairs = theirs.into_iter().flatten().zip(ours.into_iter().flatten());
    let count = pairs
        .map(|((name, method, params), (_, _, local_params))| {
            let answer = |node: &Node, params| comparable(&node.rpc.try_call(method, params).unwrap(), node);
            let (theirs, ours) = (answer(&node, &params), answer(&local, &local_params));
            if theirs != ours {
                differs += &format!("{name}:\n  {theirs}\n  {ours}\n");
            }
        })
        .count();
    assert!(differs.is_empty(), "of {count} exchanges these differ, devnet's answer below:\n{differs}");
}
