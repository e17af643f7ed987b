//! What a local chain can be told, with the defaults of the command line.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use time::OffsetDateTime;

use super::{
    accounts::Account,
    app::emissions::label,
    genesis::{EmissionsVersion, Genesis, TopicOutput, TopicSpec, Whitelist},
};
use crate::chain::gas_price::GasPrice;

/// The chain id of a local chain that others reach at a known address.
pub const CHAIN_ID: &str = "localnet";

/// Where a local chain speaks gRPC; the port of Cosmos SDK chains.
pub const GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// What each account starts with: 1,000 ALLO, in uallo.
pub const INITIAL_BALANCE: u128 = 1_000 * 10_u128.pow(18);

/// Inferers that one nonce takes; the value of the public networks.
const MAX_TOP_INFERERS: u64 = 32;

/// Labels that one submission to a topic without a list of them may have.
const MAX_LABELS: u64 = 32;

/// Most accounts, topics and blocks of an epoch; a typing error should not fill the memory.
const MAX_ACCOUNTS: usize = 1_000;
const MAX_TOPICS: u64 = 10_000;
const MAX_EPOCH: u64 = 1_000_000;

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockTime {
    /// By the clock, one each time this has passed.
    Every(Duration),
    /// Only when asked for, with `mine`.
    Manual,
}

impl BlockTime {
    /// Seconds from block to block; `None` when blocks are made by hand.
    #[must_use]
    pub fn seconds(self) -> Option<f64> {
        match self {
            Self::Every(time) => Some(time.as_secs_f64()),
            Self::Manual => None,
        }
    }
}

/// Text that is no block time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time such as 1s or 500ms, or `manual`")]
pub struct InvalidBlockTime;

impl FromStr for BlockTime {
    type Err = InvalidBlockTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "manual" {
            return Ok(Self::Manual);
        }
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number: u64 = text[..text.len() - unit.len()].parse().map_err(|_| InvalidBlockTime)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => return Err(InvalidBlockTime),
        };
        number.checked_mul(milliseconds).map(Duration::from_millis).map(Self::Every).ok_or(InvalidBlockTime)
    }
}

/// Settings of a local chain.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the chain: wallets sign it, and journals are kept by it.
    pub chain_id: String,
    /// Address of JSON-RPC and websocket; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address of gRPC; port 0 takes a free one, `None` does without.
    pub grpc: Option<SocketAddr>,
    /// When blocks are made.
    pub block_time: BlockTime,
    /// The time of the first block; `None`: that of the start. An earlier one makes a chain whose blocks were slow
    /// so far.
    pub genesis_time: Option<OffsetDateTime>,
    /// Blocks from one worker nonce of a topic to the next.
    pub epoch_length: u64,
    /// Blocks in which a payload is taken after its nonce, at most `epoch_length`.
    pub worker_submission_window: u64,
    /// Blocks from a nonce to its ground truth, at least `epoch_length`.
    pub ground_truth_lag: u64,
    /// Number of topics, with ids from 1.
    pub topics: u64,
    /// How many topics may open a window in one block.
    pub max_active_topics_per_block: u64,
    /// Labels of topic 1; empty: it takes one number.
    pub labels: Vec<String>,
    /// Id of a topic that takes a number for each label that a worker thinks of.
    pub topic_of_any_labels: Option<u64>,
    /// Number of funded accounts.
    pub accounts: usize,
    /// The emissions package that the chain runs.
    pub emissions: EmissionsVersion,
    /// Whether workers must be on a list.
    pub whitelist: Whitelist,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chain_id: CHAIN_ID.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 26657)),
            grpc: Some(GRPC),
            block_time: BlockTime::Every(Duration::from_secs(1)),
            genesis_time: None,
            epoch_length: 20,
            worker_submission_window: 10,
            ground_truth_lag: 20,
            topics: 1,
            max_active_topics_per_block: 1,
            labels: vec![],
            topic_of_any_labels: None,
            accounts: 10,
            emissions: EmissionsVersion::V10,
            whitelist: Whitelist::Off,
        }
    }
}

/// Settings that contradict each other or the chain's rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOptions {
    /// A nonce would still be open when the next one opens.
    #[error("a window of {window} blocks is longer than the epoch of {epoch} blocks")]
    WindowLongerThanEpoch {
        /// `worker_submission_window`.
        window: u64,
        /// `epoch_length`.
        epoch: u64,
    },
    /// The chain refuses such a topic.
    #[error("a ground truth lag of {lag} blocks is shorter than the epoch of {epoch} blocks")]
    LagShorterThanEpoch {
        /// `ground_truth_lag`.
        lag: u64,
        /// `epoch_length`.
        epoch: u64,
    },
    /// A number that is zero or far beyond any use.
    #[error("{name} must be from 1 to {max}, not {value}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: u64,
        /// The largest value.
        max: u64,
    },
    /// A label that the chain does not know as it is written, or one that comes twice.
    #[error("`{0}` is not a label, or not the only one of its name: labels are in lower case, each once")]
    Label(String),
    /// A clock that never rests or never ticks.
    #[error("the block time must be from 10 ms to an hour")]
    BlockTime,
}

impl Options {
    /// The defaults on a free port, for tests and for the chain inside `run`, without gRPC. Each is a chain of its own by
    /// name too: it begins at height 1 like the one before, and a journal that outlives them would take
    /// its windows for those that were answered there.
    #[must_use]
    pub fn on_free_port() -> Self {
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self {
            chain_id: format!("{CHAIN_ID}-{begun}"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            grpc: None,
            ..Self::default()
        }
    }

    /// Whether a chain id is that of a chain which ended with the process that it was in.
    #[must_use]
    pub fn is_of_a_free_port(chain_id: &str) -> bool {
        let suffix = chain_id.strip_prefix(CHAIN_ID).and_then(|rest| rest.strip_prefix('-'));
        suffix.is_some_and(|begun| !begun.is_empty() && begun.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Every rule that the settings break.
    #[must_use]
    pub fn problems(&self) -> Vec<InvalidOptions> {
        let (epoch, window, lag) = (self.epoch_length, self.worker_submission_window, self.ground_truth_lag);
        let in_range = |name, value, max| {
            (value == 0 || value > max).then_some(InvalidOptions::OutOfRange { name, value, max })
        };
        [
            in_range("epoch", epoch, MAX_EPOCH),
            in_range("window", window, MAX_EPOCH),
            in_range("topics", self.topics, MAX_TOPICS),
            in_range("max-active-topics-per-block", self.max_active_topics_per_block, MAX_TOPICS),
            in_range("accounts", self.accounts as u64, MAX_ACCOUNTS as u64),
            (window > epoch).then_some(InvalidOptions::WindowLongerThanEpoch { window, epoch }),
            (lag < epoch).then_some(InvalidOptions::LagShorterThanEpoch { lag, epoch }),
            check_block_time(self.block_time).err(),
        ]
        .into_iter()
        .flatten()
        .chain(self.wrong_labels())
        .collect()
    }

    fn wrong_labels(&self) -> impl Iterator<Item = InvalidOptions> {
        self.labels.iter().enumerate().filter_map(|(index, label)| {
            let known = label::canonical(label).is_ok_and(|canonical| canonical == *label);
            let first = !self.labels[..index].contains(label);
            (!known || !first).then(|| InvalidOptions::Label(label.clone()))
        })
    }

    /// The topics: alike, their first nonces a block apart so that they do not crowd one block.
    #[must_use]
    pub fn topic_specs(&self) -> Vec<TopicSpec> {
        (1..=self.topics)
            .map(|id| TopicSpec {
                id,
                epoch_length: self.epoch_length,
                worker_submission_window: self.worker_submission_window,
                ground_truth_lag: self.ground_truth_lag,
                first_nonce: 1 + (id - 1) % self.epoch_length,
                output: self.output(id),
            })
            .collect()
    }

    fn output(&self, id: u64) -> TopicOutput {
        let multi =
            |labels: Vec<String>, max_labels| TopicOutput::Multi { labels, max_labels, require_unity: false };
        if self.topic_of_any_labels == Some(id) {
            multi(Vec::new(), MAX_LABELS)
        } else if id == 1 && !self.labels.is_empty() {
            multi(self.labels.clone(), self.labels.len() as u64)
        } else {
            TopicOutput::Single
        }
    }

    /// State before the first block.
    pub(super) fn genesis(&self, accounts: &[Account]) -> Genesis {
        Genesis {
            chain_id: self.chain_id.clone(),
            accounts: accounts.iter().map(|account| (account.address.clone(), INITIAL_BALANCE)).collect(),
            creator: accounts.first().map_or_else(String::new, |account| account.address.clone()),
            topics: self.topic_specs(),
            emissions: self.emissions,
            whitelist: self.whitelist,
            max_active_topics_per_block: self.max_active_topics_per_block,
            max_top_inferers: MAX_TOP_INFERERS,
            gas_price: GasPrice::from_uallo(1),
        }
    }
}

/// Refuses a clock that would only make blocks, or none in anybody's patience.
pub(super) fn check_block_time(block_time: BlockTime) -> Result<(), InvalidOptions> {
    match block_time {
        BlockTime::Every(time) if time < Duration::from_millis(10) || time > Duration::from_secs(3600) => {
            Err(InvalidOptions::BlockTime)
        }
        BlockTime::Every(_) | BlockTime::Manual => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_all_problems_come_at_once() {
        assert_eq!(Options::default().problems(), []);
        let wrong =
            Options { epoch_length: 30, worker_submission_window: 31, topics: 0, ..Options::default() };
        assert_eq!(wrong.problems().len(), 3, "{:?}", wrong.problems());
        let labels = ["up", "Up", "down", "up", "ü", ""].map(String::from).to_vec();
        let wrong = Options { labels, ..Options::default() }.problems();
        assert_eq!(wrong, ["Up", "up", "ü", ""].map(|label| InvalidOptions::Label(label.into())));
    }

    #[test]
    fn block_times_have_a_unit() {
        let every = |milliseconds| Ok(BlockTime::Every(Duration::from_millis(milliseconds)));
        assert_eq!("500ms".parse(), every(500));
        assert_eq!("1s".parse(), every(1_000));
        assert_eq!("2m".parse(), every(120_000));
        assert_eq!("manual".parse(), Ok(BlockTime::Manual));
        for wrong in ["", "1", "s", "-1s", "1.5s", "1h", "99999999999999999999s"] {
            assert_eq!(wrong.parse::<BlockTime>(), Err(InvalidBlockTime), "{wrong}");
        }
    }

    #[test]
    fn topics_start_a_block_apart() {
        let options = Options { topics: 3, ..Options::default() };
        let first: Vec<u64> = options.topic_specs().iter().map(|topic| topic.first_nonce).collect();
        assert_eq!(first, [1, 2, 3]);
    }
}
