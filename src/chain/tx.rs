//! Transactions: bodies, signing, hashes.

use std::{fmt, str::FromStr};

use cosmrs::{
    Any,
    proto::cosmos::{
        base::v1beta1::Coin,
        crypto::secp256k1,
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{
                AuthInfo, Fee as ProtoFee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw,
                mode_info::{Single, Sum},
            },
        },
    },
};
use prost::{Message as _, Name as _};
use sha2::{Digest as _, Sha256};

use crate::wallet::{PublicKey, Wallet};

/// The denomination of fees, stake and rewards; 1 ALLO is 10^18 of it.
pub const DENOM: &str = "uallo";

/// What a transaction offers for its execution. All of it is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fee {
    /// uallo.
    pub amount: u128,
    /// Gas at which execution stops.
    pub gas_limit: u64,
}

/// Which account signs, and at which point of its life. The chain checks all three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerData {
    /// `allora-testnet-1`, ...
    pub chain_id: String,
    /// The account's number, given when it was first funded.
    pub account_number: u64,
    /// Transactions of the account so far.
    pub sequence: u64,
}

/// A transaction before it is signed.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsignedTx {
    /// What it does, in order.
    pub messages: Vec<Any>,
    /// Free text, mostly empty.
    pub memo: String,
    /// Last block that may hold it; 0: any. A transaction that comes too late costs nothing.
    pub timeout_height: u64,
}

/// SHA-256 of a transaction's bytes; its name on the chain.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TxHash([u8; 32]);

/// A transaction that can be broadcast, as often as needed: the chain takes the same bytes once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTx {
    /// `TxRaw`.
    pub bytes: Vec<u8>,
    /// Of `bytes`.
    pub hash: TxHash,
    /// The sequence it uses.
    pub sequence: u64,
    /// What it offers.
    pub fee: Fee,
    /// Last block that may hold it; 0: any.
    pub timeout_height: u64,
}

impl UnsignedTx {
    /// A transaction of one message that block `timeout_height` is the last to hold.
    #[must_use]
    pub fn new(message: Any, timeout_height: u64) -> Self {
        Self { messages: vec![message], memo: String::new(), timeout_height }
    }

    /// Signs in mode direct.
    #[must_use]
    pub fn sign(&self, wallet: &Wallet, signer: &SignerData, fee: Fee) -> SignedTx {
        let body_bytes = self.body().encode_to_vec();
        let auth_info_bytes = auth_info(*wallet.public_key(), signer.sequence, fee).encode_to_vec();
        let document = SignDoc {
            body_bytes,
            auth_info_bytes,
            chain_id: signer.chain_id.clone(),
            account_number: signer.account_number,
        };
        let signature = wallet.sign(&document.encode_to_vec());
        let bytes = TxRaw {
            body_bytes: document.body_bytes,
            auth_info_bytes: document.auth_info_bytes,
            signatures: vec![signature.to_vec()],
        }
        .encode_to_vec();
        SignedTx {
            hash: TxHash::of(&bytes),
            bytes,
            sequence: signer.sequence,
            fee,
            timeout_height: self.timeout_height,
        }
    }

    /// The bytes to simulate: as signed, with an empty signature. Simulation looks at the sequence,
    /// which counts our own transactions in the mempool, but not at the fee.
    #[must_use]
    pub fn simulation(&self, public_key: PublicKey, sequence: u64, fee: Fee) -> Vec<u8> {
        TxRaw {
            body_bytes: self.body().encode_to_vec(),
            auth_info_bytes: auth_info(public_key, sequence, fee).encode_to_vec(),
            signatures: vec![vec![]],
        }
        .encode_to_vec()
    }

    fn body(&self) -> TxBody {
        TxBody {
            messages: self.messages.clone(),
            memo: self.memo.clone(),
            timeout_height: self.timeout_height,
            ..TxBody::default()
        }
    }
}

fn auth_info(public_key: PublicKey, sequence: u64, fee: Fee) -> AuthInfo {
    let key = secp256k1::PubKey { key: public_key.to_bytes() };
    AuthInfo {
        signer_infos: vec![SignerInfo {
            public_key: Some(Any { type_url: secp256k1::PubKey::type_url(), value: key.encode_to_vec() }),
            mode_info: Some(ModeInfo { sum: Some(Sum::Single(Single { mode: SignMode::Direct.into() })) }),
            sequence,
        }],
        fee: Some(ProtoFee {
            amount: vec![Coin { denom: DENOM.into(), amount: fee.amount.to_string() }],
            gas_limit: fee.gas_limit,
            ..ProtoFee::default()
        }),
        ..AuthInfo::default()
    }
}

impl TxHash {
    /// Of `TxRaw` bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for TxHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Text that is no transaction hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a transaction hash is 64 hexadecimal digits")]
pub struct InvalidTxHash;

impl FromStr for TxHash {
    type Err = InvalidTxHash;

    fn from_str(text: &str) -> Result<Self, InvalidTxHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidTxHash)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for TxHash {
    /// Upper-case hex, as the chain writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for TxHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/vectors/tx.json")).unwrap()
    }

    fn wallet() -> Wallet {
        let phrase =
            "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
        Wallet::from_mnemonic(phrase).unwrap()
    }

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    fn fee(vector: &Value) -> Fee {
        assert_eq!(vector["fee"]["denom"], DENOM);
        Fee {
            amount: text(&vector["fee"]["amount"]).parse().unwrap(),
            gas_limit: vector["gas_limit"].as_u64().unwrap(),
        }
    }

    fn unsigned(vector: &Value) -> UnsignedTx {
        let any = |message: &Value| Any {
            type_url: text(&message["type_url"]).into(),
            value: hex::decode(text(&message["value"])).unwrap(),
        };
        UnsignedTx {
            messages: vector["messages"].as_array().unwrap().iter().map(any).collect(),
            memo: text(&vector["memo"]).into(),
            timeout_height: vector["timeout_height"].as_u64().unwrap(),
        }
    }

    #[test]
    fn every_vector() {
        let vectors = vectors();
        assert_eq!(vectors["txs"].as_array().unwrap().len(), 9);
        for vector in vectors["txs"].as_array().unwrap() {
            let name = text(&vector["name"]);
            let same = |bytes: &[u8], field: &str| {
                assert_eq!(hex::encode(bytes), text(&vector[field]), "{name}: {field}");
            };
            let signer = SignerData {
                chain_id: text(&vector["chain_id"]).into(),
                account_number: vector["account_number"].as_u64().unwrap(),
                sequence: vector["sequence"].as_u64().unwrap(),
            };
            let tx = unsigned(vector).sign(&wallet(), &signer, fee(vector));
            let raw = TxRaw::decode(&tx.bytes[..]).unwrap();
            same(&raw.body_bytes, "body_bytes");
            same(&raw.auth_info_bytes, "auth_info_bytes");
            same(&raw.signatures[0], "signature");
            same(&tx.bytes, "tx_raw");
            assert_eq!(tx.hash.to_string(), text(&vector["tx_hash"]), "{name}");
            assert_eq!(tx.hash.to_string().parse::<TxHash>().unwrap(), tx.hash);
            assert_eq!((tx.sequence, tx.fee), (signer.sequence, fee(vector)));
        }
    }

    #[test]
    fn a_simulation_has_an_empty_signature() {
        let vectors = vectors();
        let vector = &vectors["simulate"];
        let payload = &vectors["txs"][1];
        let sequence = vector["sequence"].as_u64().unwrap();
        let bytes = unsigned(payload).simulation(*wallet().public_key(), sequence, fee(vector));
        assert_eq!(hex::encode(bytes), text(&vector["tx_bytes"]));
    }
}
