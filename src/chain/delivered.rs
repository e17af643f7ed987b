//! A transaction that is in a block, and what its events say.

use tendermint_rpc::endpoint::tx;

use super::tx::TxHash;
use super::typed_event::TypedEvent;
use crate::wallet::Address;

/// A transaction as `tx`, `block_results` and the websocket describe it.
#[derive(Debug, Clone)]
pub struct DeliveredTx {
    /// Its hash.
    pub hash: TxHash,
    /// The block that holds it.
    pub height: u64,
    /// 0 is success. Otherwise its messages did nothing, and the whole fee is spent all the same.
    pub code: u32,
    /// Empty on success.
    pub codespace: String,
    /// The error's text.
    pub log: String,
    /// Gas limit.
    pub gas_wanted: u64,
    /// Gas that was used.
    pub gas_used: u64,
    /// Events of the transaction.
    pub events: Vec<TypedEvent>,
}

/// What a worker payload that succeeded came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The inference is in the active set of its window.
    Admitted,
    /// The active set is full and our score not above the lowest. The score was updated.
    NotAdmitted,
}

impl DeliveredTx {
    /// The transaction with this hash as `tx` describes it.
    #[must_use]
    pub fn found(hash: TxHash, answer: tx::Response) -> Self {
        let result = answer.tx_result;
        Self {
            hash,
            height: answer.height.value(),
            code: result.code.value(),
            codespace: result.codespace,
            log: result.log,
            gas_wanted: u64::try_from(result.gas_wanted).unwrap_or(0),
            gas_used: u64::try_from(result.gas_used).unwrap_or(0),
            events: result.events.into_iter().filter_map(TypedEvent::from_abci).collect(),
        }
    }

    /// Whether the payload of `inferer` was admitted. Only the event tells: the code is 0 either way.
    #[must_use]
    pub fn admission(&self, inferer: &Address) -> Admission {
        let inferer = inferer.to_string();
        let admitted = self.events.iter().any(|event| {
            event.name() == "EventInsertInfererPayload"
                && event.text("inferer").as_deref() == Some(inferer.as_str())
        });
        if admitted { Admission::Admitted } else { Admission::NotAdmitted }
    }

    /// All that the transaction took from `payer`, in uallo: the sum of what the bank says was spent, the
    /// fee and the module's own. `None` when the events do not say (a transaction that ran out of its
    /// timeout height has none, and took nothing).
    #[must_use]
    pub fn spent_by(&self, payer: &Address) -> Option<u128> {
        let payer = payer.to_string();
        let spent = self.events.iter().filter(|event| event.kind == "coin_spent");
        let ours = spent.filter(|event| event.raw("spender") == Some(payer.as_str()));
        ours.filter_map(|event| event.raw("amount")?.strip_suffix("uallo")?.parse::<u128>().ok())
            .reduce(u128::saturating_add)
    }
}
