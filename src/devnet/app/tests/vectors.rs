//! Golden vectors: what the Python SDK signs, this chain verifies.

use cosmrs::proto::cosmos::tx::v1beta1::SimulateRequest;
use serde_json::Value;

use super::{replay::read, *};
use crate::chain::messages::{InputLabeledValue, InsertReputerPayloadRequest, Msg};

/// A message of w1, which may carry anybody's payload, for a simulation.
fn unsigned(type_url: &str, value: Vec<u8>) -> Vec<u8> {
    let any = Any { type_url: type_url.into(), value };
    UnsignedTx::new(any, 0).simulation(*wallet("w1").public_key(), 0, FEE)
}

fn simulate(app: &App, type_url: &str, value: Vec<u8>) -> ExecTxResult {
    app.simulate(&unsigned(type_url, value))
}

/// The payload of a vector, sent by w1.
fn from_w1(request: &Value) -> InsertWorkerPayloadRequest {
    let bytes = hex::decode(request.as_str().unwrap()).unwrap();
    let request: InsertWorkerPayloadRequest = prost::Message::decode(bytes.as_slice()).unwrap();
    InsertWorkerPayloadRequest { sender: address("w1"), ..request }
}

#[test]
fn every_payload_of_the_vectors_passes_the_signature_check() {
    for (file, version) in
        [("worker_payload_v10", EmissionsVersion::V10), ("worker_payload_v9", EmissionsVersion::V9)]
    {
        let mut genesis = genesis();
        genesis.emissions = version;
        let app = App::new(&genesis).unwrap();
        let vectors = read(&format!("vectors/{file}.json"));
        for case in vectors["cases"].as_array().unwrap() {
            let request = from_w1(&case["request"]);
            let result =
                simulate(&app, case["type_url"].as_str().unwrap(), prost::Message::encode_to_vec(&request));
            // All that is wrong with them is that their topic or nonce is not there.
            assert!(
                result.log.ends_with("invalid topic ID")
                    || result.log.ends_with("unfulfilled nonce not found"),
                "{} {}: {}",
                file,
                case["name"],
                result.log
            );
            let mut changed = request;
            let signature =
                &mut changed.worker_data_bundle.as_mut().unwrap().inferences_forecasts_bundle_signature;
            signature[40] ^= 1;
            let result =
                simulate(&app, case["type_url"].as_str().unwrap(), prost::Message::encode_to_vec(&changed));
            assert!(result.log.contains("signature verification failed: unauthorized"), "{}", result.log);
        }
    }
}

#[test]
fn every_losses_bundle_of_the_vectors_passes_the_signature_check() {
    let app = App::new(&genesis()).unwrap();
    for case in read("vectors/reputer_payload_v10.json")["cases"].as_array().unwrap() {
        let bytes = hex::decode(case["request"].as_str().unwrap()).unwrap();
        let request: InsertReputerPayloadRequest = prost::Message::decode(bytes.as_slice()).unwrap();
        let request = InsertReputerPayloadRequest { sender: address("w1"), ..request };
        let type_url = EmissionsVersion::V10.type_url(InsertReputerPayloadRequest::NAME);
        let result = simulate(&app, &type_url, prost::Message::encode_to_vec(&request));
        assert!(result.log.ends_with("invalid topic ID"), "{}: {}", case["name"], result.log);
    }
}

/// What this chain says of each number of a recording, in its form: signed as it was sent, and over its canonical text.
pub fn judged(recording: &Value) -> Value {
    let chain = Chain::at(&genesis(), 11);
    let judge = |sent: &str, signed: &str| {
        let mut request = chain.payload("w1", 1, 11, "1");
        let data = request.worker_data_bundle.as_mut().unwrap();
        let bundle = data.inference_forecasts_bundle.as_mut().unwrap();
        let value = |value: &str| vec![InputLabeledValue { label: "y".into(), value: value.into() }];
        bundle.inference.as_mut().unwrap().values = value(signed);
        data.inferences_forecasts_bundle_signature =
            wallet("w1").sign(&prost::Message::encode_to_vec(&*bundle)).to_vec();
        bundle.inference.as_mut().unwrap().values = value(sent);
        let type_url = chain.version.type_url(InsertWorkerPayloadRequest::NAME);
        let tx_bytes = unsigned(&type_url, prost::Message::encode_to_vec(&request));
        let path = SimulateRequest::path(EmissionsVersion::V10);
        let simulation = SimulateRequest { tx_bytes, ..SimulateRequest::default() };
        let answer = chain.app.query(&path, &prost::Message::encode_to_vec(&simulation), 0);
        // The record leaves out where in the code it was, and the gas.
        let log = answer.log.strip_prefix("rpc error: code = Unknown desc = ").unwrap_or(&answer.log);
        let log = log.split_once(" with gas used: ").map_or(log, |(log, _)| log);
        let log = log.rsplit_once(" [").map_or(log, |(log, _)| log);
        if answer.code == 0 { "accepted".to_owned() } else { format!("code {}: {log}", answer.code) }
    };
    let mut judged = recording.clone();
    for case in judged["cases"].as_array_mut().unwrap() {
        let sent = case["input"].as_str().unwrap().to_owned();
        let canonical = case["canonical"].as_str().map(str::to_owned);
        for (verdict, signed) in
            [("signed_as_sent", Some(&sent)), ("signed_over_canonical", canonical.as_ref())]
        {
            // Without a canonical text there was nothing to sign.
            if let (true, Some(signed)) = (case[verdict].is_string(), signed) {
                case[verdict] = judge(&sent, signed).into();
            }
        }
    }
    judged
}
