//! What a worker submits in its window.

use super::{Nonce, messages};

messages!(InsertWorkerPayloadRequest);

/// Submits an inference, a forecast, or both.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InsertWorkerPayloadRequest {
    /// Signer of the transaction, who pays the fees.
    #[prost(string, tag = "1")]
    pub sender: String,
    /// The signed payload.
    #[prost(message, optional, tag = "2")]
    pub worker_data_bundle: Option<InputWorkerDataBundle>,
}

/// A payload with the worker's signature over it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InputWorkerDataBundle {
    /// Address of `pubkey`.
    #[prost(string, tag = "1")]
    pub worker: String,
    /// The window that this answers.
    #[prost(message, optional, tag = "2")]
    pub nonce: Option<Nonce>,
    /// The topic.
    #[prost(uint64, tag = "3")]
    pub topic_id: u64,
    /// The signed part.
    #[prost(message, optional, tag = "4")]
    pub inference_forecasts_bundle: Option<InputInferenceForecastBundle>,
    /// 64 bytes, r then s, low s, over SHA-256 of `inference_forecasts_bundle` as the chain marshals it.
    #[prost(bytes = "vec", tag = "5")]
    #[cfg_attr(test, serde(with = "super::tests::hexed"))]
    pub inferences_forecasts_bundle_signature: Vec<u8>,
    /// The compressed public key as 66 hex digits.
    #[prost(string, tag = "6")]
    pub pubkey: String,
}

/// The part of a payload that the worker signs. At least one of the two is there.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InputInferenceForecastBundle {
    /// The worker's own inference.
    #[prost(message, optional, tag = "1")]
    pub inference: Option<InputInference>,
    /// What it thinks of the others' inferences.
    #[prost(message, optional, tag = "2")]
    pub forecast: Option<InputForecast>,
}

/// An inference as a worker sends it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InputInference {
    /// The bundle's topic.
    #[prost(uint64, tag = "1")]
    pub topic_id: u64,
    /// The bundle's nonce.
    #[prost(int64, tag = "2")]
    pub block_height: i64,
    /// The bundle's worker.
    #[prost(string, tag = "3")]
    pub inferer: String,
    /// Dec. v9: the inference. v10: the text `0`, as the inference is in `values`.
    #[prost(string, tag = "4")]
    pub value: String,
    /// Free.
    #[prost(bytes = "vec", tag = "5")]
    #[cfg_attr(test, serde(with = "super::tests::hexed"))]
    pub extra_data: Vec<u8>,
    /// Free.
    #[prost(string, tag = "6")]
    pub proof: String,
    /// v10: the inference, one element for each label; `y` on a topic of one output. v9 has no such
    /// field, so it stays empty there.
    #[prost(message, repeated, tag = "7")]
    pub values: Vec<InputLabeledValue>,
}

/// One output of an inference (v10).
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InputLabeledValue {
    /// The label as the user writes it; the chain makes it canonical after it has checked the signature.
    #[prost(string, tag = "1")]
    pub label: String,
    /// Dec.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Losses that a worker foresees for other workers' inferences.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InputForecast {
    /// The bundle's topic.
    #[prost(uint64, tag = "1")]
    pub topic_id: u64,
    /// The bundle's nonce.
    #[prost(int64, tag = "2")]
    pub block_height: i64,
    /// The bundle's worker.
    #[prost(string, tag = "3")]
    pub forecaster: String,
    /// One for each inferer; the chain keeps the first of a doubled address.
    #[prost(message, repeated, tag = "4")]
    pub forecast_elements: Vec<InputForecastElement>,
    /// Free.
    #[prost(bytes = "vec", tag = "5")]
    #[cfg_attr(test, serde(with = "super::tests::hexed"))]
    pub extra_data: Vec<u8>,
}

/// The loss that is foreseen for one inferer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct InputForecastElement {
    /// The inferer's address.
    #[prost(string, tag = "1")]
    pub inferer: String,
    /// Dec.
    #[prost(string, tag = "2")]
    pub value: String,
}
