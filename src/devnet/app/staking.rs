//! The one validator, as the staking module tells of it. Its stake never changes.

use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use cosmrs::{
    Any,
    proto::cosmos::{
        crypto::ed25519::PubKey,
        staking::v1beta1::{
            BondStatus, Commission, CommissionRates, Description, QueryValidatorRequest,
            QueryValidatorResponse, Validator,
        },
    },
};
use prost::{Message as _, Name as _};
use sha2::{Digest as _, Sha256};

use super::{
    answer::not_found,
    error::{AbciError, sdk},
};
use crate::devnet::genesis::Genesis;

/// Full name of the query service.
pub(super) const SERVICE: &str = "cosmos.staking.v1beta1.Query";

/// Human-readable part of validators' addresses.
const PREFIX: Hrp = Hrp::parse_unchecked("allovaloper");

/// uallo that the validator has staked on itself.
const TOKENS: &str = "10000000000000000000000000";

/// The validator's ed25519 key: the same on every local chain.
pub fn consensus_key() -> [u8; 32] {
    Sha256::digest("bootstrap devnet validator").into()
}

/// Address of the validator: that of the first account, as validators write it. Empty without any account.
pub(super) fn operator(genesis: &Genesis) -> String {
    let account = genesis.accounts.first().and_then(|(address, _)| bech32::decode(address).ok());
    account.and_then(|(_, bytes)| bech32::encode::<Bech32>(PREFIX, &bytes).ok()).unwrap_or_default()
}

/// Answers `Validator`.
pub(super) fn validator(
    request: &QueryValidatorRequest,
    operator: &str,
) -> Result<QueryValidatorResponse, AbciError> {
    let address = request.validator_addr.as_str();
    let decoded = CheckedHrpstring::new::<Bech32>(address);
    if !decoded.is_ok_and(|decoded| decoded.hrp() == PREFIX) {
        return Err(sdk::INVALID_REQUEST.wrap("decoding bech32 failed"));
    }
    if address != operator {
        return Err(not_found(format!("validator {address} not found")));
    }
    let key = PubKey { key: consensus_key().to_vec() };
    let rates = CommissionRates {
        rate: "100000000000000000".into(),
        max_rate: "200000000000000000".into(),
        max_change_rate: "10000000000000000".into(),
    };
    let validator = Validator {
        operator_address: operator.into(),
        consensus_pubkey: Some(Any { type_url: PubKey::type_url(), value: key.encode_to_vec() }),
        status: BondStatus::Bonded.into(),
        tokens: TOKENS.into(),
        // A LegacyDec: scaled by 10^18.
        delegator_shares: format!("{TOKENS}000000000000000000"),
        description: Some(Description { moniker: "local".into(), ..Description::default() }),
        unbonding_time: Some(Default::default()),
        commission: Some(Commission { commission_rates: Some(rates), update_time: Some(Default::default()) }),
        min_self_delegation: "1".into(),
        ..Validator::default()
    };
    Ok(QueryValidatorResponse { validator: Some(validator) })
}
