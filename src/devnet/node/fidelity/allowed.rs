//! The differences that may be, each with its reason.

use serde_json::Value;

use super::likeness::{
    amounts, as_many_decimals, cut_off, cut_short, decimals, no_time_here, nothing_here, of_a_socket,
    other_port, places, proposers, results_later, same_but_gas, same_decimal, same_decimals, same_form,
    same_losses, shares, texts, within_5_percent,
};

/// Differences of one kind.
pub struct Allowed {
    /// Names of the recordings, one after the other, with `*` for anything.
    pub recordings: &'static str,
    /// Paths in the answers, likewise. Each of them must differ in a recording of each name.
    pub paths: &'static str,
    /// What must still be true of both values.
    pub holds: fn(&Value, &Value) -> bool,
    /// Why.
    pub reason: &'static str,
}

const HASHES: &str =
    "hashes, signatures and times are those of other blocks, keys those of another validator";
const GAS: &str = "gas is made of constants here: it is within 5 % of what a real node counts";
const SPLIT: &str = "the fee is split by the gas that was used, and the proposer is another";
const SCORES: &str = "scores and rewards: the formulas here are simpler, and the histories differ";
const ZEROS: &str = "the number is the same: an exact one has no zeros to fill its digits up here";
const LONGER: &str = "the recorded chain scored more windows than the scene";
const PARTS: &str =
    "of the node only what clients read is told where gRPC is needed: `status` tells the rest";
const CREATOR: &str = "what the topic's creator chose";
const MONEY: &str = "money and weight of a topic, which grow with what the mint pays";
const OTHER_NODE: &str = "the recorded node was the second on its machine, and no validator";
const NAME: &str = "what a node's owner calls it";
const NO_TIME: &str = "the validator was there from the start, of which the application has no time";
const LATER: &str = "it was asked later";
const AT_ONCE: &str = "a block and its results come at once here";
const MINTED: &str = "nothing is minted here, and one account of many holds the stake";
const ANOTHER_TX: &str = "its block held another transaction, which is not played";
const SHORT_EPOCHS: &str = "epochs may be shorter here, so that tests are quick";
const CUT: &str = "the record cuts long numbers and long texts short, and a simulation wraps them";
const SOCKETS: &str = "what a client makes of a socket that is cut, and what was done to the node: \
    tests/devnet/endpoints.rs and tests/devnet/faults.rs cut them";

/// Recordings with the header of a block.
const HEADERS: &str =
    "block.latest block.opening commit.latest websocket/hdr websocket/newblock websocket/newblock_opened";
/// Those with its commit as well.
const COMMITS: &str = "block.latest block.opening commit.latest websocket/newblock websocket/newblock_opened";
/// The same in protobuf.
const BLOCKS: &str = "abci_query/GetLatestBlock abci_query/GetBlockByHeight";
const STATUSES: &str = "status status.catching_up";
/// Events of transactions, flat.
const TX_EVENTS: &str =
    "websocket/insert_payload websocket/tx_hash websocket/tx_insert_payload websocket/tx_sender_w5";
const TOPICS: &str = "abci_query/GetTopic abci_query/GetTopic.multi";
/// The end of the block in which a reputer's window closes.
const CLOSINGS: &str = "block_results.reputer_closing websocket/nbe_reputer_closing";
/// The end of the block in which a worker's window opens, of topics whose reputers had a nonce to answer.
const OPENINGS: &str = "block_results.opening websocket/newblock_opened websocket/opened_EXISTS";

/// One row of the table.
const fn row(
    recordings: &'static str,
    paths: &'static str,
    holds: fn(&Value, &Value) -> bool,
    reason: &'static str,
) -> Allowed {
    Allowed { recordings, paths, holds, reason }
}

/// The table. The first row that fits decides.
pub const ALLOWED: &[Allowed] = &[
    row(HEADERS, "*/header/app_hash", same_form, HASHES),
    row(HEADERS, "*/header/last_commit_hash", same_form, HASHES),
    row(HEADERS, "*/header/next_validators_hash", same_form, HASHES),
    row(HEADERS, "*/header/validators_hash", same_form, HASHES),
    row(HEADERS, "*/header/time", same_form, HASHES),
    row(HEADERS, "*/header/proposer_address", same_form, HASHES),
    row(HEADERS, "*/header/last_block_id/hash", same_form, HASHES),
    row(HEADERS, "*/header/last_block_id/parts/hash", same_form, HASHES),
    row(COMMITS, "*/block_id/hash", same_form, HASHES),
    row(COMMITS, "*/block_id/parts/hash", same_form, HASHES),
    row(COMMITS, "*/signatures/0/validator_address", same_form, HASHES),
    row(COMMITS, "*/signatures/0/timestamp", same_form, HASHES),
    row(COMMITS, "*/signatures/0/signature", same_form, HASHES),
    row("websocket/newblock_opened", "*/header/last_results_hash", same_form, ANOTHER_TX),
    row(
        "websocket/newblock websocket/newblock_opened",
        "*/result_finalize_block/app_hash",
        same_form,
        HASHES,
    ),
    row("block_results.*", "/result/app_hash", same_form, HASHES),
    row("abci_info", "/result/response/last_block_app_hash", same_form, HASHES),
    row(STATUSES, "/result/sync_info/latest_block_hash", same_form, HASHES),
    row(STATUSES, "/result/sync_info/latest_app_hash", same_form, HASHES),
    row(STATUSES, "/result/sync_info/latest_block_time", same_form, HASHES),
    row(STATUSES, "/result/sync_info/earliest_block_hash", same_form, HASHES),
    row(STATUSES, "/result/sync_info/earliest_block_time", same_form, HASHES),
    row(STATUSES, "/result/validator_info/address /result/validator_info/pub_key/value", same_form, HASHES),
    row(STATUSES, "/result/node_info/id", same_form, HASHES),
    row(STATUSES, "/result/node_info/moniker", texts, NAME),
    row("status.catching_up", "/result/validator_info/voting_power", amounts, OTHER_NODE),
    row(
        "status.catching_up",
        "/result/node_info/listen_addr /result/node_info/other/rpc_address",
        other_port,
        OTHER_NODE,
    ),
    // Hashes of the application and of the validators, and seconds and their parts.
    row("abci_query/node.Status", "/result/response/value/4/0 /result/response/value/5/0", same_form, HASHES),
    row("abci_query/node.Status", "/result/response/value/3/0/1/0", amounts, HASHES),
    row("abci_query/node.Status", "/result/response/value/3/0/2", nothing_here, HASHES),
    // Of the block's name.
    row(BLOCKS, "/result/response/value/1/0/1/0 /result/response/value/1/0/2/0/2/0", same_form, HASHES),
    // Of both forms of the header: time, the last block's name, hashes, and the proposer.
    row(
        BLOCKS,
        "/result/response/value/2/0/1/0/4/0/1/0 /result/response/value/2/0/1/0/4/0/2/0 \
         /result/response/value/3/0/1/0/4/0/1/0 /result/response/value/3/0/1/0/4/0/2/0",
        amounts,
        HASHES,
    ),
    row(
        BLOCKS,
        "/result/response/value/2/0/1/0/5/0/1/0 /result/response/value/2/0/1/0/5/0/2/0/2/0 \
         /result/response/value/3/0/1/0/5/0/1/0 /result/response/value/3/0/1/0/5/0/2/0/2/0",
        same_form,
        HASHES,
    ),
    row(
        BLOCKS,
        "/result/response/value/2/0/1/0/6/0 /result/response/value/2/0/1/0/8/0 \
         /result/response/value/2/0/1/0/9/0 /result/response/value/2/0/1/0/11/0 \
         /result/response/value/2/0/1/0/14/0 \
         /result/response/value/3/0/1/0/6/0 /result/response/value/3/0/1/0/8/0 \
         /result/response/value/3/0/1/0/9/0 /result/response/value/3/0/1/0/11/0 \
         /result/response/value/3/0/1/0/14/0",
        same_form,
        HASHES,
    ),
    // Of the last commit: the block's name, and who signed it when and how.
    row(
        BLOCKS,
        "/result/response/value/2/0/4/0/3/0/1/0 /result/response/value/2/0/4/0/3/0/2/0/2/0 \
         /result/response/value/3/0/4/0/3/0/1/0 /result/response/value/3/0/4/0/3/0/2/0/2/0",
        same_form,
        HASHES,
    ),
    row(
        BLOCKS,
        "/result/response/value/2/0/4/0/4/0/2/0 /result/response/value/2/0/4/0/4/0/4/0 \
         /result/response/value/3/0/4/0/4/0/2/0 /result/response/value/3/0/4/0/4/0/4/0",
        same_form,
        HASHES,
    ),
    row(
        BLOCKS,
        "/result/response/value/2/0/4/0/4/0/3/0/1/0 /result/response/value/2/0/4/0/4/0/3/0/2/0 \
         /result/response/value/3/0/4/0/4/0/3/0/1/0 /result/response/value/3/0/4/0/4/0/3/0/2/0",
        amounts,
        HASHES,
    ),
    row("abci_query/staking.Validator", "/result/response/value/1/0/2/0/2/0/1/0", same_form, HASHES),
    row("abci_query/staking.Validator", "/result/response/value/1/0/10/0/2/0", no_time_here, NO_TIME),
    row("tx/*.delivered tx_search block_results.closing websocket/*", "*/gas_used", within_5_percent, GAS),
    row("simulate/*", "/result/response/value/1/0/2/0", within_5_percent, GAS),
    row("simulate/*", "/result/response/log", same_but_gas, GAS),
    row("tx/out_of_gas_check", "/result/log", same_but_gas, GAS),
    row("restart_log", "/*/2", same_but_gas, GAS),
    row("*", "*/events/coin_spent/attributes/amount/value", shares, SPLIT),
    row("*", "*/events/coin_received/attributes/amount/value", shares, SPLIT),
    row("*", "*/events/transfer/attributes/amount/value", shares, SPLIT),
    row("*", "*/events/fee_pay/attributes/fee/value", shares, SPLIT),
    row("*", "*/events/tip_pay/attributes/tip/value", shares, SPLIT),
    row("*", "*/events/coin_received/attributes/receiver/value", proposers, SPLIT),
    row(
        "simulate/*",
        "/result/response/value/2/0/3/coin_received/attributes/receiver/value",
        proposers,
        SPLIT,
    ),
    row("*", "*/events/transfer/attributes/recipient/value", proposers, SPLIT),
    row("simulate/*", "/result/response/value/2/0/3/transfer/attributes/recipient/value", proposers, SPLIT),
    row("*", "*/events/tip_pay/attributes/tip_payee/value", proposers, SPLIT),
    row("simulate/*", "/result/response/value/2/0/3/tip_pay/attributes/tip_payee/value", proposers, SPLIT),
    row(TX_EVENTS, "/result/events/coin_spent.amount/2", shares, SPLIT),
    row(TX_EVENTS, "/result/events/coin_received.amount/2", shares, SPLIT),
    row(TX_EVENTS, "/result/events/transfer.amount/2", shares, SPLIT),
    row(TX_EVENTS, "/result/events/fee_pay.fee/0", shares, SPLIT),
    row(TX_EVENTS, "/result/events/tip_pay.tip/0", shares, SPLIT),
    row(TX_EVENTS, "/result/events/coin_received.receiver/2", proposers, SPLIT),
    row(TX_EVENTS, "/result/events/transfer.recipient/2", proposers, SPLIT),
    row(TX_EVENTS, "/result/events/tip_pay.tip_payee/0", proposers, SPLIT),
    row(
        "simulate/payload.not_admitted",
        "/result/response/value/2/0/3/0:emissions.v10.EventEMAScoresSet/attributes/scores/value",
        as_many_decimals,
        SCORES,
    ),
    row(
        "tx/payload_evicts_other.delivered tx/payload_not_admitted.delivered",
        "/result/tx_result/events/0:emissions.v10.EventEMAScoresSet/attributes/scores/value",
        as_many_decimals,
        SCORES,
    ),
    row(
        "abci_query/GetCurrentLowestInfererScore.scored abci_query/GetInfererScoreEma.scored",
        "/result/response/value/1/0/4/0",
        same_decimal,
        ZEROS,
    ),
    row(
        "abci_query/GetWorkerInferenceScoresAtBlock.scored",
        "/result/response/value/1/0/1/0/4/0",
        same_decimal,
        ZEROS,
    ),
    row(
        "abci_query/GetLatestInfererWeight.scored abci_query/GetPreviousInferenceRewardFraction.scored",
        "/result/response/value/1/0",
        same_decimal,
        ZEROS,
    ),
    row(
        "abci_query/GetCurrentLowestInfererScore.scored abci_query/GetInfererScoreEma.scored",
        "/result/response/value/1/0/2/0",
        amounts,
        LONGER,
    ),
    row("abci_query/GetCountInfererInclusionsInTopic.scored", "/result/response/value/1/0", amounts, LONGER),
    row(CLOSINGS, "*EventNetworkLossSet/attributes/bundle/value", same_losses, ZEROS),
    row(CLOSINGS, "*EventScoresSet/attributes/scores/value", same_decimals, ZEROS),
    row(CLOSINGS, "*EventRewardsSettled/attributes/rewards/value", as_many_decimals, SCORES),
    row(
        "websocket/nbe_reputer_closing",
        "/result/events/emissions.v10.EventNetworkLossSet.bundle/0",
        same_losses,
        ZEROS,
    ),
    row(
        "websocket/nbe_reputer_closing",
        "/result/events/emissions.v10.EventScoresSet.scores/*",
        same_decimals,
        ZEROS,
    ),
    row(
        "websocket/nbe_reputer_closing",
        "/result/events/emissions.v10.EventRewardsSettled.rewards/*",
        as_many_decimals,
        SCORES,
    ),
    row("tx/bank_send_fund_poor.delivered", "/result/index", places, ANOTHER_TX),
    row(
        "abci_query/GetParams.v10 abci_query/no_grpc_node.GetParams abci_query/past_height_1",
        "/result/response/value/1/0/7/0",
        amounts,
        SHORT_EPOCHS,
    ),
    row(
        "abci_query/GetNodeInfo",
        "/result/response/value/1/0/1 /result/response/value/1/0/2 /result/response/value/1/0/3 \
         /result/response/value/1/0/6 /result/response/value/1/0/8 /result/response/value/2/0/4 \
         /result/response/value/2/0/5 /result/response/value/2/0/6 /result/response/value/2/0/7",
        nothing_here,
        PARTS,
    ),
    row(TOPICS, "/result/response/value/1/0/3/0", texts, CREATOR),
    row("abci_query/GetTopic", "/result/response/value/1/0/27/0", amounts, CREATOR),
    row(TOPICS, "/result/response/value/2/0", decimals, MONEY),
    row(TOPICS, "/result/response/value/3/0 /result/response/value/4/0", amounts, MONEY),
    row(
        "abci_query/EmissionInfo",
        "/result/response/value/2/0 /result/response/value/3/0 /result/response/value/4/0 \
         /result/response/value/8/0 /result/response/value/13/0 /result/response/value/14/0 \
         /result/response/value/22/0 /result/response/value/23/0 /result/response/value/24/0 \
         /result/response/value/25/0",
        amounts,
        MINTED,
    ),
    row("decimals_on_chain", "/cases/*/signed_as_sent /cases/*/signed_over_canonical", cut_short, CUT),
    row("websocket/acks_and_errors", "/frames/13/result/response/height", amounts, LATER),
    row("restart_log", "/*/2", results_later, AT_ONCE),
    row("restart_in_window", "/8/2", cut_off, CUT),
    row("restart_log restart_in_window catching_up_log", "/*/2", of_a_socket, SOCKETS),
];

const MINT: &str = "the mint, the distribution of its money, and what topics earn are not modelled";
const UNANSWERED: &str = "nothing is told of reputers' windows for nonces that nobody answered";
const REGRETS: &str = "regrets and what follows from them are not modelled: workers never ask for them";

/// Events at the end of a block that are not compared: the recordings, one after the other, the kind, and why.
pub const UNMODELLED: &[(&str, &str, &str)] = &[
    ("*", "coin_spent", MINT),
    ("*", "coin_received", MINT),
    ("*", "transfer", MINT),
    ("*", "message", MINT),
    ("*", "commission", MINT),
    ("*", "rewards", MINT),
    ("*", "mint.v3.EventRewardCurrentBlockEmission", MINT),
    ("*", "mint.v3.EventEmissionInfo", MINT),
    ("*", "emissions.v10.EventTopicWeightUpdated", MINT),
    ("*", "emissions.v10.EventTopicFeeRevenueDripped", MINT),
    ("*", "emissions.v10.EventTopicRewardsSet", MINT),
    ("*", "emissions.v10.EventAddStake", MINT),
    ("*", "emissions.v10.EventReputerStakeUpdated", MINT),
    ("*", "emissions.v10.EventInfererNetworkRegretSet", REGRETS),
    ("*", "emissions.v10.EventNaiveInfererNetworkRegretSet", REGRETS),
    ("*", "emissions.v10.EventRegretStdNormSet", REGRETS),
    ("*", "emissions.v10.EventTopicInitialRegretSet", REGRETS),
    ("*", "emissions.v10.EventTopicInitialEmaScoreSet", REGRETS),
    ("*", "emissions.v10.EventNetworkInferenceInfererRegretsUsedSet", REGRETS),
    ("*", "emissions.v10.EventNetworkInferenceInfererWeightsSet", REGRETS),
    ("*", "emissions.v10.EventInfererWeightsSet", REGRETS),
    ("*", "emissions.v10.EventListeningCoefficientsSet", REGRETS),
    ("*", "emissions.v10.EventForecastTaskScoreSet", REGRETS),
    ("*", "emissions.v10.EventPruneRecords", REGRETS),
    (CLOSINGS, "emissions.v10.EventEMAScoresSet", SCORES),
    (OPENINGS, "emissions.v10.EventReputerSubmissionWindowClosed", UNANSWERED),
];
