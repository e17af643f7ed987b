//! A topic and its windows.

use std::sync::Arc;

use bigdecimal::BigDecimal;
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::admission::{ActiveSet, Scores};
use crate::{
    chain::messages::{
        self, EmissionsVersion, InputForecast, InputInference, TopicOutputArity, TopicType, ValueBundle,
    },
    devnet::{
        app::address::Address,
        genesis::{TopicOutput, TopicSpec},
    },
};

/// Inferences of closed nonces that a topic keeps.
const KEPT_INFERENCES: usize = 10_000;

/// Closed nonces that a topic keeps.
const KEPT_NONCES: usize = 1_000;

/// How far from 1 the values may sum up when the topic asks for unity.
pub const UNITY_TOLERANCE: &str = "0.001";

/// Weight of a new score in the average.
pub const MERIT_SORTITION_ALPHA: &str = "0.1";

/// Which score of the active set the others drift towards.
pub const ACTIVE_QUANTILE: &str = "0.25";

/// A topic with all that belongs to it. Clones share.
#[derive(Debug, Clone)]
pub struct Topic {
    /// What the genesis says of it.
    pub spec: Arc<TopicSpec>,
    /// Inactive topics open no windows.
    pub active: bool,
    /// The last worker nonce; 0 before the first.
    pub epoch_last_ended: u64,
    /// Height at which it is due.
    pub next_nonce: u64,
    /// uallo that were paid in; the richer topic opens first.
    pub revenue: u128,
    /// Workers with their owners.
    pub workers: RedBlackTreeMapSync<Address, Address>,
    /// Reputers with their owners.
    pub reputers: RedBlackTreeMapSync<Address, Address>,
    /// Workers that may submit when the whitelist is on.
    pub whitelist: RedBlackTreeSetSync<Address>,
    /// uallo that reputers have staked on themselves.
    pub stakes: RedBlackTreeMapSync<Address, u128>,
    /// uallo that others have staked on reputers.
    pub delegated: RedBlackTreeMapSync<Address, u128>,
    /// Open worker nonces.
    pub windows: RedBlackTreeMapSync<u64, Window>,
    /// Unfulfilled reputer nonces with the losses that came in.
    pub reputer_nonces: RedBlackTreeMapSync<u64, ActiveSet<ValueBundle>>,
    /// Closed nonces that had inferences.
    pub closed: RedBlackTreeMapSync<u64, Arc<ClosedNonce>>,
    /// How often each inferer was in an active set.
    pub inclusions: RedBlackTreeMapSync<Address, u64>,
    /// Scores of inferers.
    pub inferer_scores: Scores,
    /// Scores of forecasters.
    pub forecaster_scores: Scores,
    /// Scores of reputers.
    pub reputer_scores: Scores,
    /// Part of the last rewards for each inferer, 0 to 1.
    pub reward_fractions: RedBlackTreeMapSync<Address, BigDecimal>,
    /// Height and nonce of the last closing with data.
    pub last_commit: Option<(u64, u64)>,
    /// The same for reputers.
    pub last_reputer_commit: Option<(u64, u64)>,
}

/// An open worker nonce.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Admitted inferences.
    pub inferences: ActiveSet<StoredInference>,
    /// Admitted forecasts.
    pub forecasts: ActiveSet<InputForecast>,
    /// Labels in the order of their first appearance; ids count from 1.
    pub labels: Vec<String>,
}

/// An admitted inference.
#[derive(Debug, Clone)]
pub struct StoredInference {
    /// As the chain stores it: one output in `value`, several in `values`.
    pub input: InputInference,
    /// Canonical label and number of each output.
    pub values: Vec<(String, BigDecimal)>,
    /// Height of its block.
    pub height: u64,
    /// Upper-case hex hash of its transaction.
    pub tx_hash: Arc<str>,
}

/// A worker nonce after its window.
#[derive(Debug, Clone)]
pub struct ClosedNonce {
    /// The nonce.
    pub nonce: u64,
    /// What was admitted.
    pub window: Window,
    /// Scores that the reputers' losses gave the inferers, once they are in.
    pub scores: Vec<(Address, BigDecimal)>,
    /// Scores of the reputers themselves.
    pub reputer_scores: Vec<(Address, BigDecimal)>,
}

impl Topic {
    /// A new, active topic.
    pub fn new(spec: TopicSpec) -> Self {
        Self {
            active: true,
            epoch_last_ended: 0,
            next_nonce: spec.first_nonce,
            revenue: 0,
            workers: RedBlackTreeMapSync::default(),
            reputers: RedBlackTreeMapSync::default(),
            whitelist: RedBlackTreeSetSync::default(),
            stakes: RedBlackTreeMapSync::default(),
            delegated: RedBlackTreeMapSync::default(),
            windows: RedBlackTreeMapSync::default(),
            reputer_nonces: RedBlackTreeMapSync::default(),
            closed: RedBlackTreeMapSync::default(),
            inclusions: RedBlackTreeMapSync::default(),
            inferer_scores: Scores::default(),
            forecaster_scores: Scores::default(),
            reputer_scores: Scores::default(),
            reward_fractions: RedBlackTreeMapSync::default(),
            last_commit: None,
            last_reputer_commit: None,
            spec: Arc::new(spec),
        }
    }

    /// Last block that may hold a payload for `nonce`.
    pub fn window_end(&self, nonce: u64) -> u64 {
        nonce + self.spec.worker_submission_window
    }

    /// First block that may hold losses for `nonce`.
    pub fn reputer_window_start(&self, nonce: u64) -> u64 {
        nonce + self.spec.ground_truth_lag
    }

    /// Last block that may hold losses for `nonce`: the ground truth lag in whole epochs, and one more.
    pub fn reputer_window_end(&self, nonce: u64) -> u64 {
        let epoch = self.spec.epoch_length;
        nonce + self.spec.ground_truth_lag.div_ceil(epoch) * epoch + epoch
    }

    /// uallo staked on a reputer, by itself and by others.
    pub fn stake(&self, reputer: Address) -> u128 {
        let of = |map: &RedBlackTreeMapSync<Address, u128>| map.get(&reputer).copied().unwrap_or(0);
        of(&self.stakes).saturating_add(of(&self.delegated))
    }

    /// uallo staked in the topic.
    pub fn total_stake(&self) -> u128 {
        self.stakes.values().chain(self.delegated.values()).fold(0, |sum, stake| sum.saturating_add(*stake))
    }

    /// Keeps a closed nonce and drops the oldest beyond the bounds.
    pub fn keep(&mut self, closed: ClosedNonce) {
        self.closed.insert_mut(closed.nonce, Arc::new(closed));
        let mut inferences: usize = self.closed.values().map(|closed| closed.window.inferences.size()).sum();
        while self.closed.size() > KEPT_NONCES || inferences > KEPT_INFERENCES {
            let Some((oldest, closed)) = self.closed.first() else { break };
            let oldest = *oldest;
            inferences -= closed.window.inferences.size();
            self.closed.remove_mut(&oldest);
        }
    }

    /// Which labels a submission may hold, and how many.
    pub fn labels(&self) -> (&[String], u64) {
        match &self.spec.output {
            TopicOutput::Single => (&[], 1),
            TopicOutput::Multi { labels, max_labels, .. } => (labels, *max_labels),
        }
    }

    /// The topic as queries answer it.
    pub fn to_message(&self, version: EmissionsVersion, creator: &str) -> messages::Topic {
        let spec = &self.spec;
        let mut topic = messages::Topic {
            id: spec.id,
            creator: creator.into(),
            metadata: format!("local topic {}", spec.id),
            loss_method: "mse".into(),
            epoch_last_ended: signed(self.epoch_last_ended),
            epoch_length: signed(spec.epoch_length),
            ground_truth_lag: signed(spec.ground_truth_lag),
            p_norm: "3.0".into(),
            alpha_regret: "0.1".into(),
            allow_negative: true,
            epsilon: "0.01".into(),
            initial_regret: "0".into(),
            worker_submission_window: signed(spec.worker_submission_window),
            merit_sortition_alpha: MERIT_SORTITION_ALPHA.into(),
            active_inferer_quantile: ACTIVE_QUANTILE.into(),
            active_forecaster_quantile: ACTIVE_QUANTILE.into(),
            active_reputer_quantile: ACTIVE_QUANTILE.into(),
            c_norm: "0.75".into(),
            ..messages::Topic::default()
        };
        if version == EmissionsVersion::V10 {
            topic.unity_tolerance = UNITY_TOLERANCE.into();
            topic.label_default_value = "0".into();
            topic.set_topic_type(TopicType::Regression);
            topic.set_output_arity(TopicOutputArity::Single);
            topic.max_labels_per_submission = 1;
            if let TopicOutput::Multi { labels, max_labels, require_unity } = &spec.output {
                topic.set_output_arity(TopicOutputArity::Multi);
                topic.max_labels_per_submission = *max_labels;
                topic.label_whitelist = labels.clone();
                topic.require_unity = *require_unity;
                if *require_unity {
                    topic.set_topic_type(TopicType::Classification);
                }
            }
        }
        topic
    }
}

/// Heights are signed on the wire.
pub fn signed(height: u64) -> i64 {
    i64::try_from(height).unwrap_or(i64::MAX)
}
