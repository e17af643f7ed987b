//! Queries that cannot be answered.

use cosmrs::proto::cosmos::base::tendermint::v1beta1::GetBlockByHeightRequest;
use prost::Message as _;

use super::*;
use crate::chain::messages::query::*;

#[test]
fn a_query_that_cannot_be_answered_is_refused_in_the_chains_words_and_order() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1_005);
    let path = |method: &str| chain.version.path(method);
    let ask = |path: &str, data: &[u8], height| {
        let answer = chain.app.query(path, data, height);
        assert_eq!(answer.codespace, "sdk", "{path}");
        (answer.code, answer.log)
    };
    let unknown = (6, "unknown query path: unknown request".to_owned());
    // The path comes first, then the height, then the request.
    assert_eq!(ask("/nope.Query/Nope", &[], 9_999), unknown);
    assert_eq!(ask(path("GetParams").trim_start_matches('/'), &[], 0), unknown);
    assert_eq!(ask("", &[], 0), (6, "no query path provided: unknown request".into()));
    let broadcast = "/cosmos.tx.v1beta1.Service/BroadcastTx";
    assert_eq!(ask(broadcast, &[], 0), (18, "can't route a broadcast tx message: invalid request".into()));
    assert_eq!(ask(&path("GetTopic"), &[0xff], 9_999).0, 26);
    let negative = "cannot query with height < 0; please provide a valid height: invalid request";
    assert_eq!(ask(&path("GetParams"), &[], -1), (18, negative.into()));
    let pruned = ask(&path("GetParams"), &[], 1);
    assert_eq!(pruned.0, 18);
    assert!(
        pruned.1.starts_with("failed to load state at height 1; version mismatch on immutable IAVL tree;")
    );
    let of_node = |method: &str, data: &[u8]| ask(&format!("/cosmos.{method}"), data, 0);
    let argument =
        |text: &str| (18, format!("rpc error: code = InvalidArgument desc = {text}: invalid request"));
    assert_eq!(of_node("tx.v1beta1.Service/Simulate", &[]), argument("empty txBytes is not allowed"));
    assert_eq!(of_node("tx.v1beta1.Service/GetTx", &[]), argument("tx hash cannot be empty"));
    assert_eq!(of_node("auth.v1beta1.Query/AccountInfo", &[]), argument("address cannot be empty"));
    assert_eq!(of_node("bank.v1beta1.Query/Balance", &[]), argument("invalid denom: "));
    let future = GetBlockByHeightRequest { height: 9_999 }.encode_to_vec();
    assert_eq!(
        of_node("base.tendermint.v1beta1.Service/GetBlockByHeight", &future),
        argument("requested block height is bigger then the chain length")
    );
}

#[test]
fn a_topic_or_an_address_that_is_not_there_is_named_as_each_query_names_it() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    let (topic_id, address) = (99, address("w1"));
    let missing = "sdk 22: rpc error: code = NotFound desc = topic 99 not found: key not found";
    let registered = IsWorkerRegisteredInTopicIdRequest { topic_id, address: address.clone() };
    assert_eq!(chain.query(&registered).unwrap_err(), missing);
    let latest = GetWorkerLatestInputInferenceByTopicIdRequest { topic_id, worker_address: address };
    assert_eq!(chain.query(&latest).unwrap_err(), missing);
    assert_eq!(chain.query(&GetLatestTopicInferencesRequest { topic_id }).unwrap_err(), missing);
    assert!(!chain.query(&IsTopicActiveRequest { topic_id }).unwrap().is_active);
    let bech32 = "error validating actor id: decoding bech32 failed: invalid bech32 string length 3";
    let registered = IsWorkerRegisteredInTopicIdRequest { topic_id, address: "bad".into() };
    assert_eq!(
        chain.query(&registered).unwrap_err(),
        format!("sdk 6: invalid address: {bech32}: invalid address: unknown request")
    );
    let status = GetWorkerSubmissionWindowStatusRequest { topic_id: 1, address: "bad".into() };
    assert_eq!(
        chain.query(&status).unwrap_err(),
        format!("sdk 18: invalid address format: {bech32}: invalid request")
    );
}
