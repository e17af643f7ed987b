//! The differences that may be, each with its reason.

use serde_json::Value;

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

/// This chain says nothing there.
fn nothing_here(ours: &Value, _: &Value) -> bool {
    ours.is_null()
}

fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

fn within_percent(ours: &Value, theirs: &Value, percent: u64) -> bool {
    match (number(ours), number(theirs)) {
        (Some(ours), Some(theirs)) => ours.abs_diff(theirs) * 100 <= theirs * percent,
        _ => false,
    }
}

fn within_5_percent(ours: &Value, theirs: &Value) -> bool {
    within_percent(ours, theirs, 5)
}

fn within_15_percent(ours: &Value, theirs: &Value) -> bool {
    within_percent(ours, theirs, 15)
}

/// Both are amounts, or both are addresses.
fn shares(ours: &Value, theirs: &Value) -> bool {
    let both = |is: fn(&str) -> bool| ours.as_str().is_some_and(is) && theirs.as_str().is_some_and(is);
    both(|text| text.ends_with("uallo")) || both(|text| text.starts_with("allo1"))
}

/// The same words, but for the gas and the place in the source.
fn same_words(ours: &Value, theirs: &Value) -> bool {
    let words = |value: &Value| value.as_str().map(without_place);
    words(ours).is_some() && words(ours) == words(theirs)
}

/// Simulate names a place in the source and the gas, and running out of gas says at which read.
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

const HASHES: &str =
    "hashes, signatures and times are those of other blocks, keys those of another validator";
const GAS: &str = "gas is made of constants here: it is within 5 % of what a real node counts";
const READS: &str = "gas within 15 %: what a real node reads depends on what is in its store";
const SPLIT: &str = "the fee is split by the gas that was used, and the proposer is another";
const PLACE: &str = "a place in the real node's source, and the gas up to there";
const SCORES: &str = "scores and rewards: the formulas here are simpler, and the histories differ";
const PARTS: &str = "of blocks, of the node and of parameters only what clients read is told";
const CREATOR: &str = "what the topic's creator chose, and who it was";
const MONEY: &str = "money and weight of a topic, which grow with what the mint pays";
const OTHER_NODE: &str = "the recorded node was the second on its machine";

/// The table. The first row that fits decides.
pub const ALLOWED: &[Allowed] = &[
    Allowed { recordings: "*", path: "*hash", holds: texts, reason: HASHES },
    Allowed { recordings: "*", path: "*/signature", holds: texts, reason: HASHES },
    Allowed { recordings: "*", path: "*time", holds: texts, reason: HASHES },
    Allowed { recordings: "*", path: "*/timestamp", holds: texts, reason: HASHES },
    Allowed { recordings: "*", path: "*er_address", holds: texts, reason: HASHES },
    Allowed { recordings: "*", path: "*or_address", holds: texts, reason: HASHES },
    Allowed { recordings: "status*", path: "*/validator_info/*", holds: texts, reason: HASHES },
    Allowed { recordings: "status*", path: "/result/node_info/id", holds: texts, reason: HASHES },
    Allowed { recordings: "status*", path: "/result/node_info/moniker", holds: texts, reason: HASHES },
    Allowed {
        recordings: "status.catching_up",
        path: "/result/node_info/*",
        holds: texts,
        reason: OTHER_NODE,
    },
    Allowed { recordings: "abci_query/node.Status", path: "*/value/*", holds: any, reason: HASHES },
    Allowed {
        recordings: "tx/register_without_whitelist*",
        path: "*/gas_used",
        holds: within_15_percent,
        reason: READS,
    },
    Allowed {
        recordings: "tx/payload_too_late.*",
        path: "*/gas_used",
        holds: within_15_percent,
        reason: READS,
    },
    Allowed {
        recordings: "tx/payload_unregistered.*",
        path: "*/gas_used",
        holds: within_15_percent,
        reason: READS,
    },
    Allowed {
        recordings: "tx/send_more_than_have.*",
        path: "*/gas_used",
        holds: within_15_percent,
        reason: READS,
    },
    Allowed { recordings: "*", path: "*/gas_used", holds: within_5_percent, reason: GAS },
    Allowed {
        recordings: "simulate/*",
        path: "/result/response/value/1/0/2/0",
        holds: within_5_percent,
        reason: GAS,
    },
    Allowed {
        recordings: "simulate/*",
        path: "/result/response/value/2/0/3/*",
        holds: shares,
        reason: SPLIT,
    },
    Allowed { recordings: "simulate/*", path: "/result/response/log", holds: same_words, reason: PLACE },
    Allowed { recordings: "tx/out_of_gas*", path: "*/log", holds: same_words, reason: PLACE },
    Allowed {
        recordings: "tx*.delivered",
        path: "*/events/*/attributes/*/value",
        holds: shares,
        reason: SPLIT,
    },
    Allowed {
        recordings: "block_results.closing",
        path: "/result/txs_results/*/value",
        holds: shares,
        reason: SPLIT,
    },
    Allowed { recordings: "tx_search", path: "*/events/*/attributes/*/value", holds: shares, reason: SPLIT },
    Allowed { recordings: "check_tx", path: "*/events/*/attributes/*/value", holds: shares, reason: SPLIT },
    Allowed {
        recordings: "websocket/*",
        path: "*/TxResult/result/events/*/attributes/*/value",
        holds: shares,
        reason: SPLIT,
    },
    Allowed { recordings: "websocket/*", path: "/result/events/*", holds: shares, reason: SPLIT },
    Allowed {
        recordings: "tx/payload*.delivered",
        path: "*/events/*/attributes/*/value",
        holds: texts,
        reason: SCORES,
    },
    Allowed {
        recordings: "simulate/payload.not_admitted",
        path: "/result/response/value/2/0/3/*",
        holds: texts,
        reason: SCORES,
    },
    Allowed { recordings: "*.scored", path: "/result/response/value/*", holds: texts, reason: SCORES },
    Allowed {
        recordings: "tx/bank_send_fund_poor.delivered",
        path: "/result/index",
        holds: any,
        reason: "its block held another transaction, which is not played",
    },
    Allowed {
        recordings: "abci_query/*GetParams*",
        path: "*/value/1/0/46/0",
        holds: any,
        reason: "the scene opens several topics in one block",
    },
    Allowed {
        recordings: "abci_query/*",
        path: "*/value/1/0/7/0",
        holds: any,
        reason: "epochs may be shorter here, so that tests are quick",
    },
    Allowed { recordings: "abci_query/*GetParams*", path: "*/value/*", holds: nothing_here, reason: PARTS },
    Allowed { recordings: "abci_query/past_height_1", path: "*/value/*", holds: nothing_here, reason: PARTS },
    Allowed {
        recordings: "abci_query/past_height_1",
        path: "*/value/1/0/46/0",
        holds: any,
        reason: "the scene opens several topics in one block",
    },
    Allowed { recordings: "abci_query/GetNodeInfo", path: "*/value/*", holds: nothing_here, reason: PARTS },
    Allowed { recordings: "abci_query/Get*Block*", path: "*/value/*", holds: nothing_here, reason: PARTS },
    Allowed {
        recordings: "abci_query/GetLatestBlock",
        path: "*/value/3/0/1/0/4/0/1/0",
        holds: texts,
        reason: HASHES,
    },
    Allowed {
        recordings: "abci_query/GetBlockByHeight",
        path: "*/value/3/0/1/0/4/0/1/0",
        holds: texts,
        reason: HASHES,
    },
    Allowed { recordings: "abci_query/GetTopic*", path: "*/value/1/0/2/0", holds: texts, reason: CREATOR },
    Allowed { recordings: "abci_query/GetTopic*", path: "*/value/1/0/3/0", holds: texts, reason: CREATOR },
    Allowed { recordings: "abci_query/GetTopic*", path: "*/value/1/0/27/0", holds: texts, reason: CREATOR },
    Allowed { recordings: "abci_query/GetTopic*", path: "*/value/2/0", holds: texts, reason: MONEY },
    Allowed { recordings: "abci_query/GetTopic*", path: "*/value/3/0", holds: texts, reason: MONEY },
    Allowed { recordings: "abci_query/GetTopic*", path: "*/value/4/0", holds: texts, reason: MONEY },
    Allowed {
        recordings: "abci_query/GetSyncing.no_block_yet",
        path: "/result/response/*",
        holds: any,
        reason: "a chain can be asked before its first block here, so that a test can set it up by hand",
    },
];

const MINT: &str = "the mint, the distribution of its money, and what topics earn are not modelled";
const REGRETS: &str = "regrets and what follows from them are not modelled: workers never ask for them";

/// Kinds of events that a real block has at its end, and this one has not.
pub const UNMODELLED: &[(&str, &str)] = &[
    ("coin_spent", MINT),
    ("coin_received", MINT),
    ("transfer", MINT),
    ("message", MINT),
    ("commission", MINT),
    ("rewards", MINT),
    ("*EventRewardCurrentBlockEmission", MINT),
    ("*EventEmissionInfo", MINT),
    ("*EventTopicWeightUpdated", MINT),
    ("*EventTopicFeeRevenueDripped", MINT),
    ("*EventTopicRewardsSet", MINT),
    ("*EventAddStake", MINT),
    ("*EventReputerStakeUpdated", MINT),
    ("*Regret*", REGRETS),
    ("*EventNetworkInferenceInferer*", REGRETS),
    ("*EventTopicInitial*", REGRETS),
    ("*EventInfererWeightsSet", REGRETS),
    ("*EventListeningCoefficientsSet", REGRETS),
    ("*EventForecastTaskScoreSet", REGRETS),
    ("*EventPruneRecords", REGRETS),
    (
        "*EventReputerSubmissionWindowClosed",
        "nothing is told of reputers' windows for nonces that nobody answered",
    ),
];

/// Recordings that another test holds the chain to, or that are of no chain's answers.
pub const ELSEWHERE: &[(&str, &str)] = &[
    (
        "*_log",
        "logs of restarts and of a sync: the faults `restart`, `crash` and `catching_up`, in tests/devnet",
    ),
    (
        "restart_in_window",
        "logs of restarts and of a sync: the faults `restart`, `crash` and `catching_up`, in tests/devnet",
    ),
    ("websocket/acks_and_errors", "what connections are told: tests/devnet/websocket.rs"),
    ("websocket/error_frame_at_stop", "what connections are told: tests/devnet/websocket.rs"),
    ("status_ahead_of_query", "two calls around a commit: here both are of one block"),
    (
        "decimals_on_chain",
        "numbers, which one function reads for chain and client: src/chain/payload/canonical.rs",
    ),
    (
        "tx/whitelist_worker*",
        "a message of topic creators: lists of workers are kept by `devnet_setWhitelisted` here",
    ),
    ("abci_query/EmissionInfo", "modules that no worker asks: mint, staking"),
    ("abci_query/staking.Validator", "modules that no worker asks: mint, staking"),
    (
        "block_results.reputer_closing",
        "what losses come to: simpler scores and rewards, in src/devnet/app/tests/payload.rs",
    ),
    (
        "websocket/nbe_reputer_closing",
        "what losses come to: simpler scores and rewards, in src/devnet/app/tests/payload.rs",
    ),
    ("tx/tx_too_large", "what the HTTP server refuses: tests/devnet/methods.rs"),
];
