//! A worker's payload from the mempool to the state.

use super::*;
use crate::chain::{
    messages::{AddStakeRequest, Nonce, ReputerRequestNonce, ValueBundle, WorkerAttributedValue, query::*},
    payload::sign_losses,
};

#[test]
fn a_payload_is_stored_paid_and_shown() {
    let mut chain = Chain::new(&genesis());
    let registered = chain.deliver("w1", chain.register("w1", 1));
    assert_eq!((registered.code, registered.log.as_str()), (0, ""));
    chain.mine_to(11);
    let payload = chain.version.any(&chain.payload("w1", 1, 11, "1.5"));
    let stored = chain.deliver("w1", payload);
    assert_eq!((stored.code, stored.log.as_str()), (0, ""));
    let inserted = &events(&stored.events, "EventInsertInfererPayload")[0];
    assert_eq!(inserted["values"], r#"[{"label":"y","value":"1.5"}]"#);
    let paid: Vec<_> =
        chain.app.payments(&address("w1")).unwrap().iter().map(|payment| payment.fee).collect();
    assert_eq!(paid, [300_201, 300_011]);
    let block = chain.mine_to(19);
    assert_eq!(events(&block.events, "EventWorkerSubmissionWindowClosed").len(), 1);
    let latest = chain.query(&GetLatestNetworkInferencesRequest { topic_id: 1 }).unwrap();
    assert_eq!(latest.inference_block_height, 11);
    let submissions = chain.app.submissions(1).unwrap();
    assert_eq!((submissions[0].value.as_deref(), submissions[0].height), (Some("1.5"), 12));
}

/// A chain whose nonces take one inferer, with w1 scored above w2.
fn chain_of_one_place() -> Chain {
    let mut genesis = genesis();
    genesis.max_top_inferers = 1;
    let mut chain = Chain::at(&genesis, 11);
    let (id, reputer) = (1, address("reputer"));
    let register =
        RegisterRequest { sender: reputer.clone(), topic_id: id, owner: reputer.clone(), is_reputer: true };
    let stake = AddStakeRequest { sender: reputer.clone(), topic_id: id, amount: "10000".into() };
    assert_eq!(chain.deliver("reputer", EmissionsVersion::V10.any(&register)).log, "");
    assert_eq!(chain.deliver("reputer", EmissionsVersion::V10.any(&stake)).log, "");
    let payload = EmissionsVersion::V10.any(&chain.payload("w1", id, 11, "1"));
    assert_eq!(chain.deliver("w1", payload).code, 0);
    // The reputer says that the network is worse off without w1.
    chain.mine_to(31);
    let loss = |value: &str| vec![WorkerAttributedValue { worker: address("w1"), value: value.into() }];
    let losses = ValueBundle {
        topic_id: id,
        reputer_request_nonce: Some(ReputerRequestNonce { reputer_nonce: Some(Nonce { block_height: 11 }) }),
        reputer,
        combined_value: "1".into(),
        naive_value: "1".into(),
        inferer_values: loss("1"),
        one_out_inferer_values: loss("3"),
        ..ValueBundle::default()
    };
    let losses = EmissionsVersion::V10.any(&sign_losses(losses, &wallet("reputer")).unwrap());
    assert_eq!(chain.deliver("reputer", losses).log, "");
    let scored = chain.mine_to(51);
    assert!(events(&scored.events, "EventScoresSet")[0]["scores"].starts_with("[\"2.000"));
    assert!(!events(&scored.events, "EventRewardsSettled").is_empty());
    chain
}

#[test]
fn the_better_worker_takes_the_place_of_the_other() {
    let mut chain = chain_of_one_place();
    let payload = |name: &str, value: &str| EmissionsVersion::V10.any(&chain.payload(name, 1, 51, value));
    let (w1, w2, again) = (payload("w1", "5"), payload("w2", "6"), payload("w2", "7"));
    assert!(!events(&chain.deliver("w2", w2).events, "EventInsertInfererPayload").is_empty());
    let evicts = chain.deliver("w1", w1);
    let ema = &events(&evicts.events, "EventEMAScoresSet")[0];
    assert_eq!((ema["addresses"], ema["is_active"]), (&*format!("[\"{}\"]", address("w2")), "[false]"));
    assert!(!events(&evicts.events, "EventInsertInfererPayload").is_empty());
    let latest =
        |name| GetWorkerLatestInputInferenceByTopicIdRequest { topic_id: 1, worker_address: address(name) };
    assert_eq!(chain.query(&latest("w1")).unwrap().latest_input_inference.unwrap().value, "5");
    assert!(chain.query(&latest("w2")).unwrap_err().starts_with("sdk 22: "));
    assert_eq!(chain.deliver("w2", again).code, 78);
}

#[test]
fn the_worse_worker_is_not_admitted_and_pays_all_the_same() {
    let mut chain = chain_of_one_place();
    let payload = |name: &str, value: &str| EmissionsVersion::V10.any(&chain.payload(name, 1, 51, value));
    let (w1, w2, again) = (payload("w1", "5"), payload("w2", "6"), payload("w2", "7"));
    assert_eq!(chain.deliver("w1", w1).code, 0);
    let dismissed = chain.deliver("w2", w2);
    assert_eq!(dismissed.code, 0);
    assert!(events(&dismissed.events, "EventInsertInfererPayload").is_empty());
    assert_eq!(events(&dismissed.events, "EventEMAScoresSet")[0]["is_active"], "[false]");
    assert_eq!(chain.app.payments(&address("w2")).unwrap().last().unwrap().fee, 300_011);
    assert_eq!(chain.deliver("w2", again).code, 78);
}

#[test]
fn a_v9_chain_takes_one_number_and_knows_no_labels() {
    let mut genesis = genesis();
    genesis.emissions = EmissionsVersion::V9;
    let mut chain = Chain::at(&genesis, 11);
    let payload = chain.payload("w1", 1, 11, "0.25");
    let delivered = chain.deliver("w1", EmissionsVersion::V9.any(&payload));
    assert_eq!((delivered.code, delivered.log.as_str()), (0, ""));
    let inserted =
        delivered.events.iter().find(|event| event.kind == "emissions.v9.EventInsertInfererPayload");
    assert!(inserted.unwrap().attributes.contains(&("value".into(), "\"0.25\"".into())));
    let latest = v9::GetWorkerLatestInferenceByTopicIdRequest { topic_id: 1, worker_address: address("w1") };
    assert_eq!(chain.query(&latest).unwrap().latest_inference.unwrap().value, "0.25");
    let block = chain.mine_to(19);
    assert!(block.events.iter().any(|event| event.kind == "emissions.v9.EventNetworkInferences"));
    let network = chain.query(&v9::GetLatestNetworkInferencesRequest { topic_id: 1 }).unwrap();
    assert_eq!(network.network_inferences.unwrap().combined_value, "0.25");
    let v10 = chain.app.query(&EmissionsVersion::V10.path("GetParams"), &[], 0);
    assert_eq!((v10.code, v10.log.as_str(), v10.height), (6, "unknown query path: unknown request", 0));
    let newer = EmissionsVersion::V10.any(&payload);
    let newer = chain.sign("w1", newer);
    assert_eq!(chain.app.check_tx(&newer).code, 2);
}

#[test]
fn a_forecast_is_kept_with_the_first_element_of_each_inferer() {
    let mut chain = Chain::at(&genesis(), 11);
    let forecast = ["1", "2"].map(|value| (wallet("w2").address().clone(), value.parse().unwrap())).to_vec();
    let payload = WorkerPayload { topic_id: 1, nonce: 11, forecast, ..WorkerPayload::default() };
    let payload = payload.sign(EmissionsVersion::V10, &wallet("w1")).unwrap();
    let delivered = chain.deliver("w1", EmissionsVersion::V10.any(&payload));
    let inserted = &events(&delivered.events, "EventInsertForecasterPayload")[0];
    assert_eq!(inserted["inferer_values"], "[\"1\"]");
}
