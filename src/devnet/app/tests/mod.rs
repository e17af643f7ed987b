//! The application under transactions that are signed as a client signs them.

mod ante;
mod payload;
mod query;
pub(in crate::devnet) mod replay;
pub(in crate::devnet) mod vectors;
mod window;

use std::collections::HashMap;

use cosmrs::Any;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::App;
use crate::{
    chain::{
        decimal::Decimal,
        gas_price::GasPrice,
        messages::{
            InsertWorkerPayloadRequest, Nonce, Query, RegisterRequest, ReputerRequestNonce, ValueBundle,
            WorkerAttributedValue,
        },
        payload::{Inference, WorkerPayload, sign_losses},
        tx::{Fee, SignerData, UnsignedTx},
    },
    devnet::{
        abci::{Event, ExecTxResult, FinalizedBlock},
        genesis::{EmissionsVersion, Genesis, TopicOutput, TopicSpec, Whitelist},
    },
    wallet::Wallet,
};

/// Names of the funded accounts, in the order of their numbers.
const NAMES: [&str; 6] = ["val", "reputer", "w1", "w2", "w3", "w4"];

/// uallo of each account at the start.
const FUNDS: u128 = 1_000_000_000_000;

/// A fee that is more than enough, with a limit that no message reaches.
const FEE: Fee = Fee { amount: 300_001, gas_limit: 300_000 };

/// The keys with which the captures were made.
pub(in crate::devnet) fn wallet(name: &str) -> Wallet {
    Wallet::from_private_key(&hex::encode(Sha256::digest(format!("realchain/{name}")))).unwrap()
}

pub(in crate::devnet) fn address(name: &str) -> String {
    wallet(name).address().to_string()
}

fn topic(id: u64, output: TopicOutput) -> TopicSpec {
    TopicSpec {
        id,
        epoch_length: 20,
        worker_submission_window: 8,
        ground_truth_lag: 20,
        first_nonce: 10 + id,
        output,
    }
}

pub(in crate::devnet) fn genesis() -> Genesis {
    let up_down_flat = ["up", "down", "flat"].map(String::from).to_vec();
    Genesis {
        chain_id: "localnet".into(),
        accounts: NAMES.iter().map(|name| (address(name), FUNDS)).collect(),
        creator: address("val"),
        topics: vec![
            topic(1, TopicOutput::Single),
            topic(3, TopicOutput::Multi { labels: vec![], max_labels: 3, require_unity: false }),
            topic(4, TopicOutput::Multi { labels: up_down_flat, max_labels: 3, require_unity: true }),
        ],
        emissions: EmissionsVersion::V10,
        whitelist: Whitelist::Off,
        max_active_topics_per_block: 1,
        max_top_inferers: 32,
        gas_price: GasPrice::from_uallo(1),
    }
}

/// A chain, and the sequences of who signs on it.
struct Chain {
    app: App,
    version: EmissionsVersion,
    sequences: HashMap<String, u64>,
}

impl Chain {
    fn new(genesis: &Genesis) -> Self {
        let app = App::new(genesis).unwrap();
        Self { app, version: genesis.emissions, sequences: HashMap::new() }
    }

    /// A chain at height `height` with workers w1 to w4 registered in topic 1.
    fn at(genesis: &Genesis, height: u64) -> Self {
        let mut chain = Self::new(genesis);
        for (name, topic) in
            NAMES[2..].iter().flat_map(|name| genesis.topics.iter().map(move |topic| (name, topic.id)))
        {
            chain.app.set_registered(topic, &address(name), true).unwrap();
        }
        chain.mine_to(height);
        chain
    }

    /// The next block with these transactions.
    fn block(&mut self, txs: Vec<Vec<u8>>) -> FinalizedBlock {
        let time = OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(self.app.height() as i64 + 1);
        self.app.finalize_block(time, txs)
    }

    /// Empty blocks until `height` is committed; the last one.
    fn mine_to(&mut self, height: u64) -> FinalizedBlock {
        loop {
            let block = self.block(vec![]);
            if block.height >= height {
                return block;
            }
        }
    }

    /// Empty blocks until `height` is committed; none if it is.
    fn mine_up_to(&mut self, height: u64) {
        while self.app.height() < height {
            self.block(vec![]);
        }
    }

    /// Signs with the next sequence.
    fn sign(&mut self, name: &str, message: Any) -> Vec<u8> {
        self.sign_with(name, UnsignedTx::new(message, 0), FEE)
    }

    fn sign_with(&mut self, name: &str, tx: UnsignedTx, fee: Fee) -> Vec<u8> {
        let sequence = self.sequences.entry(name.into()).or_default();
        let signer = signer(name, *sequence);
        *sequence += 1;
        tx.sign(&wallet(name), &signer, fee).bytes
    }

    /// Sends a message through CheckTx into the next block.
    fn deliver(&mut self, name: &str, message: Any) -> ExecTxResult {
        let tx = self.sign(name, message);
        let checked = self.app.check_tx(&tx);
        assert_eq!((checked.code, checked.log.as_str()), (0, ""), "CheckTx");
        let block = self.block(vec![tx]);
        block.txs.into_iter().next().unwrap().1
    }

    fn register(&self, name: &str, topic_id: u64) -> Any {
        let request =
            RegisterRequest { sender: address(name), topic_id, owner: address(name), is_reputer: false };
        self.version.any(&request)
    }

    fn payload(&self, name: &str, topic_id: u64, nonce: i64, value: &str) -> InsertWorkerPayloadRequest {
        let inference = Some(Inference::Single(value.parse::<Decimal>().unwrap()));
        let payload = WorkerPayload { topic_id, nonce, inference, ..WorkerPayload::default() };
        payload.sign(self.version, &wallet(name)).unwrap()
    }

    fn query<Q: Query>(&self, request: &Q) -> Result<Q::Response, String> {
        self.query_at(request, 0)
    }

    fn query_at<Q: Query>(&self, request: &Q, height: i64) -> Result<Q::Response, String> {
        let answer = self.app.query(&Q::path(self.version), &request.encode_to_vec(), height);
        match answer.value {
            Some(value) => Ok(prost::Message::decode(value.as_slice()).unwrap()),
            None => Err(format!("{} {}: {}", answer.codespace, answer.code, answer.log)),
        }
    }
}

/// The network's loss, by the reputer.
const LOSS: &str = "100.5";

/// What the reputer says of a nonce of topic 1 that one worker answered: the network's loss is the same each time, and
/// this much without it.
fn losses(worker: &str, nonce: i64, without: Option<&str>) -> Any {
    let loss = |value: &str| vec![WorkerAttributedValue { worker: address(worker), value: value.into() }];
    let nonce = Nonce { block_height: nonce };
    let bundle = ValueBundle {
        topic_id: 1,
        reputer_request_nonce: Some(ReputerRequestNonce { reputer_nonce: Some(nonce) }),
        reputer: address("reputer"),
        combined_value: LOSS.into(),
        naive_value: LOSS.into(),
        inferer_values: loss(LOSS),
        one_out_inferer_values: without.map(loss).unwrap_or_default(),
        ..ValueBundle::default()
    };
    EmissionsVersion::V10.any(&sign_losses(bundle, &wallet("reputer")).unwrap())
}

fn signer(name: &str, sequence: u64) -> SignerData {
    let account_number = NAMES.iter().position(|other| *other == name).unwrap() as u64;
    SignerData { chain_id: "localnet".into(), account_number, sequence }
}

/// The events of one type, as attribute maps.
fn events<'a>(events: &'a [Event], kind: &str) -> Vec<HashMap<&'a str, &'a str>> {
    let of = |event: &&Event| event.kind == kind || event.kind == format!("emissions.v10.{kind}");
    let map = |event: &'a Event| {
        event.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    };
    events.iter().filter(of).map(map).collect()
}
