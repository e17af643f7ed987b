//! A payload of one of the funded accounts, sent as another program with the same key would.

use serde_json::Value;

use super::{Node, mempool::Refused};
use crate::{
    chain::{
        decimal::Decimal,
        payload::{Inference, PayloadError, WorkerPayload},
        tx::{Fee, SignerData, TxHash, UnsignedTx},
    },
    devnet::{Account, abci::ExecTxResult, app::ControlError},
    wallet::Wallet,
};

/// More gas than a payload ever needs.
const GAS_LIMIT: u64 = 400_000;

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The chain knows the keys of its own funded accounts only.
    #[error("{0} is not one of the funded accounts")]
    NotFunded(String),
    /// The payload cannot be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// No such account or topic.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The mempool did not take it.
    #[error("the mempool refused it: {0}")]
    Mempool(String),
    /// The price of gas is beyond any fee.
    #[error("the fee does not fit 128 bits")]
    Fee,
}

impl From<Refused> for SubmitError {
    fn from(refused: Refused) -> Self {
        Self::Mempool(refused.to_string())
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The transaction's name.
    pub tx_hash: TxHash,
    /// What CheckTx said.
    pub check: ExecTxResult,
}

impl Node {
    /// Signs a payload with the key of a funded account and broadcasts it.
    pub fn submit_as(
        &mut self,
        address: &str,
        topic_id: u64,
        nonce: i64,
        inference: Inference,
    ) -> Result<Submitted, SubmitError> {
        let wallet = self.wallet(address).ok_or_else(|| SubmitError::NotFunded(address.into()))?;
        let version = self.app.emissions_version();
        let payload =
            WorkerPayload { topic_id, nonce, inference: Some(inference), ..WorkerPayload::default() };
        let message = version.any(&payload.sign(version, &wallet)?);
        let (account_number, sequence) = self.app.next_signature(address)?;
        let signer = SignerData { chain_id: self.chain_id.clone(), account_number, sequence };
        let amount = self.app.gas_price().cost(GAS_LIMIT).ok_or(SubmitError::Fee)?;
        let tx = UnsignedTx::new(message, 0).sign(&wallet, &signer, Fee { amount, gas_limit: GAS_LIMIT });
        let check = self.broadcast_tx(tx.bytes)?;
        Ok(Submitted { tx_hash: tx.hash, check })
    }

    fn wallet(&self, address: &str) -> Option<Wallet> {
        let Account { private_key, .. } = self.accounts.iter().find(|account| account.address == address)?;
        Wallet::from_private_key(private_key).ok()
    }
}

/// The inference that JSON gives: a number as text, or an object with one for each label.
pub(super) fn parse_inference(value: &Value) -> Option<Inference> {
    let number = |value: &Value| value.as_str()?.parse::<Decimal>().ok();
    match value {
        Value::Object(labels) => labels
            .iter()
            .map(|(label, value)| Some((label.clone(), number(value)?)))
            .collect::<Option<_>>()
            .map(Inference::Labeled),
        value => number(value).map(Inference::Single),
    }
}
