//! Protobuf messages of the emissions and feemarket modules.
//!
//! Written by hand from what the chain takes and answers; Cosmos' own come from [`cosmrs::proto`].
//! Names and numbers are those of emissions v10 (chain v0.17). A v9 chain uses the same shapes but
//! where [`query::v9`] and a field's comment say otherwise, so one type serves both; only the path
//! of a query and the type URL of a message name the version: [`EmissionsVersion`].
//!
//! Two kinds of number travel as text. *Dec* is the chain's decimal (see `decimal`): on the chain it
//! is a value that is always there, so an absent one reads as zero. *Int* is a whole number, which
//! may be above 2^64. Feemarket's *LegacyDec* is a whole number scaled by 10^18.

pub mod cosmos;
pub mod feemarket;
mod inference;
mod nonce;
mod params;
pub mod query;
mod registration;
mod reputer;
mod score;
mod stake;
mod topic;
mod worker;

use cosmrs::Any;

pub use inference::*;
pub use nonce::*;
pub use params::*;
pub use registration::*;
pub use reputer::*;
pub use score::*;
pub use stake::*;
pub use topic::*;
pub use worker::*;

/// Which version of the emissions API a chain speaks. A node answers one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmissionsVersion {
    /// Before chain v0.17.
    V9,
    /// Chain v0.17.
    V10,
}

impl EmissionsVersion {
    /// The versions to look for, the likelier first.
    pub const ALL: [Self; 2] = [Self::V10, Self::V9];

    /// The protobuf package, `emissions.v10`.
    #[must_use]
    pub const fn package(self) -> &'static str {
        match self {
            Self::V9 => "emissions.v9",
            Self::V10 => "emissions.v10",
        }
    }

    /// Path of a method of the query service: `GetParams` gives `/emissions.v10.QueryService/GetParams`.
    #[must_use]
    pub fn path(self, method: &str) -> String {
        format!("/{}.QueryService/{method}", self.package())
    }

    /// Type URL of a message: `RegisterRequest` gives `/emissions.v10.RegisterRequest`.
    #[must_use]
    pub fn type_url(self, name: &str) -> String {
        format!("/{}.{name}", self.package())
    }

    /// The full name of an event: `EventScoresSet` gives `emissions.v10.EventScoresSet`.
    #[must_use]
    pub fn event(self, name: &str) -> String {
        format!("{}.{name}", self.package())
    }

    /// A message as a transaction carries it.
    #[must_use]
    pub fn any<M: Msg>(self, message: &M) -> Any {
        Any { type_url: self.type_url(M::NAME), value: message.encode_to_vec() }
    }
}

/// A message of the emissions module that a transaction can carry.
pub trait Msg: prost::Message + Default {
    /// Its name without the package, `RegisterRequest`.
    const NAME: &'static str;
}

/// A request of a query, with what it asks and what comes back.
pub trait Query: prost::Message + Default {
    /// What the chain answers.
    type Response: prost::Message + Default;
    /// The service that answers.
    const SERVICE: Service;
    /// The method's name, `GetParams`.
    const METHOD: &'static str;

    /// The full path, as `abci_query` and gRPC take it.
    #[must_use]
    fn path(version: EmissionsVersion) -> String {
        match Self::SERVICE {
            Service::Emissions => version.path(Self::METHOD),
            Service::Fixed(service) => format!("/{service}/{}", Self::METHOD),
        }
    }
}

/// The service that answers a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The emissions module, whose package carries the version.
    Emissions,
    /// Another module, by its full name, `cosmos.bank.v1beta1.Query`.
    Fixed(&'static str),
}

/// Says under which name a transaction carries a message.
macro_rules! messages {
    ($($message:ident),* $(,)?) => { $(
        impl $crate::chain::messages::Msg for $message {
            const NAME: &'static str = stringify!($message);
        }
    )* };
}
use messages;

#[cfg(test)]
mod tests;
