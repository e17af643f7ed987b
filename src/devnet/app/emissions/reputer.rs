//! A reputer's payload.

use std::sync::Arc;

use prost::Message as _;

use super::{
    Context, DATA_SENDING_FEE, Emissions, MAX_MESSAGE_BYTES, REQUIRED_MINIMUM_STAKE, ecosystem,
    event::TypedEvent, network::BundleJson,
};
use crate::{
    chain::messages::{InputReputerValueBundle, InsertReputerPayloadRequest, ValueBundle},
    devnet::app::{
        address::Address,
        error::{AbciError, emissions, sdk},
        gas, signature,
    },
};

impl Emissions {
    /// Takes a reputer's losses, or says why not.
    pub fn insert_reputer_payload(
        &mut self,
        request: &InsertReputerPayloadRequest,
        context: &mut Context<'_>,
    ) -> Result<(), AbciError> {
        context.meter.consume(gas::LOSSES_CHECKS)?;
        let sender = Address::parse(&request.sender)?;
        let absent = InputReputerValueBundle::default();
        let signed = request.reputer_value_bundle.as_ref().unwrap_or(&absent);
        let (bundle, reputer, nonce) =
            validate(signed).map_err(|error| error.context("failed to validate reputer value bundle"))?;
        context.meter.consume(gas::PAYLOAD_CHECKS - gas::LOSSES_CHECKS)?;
        if request.encoded_len() > MAX_MESSAGE_BYTES {
            return Err(emissions::MESSAGE_TOO_LARGE.bare());
        }
        let version = self.version;
        let topic = self.topic_mut(bundle.topic_id).ok_or_else(|| emissions::INVALID_TOPIC_ID.bare())?;
        if topic.windows.contains_key(&nonce) {
            return Err(emissions::NONCE_STILL_UNFULFILLED.wrap("worker nonce"));
        }
        let (id, height) = (topic.spec.id, context.height);
        let (start, end) = (topic.reputer_window_start(nonce), topic.reputer_window_end(nonce));
        let (registered, stake) = (topic.reputers.contains_key(&reputer), topic.stake(reputer));
        let Some(losses) = topic.reputer_nonces.get_mut(&nonce) else {
            return Err(emissions::UNFULFILLED_NONCE.wrap("reputer nonce"));
        };
        if height < start || height > end {
            // The chain's text names an end that is an epoch too late.
            let named = end + topic.spec.epoch_length;
            return Err(emissions::REPUTER_WINDOW.wrap(format!(
                "Reputer window not open for topic: {id}, current block {height}, start window: {start}, end window: {named}"
            )));
        }
        if !registered {
            return Err(emissions::NOT_REGISTERED.wrap("reputer is not registered in this topic"));
        }
        if stake < REQUIRED_MINIMUM_STAKE {
            return Err(emissions::INSUFFICIENT_STAKE.bare());
        }
        context.ledger.transfer(sender, ecosystem(), DATA_SENDING_FEE, context.events)?;
        context.meter.consume(gas::REPUTER_STANDING)?;
        if losses.contains_key(&reputer) {
            return Err(AbciError::unregistered("reputer loss already submitted"));
        }
        losses.insert_mut(reputer, Arc::new(bundle.clone()));
        let event = TypedEvent::new(version, "EventInsertReputerPayload")
            .number("topic_id", id)
            .number("nonce", nonce)
            .text("reputer", reputer)
            .json("bundle", &BundleJson::from(bundle));
        context.events.push(event.build());
        context.meter.consume(gas::REPUTER_PAYLOAD - gas::PAYLOAD_CHECKS - gas::REPUTER_STANDING)
    }
}

/// Form, addresses and signature of a payload; returns losses, reputer and nonce.
fn validate(signed: &InputReputerValueBundle) -> Result<(&ValueBundle, Address, u64), AbciError> {
    let invalid = |text: &str| sdk::INVALID_REQUEST.wrap(text);
    let wrong = |text: &str| invalid(text).context("value bundle is invalid");
    let bundle = signed.value_bundle.as_ref().ok_or_else(|| invalid("value bundle cannot be nil"))?;
    let nonce = bundle.reputer_request_nonce.and_then(|nonce| nonce.reputer_nonce);
    let nonce = nonce.ok_or_else(|| wrong("value bundle reputer request nonce cannot be nil"))?;
    let reputer = Address::parse(&bundle.reputer)
        .map_err(|error| sdk::INVALID_ADDRESS.wrap(format!("value bundle is invalid: {error}")))?;
    if bundle.inferer_values.is_empty() {
        return Err(wrong("value bundle inferer values cannot be nil"));
    }
    let key = hex::decode(&signed.pubkey)
        .ok()
        .filter(|key| key.len() == 33)
        .ok_or_else(|| invalid("invalid pubkey"))?;
    if Address::of_public_key(&key) != Some(reputer) {
        return Err(sdk::UNAUTHORIZED.wrap("reputer does not match pubkey"));
    }
    // Decoding has brought every Dec into the chain's form, so these are the bytes that it would write.
    if !signature::verify(&key, &bundle.encode_to_vec(), &signed.signature) {
        return Err(invalid("signature verification failed"));
    }
    let nonce = u64::try_from(nonce.block_height)
        .map_err(|_| sdk::INVALID_TYPE.wrap("block height must be greater than or equal to 0"))?;
    Ok((bundle, reputer, nonce))
}
