//! A transaction that is in a block, and what its events say.

use tendermint::abci::types::ExecTxResult;
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
        Self::new(hash, answer.height.value(), answer.tx_result)
    }

    /// The transaction with this hash as the results of block `height` describe it.
    #[must_use]
    pub fn new(hash: TxHash, height: u64, result: ExecTxResult) -> Self {
        Self {
            hash,
            height,
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

#[cfg(test)]
mod tests {
    use tendermint_rpc::Response as _;

    use super::*;

    /// What a real node said of a transaction.
    fn delivered(name: &str) -> DeliveredTx {
        let path = format!("{}/tests/captures/tx/{name}.delivered.json", env!("CARGO_MANIFEST_DIR"));
        let capture: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let answer = tx::Response::from_string(capture["response"].to_string()).unwrap();
        let hash = capture["response"]["result"]["hash"].as_str().unwrap().parse().unwrap();
        DeliveredTx::found(hash, answer)
    }

    /// The account that signed.
    fn signer(tx: &DeliveredTx) -> Address {
        let sequence = tx.events.iter().find_map(|event| event.raw("acc_seq"));
        sequence.unwrap().split_once('/').unwrap().0.parse().unwrap()
    }

    #[test]
    fn only_the_event_tells_admission_and_only_that_of_the_sender() {
        for name in [
            "payload_ok",
            "payload_first_block",
            "payload_last_block",
            "payload_multi_ok",
            "payload_inference_and_forecast",
            "payload_whitelisted",
            "payload_evicts_other",
        ] {
            let tx = delivered(name);
            assert_eq!((tx.code, tx.admission(&signer(&tx))), (0, Admission::Admitted), "{name}");
            let other = signer(&delivered("payload_not_admitted"));
            assert_eq!(tx.admission(&other) == Admission::Admitted, other == signer(&tx), "{name}");
        }
        let tx = delivered("payload_not_admitted");
        assert_eq!((tx.code, tx.admission(&signer(&tx))), (0, Admission::NotAdmitted));
    }

    #[test]
    fn what_was_spent_is_more_than_the_fee_and_nothing_after_a_timeout() {
        let tx = delivered("payload_ok");
        assert!(tx.spent_by(&signer(&tx)).unwrap() > 0);
        assert_eq!(delivered("timeout_height_equals_committed").events, []);
    }
}
