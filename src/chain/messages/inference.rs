//! Inferences and forecasts as the chain answers them.

/// What the network inferred at one nonce (v10). v9 answers a [`super::ValueBundle`] instead.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct NetworkInferenceBundle {
    /// The topic.
    #[prost(uint64, tag = "1")]
    pub topic_id: u64,
    /// The worker nonce.
    #[prost(int64, tag = "2")]
    pub nonce: i64,
    /// The network's inference.
    #[prost(message, repeated, tag = "3")]
    pub combined_value: Vec<LabeledValue>,
    /// Of each inferer.
    #[prost(message, repeated, tag = "4")]
    pub inferer_values: Vec<WorkerInference>,
    /// Implied by each forecaster.
    #[prost(message, repeated, tag = "5")]
    pub forecaster_values: Vec<WorkerInference>,
    /// The network's inference without forecasters.
    #[prost(message, repeated, tag = "6")]
    pub naive_value: Vec<LabeledValue>,
    /// Without one inferer.
    #[prost(message, repeated, tag = "7")]
    pub one_out_inferer_values: Vec<OneOutInfererValue>,
    /// Without one forecaster.
    #[prost(message, repeated, tag = "8")]
    pub one_out_forecaster_values: Vec<OneOutForecasterValue>,
    /// The naive inference with one forecaster.
    #[prost(message, repeated, tag = "9")]
    pub one_in_forecaster_values: Vec<OneInForecasterValue>,
    /// One forecaster's inference without one inferer.
    #[prost(message, repeated, tag = "10")]
    pub one_out_inferer_forecaster_values: Vec<OneOutInfererForecasterValue>,
}

/// One output with the label that the epoch's registry knows it by.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct LabeledValue {
    /// From 1, in the order of first appearance in the epoch.
    #[prost(uint32, tag = "1")]
    pub label_id: u32,
    /// Canonical form.
    #[prost(string, tag = "2")]
    pub label_name: String,
    /// Dec.
    #[prost(string, tag = "3")]
    pub value: String,
}

/// The inference of one worker.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct WorkerInference {
    /// The worker's address.
    #[prost(string, tag = "1")]
    pub worker: String,
    /// Its outputs.
    #[prost(message, repeated, tag = "2")]
    pub values: Vec<LabeledValue>,
}

/// The network's inference without one inferer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct OneOutInfererValue {
    /// Who is left out.
    #[prost(string, tag = "1")]
    pub withheld_inferer: String,
    /// The outputs.
    #[prost(message, repeated, tag = "2")]
    pub combined_inference: Vec<LabeledValue>,
}

/// The network's inference without one forecaster.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct OneOutForecasterValue {
    /// Who is left out.
    #[prost(string, tag = "1")]
    pub withheld_forecaster: String,
    /// The outputs.
    #[prost(message, repeated, tag = "2")]
    pub combined_inference: Vec<LabeledValue>,
}

/// The naive inference with one forecaster.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct OneInForecasterValue {
    /// Who is added.
    #[prost(string, tag = "1")]
    pub forecaster: String,
    /// The outputs.
    #[prost(message, repeated, tag = "2")]
    pub combined_inference: Vec<LabeledValue>,
}

/// One forecaster's inference without one inferer.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct OneOutInfererForecasterValue {
    /// The forecaster.
    #[prost(string, tag = "1")]
    pub forecaster: String,
    /// Who is left out.
    #[prost(string, tag = "2")]
    pub withheld_inferer: String,
    /// The outputs.
    #[prost(message, repeated, tag = "3")]
    pub combined_inference: Vec<LabeledValue>,
}

/// A stored inference. v9 answers `emissions.v3.Inference`, which has `value` and no `values`; v10 the reverse.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Inference {
    /// The topic.
    #[prost(uint64, tag = "1")]
    pub topic_id: u64,
    /// The nonce.
    #[prost(int64, tag = "2")]
    pub block_height: i64,
    /// The worker's address.
    #[prost(string, tag = "3")]
    pub inferer: String,
    /// Dec. v9 only.
    #[prost(string, tag = "4")]
    #[cfg_attr(test, serde(skip_serializing_if = "String::is_empty"))]
    pub value: String,
    /// Free.
    #[prost(bytes = "vec", tag = "5")]
    #[cfg_attr(test, serde(with = "super::tests::hexed"))]
    pub extra_data: Vec<u8>,
    /// Free.
    #[prost(string, tag = "6")]
    pub proof: String,
    /// Dec, one for each label id in order. v10 only.
    #[prost(string, repeated, tag = "7")]
    #[cfg_attr(test, serde(skip_serializing_if = "Vec::is_empty"))]
    pub values: Vec<String>,
}

/// A list of stored inferences.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Inferences {
    /// In the chain's order.
    #[prost(message, repeated, tag = "1")]
    pub inferences: Vec<Inference>,
}

/// `emissions.v3.Forecasts`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Forecasts {
    /// A stored forecast has the shape of a sent one.
    #[prost(message, repeated, tag = "1")]
    pub forecasts: Vec<super::InputForecast>,
}
