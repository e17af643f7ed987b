//! A topic.

/// A topic as the chain keeps it. Fields 4, 6, 7 and 11 do not exist; 23 to 30 are there from v10 on.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Topic {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Address of its creator.
    #[prost(string, tag = "2")]
    pub creator: String,
    /// A text for people.
    #[prost(string, tag = "3")]
    pub metadata: String,
    /// `mse`, `zptae`, ...
    #[prost(string, tag = "5")]
    pub loss_method: String,
    /// Height of the last worker nonce.
    #[prost(int64, tag = "8")]
    pub epoch_last_ended: i64,
    /// Blocks from one worker nonce to the next.
    #[prost(int64, tag = "9")]
    pub epoch_length: i64,
    /// Blocks until the truth of a nonce is known.
    #[prost(int64, tag = "10")]
    pub ground_truth_lag: i64,
    /// Dec.
    #[prost(string, tag = "12")]
    pub p_norm: String,
    /// Dec.
    #[prost(string, tag = "13")]
    pub alpha_regret: String,
    /// Whether an inference may be negative.
    #[prost(bool, tag = "14")]
    pub allow_negative: bool,
    /// Dec.
    #[prost(string, tag = "15")]
    pub epsilon: String,
    /// Dec.
    #[prost(string, tag = "16")]
    pub initial_regret: String,
    /// Blocks after the nonce in which a payload may still be included, the last one too.
    #[prost(int64, tag = "17")]
    pub worker_submission_window: i64,
    /// Dec.
    #[prost(string, tag = "18")]
    pub merit_sortition_alpha: String,
    /// Dec.
    #[prost(string, tag = "19")]
    pub active_inferer_quantile: String,
    /// Dec.
    #[prost(string, tag = "20")]
    pub active_forecaster_quantile: String,
    /// Dec.
    #[prost(string, tag = "21")]
    pub active_reputer_quantile: String,
    /// Dec.
    #[prost(string, tag = "22")]
    pub c_norm: String,
    /// What is predicted.
    #[prost(enumeration = "TopicType", tag = "23")]
    pub topic_type: i32,
    /// How many outputs an inference has.
    #[prost(enumeration = "TopicOutputArity", tag = "24")]
    pub output_arity: i32,
    /// Whether the outputs of an inference must sum to 1.
    #[prost(bool, tag = "25")]
    pub require_unity: bool,
    /// Dec. How far from 1 the sum may be, the bound included.
    #[prost(string, tag = "26")]
    pub unity_tolerance: String,
    /// Most outputs of an inference.
    #[prost(uint64, tag = "27")]
    pub max_labels_per_submission: u64,
    /// Canonical names that outputs may have; empty allows any.
    #[prost(string, repeated, tag = "28")]
    pub label_whitelist: Vec<String>,
    /// Dec. What an output counts as that an inference leaves out.
    #[prost(string, tag = "29")]
    pub label_default_value: String,
    /// Whether `Up` and `up` are two outputs.
    #[prost(bool, tag = "30")]
    pub label_case_sensitive: bool,
}

/// What a topic predicts. v9 chains leave it at `Unspecified`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum TopicType {
    /// Not said.
    Unspecified = 0,
    /// Numbers.
    Regression = 1,
    /// Weights of classes.
    Classification = 2,
}

/// How many outputs an inference has. v9 chains leave it at `Unspecified` and know single only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum TopicOutputArity {
    /// Not said.
    Unspecified = 0,
    /// One, with the label `y`.
    Single = 1,
    /// One for each label.
    Multi = 2,
}
