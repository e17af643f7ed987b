//! The emissions module: topics, their windows, payloads and queries.
//!
//! | file | noun |
//! |---|---|
//! | `topic` | a topic and its windows |
//! | `window` | opening and closing at the end of a block |
//! | `worker`, `bundle` | a worker's payload, and what is signed of it |
//! | `reputer` | a reputer's payload |
//! | `admission` | the active set |
//! | `scoring` | what losses make of scores |
//! | `network` | the network's inference |
//! | `label` | labels of an inference |
//! | `registration`, `stake`, `whitelist` | what their messages do |
//! | `params`, `query` | parameters, answers |
//! | `event`, `number` | forms of the above |

pub mod admission;
mod bundle;
mod event;
pub mod label;
mod network;
pub mod number;
mod params;
mod query;
mod registration;
mod reputer;
mod scoring;
mod stake;
pub mod topic;
mod whitelist;
mod window;
mod worker;

use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

use self::topic::Topic;
use super::{
    address::Address,
    error::{AbciError, emissions},
    gas::GasMeter,
    ledger::Ledger,
};
use crate::{
    chain::messages::EmissionsVersion,
    devnet::{
        abci::Event,
        genesis::{Genesis, Whitelist},
    },
};

/// uallo for each registration.
pub const REGISTRATION_FEE: u128 = 200;

/// uallo for each payload that is taken.
pub const DATA_SENDING_FEE: u128 = 10;

/// Most bytes of a payload.
const MAX_MESSAGE_BYTES: usize = 1_000_000;

/// Forecasters that one nonce takes.
const MAX_TOP_FORECASTERS: u64 = 6;

/// Inferers that a forecast may speak of.
const MAX_FORECAST_ELEMENTS: usize = 12;

/// Least stake of a reputer, uallo.
const REQUIRED_MINIMUM_STAKE: u128 = 10_000;

/// The account that fees of the module go to.
pub fn ecosystem() -> Address {
    Address::of_module("ecosystem")
}

/// The state of the module. Clones share.
#[derive(Debug, Clone)]
pub struct Emissions {
    /// The one version that it speaks.
    pub version: EmissionsVersion,
    topics: RedBlackTreeMapSync<u64, Arc<Topic>>,
    whitelist: Whitelist,
    max_active_topics_per_block: u64,
    max_top_inferers: u64,
    creator: Arc<str>,
}

/// What a message works with beside the module's own state.
#[derive(Debug)]
pub struct Context<'a> {
    /// Money.
    pub ledger: &'a mut Ledger,
    /// Gas of the transaction.
    pub meter: &'a mut GasMeter,
    /// Events of the message.
    pub events: &'a mut Vec<Event>,
    /// Height that the transaction sees.
    pub height: u64,
    /// Upper-case hex hash of the transaction.
    pub tx_hash: &'a Arc<str>,
}

impl Emissions {
    /// The module as the genesis has it.
    pub fn new(genesis: &Genesis) -> Self {
        let topics = genesis.topics.iter().map(|spec| (spec.id, Arc::new(Topic::new(spec.clone()))));
        Self {
            version: genesis.emissions,
            topics: topics.collect(),
            whitelist: genesis.whitelist,
            max_active_topics_per_block: genesis.max_active_topics_per_block,
            max_top_inferers: genesis.max_top_inferers,
            creator: genesis.creator.as_str().into(),
        }
    }

    /// A topic, if there is one with this id.
    pub fn topic(&self, id: u64) -> Option<&Topic> {
        self.topics.get(&id).map(AsRef::as_ref)
    }

    /// A topic to write to.
    pub fn topic_mut(&mut self, id: u64) -> Option<&mut Topic> {
        self.topics.get_mut(&id).map(Arc::make_mut)
    }

    fn existing_topic_mut(&mut self, id: u64) -> Result<&mut Topic, AbciError> {
        self.topic_mut(id).ok_or_else(|| emissions::TOPIC_DOES_NOT_EXIST.bare())
    }
}
