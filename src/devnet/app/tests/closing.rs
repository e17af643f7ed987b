//! The closing of a recorded window: events and queries as a real node had them.

use base64::Engine as _;
use serde_json::Value;

use super::{
    replay::{capture, captured_chain, read},
    *,
};

/// The recorded chain at the end of block 489: w1 and w2 have answered nonce 481 of topic 1.
fn closed() -> (App, FinalizedBlock) {
    let mut app = captured_chain();
    let mine_to = |app: &mut App, height| {
        while app.height() < height {
            app.finalize_block(OffsetDateTime::UNIX_EPOCH, vec![]);
        }
    };
    mine_to(&mut app, 481);
    app.set_sequence(&address("w1"), 3).unwrap();
    app.set_sequence(&address("w2"), 1).unwrap();
    app.finalize_block(OffsetDateTime::UNIX_EPOCH, vec![capture("tx/payload_ok.delivered").tx]);
    mine_to(&mut app, 488);
    let last =
        app.finalize_block(OffsetDateTime::UNIX_EPOCH, vec![capture("tx/payload_last_block.delivered").tx]);
    (app, last)
}

#[test]
fn a_closing_has_the_events_of_a_real_chain() {
    let (_, block) = closed();
    let recorded = read("captures/block_results.closing.json");
    let recorded = recorded["response"]["result"]["finalize_block_events"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let recorded: Vec<Event> = recorded
        .iter()
        .map(|event| Event {
            kind: text(&event["type"]),
            attributes: event["attributes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| (text(&pair["key"]), text(&pair["value"])))
                .collect(),
        })
        // Money of the mint, and the regrets behind the weights, are not modelled.
        .filter(|event| {
            event.kind.starts_with("emissions.") && !event.kind.contains("NetworkInferenceInferer")
        })
        .collect();
    assert_eq!(block.events, recorded);
}

#[test]
fn queries_after_a_closing_answer_byte_for_byte() {
    let (mut app, _) = closed();
    app.finalize_block(OffsetDateTime::UNIX_EPOCH, vec![]);
    app.finalize_block(OffsetDateTime::UNIX_EPOCH, vec![]);
    for name in [
        "GetInferencesAtBlock.after",
        "GetInfererScoreEma.after",
        "GetLatestNetworkInferences.after",
        "GetLatestTopicInferences.after",
        "GetNetworkInferencesAtBlock.after",
        "GetReputerSubmissionWindowStatus.after",
        "GetTopicLastWorkerCommitInfo.after",
        "GetUnfulfilledReputerNonces.after",
        "GetWorkerLatestInputInferenceByTopicId.after",
        "IsWorkerNonceUnfulfilled",
        "GetCountInfererInclusionsInTopic",
        "TopicExists.v10",
        "TopicExists.v9",
        "GetTopic.missing",
        "GetWorkerSubmissionWindowStatus.missing",
        "AccountInfo.missing",
        "AccountInfo.bad_address",
        "Account.missing",
        "Balance.zero",
        "GetTx.missing",
        "bad_bytes",
        "unknown_method",
        "unknown_path",
        "future_height",
        "feemarket.GasPrice",
        "feemarket.GasPrices",
        "feemarket.GasPrice.bad_denom",
        "feemarket.Params",
        "GetPreviousInferenceRewardFraction",
        "GetLatestInfererWeight",
    ] {
        let capture = read(&format!("captures/abci_query/{name}.json"));
        let params = &capture["request"]["params"];
        let data = hex::decode(params["data"].as_str().unwrap()).unwrap();
        let height = params["height"].as_str().map_or(0, |height| height.parse().unwrap());
        let answer = app.query(params["path"].as_str().unwrap(), &data, height);
        let recorded = &capture["response"]["result"]["response"];
        let value = answer.value.filter(|value| !value.is_empty());
        let value = value.map(|value| base64::engine::general_purpose::STANDARD.encode(value));
        let was_counted_later = name == "GetCountInfererInclusionsInTopic";
        let expected = if was_counted_later {
            Some("CAE=")
        } else {
            recorded["value"].as_str().filter(|text| !text.is_empty())
        };
        assert_eq!(
            (u64::from(answer.code), answer.log.as_str(), value.as_deref()),
            (recorded["code"].as_u64().unwrap(), recorded["log"].as_str().unwrap(), expected),
            "{name}"
        );
        if recorded["height"] == "0" {
            assert_eq!(answer.height, 0, "{name}");
        }
    }
}
