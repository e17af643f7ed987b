//! An inference that a topic took, as a user sees it.

use super::{App, control::ControlError, emissions::topic::StoredInference};
use crate::chain::{messages::EmissionsVersion, payload::SINGLE_LABEL};

/// An inference as the chain stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Height of the nonce that it answers.
    pub nonce: u64,
    /// The worker's address.
    pub inferer: String,
    /// The number, canonical, when the topic has one output.
    pub value: Option<String>,
    /// Canonical label and number, in the order sent; empty under emissions v9.
    pub values: Vec<(String, String)>,
    /// Height of the block that holds it.
    pub height: u64,
    /// Upper-case hex SHA-256 of its transaction.
    pub tx_hash: String,
}

impl App {
    /// Inferences that a topic took and kept, by nonce and address. The last 10,000 are kept.
    pub fn submissions(&self, topic: u64) -> Result<Vec<Submission>, ControlError> {
        let version = self.emissions_version();
        let topic = self.topic(topic)?;
        let closed = topic.closed.values().map(|closed| &closed.window);
        let inferences = closed.chain(topic.windows.values()).flat_map(|window| window.inferences.values());
        Ok(inferences.map(|inference| Submission::new(inference, version)).collect())
    }
}

impl Submission {
    fn new(inference: &StoredInference, version: EmissionsVersion) -> Self {
        let input = &inference.input;
        let sent =
            || input.values.iter().map(|labeled| (labeled.label.clone(), labeled.value.clone())).collect();
        let (value, values) = match (input.values.is_empty(), version) {
            (true, EmissionsVersion::V9) => (Some(input.value.clone()), vec![]),
            (true, EmissionsVersion::V10) => {
                (Some(input.value.clone()), vec![(SINGLE_LABEL.into(), input.value.clone())])
            }
            (false, _) => (None, sent()),
        };
        Self {
            nonce: u64::try_from(input.block_height).unwrap_or(0),
            inferer: input.inferer.clone(),
            value,
            values,
            height: inference.height,
            tx_hash: inference.tx_hash.to_string(),
        }
    }
}
