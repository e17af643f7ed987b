//! Answers of a node: the JSON-RPC of every method that a worker calls, and the protobuf messages in it.
#![no_main]

use std::hint::black_box;

use bootstrap::bundle::FeeTier;
use bootstrap::chain::decimal::Decimal;
use bootstrap::chain::delivered::DeliveredTx;
use bootstrap::chain::fees::{GasEvidence, GasKind, gas_limit};
use bootstrap::chain::gas_price::GasPrice;
use bootstrap::chain::messages::feemarket::GasPriceRequest;
use bootstrap::chain::messages::query::{
    GetInferencesAtBlockRequest, GetLatestNetworkInferencesRequest, GetOpenWorkerSubmissionWindowsRequest,
    GetParamsRequest, GetTopicRequest, GetWorkerLatestInputInferenceByTopicIdRequest,
    GetWorkerSubmissionWindowStatusRequest, IsTopicActiveRequest, v9,
};
use bootstrap::chain::messages::{EmissionsVersion, Query};
use bootstrap::chain::outcome::Stage;
use bootstrap::chain::rpc::{AbciAnswer, CheckTxAnswer, NodeStatus, RpcError, decode};
use bootstrap::chain::tx::TxHash;
use bootstrap::chain::typed_event::TypedEvent;
use bootstrap_fuzz::{look_at, verdicts};
use cosmrs::proto::cosmos::auth::v1beta1::QueryAccountInfoRequest;
use cosmrs::proto::cosmos::bank::v1beta1::QueryBalanceRequest;
use cosmrs::proto::cosmos::tx::v1beta1::SimulateRequest;
use libfuzzer_sys::fuzz_target;
use tendermint_rpc::endpoint::{abci_query, block, block_results, broadcast, status, tx};

// A panic that is caught is none; libFuzzer's hook would end the process at once.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    // The first byte says what was asked.
    let Some((&asked, body)) = bytes.split_first() else { return };
    let read = match asked % 7 {
        0 => decode::<status::Request>("node", body).map(|answer| drop(black_box(NodeStatus::from(answer)))),
        1 => decode::<broadcast::tx_sync::Request>("node", body).map(|answer| {
            let CheckTxAnswer { code, codespace, log } = answer.into();
            verdicts(&codespace, code.into(), &log);
        }),
        2 => decode::<tx::Request>("node", body)
            .map(|answer| look_at(&DeliveredTx::found(TxHash::of(body), answer))),
        3 => decode::<abci_query::Request>("node", body).map(|answer| {
            let answer = AbciAnswer::from(answer);
            verdicts(&answer.codespace, answer.code.into(), &answer.log);
            messages(&answer);
        }),
        4 => decode::<block::Request>("node", body).map(|answer| {
            let hashes = answer.block.data.iter().map(|tx| TxHash::of(tx));
            black_box((answer.block.header.height.value(), hashes.collect::<Vec<_>>()));
        }),
        5 => decode::<block_results::Request>("node", body).map(results),
        // Without the JSON and base64 around it, which few mutations would get through.
        _ => {
            let value = body.to_vec();
            messages(&AbciAnswer { code: 0, codespace: String::new(), log: String::new(), value, height: 1 });
            Ok(())
        }
    };
    if let Err(RpcError::Refused { code, message, .. }) = read {
        verdicts("", code, &message);
    }
});

/// Looks at what came of each transaction of a block, and for the window that the block opened.
fn results(answer: block_results::Response) {
    let height = answer.height.value();
    for result in answer.txs_results.unwrap_or_default() {
        look_at(&DeliveredTx::new(TxHash::of(b"any"), height, result));
    }
    let events = answer.finalize_block_events.into_iter().filter_map(TypedEvent::from_abci);
    black_box(events.filter_map(|event| event.opening(1, height)).count());
}

/// Reads the value as the answer to each query, and reckons with its numbers. Of the queries that v9 answers otherwise,
/// both.
fn messages(answer: &AbciAnswer) {
    let network =
        read::<GetLatestNetworkInferencesRequest>(answer).and_then(|answer| answer.network_inferences);
    let labeled = network.unwrap_or_default().inferer_values.into_iter().flat_map(|inferer| inferer.values);
    labeled.for_each(|labeled| decimal(&labeled.value));
    let network =
        read::<v9::GetLatestNetworkInferencesRequest>(answer).and_then(|answer| answer.network_inferences);
    network.unwrap_or_default().inferer_values.iter().for_each(|inferer| decimal(&inferer.value));
    read::<GetWorkerLatestInputInferenceByTopicIdRequest>(answer);
    read::<v9::GetWorkerLatestInferenceByTopicIdRequest>(answer);
    read::<IsTopicActiveRequest>(answer);
    read::<GetWorkerSubmissionWindowStatusRequest>(answer);
    read::<GetOpenWorkerSubmissionWindowsRequest>(answer);
    read::<GetParamsRequest>(answer);
    read::<GetTopicRequest>(answer);
    read::<GetInferencesAtBlockRequest>(answer);
    read::<QueryAccountInfoRequest>(answer);
    read::<QueryBalanceRequest>(answer);
    if let Some(gas) = read::<SimulateRequest>(answer).and_then(|simulated| simulated.gas_info) {
        let evidence = GasEvidence { simulated: Some(gas.gas_used), last_used: None };
        black_box(gas_limit(GasKind::Payload, evidence));
    }
    if let Some(price) = read::<GasPriceRequest>(answer).and_then(|answer| answer.price)
        && let Ok(price) = price.amount.parse().map(GasPrice::from_scaled)
    {
        black_box(price.offer(u64::MAX, FeeTier::Priority));
    }
}

fn decimal(value: &str) {
    black_box(value.parse::<Decimal>().is_ok_and(|number| number.check_range().is_ok()));
}

fn read<Q: Query>(answer: &AbciAnswer) -> Option<Q::Response> {
    // The version says where a query goes, and its type how the answer is read.
    answer.clone().message::<Q>(EmissionsVersion::V10, Stage::Query).ok()
}
