//! Blocks and the node as protobuf has them, in the answers of `cosmos.base.tendermint.v1beta1.Service`. The application
//! knows no more than height and time.

use bech32::{Bech32, Hrp};
use cosmrs::proto::{
    cosmos::base::tendermint::v1beta1::{Block as SdkBlock, GetLatestBlockResponse, Header as SdkHeader},
    tendermint::{
        google::protobuf::Timestamp,
        types,
        types::{EvidenceList, PartSetHeader},
        version::Consensus,
    },
};
use prost::Message as _;
use time::OffsetDateTime;

use super::{
    block::{Block, BlockId, Commit, CommitSignature, Header},
    view::View,
};

/// Methods that answer with a block. Their answers have the same form.
const BLOCKS: [&str; 2] = [
    "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock",
    "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight",
];

/// Human-readable part of a validator's consensus address.
const CONSENSUS_PREFIX: &str = "allovalcons";

/// The answer with the whole block, where the application has answered with one.
pub(super) fn whole(view: &View<'_>, path: &str, answer: Vec<u8>) -> Vec<u8> {
    let block = || {
        let told = GetLatestBlockResponse::decode(answer.as_slice()).ok()?.sdk_block?.header?;
        view.at(u64::try_from(told.height).ok()?)
    };
    match BLOCKS.contains(&path).then(block).flatten() {
        Some(block) => response(block).encode_to_vec(),
        None => answer,
    }
}

#[allow(deprecated)] // clients still read `block`
fn response(block: &Block) -> GetLatestBlockResponse {
    let header = header(&block.header);
    let data = types::Data { txs: block.executed.txs.iter().map(|(tx, _)| tx.clone()).collect() };
    let last_commit = Some(commit(&block.last_commit));
    let sdk_header = SdkHeader {
        version: header.version,
        chain_id: header.chain_id.clone(),
        height: header.height,
        time: header.time,
        last_block_id: header.last_block_id.clone(),
        last_commit_hash: header.last_commit_hash.clone(),
        data_hash: header.data_hash.clone(),
        validators_hash: header.validators_hash.clone(),
        next_validators_hash: header.next_validators_hash.clone(),
        consensus_hash: header.consensus_hash.clone(),
        app_hash: header.app_hash.clone(),
        last_results_hash: header.last_results_hash.clone(),
        evidence_hash: header.evidence_hash.clone(),
        // 20 bytes are never too long for bech32.
        proposer_address: bech32::encode::<Bech32>(
            Hrp::parse_unchecked(CONSENSUS_PREFIX),
            &header.proposer_address,
        )
        .unwrap_or_default(),
    };
    GetLatestBlockResponse {
        block_id: Some(block_id(&block.id)),
        block: Some(types::Block {
            header: Some(header),
            data: Some(data.clone()),
            evidence: Some(EvidenceList::default()),
            last_commit: last_commit.clone(),
        }),
        sdk_block: Some(SdkBlock {
            header: Some(sdk_header),
            data: Some(data),
            evidence: Some(EvidenceList::default()),
            last_commit,
        }),
    }
}

fn header(header: &Header) -> types::Header {
    types::Header {
        version: Some(Consensus { block: header.version.block, app: 0 }),
        chain_id: header.chain_id.clone(),
        height: signed(header.height),
        time: Some(timestamp(header.time)),
        last_block_id: Some(block_id(&header.last_block_id)),
        last_commit_hash: header.last_commit_hash.0.to_vec(),
        data_hash: header.data_hash.0.to_vec(),
        validators_hash: header.validators_hash.0.to_vec(),
        next_validators_hash: header.next_validators_hash.0.to_vec(),
        consensus_hash: header.consensus_hash.0.to_vec(),
        app_hash: unhex(&header.app_hash),
        last_results_hash: header.last_results_hash.0.to_vec(),
        evidence_hash: header.evidence_hash.0.to_vec(),
        proposer_address: unhex(&header.proposer_address),
    }
}

fn commit(commit: &Commit) -> types::Commit {
    let signature = |vote: &CommitSignature| types::CommitSig {
        block_id_flag: i32::from(vote.block_id_flag),
        validator_address: unhex(&vote.validator_address),
        timestamp: Some(timestamp(vote.timestamp)),
        signature: vote.signature.clone(),
    };
    types::Commit {
        height: signed(commit.height),
        round: 0,
        block_id: Some(block_id(&commit.block_id)),
        signatures: commit.signatures.iter().map(signature).collect(),
    }
}

fn block_id(id: &BlockId) -> types::BlockId {
    types::BlockId {
        hash: id.hash.map(|hash| hash.0.to_vec()).unwrap_or_default(),
        part_set_header: Some(PartSetHeader {
            total: id.parts.total,
            hash: id.parts.hash.map(|hash| hash.0.to_vec()).unwrap_or_default(),
        }),
    }
}

fn timestamp(time: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: time.unix_timestamp(), nanos: i32::try_from(time.nanosecond()).unwrap_or(0) }
}

fn signed(height: u64) -> i64 {
    i64::try_from(height).unwrap_or(i64::MAX)
}

/// Bytes that this chain has written as hexadecimal itself.
fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_default()
}
