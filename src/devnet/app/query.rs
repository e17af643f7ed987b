//! gRPC methods over `abci_query`, of the modules other than emissions.

use cosmrs::{
    Any,
    proto::cosmos::{
        auth::v1beta1::{
            BaseAccount, QueryAccountInfoRequest, QueryAccountInfoResponse, QueryAccountRequest,
            QueryAccountResponse,
        },
        bank::v1beta1::{
            QueryBalanceRequest, QueryBalanceResponse, QuerySpendableBalanceByDenomRequest,
            QuerySpendableBalanceByDenomResponse,
        },
        base::v1beta1::{Coin, DecCoin},
        crypto::secp256k1::PubKey,
    },
};
use prost::{Message as _, Name as _};

use super::{
    address::Address,
    answer::{Answer, answer, invalid_argument, not_found, unknown_path},
    error::{AbciError, sdk},
    mint, staking,
    state::State,
};
use crate::chain::{
    messages::{EmissionsVersion, feemarket},
    tx::DENOM,
};

/// LegacyDec 0.125.
const LEARNING_RATE: &str = "125000000000000000";

/// Service of the emissions module for a version.
fn emissions_service(version: EmissionsVersion) -> String {
    format!("{}.QueryService", version.package())
}

/// Services of modules, but for emissions, whose name has its version.
const SERVICES: [&str; 5] = [
    "cosmos.auth.v1beta1.Query",
    "cosmos.bank.v1beta1.Query",
    feemarket::SERVICE,
    mint::SERVICE,
    staking::SERVICE,
];

impl State {
    /// Whether a module has a service of this name.
    pub fn has_service(&self, service: &str) -> bool {
        service == emissions_service(self.emissions.version) || SERVICES.contains(&service)
    }

    /// Answers a method of a module from this state.
    pub fn query(&self, service: &str, method: &str, data: &[u8]) -> Answer {
        if service == emissions_service(self.emissions.version) {
            return self.emissions.query(method, data, self.height);
        }
        match (service, method) {
            ("cosmos.auth.v1beta1.Query", "AccountInfo") => {
                answer(data, |request: QueryAccountInfoRequest| {
                    if request.address.is_empty() {
                        return Err(invalid_argument("address cannot be empty"));
                    }
                    Ok(QueryAccountInfoResponse { info: Some(self.base_account(&request.address)?) })
                })
            }
            ("cosmos.auth.v1beta1.Query", "Account") => answer(data, |request: QueryAccountRequest| {
                if request.address.is_empty() {
                    return Err(invalid_argument("Address cannot be empty"));
                }
                let account = self.base_account(&request.address)?;
                let account = Any { type_url: BaseAccount::type_url(), value: account.encode_to_vec() };
                Ok(QueryAccountResponse { account: Some(account) })
            }),
            ("cosmos.bank.v1beta1.Query", "Balance") => answer(data, |request: QueryBalanceRequest| {
                Ok(QueryBalanceResponse { balance: Some(self.balance(&request.address, request.denom)?) })
            }),
            ("cosmos.bank.v1beta1.Query", "SpendableBalanceByDenom") => {
                answer(data, |request: QuerySpendableBalanceByDenomRequest| {
                    let balance = Some(self.balance(&request.address, request.denom)?);
                    Ok(QuerySpendableBalanceByDenomResponse { balance })
                })
            }
            (staking::SERVICE, "Validator") => {
                answer(data, |request| staking::validator(&request, &self.operator))
            }
            (mint::SERVICE, "EmissionInfo") => {
                answer(data, |_: mint::EmissionInfoRequest| Ok(mint::emission_info()))
            }
            (feemarket::SERVICE, _) => self.feemarket_query(method, data),
            _ => unknown_path(),
        }
    }

    fn feemarket_query(&self, method: &str, data: &[u8]) -> Answer {
        let price = self.gas_price.scaled().to_string();
        let coin = DecCoin { denom: DENOM.into(), amount: price.clone() };
        match method {
            "GasPrice" => answer(data, |request: feemarket::GasPriceRequest| {
                if request.denom != DENOM {
                    let text = format!("error resolving denom: the only denom supported is {DENOM}");
                    return Err(sdk::INVALID_REQUEST.wrap(text));
                }
                Ok(feemarket::GasPriceResponse { price: Some(coin) })
            }),
            "GasPrices" => answer(data, |_: feemarket::GasPricesRequest| {
                Ok(feemarket::GasPricesResponse { prices: vec![coin] })
            }),
            "Params" => answer(data, |_: feemarket::ParamsRequest| {
                Ok(feemarket::ParamsResponse { params: Some(self.feemarket_params(price)) })
            }),
            "State" => answer(data, |_: feemarket::StateRequest| {
                let state = feemarket::State {
                    base_gas_price: price,
                    learning_rate: LEARNING_RATE.into(),
                    window: vec![self.block_gas],
                    index: 0,
                };
                Ok(feemarket::StateResponse { state: Some(state) })
            }),
            _ => unknown_path(),
        }
    }

    fn feemarket_params(&self, price: String) -> feemarket::Params {
        let zero = || String::from("0");
        feemarket::Params {
            alpha: zero(),
            beta: "1000000000000000000".into(),
            gamma: zero(),
            delta: zero(),
            min_base_gas_price: price,
            min_learning_rate: LEARNING_RATE.into(),
            max_learning_rate: LEARNING_RATE.into(),
            max_block_utilization: 30_000_000,
            window: 1,
            fee_denom: DENOM.into(),
            enabled: true,
            distribute_fees: false,
        }
    }

    fn base_account(&self, text: &str) -> Result<BaseAccount, AbciError> {
        let address = Address::parse(text).map_err(|error| sdk::INVALID_REQUEST.wrap(error))?;
        let account =
            self.ledger.account(address).ok_or_else(|| not_found(format!("account {address} not found")))?;
        let pub_key = account.public_key.map(|key| Any {
            type_url: PubKey::type_url(),
            value: PubKey { key: key.to_vec() }.encode_to_vec(),
        });
        Ok(BaseAccount {
            address: address.to_string(),
            pub_key,
            account_number: account.number,
            sequence: account.sequence,
        })
    }

    fn balance(&self, text: &str, denom: String) -> Result<Coin, AbciError> {
        if !is_denom(&denom) {
            return Err(invalid_argument(format!("invalid denom: {denom}")));
        }
        let address =
            Address::parse(text).map_err(|error| invalid_argument(format!("invalid address: {error}")))?;
        let amount = if denom == DENOM { self.ledger.balance(address) } else { 0 };
        Ok(Coin { denom, amount: amount.to_string() })
    }
}

/// A letter and 2 to 127 letters, digits and some signs: the SDK's rule.
fn is_denom(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"/:._-".contains(&byte);
    (3..=128).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(inner)
}
