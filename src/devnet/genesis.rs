//! What a local chain starts from.

use crate::chain::gas_price::GasPrice;
pub use crate::chain::messages::EmissionsVersion;

/// Whether workers must be on a topic's whitelist before they may submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whitelist {
    /// Everyone who is registered may submit.
    Off,
    /// Only who is listed may submit; the list starts empty.
    On,
}

/// What one inference of a topic holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicOutput {
    /// One number under the label `y`.
    Single,
    /// One number for each label.
    Multi {
        /// Canonical names that may be used; empty: any label.
        labels: Vec<String>,
        /// Largest number of labels in one submission.
        max_labels: u64,
        /// Whether the values must sum up to 1 (within 0.001).
        require_unity: bool,
    },
}

/// A topic of the genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// From 1, unique.
    pub id: u64,
    /// Blocks from one worker nonce to the next.
    pub epoch_length: u64,
    /// Blocks in which a payload is accepted after its nonce, at most `epoch_length`.
    pub worker_submission_window: u64,
    /// Blocks from a nonce to the ground truth, at least `epoch_length`.
    pub ground_truth_lag: u64,
    /// Height of the first worker nonce, from 1.
    pub first_nonce: u64,
    /// One value or several.
    pub output: TopicOutput,
}

/// State before the first block.
#[derive(Debug, Clone)]
pub struct Genesis {
    /// `localnet`, ...
    pub chain_id: String,
    /// Addresses and balances in uallo; account numbers are given in this order, from 0.
    pub accounts: Vec<(String, u128)>,
    /// Address of who has made the topics, and may change their whitelists.
    pub creator: String,
    /// In the order in which they open when several are due and weigh the same.
    pub topics: Vec<TopicSpec>,
    /// Which emissions package the chain speaks.
    pub emissions: EmissionsVersion,
    /// Applies to the workers of every topic.
    pub whitelist: Whitelist,
    /// How many topics may open a window in one block; the others wait for the next.
    pub max_active_topics_per_block: u64,
    /// How many inferers one nonce takes; further ones must have a better score.
    pub max_top_inferers: u64,
    /// Price of one unit of gas.
    pub gas_price: GasPrice,
}
