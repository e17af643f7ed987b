//! Inferences and forecasts.

use prost::Message as _;

use crate::{
    chain::{
        decimal::{Decimal, RangeError},
        messages::{
            EmissionsVersion, InputForecast, InputForecastElement, InputInference,
            InputInferenceForecastBundle, InputLabeledValue, InputWorkerDataBundle,
            InsertWorkerPayloadRequest, Nonce,
        },
    },
    wallet::{Address, Wallet},
};

/// The label of a topic's only output.
pub const SINGLE_LABEL: &str = "y";

/// What a worker answers a nonce with. The chain wants an inference, a forecast, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerPayload {
    /// The topic.
    pub topic_id: u64,
    /// Height of the block that opened the window.
    pub nonce: i64,
    /// The worker's inference.
    pub inference: Option<Inference>,
    /// The loss that it foresees for each inferer; empty: no forecast.
    pub forecast: Vec<(Address, Decimal)>,
    /// Free; goes with the inference and with the forecast.
    pub extra_data: Vec<u8>,
    /// Free; goes with the inference.
    pub proof: String,
}

/// A prediction as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inference {
    /// The number of a topic with one output.
    Single(Decimal),
    /// A number for each label. Labels are sent as given; emissions v10 only.
    Labeled(Vec<(String, Decimal)>),
}

/// A payload that is not sent because the chain would refuse it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Neither inference nor forecast.
    #[error("the payload is empty: it holds neither an inference nor a forecast")]
    Empty,
    /// Nonces begin at 1.
    #[error("{0} is not a nonce")]
    Nonce(i64),
    /// The chain knows no labels.
    #[error("this chain runs emissions v9, whose topics take one number and no labels")]
    Labels,
    /// A number beyond what the chain takes.
    #[error("the value of `{of}` is out of range")]
    Range {
        /// The label or the inferer's address.
        of: String,
        /// Which bound.
        source: RangeError,
    },
}

impl WorkerPayload {
    /// The payload, signed, as a transaction of the same wallet carries it.
    ///
    /// # Errors
    /// [`PayloadError`] for what the chain would refuse for certain.
    pub fn sign(
        &self,
        version: EmissionsVersion,
        wallet: &Wallet,
    ) -> Result<InsertWorkerPayloadRequest, PayloadError> {
        if self.nonce <= 0 {
            return Err(PayloadError::Nonce(self.nonce));
        }
        let worker = wallet.address().to_string();
        let bundle = self.bundle(version, &worker)?;
        // A `Decimal` writes itself as the chain does, so this is canonical as it is.
        let signature = wallet.sign(&bundle.encode_to_vec());
        Ok(InsertWorkerPayloadRequest {
            sender: worker.clone(),
            worker_data_bundle: Some(InputWorkerDataBundle {
                worker,
                nonce: Some(Nonce { block_height: self.nonce }),
                topic_id: self.topic_id,
                inference_forecasts_bundle: Some(bundle),
                inferences_forecasts_bundle_signature: signature.to_vec(),
                pubkey: wallet.public_key().to_hex(),
            }),
        })
    }

    fn bundle(
        &self,
        version: EmissionsVersion,
        worker: &str,
    ) -> Result<InputInferenceForecastBundle, PayloadError> {
        let inference = self
            .inference
            .as_ref()
            .map(|inference| self.inference(version, worker, inference))
            .transpose()?;
        let forecast = (!self.forecast.is_empty()).then(|| self.forecast(worker)).transpose()?;
        if inference.is_none() && forecast.is_none() {
            return Err(PayloadError::Empty);
        }
        Ok(InputInferenceForecastBundle { inference, forecast })
    }

    fn inference(
        &self,
        version: EmissionsVersion,
        worker: &str,
        inference: &Inference,
    ) -> Result<InputInference, PayloadError> {
        let labeled = |label: &str, number: &Decimal| {
            text(label, number).map(|value| InputLabeledValue { label: label.into(), value })
        };
        let (value, values) = match (version, inference) {
            (EmissionsVersion::V9, Inference::Single(number)) => (text(SINGLE_LABEL, number)?, vec![]),
            (EmissionsVersion::V9, Inference::Labeled(_)) => return Err(PayloadError::Labels),
            (EmissionsVersion::V10, Inference::Single(number)) => {
                (Decimal::zero().to_string(), vec![labeled(SINGLE_LABEL, number)?])
            }
            (EmissionsVersion::V10, Inference::Labeled(numbers)) => (
                Decimal::zero().to_string(),
                numbers.iter().map(|(label, number)| labeled(label, number)).collect::<Result<_, _>>()?,
            ),
        };
        Ok(InputInference {
            topic_id: self.topic_id,
            block_height: self.nonce,
            inferer: worker.into(),
            value,
            extra_data: self.extra_data.clone(),
            proof: self.proof.clone(),
            values,
        })
    }

    fn forecast(&self, worker: &str) -> Result<InputForecast, PayloadError> {
        let forecast_elements = self
            .forecast
            .iter()
            .map(|(inferer, loss)| {
                let inferer = inferer.to_string();
                Ok(InputForecastElement { value: text(&inferer, loss)?, inferer })
            })
            .collect::<Result<_, PayloadError>>()?;
        Ok(InputForecast {
            topic_id: self.topic_id,
            block_height: self.nonce,
            forecaster: worker.into(),
            forecast_elements,
            extra_data: self.extra_data.clone(),
        })
    }
}

fn text(of: &str, number: &Decimal) -> Result<String, PayloadError> {
    number.check_range().map_err(|source| PayloadError::Range { of: of.into(), source })?;
    Ok(number.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        chain::{messages::Msg, payload::Canonical as _},
        wallet::PublicKey,
    };

    fn wallet(name: &str) -> Wallet {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/wallet.json")).unwrap();
        let vectors = vectors["from_mnemonic"].as_array().unwrap();
        let vector = vectors.iter().find(|vector| vector["label"] == name).unwrap();
        Wallet::from_mnemonic(vector["mnemonic"].as_str().unwrap()).unwrap()
    }

    fn payload(inputs: &Value) -> WorkerPayload {
        let number = |entry: &Value| entry["value"].as_str().unwrap().parse::<Decimal>().unwrap();
        let inference = inputs["values"].as_array().map(|values| match &values[..] {
            [only] if only["label"] == SINGLE_LABEL => Inference::Single(number(only)),
            values => Inference::Labeled(
                values.iter().map(|entry| (entry["label"].as_str().unwrap().into(), number(entry))).collect(),
            ),
        });
        let forecast = inputs["forecast"].as_array().into_iter().flatten();
        WorkerPayload {
            topic_id: inputs["topic_id"].as_str().unwrap().parse().unwrap(),
            nonce: inputs["nonce"].as_str().unwrap().parse().unwrap(),
            inference,
            forecast: forecast
                .map(|entry| (entry["inferer"].as_str().unwrap().parse().unwrap(), number(entry)))
                .collect(),
            extra_data: hex::decode(inputs["extra_data"].as_str().unwrap()).unwrap(),
            proof: inputs["proof"].as_str().unwrap().into(),
        }
    }

    fn every_vector(version: EmissionsVersion, vectors: &str) {
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            let same = |bytes: &[u8], field: &str| {
                assert_eq!(hex::encode(bytes), case[field].as_str().unwrap_or_default(), "{name}: {field}");
            };
            let wallet = wallet(case["inputs"]["wallet"].as_str().unwrap());
            assert_eq!(wallet.address().to_string(), case["inputs"]["worker"].as_str().unwrap());
            assert_eq!(
                version.type_url(InsertWorkerPayloadRequest::NAME),
                case["type_url"].as_str().unwrap()
            );

            let request = payload(&case["inputs"]).sign(version, &wallet).unwrap();
            same(&request.encode_to_vec(), "request");
            let data = request.worker_data_bundle.clone().unwrap();
            same(&data.encode_to_vec(), "worker_data_bundle");
            same(&data.inferences_forecasts_bundle_signature, "signature");
            assert_eq!(data.pubkey, case["pubkey"].as_str().unwrap());
            let bundle = data.inference_forecasts_bundle.unwrap();
            same(&bundle.encode_to_vec(), "bundle");
            let part = |part: Option<Vec<u8>>, field: &str| same(&part.unwrap_or_default(), field);
            part(bundle.inference.as_ref().map(prost::Message::encode_to_vec), "inference");
            part(bundle.forecast.as_ref().map(prost::Message::encode_to_vec), "forecast");

            // As the chain reads it.
            let bytes = hex::decode(case["request"].as_str().unwrap()).unwrap();
            assert_eq!(InsertWorkerPayloadRequest::decode(&bytes[..]).unwrap(), request, "{name}");
            let key: PublicKey = data.pubkey.parse().unwrap();
            let mut canonical = bundle.clone();
            canonical.canonicalize().unwrap();
            assert_eq!(canonical, bundle, "{name}");
            key.verify(&bundle.encode_to_vec(), &data.inferences_forecasts_bundle_signature).unwrap();
        }
    }

    #[test]
    fn every_vector_of_v10() {
        every_vector(EmissionsVersion::V10, include_str!("../../../tests/vectors/worker_payload_v10.json"));
    }

    #[test]
    fn every_vector_of_v9() {
        every_vector(EmissionsVersion::V9, include_str!("../../../tests/vectors/worker_payload_v9.json"));
    }

    #[test]
    fn what_the_chain_would_refuse_is_not_signed() {
        let wallet = wallet("12 words");
        let good = WorkerPayload {
            topic_id: 1,
            nonce: 1,
            inference: Some(Inference::Single(Decimal::zero())),
            ..WorkerPayload::default()
        };
        let error = |payload: &WorkerPayload, version| payload.sign(version, &wallet).unwrap_err();
        assert!(good.sign(EmissionsVersion::V9, &wallet).is_ok());

        let payload = WorkerPayload { inference: None, ..good.clone() };
        assert_eq!(error(&payload, EmissionsVersion::V10), PayloadError::Empty);
        let payload = WorkerPayload { nonce: 0, ..good.clone() };
        assert_eq!(error(&payload, EmissionsVersion::V10), PayloadError::Nonce(0));
        let labeled = Inference::Labeled(vec![("up".into(), Decimal::zero())]);
        let payload = WorkerPayload { inference: Some(labeled), ..good.clone() };
        assert_eq!(error(&payload, EmissionsVersion::V9), PayloadError::Labels);
        let too_large = Inference::Single("1.1e40".parse().unwrap());
        let payload = WorkerPayload { inference: Some(too_large), ..good };
        let expected = PayloadError::Range { of: "y".into(), source: RangeError::TooLarge };
        assert_eq!(error(&payload, EmissionsVersion::V10), expected);
    }

    #[test]
    fn an_absent_number_is_signed_as_zero_and_any_text_as_the_chain_writes_it() {
        let bundle = |value: &str, label_value: &str| InputInferenceForecastBundle {
            inference: Some(InputInference {
                topic_id: 1,
                value: value.into(),
                values: vec![InputLabeledValue { label: "y".into(), value: label_value.into() }],
                ..InputInference::default()
            }),
            forecast: None,
        };
        let canonical = |mut bundle: InputInferenceForecastBundle| bundle.canonicalize().map(|()| bundle);
        assert_eq!(canonical(bundle("", "1e-7")).unwrap(), bundle("0", "1E-7"));
        assert_eq!(canonical(bundle("0", "")).unwrap(), bundle("0", "0"));
        for wrong in ["nan", "abc", "1e41", "1e-41"] {
            assert_eq!(canonical(bundle("0", wrong)).unwrap_err().text, wrong);
        }
    }
}
