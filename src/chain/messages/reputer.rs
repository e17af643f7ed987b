//! What a reputer submits, and the same shape as v9 chains answer it.

use super::{ReputerRequestNonce, messages};

messages!(InsertReputerPayloadRequest);

/// Submits the losses of one nonce.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InsertReputerPayloadRequest {
    /// Signer of the transaction, who pays the fees.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The signed losses.
    #[prost(message, optional, tag = "2")]
    pub reputer_value_bundle: Option<InputReputerValueBundle>,
}

/// `emissions.v9.InputReputerValueBundle`, under v10 messages too.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InputReputerValueBundle {
    /// The signed part.
    #[prost(message, optional, tag = "1")]
    pub value_bundle: Option<ValueBundle>,
    /// 64 bytes, r then s, low s, over SHA-256 of `value_bundle` as the chain marshals it.
    #[prost(bytes = "vec", tag = "2")]
    #[cfg_attr(test, serde(with = "super::tests::hexed"))]
    pub signature: Vec<u8>,
    /// The compressed public key as 66 hex digits.
    #[prost(string, tag = "3")]
    pub pubkey: String,
}

/// One value for each way to combine the workers of a nonce: losses as a reputer sends them
/// (`emissions.v9.InputValueBundle`), or inferences as a v9 chain answers them (`emissions.v3.ValueBundle`).
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct ValueBundle {
    /// The topic.
    #[prost(uint64, tag = "1")]
    pub topic_id: u64,
    /// The worker nonce that this is about.
    #[prost(message, optional, tag = "2")]
    pub reputer_request_nonce: Option<ReputerRequestNonce>,
    /// Address of the reputer's key.
    #[prost(string, tag = "3")]
    pub reputer: String,
    /// Free.
    #[prost(bytes = "vec", tag = "4")]
    #[cfg_attr(test, serde(with = "super::tests::hexed"))]
    pub extra_data: Vec<u8>,
    /// Dec. Of the network's inference.
    #[prost(string, tag = "5")]
    pub combined_value: String,
    /// Of each inferer; not empty when sent.
    #[prost(message, repeated, tag = "6")]
    pub inferer_values: Vec<WorkerAttributedValue>,
    /// Of each forecaster.
    #[prost(message, repeated, tag = "7")]
    pub forecaster_values: Vec<WorkerAttributedValue>,
    /// Dec. Of the network's inference without forecasters.
    #[prost(string, tag = "8")]
    pub naive_value: String,
    /// Of the network's inference without one inferer.
    #[prost(message, repeated, tag = "9")]
    pub one_out_inferer_values: Vec<WorkerAttributedValue>,
    /// Of the network's inference without one forecaster.
    #[prost(message, repeated, tag = "10")]
    pub one_out_forecaster_values: Vec<WorkerAttributedValue>,
    /// Of the naive inference with one forecaster.
    #[prost(message, repeated, tag = "11")]
    pub one_in_forecaster_values: Vec<WorkerAttributedValue>,
    /// Of one forecaster's inference without one inferer.
    #[prost(message, repeated, tag = "12")]
    pub one_out_inferer_forecaster_values: Vec<OneOutInfererForecasterValues>,
}

/// A value with the worker it belongs to, or whose absence it measures.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct WorkerAttributedValue {
    /// The worker's address.
    #[prost(string, tag = "1")]
    pub worker: String,
    /// Dec.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Values of one forecaster without each of the inferers. Fields 1 and 2 do not exist.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct OneOutInfererForecasterValues {
    /// The forecaster's address.
    #[prost(string, tag = "3")]
    pub forecaster: String,
    /// One for each inferer that is left out.
    #[prost(message, repeated, tag = "4")]
    pub one_out_inferer_values: Vec<WorkerAttributedValue>,
}
