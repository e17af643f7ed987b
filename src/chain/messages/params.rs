//! Parameters of the emissions module.

/// `emissions.v9.Params`, under v10 too: the fields that a client or a worker's topic depend on.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Params {
    /// `v10`.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Most bytes of a payload.
    #[prost(int64, tag = "2")]
    pub max_serialized_msg_length: i64,
    /// Int, uallo: least stake of a reputer.
    #[prost(string, tag = "5")]
    pub required_minimum_stake: String,
    /// Blocks.
    #[prost(int64, tag = "7")]
    pub min_epoch_length: i64,
    /// Worker nonces that a topic keeps open.
    #[prost(uint64, tag = "13")]
    pub max_unfulfilled_worker_requests: u64,
    /// Reputer nonces that a topic keeps open.
    #[prost(uint64, tag = "14")]
    pub max_unfulfilled_reputer_requests: u64,
    /// Size of the active set of inferers.
    #[prost(uint64, tag = "21")]
    pub max_top_inferers_to_reward: u64,
    /// Size of the active set of forecasters.
    #[prost(uint64, tag = "22")]
    pub max_top_forecasters_to_reward: u64,
    /// Size of the active set of reputers.
    #[prost(uint64, tag = "23")]
    pub max_top_reputers_to_reward: u64,
    /// Int, uallo.
    #[prost(string, tag = "24")]
    pub create_topic_fee: String,
    /// Int, uallo, paid by who registers.
    #[prost(string, tag = "28")]
    pub registration_fee: String,
    /// Blocks.
    #[prost(uint64, tag = "32")]
    pub blocks_per_month: u64,
    /// Dec.
    #[prost(string, tag = "43")]
    pub epsilon_safe_div: String,
    /// Int, uallo for each payload, on top of the transaction's fee.
    #[prost(string, tag = "44")]
    pub data_sending_fee: String,
    /// Inferers that a forecast may speak of.
    #[prost(uint64, tag = "45")]
    pub max_elements_per_forecast: u64,
    /// Topics that may open a window in the same block.
    #[prost(uint64, tag = "46")]
    pub max_active_topics_per_block: u64,
    /// Bytes, for the texts of a new topic.
    #[prost(uint64, tag = "47")]
    pub max_string_length: u64,
    /// Whether the whitelists below are looked at in general.
    #[prost(bool, tag = "50")]
    pub global_whitelist_enabled: bool,
    /// Whether workers need an entry.
    #[prost(bool, tag = "56")]
    pub global_worker_whitelist_enabled: bool,
    /// Whether reputers need an entry.
    #[prost(bool, tag = "57")]
    pub global_reputer_whitelist_enabled: bool,
    /// Most bytes of a label.
    #[prost(uint64, tag = "61")]
    pub max_canonical_label_byte_length: u64,
    /// Most labels of a topic's whitelist.
    #[prost(uint64, tag = "62")]
    pub max_topic_label_whitelist_size: u64,
    /// Most labels of one epoch.
    #[prost(uint64, tag = "63")]
    pub max_epoch_label_registry_size: u64,
}
