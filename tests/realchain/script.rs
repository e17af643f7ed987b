//! One script of requests, played to a node, to a local chain, and held against what a v0.17.0 node was recorded to
//! answer: what one refuses, the others refuse with the same words. It changes nothing and costs nothing.

use std::collections::BTreeMap;

use bootstrap::chain::messages::query::{
    CanSubmitWorkerPayloadRequest, GetInferencesAtBlockRequest, GetLatestNetworkInferencesRequest,
    GetOpenWorkerSubmissionWindowsRequest, GetTopicRequest, GetUnfulfilledWorkerNoncesRequest,
    GetWorkerLatestInputInferenceByTopicIdRequest, GetWorkerSubmissionWindowStatusRequest,
    IsTopicActiveRequest, TopicExistsRequest,
};
use bootstrap::chain::messages::{
    EmissionsVersion, Query,
    feemarket::{GasPriceRequest, GasPricesRequest, ParamsRequest, StateRequest},
};
use bootstrap::chain::tx::DENOM;
use cosmrs::proto::cosmos::auth::v1beta1::{QueryAccountInfoRequest, QueryAccountRequest};
use cosmrs::proto::cosmos::bank::v1beta1::QueryBalanceRequest;
use cosmrs::proto::cosmos::base::tendermint::v1beta1::GetSyncingRequest;
use cosmrs::proto::cosmos::tx::v1beta1::GetTxRequest;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use serde_json::{Value, json};

use crate::account::{self, base64};
use crate::agreement::Agreement;
use crate::bench::PATIENCE;
use crate::node::Node;
use crate::rpc::bytes;
use crate::{history, refusals, simulations};

/// An account that no chain has.
const NOBODY: &str = "allo1yt7l07cad9t5mnax3yvzkult7z9evesu5ykm2y";
/// More than any chain has.
pub const NO_TOPIC: u64 = 9_999;

/// Several requests over one websocket.
const FRAMES: &str = "websocket/acks_and_errors";

/// A request: the recording of one like it, the method, the parameters.
pub type Exchange = (&'static str, &'static str, Value);

/// What is compared of an answer, by the recording of one like it.
pub type Answer = (&'static str, Value);

pub fn query<Q: Query>(node: &Node, query: &Q) -> Value {
    json!({"path": Q::path(node.rpc.version()), "data": hex::encode(query.encode_to_vec())})
}

/// Requests whose answers do not depend on what else happens on the chain.
fn queries(node: &Node) -> Vec<Exchange> {
    let (topic_id, own) = (node.topic_id, || node.accounts[0].address());
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
        ("no_such_method", "no_such_method", json!({})),
        ("tx.missing", "tx", json!({"hash": base64(&[0; 32]), "prove": false})),
        ("consensus_params", "consensus_params", json!({})),
        ("block.future", "block", json!({"height": "99999999"})),
        ("block_results.future", "block_results", json!({"height": "99999999"})),
        ("tx/not_base64", "broadcast_tx_sync", json!({"tx": "%"})),
        ("abci_query/GetParams.v10", "abci_query", params.clone()),
        ("abci_query/data_0x0801", "abci_query", with(json!({"data": "0x0801"}))),
        ("abci_query/data_not_hex", "abci_query", with(json!({"data": "zz"}))),
        ("abci_query/future_height", "abci_query", with(json!({"height": "99999999"}))),
        ("abci_query/unknown_path", "abci_query", with(json!({"path": "/nope.Query/Nope"}))),
        ("abci_query/unknown_method", "abci_query", with(json!({"path": node.rpc.version().path("Nope")}))),
        (
            "abci_query/GetParams.v8",
            "abci_query",
            with(json!({"path": "/emissions.v8.QueryService/GetParams"})),
        ),
        (
            "abci_query/bad_bytes",
            "abci_query",
            with(json!({"path": node.rpc.version().path("GetTopic"), "data": "ffff"})),
        ),
        (
            "abci_query/feemarket.GasPrice",
            "abci_query",
            query(node, &GasPriceRequest { denom: "uallo".into() }),
        ),
        ("abci_query/feemarket.GasPrices", "abci_query", query(node, &GasPricesRequest {})),
        ("abci_query/feemarket.Params", "abci_query", query(node, &ParamsRequest {})),
        ("abci_query/feemarket.State", "abci_query", query(node, &StateRequest {})),
        ("abci_query/AccountInfo", "abci_query", query(node, &QueryAccountInfoRequest { address: own() })),
        (
            "abci_query/Account.missing",
            "abci_query",
            query(node, &QueryAccountRequest { address: NOBODY.into() }),
        ),
        (
            "abci_query/Balance.zero",
            "abci_query",
            query(node, &QueryBalanceRequest { address: NOBODY.into(), denom: DENOM.into() }),
        ),
        ("abci_query/GetTx.missing", "abci_query", query(node, &GetTxRequest { hash: "0".repeat(64) })),
        ("abci_query/GetSyncing", "abci_query", query(node, &GetSyncingRequest {})),
        (
            "abci_query/CanSubmitWorkerPayload",
            "abci_query",
            query(node, &CanSubmitWorkerPayloadRequest { topic_id, address: own() }),
        ),
        ("abci_query/IsTopicActive", "abci_query", query(node, &IsTopicActiveRequest { topic_id })),
        (
            "abci_query/GetOpenWorkerSubmissionWindows",
            "abci_query",
            query(node, &GetOpenWorkerSubmissionWindowsRequest { topic_id }),
        ),
        (
            "abci_query/GetUnfulfilledWorkerNonces.v10",
            "abci_query",
            query(node, &GetUnfulfilledWorkerNoncesRequest { topic_id }),
        ),
        // A block in which nobody can have answered.
        (
            "abci_query/GetInferencesAtBlock",
            "abci_query",
            query(node, &GetInferencesAtBlockRequest { topic_id, block_height: 1 }),
        ),
        (
            "abci_query/TopicExists.v10",
            "abci_query",
            query(node, &TopicExistsRequest { topic_id: node.topic_id }),
        ),
        (
            "abci_query/Balance",
            "abci_query",
            query(node, &QueryBalanceRequest { address: own(), denom: DENOM.into() }),
        ),
        ("abci_query/GetTopic", "abci_query", query(node, &GetTopicRequest { topic_id })),
        (
            if has_network_inference(node) {
                "abci_query/GetLatestNetworkInferences.after"
            } else {
                "abci_query/GetLatestNetworkInferences"
            },
            "abci_query",
            query(node, &GetLatestNetworkInferencesRequest { topic_id }),
        ),
        ("abci_query/GetTopic.missing", "abci_query", query(node, &GetTopicRequest { topic_id: NO_TOPIC })),
        (
            "abci_query/AccountInfo.missing",
            "abci_query",
            query(node, &QueryAccountInfoRequest { address: NOBODY.into() }),
        ),
        (
            "abci_query/AccountInfo.bad_address",
            "abci_query",
            query(node, &QueryAccountInfoRequest { address: "cosmos1xyz".into() }),
        ),
        (
            "abci_query/feemarket.GasPrice.bad_denom",
            "abci_query",
            query(node, &GasPriceRequest { denom: "foo".into() }),
        ),
        (
            "abci_query/GetWorkerSubmissionWindowStatus.missing",
            "abci_query",
            query(
                node,
                &GetWorkerSubmissionWindowStatusRequest { topic_id: NO_TOPIC, address: String::new() },
            ),
        ),
        (
            "abci_query/GetWorkerLatestInputInferenceByTopicId.after",
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

/// Words before a number that is of the chain's state, so that two chains need not say the same one.
const BEFORE_STATE: [&str; 17] = [
    "height ",
    "block height: ",
    "timeout height: ",
    "expected ",
    "got ",
    "account number (",
    "required: ",
    "minGasPrice: ",
    "gas: ",
    "gasUsed: ",
    "gas used: '",
    "topic ",
    "got: ",
    "spendable balance ",
    "smaller than ",
    "submission has ",
    "per-topic cap is ",
];

/// A text without what is of one chain: its id, addresses, places in the source, and numbers of its state. All other
/// numbers stay.
pub fn without_state(text: &str, chain_id: &str) -> String {
    let mut text = text.replace(chain_id, "CHAIN");
    if let (Some(start), Some(end)) = (text.find(" ["), text.find(']'))
        && start < end
    {
        text.replace_range(start..=end, "");
    }
    let words = text.split(' ').map(|word| if word.starts_with("allo1") { "ADDRESS" } else { word });
    let mut text = words.collect::<Vec<_>>().join(" ").replace("topic id ", "topic ");
    for before in BEFORE_STATE {
        let parts: Vec<&str> = text.split(before).collect();
        let number = |c: char| c.is_ascii_digit() || c == '.';
        let rest = parts[1..].iter().map(|part| match part.starts_with(|c: char| c.is_ascii_digit()) {
            true => format!("{before}#{}", part.trim_start_matches(number)),
            false => format!("{before}{part}"),
        });
        text = std::iter::once(parts[0].to_owned()).chain(rest).collect();
    }
    text
}

/// An answer without what is of one chain. Protobuf is there as the numbers of its fields and their wire types.
pub fn comparable(answer: &Value, chain_id: &str) -> Value {
    match answer {
        Value::Object(fields) => {
            let field =
                |(key, value): (&String, &Value)| (key.clone(), comparable_field(key, value, chain_id));
            fields.iter().map(field).collect()
        }
        Value::Array(rows) => rows.iter().map(|row| comparable(row, chain_id)).collect(),
        other => other.clone(),
    }
}

fn comparable_field(key: &str, value: &Value, chain_id: &str) -> Value {
    match (key, value) {
        ("log" | "data", Value::String(text)) => without_state(text, chain_id).into(),
        // A validator's key has a value too, which is no protobuf.
        ("pub_key", _) => json!("key"),
        ("value", Value::String(_)) => wire_types(&bytes(value)).expect("protobuf"),
        (_, Value::String(_)) if !["codespace", "message"].contains(&key) => json!("text"),
        (_, value) => comparable(value, chain_id),
    }
}

/// The fields of a message: wire types by number. `None`: this is no message.
fn wire_types(mut bytes: &[u8]) -> Option<Value> {
    let mut fields = serde_json::Map::new();
    while !bytes.is_empty() {
        let (number, wire_type) = decode_key(&mut bytes).ok()?;
        skip_field(wire_type, number, &mut bytes, DecodeContext::default()).ok()?;
        fields.insert(number.to_string(), json!(format!("{wire_type:?}")));
    }
    Some(fields.into())
}

/// A recording by its name.
pub fn recording(name: &str) -> Value {
    let file = format!("{}/tests/captures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// What a given node mostly has, on a local one: an account that was used, a worker of each topic, whose answer made a
/// network inference.
pub fn prepare(node: &Node) {
    let account = &node.accounts[0];
    account.pay(&node.rpc, &account.address(), 1);
    for topic_id in [Some(node.topic_id), node.topic_of_labels()].into_iter().flatten() {
        account.send(&node.rpc, &account::registration(node.rpc.version(), &account.address(), topic_id));
    }
    node.rpc.until("a network inference", PATIENCE, || {
        let nonce = node.window(node.topic_id, "").next_window_start_block;
        node.wait_for(nonce);
        let version = node.rpc.version();
        account.deliver(&node.rpc, &version.any(&account.payload(version, node.topic_id, nonce)));
        node.wait_for(nonce + node.topic(node.topic_id).unwrap().worker_submission_window);
        has_network_inference(node).then_some(())
    });
}

fn has_network_inference(node: &Node) -> bool {
    let request = GetLatestNetworkInferencesRequest { topic_id: node.topic_id };
    node.rpc.query(&request).unwrap().inference_block_height > 0
}

/// The answer to a request, without what is of one chain.
pub fn answer(node: &Node, (name, method, params): Exchange) -> Answer {
    (name, comparable(&node.rpc.try_call(method, &params).unwrap(), &node.rpc.chain_id()))
}

/// What a node says to each request, by the recording of one like it; and the shapes of blocks and transactions.
fn play(node: &Node) -> [BTreeMap<&'static str, Value>; 2] {
    if node.is_local() {
        prepare(node);
    }
    let script = [queries(node), refusals::exchanges(node)];
    let can_simulate = node.has_services();
    if !can_simulate {
        node.skip("what a simulation says: a node without gRPC and REST has none");
    }
    let script = script.into_iter().flatten();
    let script = script.filter(|exchange| can_simulate || !is_of_services(exchange));
    let mut answers: BTreeMap<_, _> = script.map(|exchange| answer(node, exchange)).collect();
    if can_simulate {
        answers.extend(simulations::answers(node));
    }
    let (frames, chain_id) = (node.rpc.exchange(&frames(node)).into_iter(), node.rpc.chain_id());
    answers.insert(FRAMES, frames.map(|frame| comparable(&frame, &chain_id)).collect());
    [answers, history::answers(node).into_iter().collect()]
}

/// Whether only a node with gRPC or REST can answer it.
fn is_of_services((_, _, params): &Exchange) -> bool {
    let path = params["path"].as_str().unwrap_or_default();
    ["/cosmos.tx.", "/cosmos.base."].iter().any(|package| path.starts_with(package))
}

/// What comes over one connection: subscriptions, more of them than a node allows, their ends, what is no JSON, a query.
fn frames(node: &Node) -> Vec<String> {
    let request = |id: Value, method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
    };
    let recording = recording(FRAMES);
    let queries = recording["queries"].as_array().unwrap().iter().enumerate();
    let subscriptions = queries
        .map(|(index, query)| request(format!("s{index}").into(), "subscribe", json!({"query": query})));
    let first = &recording["queries"][0];
    let exists = TopicExistsRequest { topic_id: node.topic_id };
    let others = [
        request("u1".into(), "unsubscribe", json!({"query": first})),
        request("u2".into(), "unsubscribe", json!({"query": first})),
        request(7.into(), "subscribe", json!([first])),
        "not json".to_owned(),
        request("aq".into(), "abci_query", query(node, &exists)),
    ];
    subscriptions.chain(others).collect()
}

/// What a v0.17.0 node was recorded to say.
fn recorded(name: &str) -> Value {
    let mut recording = recording(name);
    match recording["frames"].take() {
        Value::Array(frames) => frames.into_iter().map(|frame| comparable(&frame, "localnet")).collect(),
        _ => comparable(&recording["response"], "localnet"),
    }
}

#[test]
fn answers_agree_with_a_local_chain_and_with_the_recordings() {
    let node = Node::new();
    let ours = play(&node);
    let mut agreement = Agreement::default();
    // The recordings are of a chain that speaks the later version.
    if node.rpc.version() == EmissionsVersion::V10 {
        for (answers, recorded) in ours.iter().zip([recorded, history::recorded]) {
            for (name, ours) in answers {
                agreement.add(name, "the recording", ours, &recorded(name));
            }
        }
    }
    if !node.is_local() {
        let theirs = play(&Node::local());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            // A topic of other rules of labels has answers that the local one has not.
            for (name, ours) in ours {
                theirs
                    .get(name)
                    .into_iter()
                    .for_each(|theirs| agreement.add(name, "a local chain", ours, theirs));
            }
        }
    }
    agreement.conclude(&node);
}
