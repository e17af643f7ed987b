//! Messages of `feemarket.feemarket.v1`, the chain's gas price.
//!
//! Prices are *LegacyDec*: the text `10000000000000000000` is 10 uallo per gas.

use cosmrs::proto::cosmos::base::v1beta1::DecCoin;

use super::{Query, Service};

/// Full name of the query service.
pub const SERVICE: &str = "feemarket.feemarket.v1.Query";

/// Asks for the price in one denomination.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct GasPriceRequest {
    /// `uallo`; the chain refuses all others.
    #[prost(string, tag = "1")]
    pub denom: String,
}

/// Answer to [`GasPriceRequest`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct GasPriceResponse {
    /// LegacyDec, per gas.
    #[prost(message, optional, tag = "1")]
    pub price: Option<DecCoin>,
}

/// Asks for the price in every denomination.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct GasPricesRequest {}

/// Answer to [`GasPricesRequest`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct GasPricesResponse {
    /// LegacyDec, per gas.
    #[prost(message, repeated, tag = "1")]
    pub prices: Vec<DecCoin>,
}

/// Asks for the module's parameters.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ParamsRequest {}

/// Answer to [`ParamsRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct ParamsResponse {
    /// The parameters.
    #[prost(message, optional, tag = "1")]
    pub params: Option<Params>,
}

/// Parameters of the module.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct Params {
    /// LegacyDec.
    #[prost(string, tag = "1")]
    pub alpha: String,
    /// LegacyDec.
    #[prost(string, tag = "2")]
    pub beta: String,
    /// LegacyDec.
    #[prost(string, tag = "3")]
    pub gamma: String,
    /// LegacyDec.
    #[prost(string, tag = "4")]
    pub delta: String,
    /// LegacyDec, per gas: the price never falls below it.
    #[prost(string, tag = "5")]
    pub min_base_gas_price: String,
    /// LegacyDec.
    #[prost(string, tag = "6")]
    pub min_learning_rate: String,
    /// LegacyDec.
    #[prost(string, tag = "7")]
    pub max_learning_rate: String,
    /// Gas of a block that counts as full.
    #[prost(uint64, tag = "8")]
    pub max_block_utilization: u64,
    /// Blocks that the price looks back on.
    #[prost(uint64, tag = "9")]
    pub window: u64,
    /// The only denomination in which fees are taken.
    #[prost(string, tag = "10")]
    pub fee_denom: String,
    /// Whether the price moves.
    #[prost(bool, tag = "11")]
    pub enabled: bool,
    /// Whether fees go to stakers.
    #[prost(bool, tag = "12")]
    pub distribute_fees: bool,
}

/// Asks for the module's state.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct StateRequest {}

/// Answer to [`StateRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct StateResponse {
    /// The state.
    #[prost(message, optional, tag = "1")]
    pub state: Option<State>,
}

/// State of the module.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[cfg_attr(test, derive(serde::Serialize))]
pub struct State {
    /// LegacyDec, per gas.
    #[prost(string, tag = "1")]
    pub base_gas_price: String,
    /// LegacyDec.
    #[prost(string, tag = "2")]
    pub learning_rate: String,
    /// Gas that the last blocks used.
    #[prost(uint64, repeated, tag = "3")]
    pub window: Vec<u64>,
    /// The current block's place in `window`.
    #[prost(uint64, tag = "4")]
    pub index: u64,
}

impl Query for GasPriceRequest {
    type Response = GasPriceResponse;
    const SERVICE: Service = Service::Fixed(SERVICE);
    const METHOD: &'static str = "GasPrice";
}

impl Query for GasPricesRequest {
    type Response = GasPricesResponse;
    const SERVICE: Service = Service::Fixed(SERVICE);
    const METHOD: &'static str = "GasPrices";
}

impl Query for ParamsRequest {
    type Response = ParamsResponse;
    const SERVICE: Service = Service::Fixed(SERVICE);
    const METHOD: &'static str = "Params";
}

impl Query for StateRequest {
    type Response = StateResponse;
    const SERVICE: Service = Service::Fixed(SERVICE);
    const METHOD: &'static str = "State";
}
