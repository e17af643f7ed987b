//! Why a call brought no answer of the chain, and how far it got.

use std::time::Duration;

use crate::chain::outcome::Verdict;

/// Why a call brought no answer of the chain.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcError {
    /// No connection was made: the request has not left.
    #[error("cannot connect to {endpoint}: {cause}")]
    Unconnected {
        /// Address of the endpoint, without credentials.
        endpoint: String,
        /// What the name service, the connection or TLS said.
        cause: String,
    },
    /// The connection broke. The request may have arrived.
    #[error("the connection to {endpoint} broke: {cause}")]
    Broken {
        /// Address of the endpoint, without credentials.
        endpoint: String,
        /// What the connection said.
        cause: String,
    },
    /// No answer within the limit. The request may have arrived.
    #[error("{endpoint} gave no answer within {limit:?}")]
    TimedOut {
        /// Address of the endpoint, without credentials.
        endpoint: String,
        /// How long we waited.
        limit: Duration,
    },
    /// An HTTP status other than 200 from something in front of the node. The request may have arrived.
    #[error("{endpoint} answered with HTTP status {status}")]
    HttpStatus {
        /// Address of the endpoint, without credentials.
        endpoint: String,
        /// The status. Redirects are not followed: they would carry credentials to another host.
        status: u16,
        /// The pause that `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// An answer that is not CometBFT's JSON-RPC. The request may have arrived.
    #[error("{endpoint} does not speak CometBFT JSON-RPC: {cause}")]
    NotRpc {
        /// Address of the endpoint, without credentials.
        endpoint: String,
        /// What was wrong with the answer.
        cause: String,
    },
    /// The node's own JSON-RPC error.
    #[error("{endpoint} refused the call: {message} ({code})")]
    Refused {
        /// Address of the endpoint, without credentials.
        endpoint: String,
        /// JSON-RPC error code, -32603 for most.
        code: i64,
        /// Message and data of the error.
        message: String,
        /// What the table of the chain's answers says to it.
        verdict: Verdict,
    },
}

impl RpcError {
    /// The kind of it in a word, as metrics count it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unconnected { .. } => "unconnected",
            Self::Broken { .. } => "broken",
            Self::TimedOut { .. } => "timed_out",
            Self::HttpStatus { .. } => "http_status",
            Self::NotRpc { .. } => "not_rpc",
            Self::Refused { .. } => "refused",
        }
    }

    /// What the table of the chain's answers says; `None` for faults of the endpoint.
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Refused { verdict, .. } => Some(*verdict),
            _ => None,
        }
    }

    /// Whether the fault lies with the endpoint, so that another one may do better. So it is with an error of JSON-RPC
    /// that is not known: what the application says comes in answers.
    #[must_use]
    pub fn is_endpoint_fault(&self) -> bool {
        self.verdict().is_none_or(|verdict| matches!(verdict, Verdict::NotCometBft | Verdict::Unknown))
    }

    /// Whether the request certainly never left. All other faults leave open whether it arrived.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::Unconnected { .. })
    }
}
