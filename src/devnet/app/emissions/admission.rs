//! The active set of a window: who is in, and who must go when it is full.

use std::sync::Arc;

use bigdecimal::{BigDecimal, Zero};
use rpds::RedBlackTreeMapSync;

use super::number;
use crate::devnet::app::{
    address::Address,
    error::{AbciError, emissions},
};

/// What the active workers of one window sent.
pub type ActiveSet<T> = RedBlackTreeMapSync<Address, Arc<T>>;

/// A smoothed score with the nonce of its last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmaScore {
    /// 0: never scored.
    pub nonce: u64,
    /// Higher is better.
    pub value: BigDecimal,
}

/// Scores of one kind of actor in a topic.
#[derive(Debug, Clone)]
pub struct Scores {
    emas: RedBlackTreeMapSync<Address, EmaScore>,
    /// Quantile of the last active set, towards which the scores of the others drift.
    quantile: BigDecimal,
}

/// What becomes of a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// There is room.
    Admitted,
    /// It takes the place of the worker with the lowest score.
    Instead(Address),
    /// The set is full of better ones.
    Dismissed,
}

impl Default for Scores {
    fn default() -> Self {
        Self { emas: RedBlackTreeMapSync::default(), quantile: BigDecimal::zero() }
    }
}

impl Scores {
    /// The smoothed score; zero and nonce 0 for who was never scored.
    pub fn ema(&self, address: Address) -> EmaScore {
        self.emas.get(&address).cloned().unwrap_or_else(|| EmaScore { nonce: 0, value: BigDecimal::zero() })
    }

    /// Whether the worker was ever scored.
    pub fn knows(&self, address: Address) -> bool {
        self.emas.contains_key(&address)
    }

    /// Sets a score.
    pub fn set(&mut self, address: Address, score: EmaScore) {
        self.emas.insert_mut(address, score);
    }

    /// Sets what the scores of the inactive drift towards.
    pub fn set_quantile(&mut self, quantile: BigDecimal) {
        self.quantile = quantile;
    }

    /// Moves the score of a worker that is not in the active set of a nonce, and returns it.
    pub fn drift(&mut self, address: Address, nonce: u64, alpha: &BigDecimal) -> EmaScore {
        let value = number::ema(alpha, &self.quantile, &self.ema(address).value);
        let score = EmaScore { nonce, value };
        self.set(address, score.clone());
        score
    }

    /// The lowest score of an active set; of equal ones the last address.
    pub fn lowest<T>(&self, set: &ActiveSet<T>) -> Option<(Address, EmaScore)> {
        set.keys()
            .map(|address| (*address, self.ema(*address)))
            .reduce(|lowest, other| if other.1.value <= lowest.1.value { other } else { lowest })
    }

    /// Decides on a submission. `twice` is the error of who is in the set already.
    pub fn plan<T>(
        &self,
        set: &ActiveSet<T>,
        address: Address,
        nonce: u64,
        most: u64,
        twice: &str,
    ) -> Result<Admission, AbciError> {
        if set.contains_key(&address) {
            return Err(AbciError::unregistered(twice));
        }
        let own = self.ema(address);
        if own.nonce == nonce {
            return Err(emissions::EMA_ONCE_PER_WINDOW.bare());
        }
        if (set.size() as u64) < most {
            return Ok(Admission::Admitted);
        }
        Ok(match self.lowest(set) {
            Some((lowest, score)) if own.value > score.value => Admission::Instead(lowest),
            _ => Admission::Dismissed,
        })
    }
}
