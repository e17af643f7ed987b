//! Blocks: headers, commits, and the hashes that name them.
//!
//! Most hashes are the chain's own and not the Merkle roots of CometBFT: one validator answers here,
//! and nobody proves anything against its headers.

use std::sync::OnceLock;

use cosmrs::proto::tendermint::types::HashedParams;
use prost::Message as _;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::MAX_BLOCK_BYTES;
use crate::devnet::{abci::FinalizedBlock, app::staking::consensus_key, encoding::base64};

/// SHA-256. Its text is upper-case hex, as in all of CometBFT's JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of some bytes; of a transaction: its name.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the header of the first block points at has no hash, which JSON says with an empty text.
fn hash_or_empty<S: Serializer>(hash: &Option<Hash>, serializer: S) -> Result<S::Ok, S::Error> {
    match hash {
        Some(hash) => hash.serialize(serializer),
        None => serializer.serialize_str(""),
    }
}

/// 64-bit numbers are text in CometBFT's JSON.
pub(super) fn as_text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

/// RFC 3339 with as many digits of the second as it has.
pub(super) fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default() // fails for years past 9999 only
}

fn time_text<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

fn base64_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64(bytes))
}

/// How a block is split for gossip. There is always one part here.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Parts {
    pub total: u32,
    #[serde(serialize_with = "hash_or_empty")]
    pub hash: Option<Hash>,
}

/// What names a block.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct BlockId {
    #[serde(serialize_with = "hash_or_empty")]
    pub hash: Option<Hash>,
    pub parts: Parts,
}

impl BlockId {
    /// The block before the first.
    const NONE: Self = Self { hash: None, parts: Parts { total: 0, hash: None } };
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Version {
    #[serde(serialize_with = "as_text")]
    pub block: u64,
}

/// Hash of those consensus parameters that a header vouches for. Gas has no limit.
fn consensus_hash() -> Hash {
    let block_max_bytes = i64::try_from(MAX_BLOCK_BYTES).unwrap_or(i64::MAX);
    Hash::of(HashedParams { block_max_bytes, block_max_gas: -1 }.encode_to_vec())
}

/// The head of a block.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Header {
    pub version: Version,
    pub chain_id: String,
    #[serde(serialize_with = "as_text")]
    pub height: u64,
    #[serde(serialize_with = "time_text")]
    pub time: OffsetDateTime,
    pub last_block_id: BlockId,
    pub last_commit_hash: Hash,
    pub data_hash: Hash,
    pub validators_hash: Hash,
    pub next_validators_hash: Hash,
    pub consensus_hash: Hash,
    /// Upper-case hex.
    pub app_hash: String,
    pub last_results_hash: Hash,
    pub evidence_hash: Hash,
    pub proposer_address: String,
}

/// The validator's vote for a block.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CommitSignature {
    /// 2: for this block.
    pub block_id_flag: u8,
    /// Upper-case hex.
    pub validator_address: String,
    #[serde(serialize_with = "time_text")]
    pub timestamp: OffsetDateTime,
    #[serde(serialize_with = "base64_text")]
    pub signature: Vec<u8>,
}

/// The votes that made a block final.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Commit {
    #[serde(serialize_with = "as_text")]
    pub height: u64,
    round: u32,
    pub block_id: BlockId,
    pub signatures: Vec<CommitSignature>,
}

impl Commit {
    /// What the first block carries.
    fn before_first() -> Self {
        Self { height: 0, round: 0, block_id: BlockId::NONE, signatures: vec![] }
    }
}

/// The one validator.
#[derive(Debug, Clone)]
pub(super) struct Validator {
    /// Upper-case hex of 20 bytes.
    pub address: String,
    /// Base64 of an ed25519 key.
    pub public_key: String,
}

impl Validator {
    /// The validator of every local chain.
    pub fn get() -> &'static Self {
        static VALIDATOR: OnceLock<Validator> = OnceLock::new();
        VALIDATOR.get_or_init(|| {
            let key = consensus_key();
            Self { address: hex::encode_upper(&Hash::of(key).0[..20]), public_key: base64(&key) }
        })
    }

    fn vote(&self, height: u64, block_id: BlockId, timestamp: OffsetDateTime) -> Commit {
        let half = Hash::of(format!("{height} {timestamp}")).0;
        Commit {
            height,
            round: 0,
            block_id,
            signatures: vec![CommitSignature {
                block_id_flag: 2,
                validator_address: self.address.clone(),
                timestamp,
                signature: [half, half].concat(),
            }],
        }
    }
}

/// A committed block and all that came of it.
#[derive(Debug)]
pub(super) struct Block {
    pub id: BlockId,
    pub header: Header,
    /// The votes for the block before this one.
    pub last_commit: Commit,
    /// The votes for this one.
    pub commit: Commit,
    /// Transactions, events, results.
    pub executed: FinalizedBlock,
}

impl Block {
    /// Puts a header on what the application executed.
    pub fn new(chain_id: &str, previous: Option<&Self>, executed: FinalizedBlock) -> Self {
        let validator = Validator::get();
        let last_commit = previous.map_or_else(Commit::before_first, |block| block.commit.clone());
        let validators_hash = Hash::of(&validator.address);
        let mut data = Sha256::new();
        for (tx, _) in &executed.txs {
            data.update(Hash::of(tx).0);
        }
        let header = Header {
            version: Version { block: 11 },
            chain_id: chain_id.into(),
            height: executed.height,
            time: executed.time,
            last_block_id: previous.map_or(BlockId::NONE, |block| block.id),
            last_commit_hash: Hash::of(
                last_commit.signatures.iter().flat_map(|vote| vote.signature.clone()).collect::<Vec<u8>>(),
            ),
            data_hash: Hash(data.finalize().into()),
            validators_hash,
            next_validators_hash: validators_hash,
            consensus_hash: consensus_hash(),
            app_hash: previous.map_or_else(|| Hash::of("").to_string(), |block| block.app_hash()),
            last_results_hash: previous.map_or_else(|| Hash::of(""), Self::results_hash),
            evidence_hash: Hash::of(""),
            proposer_address: validator.address.clone(),
        };
        let hash = Hash::of(format!("{header:?}"));
        let id = BlockId { hash: Some(hash), parts: Parts { total: 1, hash: Some(Hash::of(hash.0)) } };
        let commit = validator.vote(header.height, id, header.time);
        Self { id, header, last_commit, commit, executed }
    }

    /// Hash of the state after this block, upper-case hex; the next header carries it.
    pub fn app_hash(&self) -> String {
        hex::encode_upper(&self.executed.app_hash)
    }

    fn results_hash(&self) -> Hash {
        let mut results = Sha256::new();
        for (_, result) in &self.executed.txs {
            results.update(format!("{} {} {}", result.code, result.gas_wanted, result.gas_used));
            results.update(&result.data);
        }
        Hash(results.finalize().into())
    }
}
