//! gRPC services that speak of the node rather than of a module: Simulate, GetTx, blocks.

use cosmrs::{
    Any,
    proto::{
        cosmos::{
            base::{
                abci::v1beta1::{GasInfo, Result as SdkResult, TxMsgData, TxResponse},
                node::v1beta1::{ConfigRequest, ConfigResponse, StatusRequest, StatusResponse},
                tendermint::v1beta1::{
                    Block as SdkBlock, GetBlockByHeightRequest, GetBlockByHeightResponse,
                    GetLatestBlockRequest, GetLatestBlockResponse, GetNodeInfoRequest, GetNodeInfoResponse,
                    GetSyncingRequest, GetSyncingResponse, Header as SdkHeader, VersionInfo,
                },
            },
            tx::v1beta1::{
                GetTxRequest, GetTxResponse, SimulateRequest, SimulateResponse, Tx as SdkTx, TxRaw,
            },
        },
        tendermint,
    },
};
use prost::{Message as _, Name as _};
use sha2::{Digest as _, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    App, Delivered, Standpoint,
    answer::{Answer, answer, invalid_argument, not_found, unknown, unknown_path},
    execute::proposer,
    gas, source,
    state::State,
};
use crate::{
    chain::tx::TxHash,
    devnet::abci::{Event, ExecTxResult},
};

/// Whether this module answers for a service.
pub(super) fn has(service: &str) -> bool {
    matches!(
        service,
        "cosmos.tx.v1beta1.Service"
            | "cosmos.base.tendermint.v1beta1.Service"
            | "cosmos.base.node.v1beta1.Service"
    )
}

impl App {
    /// Answers a service of the node.
    pub(super) fn node_query(
        &self,
        standpoint: Standpoint<'_>,
        service: &str,
        method: &str,
        data: &[u8],
        state: &State,
    ) -> Answer {
        match (service, method) {
            ("cosmos.tx.v1beta1.Service", "Simulate") => answer(data, |request: SimulateRequest| {
                let bytes = tx_bytes(request);
                if bytes.is_empty() {
                    return Err(invalid_argument("empty txBytes is not allowed"));
                }
                let result = self.simulate_from(standpoint, &bytes);
                if result.code != 0 {
                    let (log, gas) = (result.log, result.gas_used.max(gas::QUERY));
                    let place = source::place(&log);
                    return Err(unknown(format!("{log} [{place}] with gas used: '{gas}'")));
                }
                Ok(simulated(result))
            }),
            ("cosmos.tx.v1beta1.Service", "GetTx") => answer(data, |request: GetTxRequest| {
                if request.hash.is_empty() {
                    return Err(invalid_argument("tx hash cannot be empty"));
                }
                let hash = request.hash.parse::<TxHash>().ok();
                let delivered = hash
                    .and_then(|hash| self.delivered(&hash))
                    .filter(|delivered| delivered.height <= standpoint.height);
                let delivered =
                    delivered.ok_or_else(|| not_found(format!("tx not found: {}", request.hash)))?;
                Ok(get_tx(&request.hash, delivered))
            }),
            ("cosmos.base.node.v1beta1.Service", "Config") => answer(data, |_: ConfigRequest| {
                Ok(ConfigResponse {
                    pruning_keep_recent: "0".into(),
                    pruning_interval: "0".into(),
                    ..Default::default()
                })
            }),
            ("cosmos.base.node.v1beta1.Service", "Status") => answer(data, |_: StatusRequest| {
                Ok(StatusResponse {
                    height: state.height,
                    timestamp: Some(timestamp(state.time)),
                    app_hash: self.app_hash.to_vec(),
                    validator_hash: Sha256::digest(proposer().to_string()).to_vec(),
                    ..Default::default()
                })
            }),
            ("cosmos.base.tendermint.v1beta1.Service", "GetNodeInfo") => {
                answer(data, |_: GetNodeInfoRequest| Ok(self.node_info(standpoint)))
            }
            ("cosmos.base.tendermint.v1beta1.Service", "GetSyncing") => {
                answer(data, |_: GetSyncingRequest| {
                    Ok(GetSyncingResponse { syncing: standpoint.catching_up })
                })
            }
            ("cosmos.base.tendermint.v1beta1.Service", "GetLatestBlock") => {
                answer(data, |_: GetLatestBlockRequest| {
                    Ok(GetLatestBlockResponse {
                        sdk_block: Some(self.sdk_block(state)),
                        ..Default::default()
                    })
                })
            }
            ("cosmos.base.tendermint.v1beta1.Service", "GetBlockByHeight") => {
                answer(data, |request: GetBlockByHeightRequest| {
                    let height = u64::try_from(request.height).ok();
                    let state = height
                        .filter(|height| *height <= standpoint.height)
                        .and_then(|height| self.state_at(height));
                    let state = state.ok_or_else(|| {
                        invalid_argument("requested block height is bigger then the chain length")
                    })?;
                    Ok(GetBlockByHeightResponse {
                        sdk_block: Some(self.sdk_block(state)),
                        ..Default::default()
                    })
                })
            }
            _ => unknown_path(),
        }
    }

    fn node_info(&self, standpoint: Standpoint<'_>) -> GetNodeInfoResponse {
        GetNodeInfoResponse {
            default_node_info: Some(tendermint::p2p::DefaultNodeInfo {
                network: standpoint.chain_id.into(),
                version: "0.38.19".into(),
                moniker: "local".into(),
                ..Default::default()
            }),
            application_version: Some(VersionInfo {
                name: "allora".into(),
                app_name: "allorad".into(),
                version: self.version().into(),
                cosmos_sdk_version: "v0.50.14".into(),
                ..Default::default()
            }),
        }
    }

    fn sdk_block(&self, state: &State) -> SdkBlock {
        SdkBlock {
            header: Some(SdkHeader {
                chain_id: self.chain_id().into(),
                height: super::emissions::topic::signed(state.height),
                time: Some(timestamp(state.time)),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

fn timestamp(time: OffsetDateTime) -> tendermint::google::protobuf::Timestamp {
    let nanos = i32::try_from(time.nanosecond()).unwrap_or(0);
    tendermint::google::protobuf::Timestamp { seconds: time.unix_timestamp(), nanos }
}

/// The transaction of a request, in the field that is used now or in the older one.
fn tx_bytes(request: SimulateRequest) -> Vec<u8> {
    #[allow(deprecated)]
    match request.tx {
        Some(tx) if request.tx_bytes.is_empty() => {
            let raw = TxRaw {
                body_bytes: tx.body.map(|body| body.encode_to_vec()).unwrap_or_default(),
                auth_info_bytes: tx.auth_info.map(|info| info.encode_to_vec()).unwrap_or_default(),
                signatures: tx.signatures,
            };
            raw.encode_to_vec()
        }
        _ => request.tx_bytes,
    }
}

fn simulated(result: ExecTxResult) -> SimulateResponse {
    let msg_responses =
        TxMsgData::decode(result.data.as_slice()).map(|data| data.msg_responses).unwrap_or_default();
    #[allow(deprecated)]
    SimulateResponse {
        // No limit holds.
        gas_info: Some(GasInfo { gas_wanted: u64::MAX, gas_used: result.gas_used }),
        result: Some(SdkResult {
            data: result.data,
            log: result.log,
            events: result.events.iter().map(|of| event(of, false)).collect(),
            msg_responses,
        }),
    }
}

fn get_tx(hash: &str, delivered: &Delivered) -> GetTxResponse {
    let result = &delivered.result;
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let tx = SdkTx::decode(delivered.bytes.as_slice()).ok();
    GetTxResponse {
        tx_response: Some(TxResponse {
            height: signed(delivered.height),
            txhash: hash.to_uppercase(),
            codespace: result.codespace.clone(),
            code: result.code,
            data: hex::encode_upper(&result.data),
            raw_log: result.log.clone(),
            gas_wanted: signed(result.gas_wanted),
            gas_used: signed(result.gas_used),
            tx: Some(Any { type_url: SdkTx::type_url(), value: delivered.bytes.clone() }),
            timestamp: delivered.time.format(&Rfc3339).unwrap_or_default(),
            events: result.events.iter().map(|of| event(of, true)).collect(),
            ..Default::default()
        }),
        tx,
    }
}

/// Events of a block are indexed, those of a simulation are not.
fn event(event: &Event, index: bool) -> tendermint::abci::Event {
    let attributes = event.attributes.iter().map(|(key, value)| tendermint::abci::EventAttribute {
        key: key.clone(),
        value: value.clone(),
        index,
    });
    tendermint::abci::Event { r#type: event.kind.clone(), attributes: attributes.collect() }
}
