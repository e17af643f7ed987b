//! Scores of workers and reputers.

/// `emissions.v3.Score`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Score {
    /// The topic.
    #[prost(uint64, tag = "1")]
    pub topic_id: u64,
    /// The nonce it was given for; 0 when the address was never scored.
    #[prost(int64, tag = "2")]
    pub block_height: i64,
    /// Whose score.
    #[prost(string, tag = "3")]
    pub address: String,
    /// Dec.
    #[prost(string, tag = "4")]
    pub score: String,
}

/// `emissions.v3.Scores`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Scores {
    /// In the chain's order.
    #[prost(message, repeated, tag = "1")]
    pub scores: Vec<Score>,
}
