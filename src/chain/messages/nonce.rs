//! Nonces: the heights at which submission windows opened.

/// `emissions.v3.Nonce`: a window is named by the height of the block that opened it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Nonce {
    /// Height of the opening block, above 0.
    #[prost(int64, tag = "1")]
    pub block_height: i64,
}

/// `emissions.v3.Nonces`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Nonces {
    /// The nonces, in the chain's order.
    #[prost(message, repeated, tag = "1")]
    pub nonces: Vec<Nonce>,
}

/// `emissions.v3.ReputerRequestNonce`: the worker nonce that a reputer judges.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct ReputerRequestNonce {
    /// The worker nonce.
    #[prost(message, optional, tag = "1")]
    pub reputer_nonce: Option<Nonce>,
}

/// `emissions.v3.ReputerRequestNonces`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct ReputerRequestNonces {
    /// The nonces, in the chain's order.
    #[prost(message, repeated, tag = "1")]
    pub nonces: Vec<ReputerRequestNonce>,
}
