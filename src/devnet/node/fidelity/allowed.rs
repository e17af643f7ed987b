//! The differences that may be, each with its reason.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::devnet::app::proposer;

/// Who was paid the rest of each fee on the recorded chain.
const RECORDED_PROPOSER: &str = "allo1al3pvndsv4tlz98jgzmq0yp9mm8nhgs2qnyvna";

/// Differences of one kind.
pub struct Allowed {
    /// Names of the recordings, with `*` for anything.
    pub recordings: &'static str,
    /// Paths in the answer, likewise.
    pub path: &'static str,
    /// What must still be true of both values.
    pub holds: fn(&Value, &Value) -> bool,
    /// Why.
    pub reason: &'static str,
}

/// Nothing is asked of the two values.
fn any(_: &Value, _: &Value) -> bool {
    true
}

/// Both are texts, neither of them empty.
fn texts(ours: &Value, theirs: &Value) -> bool {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    is_text(ours) && is_text(theirs)
}

/// Both are a hash in hexadecimal, a time, an address of the same kind, or as many bytes in base64.
fn same_form(ours: &Value, theirs: &Value) -> bool {
    let form = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty())?;
        let upper = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        if text.bytes().all(upper) || text.bytes().all(|byte| upper(byte.to_ascii_uppercase())) {
            return Some((text.bytes().all(upper).to_string(), text.len()));
        }
        if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
            return Some(("time".to_owned(), 0));
        }
        match text.split_once('1').filter(|(prefix, _)| prefix.starts_with("allo")) {
            Some((prefix, rest)) => Some((prefix.to_owned(), rest.len())),
            None => Some(("base64".to_owned(), STANDARD.decode(text).ok()?.len())),
        }
    };
    form(ours).is_some() && form(ours) == form(theirs)
}

/// Both say something: bytes that are no text may look like a message.
fn on_both_sides(ours: &Value, theirs: &Value) -> bool {
    !ours.is_null() && !theirs.is_null()
}

/// This chain says nothing there.
fn nothing_here(ours: &Value, _: &Value) -> bool {
    ours.is_null()
}

fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

fn within_5_percent(ours: &Value, theirs: &Value) -> bool {
    match (number(ours), number(theirs)) {
        (Some(ours), Some(theirs)) => ours.abs_diff(theirs) * 100 <= theirs * 5,
        _ => false,
    }
}

/// 5 % of the gas that the largest recorded transaction used, at a price of 1 uallo.
const FEE_OF_5_PERCENT: u64 = 8_400;

/// Both are amounts of uallo that are no further apart than 5 % of gas make them, and large enough to be a part of the
/// fee, or both are the proposer.
fn shares(ours: &Value, theirs: &Value) -> bool {
    let uallo = |value: &Value| value.as_str()?.strip_suffix("uallo")?.parse::<u64>().ok();
    match (uallo(ours), uallo(theirs)) {
        (Some(ours), Some(theirs)) => {
            ours.min(theirs) > FEE_OF_5_PERCENT && ours.abs_diff(theirs) <= FEE_OF_5_PERCENT
        }
        _ => theirs == RECORDED_PROPOSER && *ours == proposer().to_string(),
    }
}

/// The same words, and gas within 5 % behind some of them.
fn same_but_gas(ours: &Value, theirs: &Value) -> bool {
    let parts = |value: &Value| {
        let text = value.as_str()?;
        let start = [" gas: ", "gasUsed: ", "gas used: '"]
            .iter()
            .find_map(|words| Some(text.find(words)? + words.len()))?;
        let (before, rest) = text.split_at(start);
        let end = rest.find(|after: char| !after.is_ascii_digit())?;
        let (gas, after) = rest.split_at(end);
        Some((before.to_owned(), Value::from(gas), after.to_owned()))
    };
    parts(ours).zip(parts(theirs)).is_some_and(|(ours, theirs)| {
        (ours.0, ours.2) == (theirs.0, theirs.2) && within_5_percent(&ours.1, &theirs.1)
    })
}

/// Both are amounts of something.
fn amounts(ours: &Value, theirs: &Value) -> bool {
    let is_amount = |value: &Value| {
        value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    is_amount(ours) && is_amount(theirs)
}

/// Both are decimals.
fn decimals(ours: &Value, theirs: &Value) -> bool {
    ours.is_string() && is_decimals(ours, theirs)
}

/// Both are a list of as many decimals, or an object of such lists.
fn scores(ours: &Value, theirs: &Value) -> bool {
    let json = |value: &Value| serde_json::from_str::<Value>(value.as_str()?).ok();
    json(ours).zip(json(theirs)).is_some_and(|(ours, theirs)| alike(&ours, &theirs))
}

fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            a.keys().eq(b.keys())
                && a.iter().all(|(key, value)| value == &b[key] || is_decimals(value, &b[key]))
        }
        _ => is_decimals(ours, theirs),
    }
}

/// Decimals, or lists of as many.
fn is_decimals(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_decimals(a, b))
        }
        (Value::String(a), Value::String(b)) => a.parse::<f64>().is_ok() && b.parse::<f64>().is_ok(),
        _ => false,
    }
}

/// Pieces of a text that was cut short stand in the whole one.
fn cut_short(ours: &Value, theirs: &Value) -> bool {
    let (Some(ours), Some(theirs)) = (ours.as_str(), theirs.as_str()) else { return false };
    let text =
        theirs.split_once(": ").filter(|_| theirs.starts_with("code ")).map_or(theirs, |(_, text)| text);
    text.split("...").all(|piece| ours.contains(piece))
}

/// A text of which the record has only the start.
fn cut_off(ours: &Value, theirs: &Value) -> bool {
    theirs.as_str().is_some_and(|start| ours.as_str().is_some_and(|ours| ours.starts_with(start)))
}

/// The results of a block that the node has told of already.
fn results_later(ours: &Value, theirs: &Value) -> bool {
    ours.is_string() && theirs.as_str().is_some_and(|text| text.contains("could not find results for height"))
}

const HASHES: &str =
    "hashes, signatures and times are those of other blocks, keys those of another validator";
const GAS: &str = "gas is made of constants here: it is within 5 % of what a real node counts";
const SPLIT: &str = "the fee is split by the gas that was used, and the proposer is another";
const SCORES: &str = "scores and rewards: the formulas here are simpler, and the histories differ";
const LONGER: &str = "the recorded chain scored more windows than the scene";
const PARTS: &str =
    "of the node only what clients read is told where gRPC is needed: `status` tells the rest";
const CREATOR: &str = "what the topic's creator chose";
const MONEY: &str = "money and weight of a topic, which grow with what the mint pays";
const OTHER_NODE: &str = "the recorded node was the second on its machine";
const MINTED: &str = "nothing is minted here, and one account of many holds the stake";
const ANOTHER_TX: &str = "its block held another transaction, which is not played";
const SHORT_EPOCHS: &str = "epochs may be shorter here, so that tests are quick";
const CUT: &str = "the record cuts long numbers and long texts short, and a simulation wraps them";
const SOCKETS: &str = "what a client makes of a socket that is cut, and what was done to the node: \
    tests/devnet/endpoints.rs and tests/devnet/faults.rs cut them";

/// One row of the table.
const fn row(
    recordings: &'static str,
    path: &'static str,
    holds: fn(&Value, &Value) -> bool,
    reason: &'static str,
) -> Allowed {
    Allowed { recordings, path, holds, reason }
}

/// The table. The first row that fits decides.
pub const ALLOWED: &[Allowed] = &[
    row("*", "*_hash", same_form, HASHES),
    row("*", "*_id/hash", same_form, HASHES),
    row("*", "*/parts/hash", same_form, HASHES),
    row("*", "*/signature", same_form, HASHES),
    row("*", "*time", same_form, HASHES),
    row("*", "*/timestamp", same_form, HASHES),
    row("*", "*er_address", same_form, HASHES),
    row("*", "*or_address", same_form, HASHES),
    row("status*", "*/validator_info/*", texts, HASHES),
    row("status*", "/result/node_info/id", same_form, HASHES),
    row("status*", "/result/node_info/moniker", texts, HASHES),
    row("status.catching_up", "/result/node_info/*", texts, OTHER_NODE),
    row("abci_query/node.Status", "*/value/*", any, HASHES),
    row("*", "*/gas_used", within_5_percent, GAS),
    row("simulate/*", "/result/response/value/1/0/2/0", within_5_percent, GAS),
    row("simulate/*", "/result/response/log", same_but_gas, GAS),
    row("tx/out_of_gas*", "*/log", same_but_gas, GAS),
    row("*", "*/coin_spent/attributes/amount/value", shares, SPLIT),
    row("*", "*/coin_received/attributes/receiver/value", shares, SPLIT),
    row("*", "*/coin_received/attributes/amount/value", shares, SPLIT),
    row("*", "*/transfer/attributes/recipient/value", shares, SPLIT),
    row("*", "*/transfer/attributes/amount/value", shares, SPLIT),
    row("*", "*/fee_pay/attributes/fee/value", shares, SPLIT),
    row("*", "*/tip_pay/attributes/tip/value", shares, SPLIT),
    row("*", "*/tip_pay/attributes/tip_payee/value", shares, SPLIT),
    row("websocket/*", "/result/events/coin_spent.amount/*", shares, SPLIT),
    row("websocket/*", "/result/events/coin_received.receiver/*", shares, SPLIT),
    row("websocket/*", "/result/events/coin_received.amount/*", shares, SPLIT),
    row("websocket/*", "/result/events/transfer.recipient/*", shares, SPLIT),
    row("websocket/*", "/result/events/transfer.amount/*", shares, SPLIT),
    row("websocket/*", "/result/events/fee_pay.fee/*", shares, SPLIT),
    row("websocket/*", "/result/events/tip_pay.tip/*", shares, SPLIT),
    row("websocket/*", "/result/events/tip_pay.tip_payee/*", shares, SPLIT),
    row("*payload*", "*EventEMAScoresSet/attributes/scores/value", scores, SCORES),
    row("abci_query/*Score*.scored", "*/value/1/0/*4/0", decimals, SCORES),
    row("abci_query/*Score*.scored", "/result/response/value/1/0/2/0", amounts, LONGER),
    row("abci_query/GetCountInfererInclusionsInTopic.scored", "/result/response/value/1/0", amounts, LONGER),
    row("abci_query/GetLatestInfererWeight.scored", "/result/response/value/1/0", decimals, SCORES),
    row(
        "abci_query/GetPreviousInferenceRewardFraction.scored",
        "/result/response/value/1/0",
        decimals,
        SCORES,
    ),
    row("tx/bank_send_fund_poor.delivered", "/result/index", any, ANOTHER_TX),
    row("abci_query/*GetParams*", "*/value/1/0/7/0", amounts, SHORT_EPOCHS),
    row("abci_query/past_height_1", "*/value/1/0/7/0", amounts, SHORT_EPOCHS),
    row("abci_query/GetNodeInfo", "*/value/*", nothing_here, PARTS),
    row("abci_query/Get*Block*", "*/value/*", on_both_sides, HASHES),
    row("abci_query/GetTopic*", "*/value/1/0/3/0", texts, CREATOR),
    row("abci_query/GetTopic*", "*/value/1/0/27/0", texts, CREATOR),
    row("abci_query/GetTopic*", "*/value/2/0", decimals, MONEY),
    row("abci_query/GetTopic*", "*/value/3/0", amounts, MONEY),
    row("abci_query/GetTopic*", "*/value/4/0", amounts, MONEY),
    row("abci_query/EmissionInfo", "*/value/*", amounts, MINTED),
    row("abci_query/staking.Validator", "*/value/1/0/2/0/2/0*", texts, HASHES),
    row("abci_query/staking.Validator", "*/value/1/0/10/0/2/0*", any, HASHES),
    row("*reputer_closing", "*/attributes/*/value", scores, SCORES),
    row("*reputer_closing", "/result/events/*", scores, SCORES),
    row("decimals_on_chain", "/cases/*", cut_short, CUT),
    row("websocket/acks_and_errors", "/frames/13/result/response/height", amounts, "it was asked later"),
    row("restart_log", "/*/2", results_later, "a block and its results come at once here"),
    row("restart_*", "/*/2", same_but_gas, GAS),
    row("restart_in_window", "/8/2", cut_off, CUT),
    row("*restart_*", "/*/2", nothing_here, SOCKETS),
    row("catching_up_log", "/*/2", nothing_here, SOCKETS),
];

const MINT: &str = "the mint, the distribution of its money, and what topics earn are not modelled";
const UNANSWERED: &str = "nothing is told of reputers' windows for nonces that nobody answered";
const REGRETS: &str = "regrets and what follows from them are not modelled: workers never ask for them";

/// Events at the end of a block that are not compared: the recordings, the kind, and why.
pub const UNMODELLED: &[(&str, &str, &str)] = &[
    ("*", "coin_spent", MINT),
    ("*", "coin_received", MINT),
    ("*", "transfer", MINT),
    ("*", "message", MINT),
    ("*", "commission", MINT),
    ("*", "rewards", MINT),
    ("*", "*EventRewardCurrentBlockEmission", MINT),
    ("*", "*EventEmissionInfo", MINT),
    ("*", "*EventTopicWeightUpdated", MINT),
    ("*", "*EventTopicFeeRevenueDripped", MINT),
    ("*", "*EventTopicRewardsSet", MINT),
    ("*", "*EventAddStake", MINT),
    ("*", "*EventReputerStakeUpdated", MINT),
    ("*", "*Regret*", REGRETS),
    ("*", "*EventNetworkInferenceInferer*", REGRETS),
    ("*", "*EventTopicInitial*", REGRETS),
    ("*", "*EventInfererWeightsSet", REGRETS),
    ("*", "*EventListeningCoefficientsSet", REGRETS),
    ("*", "*EventForecastTaskScoreSet", REGRETS),
    ("*", "*EventPruneRecords", REGRETS),
    ("*reputer_closing", "*EventEMAScoresSet", SCORES),
    ("*open*", "*EventReputerSubmissionWindowClosed", UNANSWERED),
];
