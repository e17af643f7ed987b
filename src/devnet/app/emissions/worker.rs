//! A worker's payload: all checks in the chain's order, then admission.

use std::{collections::HashSet, sync::Arc};

use bigdecimal::{BigDecimal, Zero};
use prost::Message as _;
use serde_json::json;

use super::{
    Context, DATA_SENDING_FEE, Emissions, MAX_FORECAST_ELEMENTS, MAX_MESSAGE_BYTES, MAX_TOP_FORECASTERS,
    admission::{Admission, EmaScore},
    bundle, ecosystem,
    event::TypedEvent,
    label, number,
    topic::{MERIT_SORTITION_ALPHA, StoredInference, Topic, UNITY_TOLERANCE},
};
use crate::{
    chain::{
        messages::{
            EmissionsVersion, InputForecast, InputInference, InputWorkerDataBundle,
            InsertWorkerPayloadRequest,
        },
        payload::SINGLE_LABEL,
    },
    devnet::{
        app::{
            address::Address,
            error::{AbciError, emissions, sdk},
            gas,
        },
        genesis::TopicOutput,
    },
};

impl Emissions {
    /// Takes a worker's payload, or says why not.
    pub fn insert_worker_payload(
        &mut self,
        request: &InsertWorkerPayloadRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        context.meter.consume(gas::BUNDLE_CHECKS)?;
        let sender = Address::parse(&request.sender)?;
        let absent = InputWorkerDataBundle::default();
        let data = request.worker_data_bundle.as_ref().unwrap_or(&absent);
        let worker = Address::parse(&data.worker)?;
        if !self.may_submit(data.topic_id, worker) {
            context.meter.consume(gas::NOT_LISTED)?;
            return Err(emissions::WORKER_NOT_PERMITTED.wrap("Worker is not permitted to submit payload"));
        }
        let nonce =
            bundle::validate(data).map_err(|error| error.context("Error validating worker data bundle"))?;
        context.meter.consume(gas::PAYLOAD_CHECKS - gas::BUNDLE_CHECKS)?;
        if request.encoded_len() > MAX_MESSAGE_BYTES {
            return Err(emissions::MESSAGE_TOO_LARGE.bare());
        }
        let topic = self.topic(data.topic_id).ok_or_else(|| emissions::INVALID_TOPIC_ID.bare())?;
        check_window(topic, nonce, context.height)?;
        if !topic.workers.contains_key(&worker) {
            return Err(emissions::NOT_REGISTERED.wrap("worker is not registered in this topic"));
        }
        context.ledger.transfer(sender, ecosystem(), DATA_SENDING_FEE, context.events)?;
        context.meter.consume(gas::DATA_FEE)?;
        let bundle = data.inference_forecasts_bundle.as_ref();
        if let Some(inference) = bundle.and_then(|bundle| bundle.inference.as_ref()) {
            self.insert_inference(inference, worker, nonce, context)?;
        }
        if let Some(forecast) = bundle.and_then(|bundle| bundle.forecast.as_ref()) {
            self.insert_forecast(forecast, worker, nonce, context)?;
        }
        Ok(())
    }

    fn insert_inference(
        &mut self,
        input: &InputInference,
        worker: Address,
        nonce: u64,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        let (version, most) = (self.version, self.max_top_inferers);
        let topic = self.existing_topic_mut(input.topic_id)?;
        let window = topic.windows.get(&nonce).ok_or_else(|| emissions::UNFULFILLED_NONCE.bare())?;
        let labels = labels(topic, input)?;
        context.meter.consume(gas::ADMISSION_PLAN)?;
        let admission = topic
            .inferer_scores
            .plan(&window.inferences, worker, nonce, most, "inference already submitted")
            .map_err(|error| error.context("Error planning inference admission"))?;
        let evicted = match admission {
            Admission::Admitted => None,
            Admission::Instead(other) => Some(other),
            Admission::Dismissed => {
                context.meter.consume(gas::ADMISSION)?;
                drift(topic, version, worker, nonce, context);
                return Ok(());
            }
        };
        let stored = normalize(topic, input, &labels, context)
            .map_err(|error| error.context("failed to normalize admitted inference"))?;
        context.meter.consume(gas::ADMISSION - gas::NORMALIZATION - gas::LABELS)?;
        if let Some(evicted) = evicted {
            context.meter.consume(gas::EVICTION)?;
            drift(topic, version, evicted, nonce, context);
        }
        context.meter.consume(gas::INFERENCE)?;
        if let Some(window) = topic.windows.get_mut(&nonce) {
            if let Some(evicted) = evicted {
                window.inferences.remove_mut(&evicted);
            }
            for (label, value) in &stored.values {
                if !window.labels.contains(label) && (labels.len() <= 1 || !value.is_zero()) {
                    window.labels.push(label.clone());
                }
            }
            window.inferences.insert_mut(worker, Arc::new(stored));
        }
        context.events.push(inserted(version, input, &labels));
        Ok(())
    }

    fn insert_forecast(
        &mut self,
        input: &InputForecast,
        worker: Address,
        nonce: u64,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        let version = self.version;
        let topic = self.existing_topic_mut(input.topic_id)?;
        let mut elements = input.forecast_elements.clone();
        let mut seen = HashSet::new();
        elements.retain(|element| seen.insert(element.inferer.clone()));
        let score = |inferer: &str| {
            Address::parse(inferer)
                .map_or_else(|_| BigDecimal::zero(), |inferer| topic.inferer_scores.ema(inferer).value)
        };
        elements.sort_by_cached_key(|element| std::cmp::Reverse(score(&element.inferer)));
        elements.truncate(MAX_FORECAST_ELEMENTS);
        let window = topic.windows.get_mut(&nonce).ok_or_else(|| emissions::UNFULFILLED_NONCE.bare())?;
        let admission = topic
            .forecaster_scores
            .plan(&window.forecasts, worker, nonce, MAX_TOP_FORECASTERS, "forecast already submitted")
            .map_err(|error| error.context("Error planning forecast admission"))?;
        context.meter.consume(gas::FORECAST)?;
        match admission {
            Admission::Admitted => {}
            Admission::Instead(evicted) => {
                window.forecasts.remove_mut(&evicted);
            }
            Admission::Dismissed => return Ok(()),
        }
        let event = TypedEvent::new(version, "EventInsertForecasterPayload")
            .text("forecaster", worker)
            .number("nonce", nonce)
            .number("topic_id", input.topic_id)
            .texts("inferer_addresses", elements.iter().map(|element| &element.inferer))
            .decimals("inferer_values", elements.iter().map(|element| &element.value))
            .bytes("extra_data", &input.extra_data);
        context.events.push(event.build());
        let stored = InputForecast { forecast_elements: elements, ..input.clone() };
        window.forecasts.insert_mut(worker, Arc::new(stored));
        Ok(())
    }
}

/// The nonce is open, and so is its window.
fn check_window(topic: &Topic, nonce: u64, height: u64) -> Result<(), AbciError> {
    if !topic.windows.contains_key(&nonce) {
        return Err(emissions::UNFULFILLED_NONCE.bare());
    }
    let (id, end) = (topic.spec.id, topic.window_end(nonce));
    if height < nonce || height > end {
        return Err(emissions::WORKER_WINDOW.wrap(format!(
            "Worker window not open for topic: {id}, current block {height}, start window: {nonce}, end window: {end}"
        )));
    }
    Ok(())
}

/// The canonical labels of a submission; none when it holds its number in `value`.
fn labels(topic: &Topic, input: &InputInference) -> Result<Vec<String>, AbciError> {
    let (whitelist, most) = topic.labels();
    let labels = label::validate(input.values.iter().map(|labeled| labeled.label.as_str()), most, whitelist)
        .map_err(|error| error.context("input inference failed label validation"))?;
    match (&topic.spec.output, labels.first()) {
        (TopicOutput::Single, Some(label)) if label != SINGLE_LABEL => {
            let text = format!("single-arity label must be {SINGLE_LABEL:?}, got {label:?}");
            Err(sdk::INVALID_REQUEST.wrap(text))
        }
        _ => Ok(labels),
    }
}

/// The inference as the chain stores it: one output in `value`, several under canonical labels.
fn normalize(
    topic: &Topic,
    input: &InputInference,
    labels: &[String],
    context: &mut Context<'_>,
) -> Result<StoredInference, AbciError> {
    context.meter.consume(gas::NORMALIZATION)?;
    let invalid = |text: String| sdk::INVALID_REQUEST.wrap(text);
    let mut stored = input.clone();
    let numbers = input.values.iter().map(|labeled| number::parse(&labeled.value));
    let mut values: Vec<_> = labels.iter().cloned().zip(numbers).collect();
    let is_multi = matches!(topic.spec.output, TopicOutput::Multi { .. });
    if is_multi && values.is_empty() {
        return Err(invalid("multi-arity inference requires labeled values".into()));
    }
    if is_multi && values.iter().all(|(_, value)| value.is_zero()) {
        return Err(invalid("multi-arity inference requires at least one non-default label value".into()));
    }
    context.meter.consume(gas::LABELS)?;
    match &topic.spec.output {
        TopicOutput::Single => {
            if let Some(labeled) = stored.values.pop() {
                stored.value = labeled.value;
            }
            values = vec![(SINGLE_LABEL.into(), number::parse(&stored.value))];
        }
        TopicOutput::Multi { require_unity, .. } => {
            let sum: BigDecimal = values.iter().map(|(_, value)| value).sum();
            if *require_unity && (&sum - BigDecimal::from(1)).abs() > number::parse(UNITY_TOLERANCE) {
                let sum = number::canonical(&sum);
                return Err(invalid(format!("require_unity violated: sum={sum} tol={UNITY_TOLERANCE}")));
            }
            for (labeled, label) in stored.values.iter_mut().zip(labels) {
                labeled.label.clone_from(label);
            }
        }
    }
    Ok(StoredInference { input: stored, values, height: context.height, tx_hash: context.tx_hash.clone() })
}

/// Says that a worker is not in the active set, and moves its score.
fn drift(
    topic: &mut Topic,
    version: EmissionsVersion,
    worker: Address,
    nonce: u64,
    context: &mut Context<'_>,
) {
    let alpha = number::parse(MERIT_SORTITION_ALPHA);
    let EmaScore { value, .. } = topic.inferer_scores.drift(worker, nonce, &alpha);
    let event = TypedEvent::new(version, "EventEMAScoresSet")
        .text("actor_type", "ACTOR_TYPE_INFERER_UNSPECIFIED")
        .texts("addresses", [worker])
        .json("is_active", &json!([false]))
        .number("nonce", nonce)
        .decimals("scores", [number::canonical(&value)])
        .number("topic_id", topic.spec.id);
    context.events.push(event.build());
}

/// The event of an admitted inference: numbers as sent, labels canonical.
fn inserted(
    version: EmissionsVersion,
    input: &InputInference,
    labels: &[String],
) -> crate::devnet::abci::Event {
    let event = TypedEvent::new(version, "EventInsertInfererPayload")
        .bytes("extra_data", &input.extra_data)
        .text("inferer", &input.inferer)
        .text("nonce", input.block_height)
        .number("topic_id", input.topic_id)
        .decimal("value", &input.value);
    let values: Vec<_> = labels
        .iter()
        .zip(&input.values)
        .map(|(label, labeled)| json!({"label": label, "value": number::plain(&labeled.value)}))
        .collect();
    match version {
        EmissionsVersion::V9 => event,
        EmissionsVersion::V10 => event.json("values", &json!(values)),
    }
    .build()
}
