//! `BroadcastTx`, which only gRPC has: over JSON-RPC it is `broadcast_tx_sync`.

use cosmrs::proto::cosmos::{
    base::abci::v1beta1::TxResponse,
    tx::v1beta1::{BroadcastMode, BroadcastTxRequest, BroadcastTxResponse},
};
use prost::Message as _;
use tonic::Status;

use super::{Answer, status};
use crate::devnet::{
    abci::ExecTxResult,
    node::{block::Hash, mempool::Refused, view::View},
};

/// Sends a transaction. As with a real node, what CheckTx or the mempool says is in the answer, not in the status.
pub(super) fn broadcast_tx(view: &mut View<'_>, data: &[u8]) -> Answer {
    let request = BroadcastTxRequest::decode(data).map_err(|_| status::unreadable())?;
    if request.tx_bytes.is_empty() {
        return Err(Status::invalid_argument("invalid empty tx"));
    }
    let hash = Hash::of(&request.tx_bytes);
    let waits = match request.mode() {
        BroadcastMode::Sync => true,
        BroadcastMode::Async => false,
        BroadcastMode::Unspecified | BroadcastMode::Block => {
            return Err(Status::unknown("unsupported return type unspecified; supported types: sync, async"));
        }
    };
    let checked = match view.broadcast_tx(request.tx_bytes) {
        Ok(checked) if waits => checked,
        Ok(_) => ExecTxResult::default(),
        Err(refused) => {
            let code = code(&refused);
            ExecTxResult { code, codespace: "sdk".into(), ..ExecTxResult::default() }
        }
    };
    Ok(answer(hash, checked))
}

/// What a node says of a transaction that CheckTx refuses.
pub(super) fn refused(data: &[u8], code: u32, codespace: String) -> Answer {
    let request = BroadcastTxRequest::decode(data).map_err(|_| status::unreadable())?;
    let log = "refused by a fault of devnet_fault".into();
    Ok(answer(Hash::of(&request.tx_bytes), ExecTxResult { code, codespace, log, ..ExecTxResult::default() }))
}

/// The SDK's codes for what is an error of JSON-RPC.
fn code(refused: &Refused) -> u32 {
    match refused {
        Refused::InCache => 19,
        Refused::Full { .. } => 20,
        Refused::TooLarge(_) => 21,
    }
}

fn answer(hash: Hash, checked: ExecTxResult) -> tonic::Response<Vec<u8>> {
    let tx_response = TxResponse {
        txhash: hash.to_string(),
        codespace: checked.codespace,
        code: checked.code,
        data: hex::encode_upper(&checked.data),
        raw_log: checked.log,
        ..TxResponse::default()
    };
    tonic::Response::new(BroadcastTxResponse { tx_response: Some(tx_response) }.encode_to_vec())
}
