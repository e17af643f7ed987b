//! A bundle as the chain writes it.

use crate::chain::{
    decimal::{Decimal, ParseDecimalError, RangeError},
    messages::{InputForecast, InputInference, InputInferenceForecastBundle, ValueBundle},
};

/// A message over which the chain checks a signature in its own marshalling.
///
/// Protobuf's part of that is done by decoding and encoding: ascending field numbers, no default
/// scalars, no unknown fields, shortest varints. What is left is that a Dec is a value that the chain
/// always writes: an absent one as `0`, any other in its own text.
pub trait Canonical: prost::Message {
    /// Rewrites every Dec as the chain would write it.
    ///
    /// # Errors
    /// [`DecError`] when the chain would not decode the message.
    fn canonicalize(&mut self) -> Result<(), DecError>;
}

/// A Dec that the chain does not decode; it refuses the transaction at CheckTx (sdk 2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a number that the chain takes")]
pub struct DecError {
    /// As it was received.
    pub text: String,
    /// Why.
    #[source]
    pub reason: DecReason,
}

/// What is wrong with a Dec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecReason {
    /// Not a finite number.
    #[error(transparent)]
    Parse(#[from] ParseDecimalError),
    /// A magnitude that is not allowed.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl Canonical for InputInferenceForecastBundle {
    fn canonicalize(&mut self) -> Result<(), DecError> {
        if let Some(InputInference { value, values, .. }) = &mut self.inference {
            canonicalize(value)?;
            values.iter_mut().try_for_each(|labeled| canonicalize(&mut labeled.value))?;
        }
        if let Some(InputForecast { forecast_elements, .. }) = &mut self.forecast {
            forecast_elements.iter_mut().try_for_each(|element| canonicalize(&mut element.value))?;
        }
        Ok(())
    }
}

impl Canonical for ValueBundle {
    fn canonicalize(&mut self) -> Result<(), DecError> {
        canonicalize(&mut self.combined_value)?;
        canonicalize(&mut self.naive_value)?;
        let nested =
            self.one_out_inferer_forecaster_values.iter_mut().map(|row| &mut row.one_out_inferer_values);
        [
            &mut self.inferer_values,
            &mut self.forecaster_values,
            &mut self.one_out_inferer_values,
            &mut self.one_out_forecaster_values,
            &mut self.one_in_forecaster_values,
        ]
        .into_iter()
        .chain(nested)
        .flatten()
        .try_for_each(|attributed| canonicalize(&mut attributed.value))
    }
}

fn canonicalize(text: &mut String) -> Result<(), DecError> {
    let refused = |reason: DecReason| DecError { text: text.clone(), reason };
    let number = if text.is_empty() {
        Decimal::zero()
    } else {
        text.parse().map_err(|error| refused(DecReason::Parse(error)))?
    };
    number.check_range().map_err(|error| refused(error.into()))?;
    *text = number.to_string();
    Ok(())
}

#[cfg(test)]
mod tests {
    use cosmrs::proto::cosmos::tx::v1beta1::{SimulateRequest, TxBody, TxRaw};
    use prost::Message as _;
    use serde_json::Value;

    use super::*;
    use crate::{
        chain::messages::{InsertReputerPayloadRequest, InsertWorkerPayloadRequest},
        wallet::PublicKey,
    };

    /// Whether the chain would take the payload's signature; `None` for other transactions.
    fn signature_is_good(request: &Value) -> Option<bool> {
        let data = hex::decode(request["params"]["data"].as_str().unwrap()).unwrap();
        let tx = TxRaw::decode(&SimulateRequest::decode(&data[..]).unwrap().tx_bytes[..]).ok()?;
        let message = TxBody::decode(&tx.body_bytes[..]).unwrap().messages.remove(0);
        let good = |bytes: Vec<u8>, signature: &[u8], key: &str| {
            key.parse::<PublicKey>().is_ok_and(|key| key.verify(&bytes, signature).is_ok())
        };
        match message.type_url.rsplit('.').next().unwrap() {
            "InsertWorkerPayloadRequest" => {
                let request = InsertWorkerPayloadRequest::decode(&message.value[..]).unwrap();
                let data = request.worker_data_bundle.unwrap();
                let mut bundle = data.inference_forecasts_bundle?;
                bundle.canonicalize().unwrap();
                Some(good(bundle.encode_to_vec(), &data.inferences_forecasts_bundle_signature, &data.pubkey))
            }
            "InsertReputerPayloadRequest" => {
                let request = InsertReputerPayloadRequest::decode(&message.value[..]).unwrap();
                let data = request.reputer_value_bundle.unwrap();
                let mut bundle = data.value_bundle?;
                bundle.canonicalize().unwrap();
                Some(good(bundle.encode_to_vec(), &data.signature, &data.pubkey))
            }
            _ => None,
        }
    }

    /// Fields out of order, Decs absent, empty or not canonical, high s, 65 bytes, other keys, ...
    #[test]
    fn we_judge_every_recorded_payload_as_the_real_node_did() {
        let folder = format!("{}/tests/captures/simulate", env!("CARGO_MANIFEST_DIR"));
        let (mut taken, mut refused) = (0, 0);
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let capture: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let Some(good) = signature_is_good(&capture["request"]) else { continue };
            let answer = &capture["response"]["result"]["response"];
            if answer["code"] == 0 {
                assert!(good, "{path:?}");
                taken += 1;
            } else if answer["log"].as_str().unwrap().contains("signature verification failed") {
                assert!(!good, "{path:?}");
                refused += 1;
            }
        }
        assert!(taken > 20 && refused > 8, "{taken} taken, {refused} refused");
    }

    #[test]
    fn the_real_node_took_exactly_the_numbers_that_we_take() {
        let capture: Value =
            serde_json::from_str(include_str!("../../../tests/captures/decimals_on_chain.json")).unwrap();
        for case in capture["cases"].as_array().unwrap() {
            let input = case["input"].as_str().map_or_else(|| case["input"].to_string(), str::to_owned);
            let as_sent = case["signed_as_sent"] == "accepted";
            let over_canonical = case["signed_over_canonical"] == "accepted";
            let mut text = input.clone();
            let read = canonicalize(&mut text);
            assert_eq!(read.is_ok(), as_sent || over_canonical || input.is_empty(), "{case}");
            if read.is_ok() && !input.is_empty() {
                assert_eq!(text, case["canonical"], "{case}");
                assert_eq!(as_sent, text == input, "{case}");
            }
        }
    }
}
