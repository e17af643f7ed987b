//! Golden vectors: the bytes of a message and the fields in them.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use cosmrs::proto::cosmos::{
    auth::v1beta1::{BaseAccount, QueryAccountInfoRequest, QueryAccountRequest},
    bank::v1beta1::{MsgSend, QueryBalanceRequest},
    base::tendermint::v1beta1::{GetLatestBlockRequest, GetNodeInfoRequest, GetSyncingRequest},
    tx::v1beta1::{GetTxRequest, SimulateRequest},
};
use proptest::prelude::*;
use prost::Message;
use serde::Serialize;
use serde_json::{Value, json};

use super::{EmissionsVersion, Msg, Query, ValueBundle, feemarket, query::*};
use crate::{chain::payload::sign_losses, wallet::Wallet};

/// Bytes in the vectors' form, `{"hex": "..."}`.
pub mod hexed {
    use serde::{Serialize as _, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::json!({ "hex": hex::encode(bytes) }).serialize(serializer)
    }
}

/// Asserts that two sets of fields are the same; what one of them lacks must have its default.
fn assert_same(ours: &Value, theirs: &Value, at: &str) {
    let is_default = |value: &Value| {
        [json!(null), json!(""), json!(0), json!(false), json!([]), json!({"hex": ""})].contains(value)
    };
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => assert_same(a, b, &format!("{at}.{key}")),
                    (Some(only), None) | (None, Some(only)) => {
                        assert!(is_default(only), "{at}.{key}: {only}")
                    }
                    (None, None) => unreachable!(),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).for_each(|(a, b)| assert_same(a, b, at));
        }
        _ => assert_eq!(ours, theirs, "{at}"),
    }
}

/// Decodes, compares the fields, and encodes to the same bytes again.
fn assert_fields<M: Message + Default + Serialize>(bytes: &Value, fields: &Value, at: &str) {
    assert_same(&serde_json::to_value(assert_bytes::<M>(bytes, at)).unwrap(), fields, at);
}

/// Decodes and encodes to the same bytes again: no field of theirs is unknown to us.
fn assert_bytes<M: Message + Default>(bytes: &Value, at: &str) -> M {
    let text = bytes.as_str().unwrap();
    let message = M::decode(&hex::decode(text).unwrap()[..]).unwrap();
    assert_eq!(hex::encode(message.encode_to_vec()), text, "{at}");
    message
}

fn version(path: &str) -> EmissionsVersion {
    if path.contains("emissions.v9") { EmissionsVersion::V9 } else { EmissionsVersion::V10 }
}

/// A query whose every field is compared.
fn emissions<Q>(case: &Value)
where
    Q: Query<Response: Serialize> + Serialize,
{
    let path = case["path"].as_str().unwrap();
    assert_eq!(Q::path(version(path)), path);
    assert_fields::<Q>(&case["request"], &case["request_fields"], path);
    assert_fields::<Q::Response>(&case["response"], &case["response_fields"], path);
}

/// A query of Cosmos' own types, of which `fields` picks what a client reads.
fn cosmos<Q: Query>(case: &Value, fields: impl Fn(Q::Response) -> Value, expected: &Value) {
    let path = case["path"].as_str().unwrap();
    assert_eq!(Q::path(EmissionsVersion::V10), path);
    assert_bytes::<Q>(&case["request"], path);
    assert_eq!(&fields(assert_bytes::<Q::Response>(&case["response"], path)), expected, "{path}");
}

/// Calls a function that is generic over the query, by the method's name. A v9 chain has some of its own.
macro_rules! by_method {
    ($version:expr, $method:expr, $call:ident $arguments:tt) => {
        by_method!(@ $version, $method, $call $arguments, {
            v9::GetLatestNetworkInferencesRequest,
            v9::GetNetworkInferencesAtBlockRequest,
            v9::GetWorkerLatestInferenceByTopicIdRequest,
        } {
            GetUnfulfilledWorkerNoncesRequest,
            GetOpenWorkerSubmissionWindowsRequest,
            GetUnfulfilledReputerNoncesRequest,
            GetOpenReputerSubmissionWindowsRequest,
            IsWorkerNonceUnfulfilledRequest,
            IsReputerNonceUnfulfilledRequest,
            GetWorkerSubmissionWindowStatusRequest,
            GetReputerSubmissionWindowStatusRequest,
            GetParamsRequest,
            GetTopicRequest,
            TopicExistsRequest,
            IsTopicActiveRequest,
            GetNextChurningBlockByTopicIdRequest,
            GetTopicLastWorkerCommitInfoRequest,
            GetTopicLastReputerCommitInfoRequest,
            IsWorkerRegisteredInTopicIdRequest,
            IsReputerRegisteredInTopicIdRequest,
            CanSubmitWorkerPayloadRequest,
            CanSubmitReputerPayloadRequest,
            GetLatestNetworkInferencesRequest,
            GetNetworkInferencesAtBlockRequest,
            GetWorkerLatestInputInferenceByTopicIdRequest,
            GetInferencesAtBlockRequest,
            GetLatestTopicInferencesRequest,
            GetForecastsAtBlockRequest,
            GetCountInfererInclusionsInTopicRequest,
            GetInfererScoreEmaRequest,
            GetForecasterScoreEmaRequest,
            GetReputerScoreEmaRequest,
            GetCurrentLowestInfererScoreRequest,
            GetWorkerInferenceScoresAtBlockRequest,
            GetWorkerForecastScoresAtBlockRequest,
            GetPreviousInferenceRewardFractionRequest,
            GetLatestInfererWeightRequest,
            GetStakeFromReputerInTopicInSelfRequest,
            GetReputerStakeInTopicRequest,
        })
    };
    (@ $version:expr, $method:expr, $call:ident $arguments:tt,
     { $($v9:ty,)* } { $($both:ty,)* }) => {
        match ($version, $method) {
            $((EmissionsVersion::V9, method) if method == <$v9>::METHOD => $call::<$v9> $arguments,)*
            $((_, method) if method == <$both>::METHOD => $call::<$both> $arguments,)*
            other => panic!("no type for {other:?}"),
        }
    };
}

#[test]
fn every_query_vector() {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/queries.json")).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 43);
    for case in cases {
        let path = case["path"].as_str().unwrap();
        let method = path.rsplit('/').next().unwrap();
        let response = &case["response_fields"];
        if path.starts_with("/emissions.") {
            by_method!(version(path), method, emissions(case));
            continue;
        }
        match method {
            "AccountInfo" => cosmos::<QueryAccountInfoRequest>(
                case,
                |answer| {
                    let account = answer.info.unwrap();
                    json!([
                        account.address,
                        account.account_number,
                        account.sequence,
                        account.pub_key.is_some()
                    ])
                },
                &json!([
                    response["info"]["address"],
                    response["info"]["account_number"],
                    response["info"]["sequence"],
                    !response["info"]["pub_key"].is_null(),
                ]),
            ),
            "Account" => cosmos::<QueryAccountRequest>(
                case,
                |answer| {
                    let account = answer.account.unwrap();
                    let number = BaseAccount::decode(&account.value[..]).unwrap().account_number;
                    json!([account.type_url, number])
                },
                &json!([response["account"]["type_url"], 1234]),
            ),
            "Balance" => cosmos::<QueryBalanceRequest>(
                case,
                |answer| {
                    let coin = answer.balance.unwrap();
                    json!({"denom": coin.denom, "amount": coin.amount})
                },
                &response["balance"],
            ),
            "GasPrice" => cosmos::<feemarket::GasPriceRequest>(
                case,
                |answer| {
                    let coin = answer.price.unwrap();
                    json!({"denom": coin.denom, "amount": coin.amount})
                },
                &response["price"],
            ),
            "GasPrices" => cosmos::<feemarket::GasPricesRequest>(
                case,
                |answer| json!([{"denom": answer.prices[0].denom, "amount": answer.prices[0].amount}]),
                &response["prices"],
            ),
            "Params" => cosmos::<feemarket::ParamsRequest>(
                case,
                |answer| serde_json::to_value(answer).unwrap(),
                response,
            ),
            "State" => {
                cosmos::<feemarket::StateRequest>(
                    case,
                    |answer| serde_json::to_value(answer).unwrap(),
                    response,
                );
            }
            "Simulate" => cosmos::<SimulateRequest>(
                case,
                |answer| {
                    let gas = answer.gas_info.unwrap();
                    json!({"gas_wanted": gas.gas_wanted, "gas_used": gas.gas_used})
                },
                &response["gas_info"],
            ),
            "GetTx" => cosmos::<GetTxRequest>(
                case,
                |answer| {
                    let tx = answer.tx_response.unwrap();
                    json!([
                        tx.height,
                        tx.txhash,
                        tx.codespace,
                        tx.code,
                        tx.raw_log,
                        tx.gas_wanted,
                        tx.gas_used
                    ])
                },
                &json!(
                    ["height", "txhash", "codespace", "code", "raw_log", "gas_wanted", "gas_used"]
                        .map(|field| &response["tx_response"][field])
                ),
            ),
            "GetNodeInfo" => cosmos::<GetNodeInfoRequest>(
                case,
                |answer| {
                    json!([
                        answer.default_node_info.unwrap().network,
                        answer.application_version.unwrap().version
                    ])
                },
                &json!([
                    response["default_node_info"]["network"],
                    response["application_version"]["version"]
                ]),
            ),
            "GetLatestBlock" => cosmos::<GetLatestBlockRequest>(
                case,
                |answer| json!(answer.sdk_block.unwrap().header.unwrap().height),
                &response["sdk_block"]["header"]["height"],
            ),
            "GetSyncing" => {
                cosmos::<GetSyncingRequest>(case, |answer| json!({"syncing": answer.syncing}), response);
            }
            other => panic!("no type for {other:?}"),
        }
    }
}

#[test]
fn every_message_vector() {
    fn check<M: Msg + Serialize>(case: &Value) {
        let type_url = case["type_url"].as_str().unwrap();
        assert_fields::<M>(&case["bytes"], &case["fields"], type_url);
        let message = assert_bytes::<M>(&case["bytes"], type_url);
        let any = version(type_url).any(&message);
        assert_eq!(any.type_url, type_url);
        assert_eq!(hex::encode(any.value), case["bytes"].as_str().unwrap());
    }

    let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/messages.json")).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 7);
    for case in cases {
        match case["type_url"].as_str().unwrap().rsplit('.').next().unwrap() {
            "RegisterRequest" => check::<super::RegisterRequest>(case),
            "AddStakeRequest" => check::<super::AddStakeRequest>(case),
            "DelegateStakeRequest" => check::<super::DelegateStakeRequest>(case),
            "FundTopicRequest" => check::<super::FundTopicRequest>(case),
            "MsgSend" => {
                let send = assert_bytes::<MsgSend>(&case["bytes"], "MsgSend");
                let coin = &send.amount[0];
                assert_eq!(
                    json!({
                        "from_address": send.from_address,
                        "to_address": send.to_address,
                        "amount": [{"denom": coin.denom, "amount": coin.amount}],
                    }),
                    case["fields"]
                );
            }
            other => panic!("no type for {other}"),
        }
    }
}

#[test]
fn every_reputer_payload_vector() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/reputer_payload_v10.json")).unwrap();
    let phrase =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    let wallet = Wallet::from_mnemonic(phrase).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        assert_fields::<ValueBundle>(&case["value_bundle"], &case["value_bundle_fields"], name);
        let losses = assert_bytes::<ValueBundle>(&case["value_bundle"], name);

        let request = sign_losses(losses, &wallet).unwrap();
        assert_eq!(hex::encode(request.encode_to_vec()), case["request"].as_str().unwrap(), "{name}");
        let any = EmissionsVersion::V10.any(&request);
        assert_eq!(any.type_url, case["type_url"].as_str().unwrap());
        let bundle = request.reputer_value_bundle.unwrap();
        assert_eq!(hex::encode(bundle.encode_to_vec()), case["reputer_value_bundle"].as_str().unwrap());
        assert_eq!(hex::encode(bundle.signature), case["signature"].as_str().unwrap());
        assert_eq!(bundle.pubkey, case["pubkey"].as_str().unwrap());
    }
}

/// What a real node was asked and answered.
#[test]
fn recorded_queries_are_understood_to_the_last_field() {
    fn check<Q: Query>(request: &str, response: &[u8], name: &str) {
        assert_bytes::<Q>(&json!(request), name);
        assert_bytes::<Q::Response>(&json!(hex::encode(response)), name);
    }

    let folder = format!("{}/tests/captures/abci_query", env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let capture: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let params = &capture["request"]["params"];
        let answer = &capture["response"]["result"]["response"];
        let service = params["path"].as_str().unwrap();
        if !service.starts_with("/emissions.v10.") || answer["code"] != 0 {
            continue;
        }
        let method = service.rsplit('/').next().unwrap();
        // Of these two we know what a client reads.
        if matches!(method, "GetParams" | "GetWorkerNodeInfo") || method.ends_with("OutlierResistant") {
            continue;
        }
        let value = BASE64.decode(answer["value"].as_str().unwrap()).unwrap();
        let request = params["data"].as_str().unwrap();
        by_method!(EmissionsVersion::V10, method, check(request, &value, name));
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn recorded_parameters_are_the_defaults_of_the_chain() {
    let capture: Value =
        serde_json::from_str(include_str!("../../../tests/captures/abci_query/GetParams.v10.json")).unwrap();
    let value = capture["response"]["result"]["response"]["value"].as_str().unwrap();
    let params = GetParamsResponse::decode(&BASE64.decode(value).unwrap()[..]).unwrap().params.unwrap();
    assert_eq!(
        serde_json::to_value(params).unwrap(),
        json!({
            "version": "v10",
            "max_serialized_msg_length": 1_000_000,
            "required_minimum_stake": "10000",
            "min_epoch_length": 12,
            "max_unfulfilled_worker_requests": 100,
            "max_unfulfilled_reputer_requests": 100,
            "max_top_inferers_to_reward": 32,
            "max_top_forecasters_to_reward": 6,
            "max_top_reputers_to_reward": 6,
            "create_topic_fee": "75000",
            "registration_fee": "200",
            "blocks_per_month": 864_000,
            "epsilon_safe_div": "1E-7",
            "data_sending_fee": "10",
            "max_elements_per_forecast": 12,
            "max_active_topics_per_block": 1,
            "max_string_length": 255,
            "global_whitelist_enabled": true,
            "global_worker_whitelist_enabled": true,
            "global_reputer_whitelist_enabled": true,
            "max_canonical_label_byte_length": 64,
            "max_topic_label_whitelist_size": 256,
            "max_epoch_label_registry_size": 32768,
        })
    );
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in any::<Vec<u8>>()) {
        let _ = super::InsertWorkerPayloadRequest::decode(&bytes[..]);
        let _ = super::InsertReputerPayloadRequest::decode(&bytes[..]);
        let _ = GetTopicResponse::decode(&bytes[..]);
        let _ = GetLatestNetworkInferencesResponse::decode(&bytes[..]);
    }

    #[test]
    fn an_inference_comes_back(
        topic_id in any::<u64>(),
        block_height in any::<i64>(),
        text in any::<[String; 3]>(),
        extra_data in any::<Vec<u8>>(),
        values in any::<Vec<(String, String)>>(),
    ) {
        let [inferer, value, proof] = text;
        let values =
            values.into_iter().map(|(label, value)| super::InputLabeledValue { label, value }).collect();
        let inference =
            super::InputInference { topic_id, block_height, inferer, value, extra_data, proof, values };
        let bytes = inference.encode_to_vec();
        prop_assert_eq!(super::InputInference::decode(&bytes[..]).unwrap(), inference);
    }
}
