//! Which queries Cosmos' own messages belong to.

use cosmrs::proto::cosmos::{
    auth::v1beta1::{
        QueryAccountInfoRequest, QueryAccountInfoResponse, QueryAccountRequest, QueryAccountResponse,
    },
    bank::v1beta1::{
        QueryBalanceRequest, QueryBalanceResponse, QuerySpendableBalanceByDenomRequest,
        QuerySpendableBalanceByDenomResponse,
    },
    base::{
        node::v1beta1::{ConfigRequest, ConfigResponse},
        tendermint::v1beta1::{
            GetLatestBlockRequest, GetLatestBlockResponse, GetNodeInfoRequest, GetNodeInfoResponse,
            GetSyncingRequest, GetSyncingResponse,
        },
    },
    tx::v1beta1::{GetTxRequest, GetTxResponse, SimulateRequest, SimulateResponse},
};

use super::{Query, Service};

macro_rules! queries {
    ($($service:literal { $($method:literal: $request:ident => $response:ident),* $(,)? })*) => { $($(
        impl Query for $request {
            type Response = $response;
            const SERVICE: Service = Service::Fixed($service);
            const METHOD: &'static str = $method;
        }
    )*)* };
}

queries! {
    "cosmos.auth.v1beta1.Query" {
        "AccountInfo": QueryAccountInfoRequest => QueryAccountInfoResponse,
        "Account": QueryAccountRequest => QueryAccountResponse,
    }
    "cosmos.bank.v1beta1.Query" {
        "Balance": QueryBalanceRequest => QueryBalanceResponse,
        "SpendableBalanceByDenom": QuerySpendableBalanceByDenomRequest => QuerySpendableBalanceByDenomResponse,
    }
    // The three below are answered only by nodes that have gRPC or REST turned on.
    "cosmos.tx.v1beta1.Service" {
        "Simulate": SimulateRequest => SimulateResponse,
        "GetTx": GetTxRequest => GetTxResponse,
    }
    "cosmos.base.tendermint.v1beta1.Service" {
        "GetNodeInfo": GetNodeInfoRequest => GetNodeInfoResponse,
        "GetLatestBlock": GetLatestBlockRequest => GetLatestBlockResponse,
        "GetSyncing": GetSyncingRequest => GetSyncingResponse,
    }
    "cosmos.base.node.v1beta1.Service" {
        "Config": ConfigRequest => ConfigResponse,
    }
}
