//! What endpoints said to a broadcast, and what all of that together proves.

use crate::chain::outcome::Verdict;
use crate::chain::rpc::{CheckTxAnswer, RpcError};

/// What one endpoint said to a broadcast.
#[derive(Debug, Clone)]
pub struct Broadcast {
    /// The address without credentials.
    pub endpoint: String,
    /// CheckTx's answer, or why there is none.
    pub answer: Result<CheckTxAnswer, RpcError>,
}

impl Broadcast {
    /// Whether the bytes are in this node's mempool, or were.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        match &self.answer {
            Ok(check) => check.code == 0,
            Err(error) => error.verdict() == Some(Verdict::InCache),
        }
    }

    /// Whether this node certainly has not got the bytes from this broadcast: CheckTx refused them, or they
    /// never left.
    #[must_use]
    pub fn is_certainly_not_there(&self) -> bool {
        match &self.answer {
            Ok(_) => self.is_refused(),
            Err(error) => error.is_unsent(),
        }
    }

    /// Whether CheckTx refused the bytes: then they are not in this node's mempool, however they may have come there.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.answer.as_ref().is_ok_and(|check| check.code != 0)
    }
}

/// The proof that no node has the bytes: it is made from the answers of all that may have them, and from nothing else.
///
/// ```compile_fail,E0451
/// # use bootstrap::chain::{pool::AllRefused, rpc::CheckTxAnswer};
/// fn forge(check: CheckTxAnswer) -> AllRefused {
///     AllRefused { check } // private
/// }
/// ```
#[derive(Debug, Clone)]
pub struct AllRefused {
    check: CheckTxAnswer,
}

impl AllRefused {
    /// Of the answers to bytes that no node has from before: an endpoint that they never reached has not got them.
    /// `None` where one may have them.
    #[must_use]
    pub fn at_first(answers: &[Broadcast]) -> Option<Self> {
        Self::of(answers, Broadcast::is_certainly_not_there)
    }

    /// Of the answers of every endpoint to bytes that were sent before: one that they do not reach now may have them since
    /// then. `None` where one may have them.
    #[must_use]
    pub fn again(answers: &[Broadcast]) -> Option<Self> {
        Self::of(answers, Broadcast::is_refused)
    }

    fn of(answers: &[Broadcast], is_without: fn(&Broadcast) -> bool) -> Option<Self> {
        let check = answers.iter().find_map(|sent| sent.answer.as_ref().ok())?;
        answers.iter().all(is_without).then(|| Self { check: check.clone() })
    }

    /// What the first of them said.
    #[must_use]
    pub fn check(&self) -> &CheckTxAnswer {
        &self.check
    }
}
