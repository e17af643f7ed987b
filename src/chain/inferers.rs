//! What the network's inferers said last.

use super::decimal::Decimal;
use super::messages::query::{GetLatestNetworkInferencesRequest, v9};
use super::messages::{EmissionsVersion, LabeledValue};
use super::payload::SINGLE_LABEL;
use super::query::{Client, QueryError};

/// The inferences of the last window that the chain has closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatestInferences {
    /// Its nonce; 0 before the first one.
    pub nonce: i64,
    /// Each inferer's values.
    pub inferers: Vec<Inferer>,
}

/// One inferer's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inferer {
    /// The worker's address.
    pub address: String,
    /// Label and value; a topic with one output has the label `y`.
    pub values: Vec<(String, Decimal)>,
}

impl Client {
    /// The latest inferences of the topic's inferers. None before the first window was closed.
    ///
    /// # Errors
    /// See [`QueryError`]; a value that the chain itself would not take is no value.
    pub async fn latest_inferences(&self, topic_id: u64) -> Result<LatestInferences, QueryError> {
        let request = GetLatestNetworkInferencesRequest { topic_id };
        let (nonce, inferers): (_, Vec<(String, Vec<LabeledValue>)>) = match self.version() {
            EmissionsVersion::V9 => {
                let (_, answer) = self.ask(&v9::GetLatestNetworkInferencesRequest { topic_id }).await?;
                let inferers = answer.network_inferences.unwrap_or_default().inferer_values.into_iter();
                let labeled =
                    |value| LabeledValue { label_id: 1, label_name: SINGLE_LABEL.to_owned(), value };
                let inferers = inferers.map(|inferer| (inferer.worker, vec![labeled(inferer.value)]));
                (answer.inference_block_height, inferers.collect())
            }
            EmissionsVersion::V10 => {
                let (_, answer) = self.ask(&request).await?;
                let inferers = answer.network_inferences.unwrap_or_default().inferer_values.into_iter();
                let inferers = inferers.map(|inferer| (inferer.worker, inferer.values));
                (answer.inference_block_height, inferers.collect())
            }
        };
        let value = |LabeledValue { label_name, value, .. }| match value.parse::<Decimal>() {
            Ok(number) if number.check_range().is_ok() => Ok((label_name, number)),
            _ => Err(self.bad_value(&request, value, "a number that the chain takes")),
        };
        let inferers = inferers.into_iter().map(|(address, values)| {
            let values = values.into_iter().map(value).collect::<Result<_, QueryError>>()?;
            Ok::<_, QueryError>(Inferer { address, values })
        });
        Ok(LatestInferences { nonce, inferers: inferers.collect::<Result<_, _>>()? })
    }
}
