//! Simulations: what a transaction would come to, by a node's mempool state.

use cosmrs::proto::cosmos::tx::v1beta1::{SimulateRequest, SimulateResponse};

use super::outcome::{Stage, Verdict};
use super::query::{Client, QueryError};

/// Simulation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Simulation {
    /// It would succeed.
    Fits {
        /// Gas that was used; some 14,000 to 16,000 less than in a block, because no fee is taken.
        gas_used: u64,
    },
    /// It would fail, and cost its whole fee. Always code 6: only the text names the cause.
    Refused {
        /// What the text means.
        verdict: Verdict,
        /// The error's text.
        log: String,
    },
    /// This node cannot simulate: its gRPC and REST are off, or it has just started.
    Unsupported,
}

impl Simulation {
    /// What the answer to a simulation means. One that is refused is an answer.
    fn of(answer: Result<SimulateResponse, QueryError>) -> Result<Self, QueryError> {
        match answer {
            Ok(answer) => Ok(Self::Fits { gas_used: answer.gas_info.unwrap_or_default().gas_used }),
            Err(QueryError::Refused { verdict: Verdict::UnknownPath, .. }) => Ok(Self::Unsupported),
            Err(QueryError::Refused { verdict, log, .. }) => Ok(Self::Refused { verdict, log }),
            Err(error) => Err(error),
        }
    }

    /// Why it would fail, if it would.
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Refused { verdict, .. } => Some(*verdict),
            Self::Fits { .. } | Self::Unsupported => None,
        }
    }

    /// Whether another node may well say otherwise: as of all that it is refused for but the sequence, of which each mempool
    /// has its own.
    #[must_use]
    pub const fn is_contestable(&self) -> bool {
        matches!(self, Self::Refused { verdict, .. } if !matches!(verdict, Verdict::SequenceMismatch { .. }))
    }

    /// Whether it would fail however often it were tried.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        let verdict = self.verdict();
        matches!(verdict, Some(Verdict::AlreadySubmitted | Verdict::UnknownTopic | Verdict::Rejected))
    }
}

impl Client {
    /// Simulates a transaction on the mempool's state.
    ///
    /// # Errors
    /// See [`QueryError`]; a transaction that would fail is an answer, [`Simulation::Refused`].
    pub async fn simulate(&self, tx_bytes: Vec<u8>) -> Result<Simulation, QueryError> {
        Simulation::of(self.ask_at(Stage::Simulate, &request(tx_bytes)).await.map(|(_, answer)| answer))
    }

    /// The same on every endpoint whose height the others do not contradict, at once: the height whose state each read,
    /// and what it said. Those that give no answer are left out.
    pub async fn simulate_on_all(&self, tx_bytes: Vec<u8>) -> Vec<(u64, Simulation)> {
        let said = self.ask_all(Stage::Simulate, &request(tx_bytes)).await;
        said.into_iter().filter_map(|(height, answer)| Some((height, Simulation::of(answer).ok()?))).collect()
    }
}

fn request(tx_bytes: Vec<u8>) -> SimulateRequest {
    #[allow(deprecated)] // the field `tx` must be named to be left empty
    SimulateRequest { tx: None, tx_bytes }
}
