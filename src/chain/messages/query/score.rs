//! Scores, weights and reward fractions.

use super::queries;
use crate::chain::messages::{Score, Scores};

queries! {
    /// An inferer's smoothed score; height 0 when it was never scored.
    "GetInfererScoreEma" GetInfererScoreEmaRequest {
        topic_id: u64 = (uint64, tag = "1"),
        inferer: String = (string, tag = "2"),
    } => GetInfererScoreEmaResponse {
        /// The score.
        score: Option<Score> = (message, optional, tag = "1"),
    }

    /// A forecaster's smoothed score; height 0 when it was never scored.
    "GetForecasterScoreEma" GetForecasterScoreEmaRequest {
        topic_id: u64 = (uint64, tag = "1"),
        forecaster: String = (string, tag = "2"),
    } => GetForecasterScoreEmaResponse {
        /// The score.
        score: Option<Score> = (message, optional, tag = "1"),
    }

    /// A reputer's smoothed score; height 0 when it was never scored.
    "GetReputerScoreEma" GetReputerScoreEmaRequest {
        topic_id: u64 = (uint64, tag = "1"),
        reputer: String = (string, tag = "2"),
    } => GetReputerScoreEmaResponse {
        /// The score.
        score: Option<Score> = (message, optional, tag = "1"),
    }

    /// The score to beat once the active set is full. None yet is `key not found` (sdk 22).
    "GetCurrentLowestInfererScore" GetCurrentLowestInfererScoreRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetCurrentLowestInfererScoreResponse {
        /// The score.
        score: Option<Score> = (message, optional, tag = "1"),
    }

    /// The same for forecasters.
    "GetCurrentLowestForecasterScore" GetCurrentLowestForecasterScoreRequest {
        topic_id: u64 = (uint64, tag = "1"),
    } => GetCurrentLowestForecasterScoreResponse {
        /// The score.
        score: Option<Score> = (message, optional, tag = "1"),
    }

    /// The same for reputers.
    "GetCurrentLowestReputerScore" GetCurrentLowestReputerScoreRequest { topic_id: u64 = (uint64, tag = "1") }
    => GetCurrentLowestReputerScoreResponse {
        /// The score.
        score: Option<Score> = (message, optional, tag = "1"),
    }

    /// The inferers' scores of all nonces up to one.
    "GetInferenceScoresUntilBlock" GetInferenceScoresUntilBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => GetInferenceScoresUntilBlockResponse {
        /// The scores.
        scores: Vec<Score> = (message, repeated, tag = "1"),
    }

    /// The reputers' scores of one nonce.
    "GetReputersScoresAtBlock" GetReputersScoresAtBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => GetReputersScoresAtBlockResponse {
        /// The scores.
        scores: Option<Scores> = (message, optional, tag = "1"),
    }

    /// The inferers' scores of one nonce.
    "GetWorkerInferenceScoresAtBlock" GetWorkerInferenceScoresAtBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => GetWorkerInferenceScoresAtBlockResponse {
        /// The scores.
        scores: Option<Scores> = (message, optional, tag = "1"),
    }

    /// The forecasters' scores of one nonce.
    "GetWorkerForecastScoresAtBlock" GetWorkerForecastScoresAtBlockRequest {
        topic_id: u64 = (uint64, tag = "1"),
        block_height: i64 = (int64, tag = "2"),
    } => GetWorkerForecastScoresAtBlockResponse {
        /// The scores.
        scores: Option<Scores> = (message, optional, tag = "1"),
    }

    /// An inferer's part of the last rewards.
    "GetPreviousInferenceRewardFraction" GetPreviousInferenceRewardFractionRequest {
        topic_id: u64 = (uint64, tag = "1"),
        worker: String = (string, tag = "2"),
    } => GetPreviousInferenceRewardFractionResponse {
        /// Dec, 0 to 1.
        reward_fraction: String = (string, tag = "1"),
        /// It never had any.
        not_found: bool = (bool, tag = "2"),
    }

    /// An inferer's weight in the network's inference.
    "GetLatestInfererWeight" GetLatestInfererWeightRequest {
        topic_id: u64 = (uint64, tag = "1"),
        actor_id: String = (string, tag = "2"),
    } => GetLatestInfererWeightResponse {
        /// Dec.
        weight: String = (string, tag = "1"),
    }
}
