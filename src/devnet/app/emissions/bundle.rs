//! Form, addresses and signature of a worker's data bundle: what is wrong with it whatever the chain's state.

use prost::Message as _;

use crate::{
    chain::messages::{InputForecast, InputInference, InputWorkerDataBundle},
    devnet::app::{
        address::Address,
        error::{AbciError, sdk},
        signature,
    },
};

/// Checks a bundle, and gives the nonce that it is for.
pub(super) fn validate(data: &InputWorkerDataBundle) -> Result<u64, AbciError> {
    let invalid = |text: &str| sdk::INVALID_REQUEST.wrap(text);
    let height = data.nonce.map_or(0, |nonce| nonce.block_height);
    let Ok(nonce) = u64::try_from(height) else {
        return Err(sdk::INVALID_TYPE.wrap(
            "worker data bundle nonce is invalid: nonce block height is invalid: block height must be greater than \
             or equal to 0",
        ));
    };
    if nonce == 0 {
        return Err(sdk::INVALID_TYPE.wrap("worker data bundle nonce block height must be greater than 0"));
    }
    let key = hex::decode(&data.pubkey)
        .ok()
        .filter(|key| key.len() == 33)
        .ok_or_else(|| invalid("invalid pubkey"))?;
    if data.inferences_forecasts_bundle_signature.is_empty() {
        return Err(invalid("signature cannot be empty"));
    }
    let bundle = data
        .inference_forecasts_bundle
        .as_ref()
        .ok_or_else(|| invalid("inference forecasts bundle cannot be nil"))?;
    if bundle.inference.is_none() && bundle.forecast.is_none() {
        return Err(invalid("inference and forecast cannot both be nil"));
    }
    let owner = Address::of_public_key(&key).ok_or_else(|| invalid("invalid pubkey"))?.to_string();
    if let Some(inference) = &bundle.inference {
        let InputInference { topic_id, block_height, .. } = *inference;
        let address = &inference.inferer;
        let part = Part { kind: "inference", field: "Inference.Inferer", address, topic_id, block_height };
        part.check(data, &owner)?;
    }
    if let Some(forecast) = &bundle.forecast {
        validate_forecast(forecast)?;
        let InputForecast { topic_id, block_height, .. } = *forecast;
        let address = &forecast.forecaster;
        let part = Part { kind: "forecast", field: "Forecast.Forecaster", address, topic_id, block_height };
        part.check(data, &owner)?;
    }
    // Decoding has brought every Dec into the chain's form, so these are the bytes that it would write.
    if !signature::verify(&key, &bundle.encode_to_vec(), &data.inferences_forecasts_bundle_signature) {
        return Err(sdk::UNAUTHORIZED.wrap("signature verification failed"));
    }
    Ok(nonce)
}

/// What an inference and a forecast repeat of their bundle.
struct Part<'a> {
    kind: &'static str,
    /// Where its address stands.
    field: &'static str,
    address: &'a str,
    topic_id: u64,
    block_height: i64,
}

impl Part<'_> {
    /// Whether it is of the bundle that it is in, and of `owner`, whose key is there.
    fn check(&self, bundle: &InputWorkerDataBundle, owner: &str) -> Result<(), AbciError> {
        let Self { kind, field, address, topic_id, block_height } = *self;
        if address != owner {
            return Err(sdk::UNAUTHORIZED.wrap(format!("{field} {address} does not match pubkey {owner}")));
        }
        let worker = bundle.worker.as_str();
        if address != worker {
            let text = format!("{field} {address} does not match worker address {worker}");
            return Err(sdk::UNAUTHORIZED.wrap(text));
        }
        if topic_id != bundle.topic_id {
            let text =
                format!("{kind} topic id {topic_id} does not match bundle topic id {}", bundle.topic_id);
            return Err(sdk::INVALID_REQUEST.wrap(text));
        }
        let height = bundle.nonce.map_or(0, |nonce| nonce.block_height);
        if block_height != height {
            let text =
                format!("{kind} block height {block_height} does not match bundle block height {height}");
            return Err(sdk::INVALID_REQUEST.wrap(text));
        }
        Ok(())
    }
}

fn validate_forecast(forecast: &InputForecast) -> Result<(), AbciError> {
    if forecast.forecast_elements.is_empty() {
        return Err(sdk::INVALID_REQUEST.wrap("at least one forecast element must be provided"));
    }
    for element in &forecast.forecast_elements {
        if let Err(error) = Address::parse(&element.inferer) {
            return Err(sdk::INVALID_ADDRESS.wrap(format!(
                "forecast element is invalid: forecast element contents are invalid: forecast element inferer \
                 address is invalid: invalid bech32 address ({error})"
            )));
        }
    }
    Ok(())
}
