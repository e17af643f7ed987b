//! A worker's payload from the mempool to the state.

use super::*;
use crate::chain::messages::{AddStakeRequest, AddToTopicWorkerWhitelistRequest, query::*};

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
    let stake = AddStakeRequest { sender: reputer, topic_id: id, amount: "10000".into() };
    assert_eq!(chain.deliver("reputer", EmissionsVersion::V10.any(&register)).log, "");
    assert_eq!(chain.deliver("reputer", EmissionsVersion::V10.any(&stake)).log, "");
    let payload = EmissionsVersion::V10.any(&chain.payload("w1", id, 11, "1"));
    assert_eq!(chain.deliver("w1", payload).code, 0);
    // The reputer says that the network is worse off without w1.
    chain.mine_to(31);
    assert_eq!(chain.deliver("reputer", losses("w1", 11, Some("102.5"))).log, "");
    let scored = chain.mine_to(51);
    let scores = events(&scored.events, "EventScoresSet");
    let [reputers, inferers] = scores.as_slice() else { panic!("{scores:?}") };
    assert!(reputers["scores"] == "[\"100\"]" && inferers["scores"].starts_with("[\"2.000"), "{scores:?}");
    assert_eq!(events(&scored.events, "EventRewardsSettled").len(), 2);
    chain
}

#[test]
fn scores_are_kept_by_nonce_and_their_averages_by_actor() {
    let chain = chain_of_one_place();
    let (topic_id, block_height) = (1, 11);
    let of = |score: &crate::chain::messages::Score| {
        (score.block_height, score.address.clone(), score.score.parse::<f64>().unwrap())
    };
    let list = |scores: &[crate::chain::messages::Score]| scores.iter().map(of).collect::<Vec<_>>();
    let (inferer, reputer) = ((11, address("w1"), 2.0), (11, address("reputer"), 100.0));
    let worker = chain.query(&GetWorkerInferenceScoresAtBlockRequest { topic_id, block_height }).unwrap();
    assert_eq!(list(&worker.scores.unwrap().scores), std::slice::from_ref(&inferer));
    let reputers = chain.query(&GetReputersScoresAtBlockRequest { topic_id, block_height }).unwrap();
    assert_eq!(list(&reputers.scores.unwrap().scores), [reputer]);
    for (until, expected) in [(10, vec![]), (11, vec![inferer.clone()]), (99, vec![inferer])] {
        let request = GetInferenceScoresUntilBlockRequest { topic_id, block_height: until };
        assert_eq!(list(&chain.query(&request).unwrap().scores), expected, "until {until}");
    }
    let average = chain.query(&GetReputerScoreEmaRequest { topic_id, reputer: address("reputer") }).unwrap();
    assert_eq!(of(&average.score.unwrap()), (11, address("reputer"), 10.0));
    let stranger = chain.query(&GetReputerScoreEmaRequest { topic_id, reputer: address("w2") }).unwrap();
    assert_eq!(of(&stranger.score.unwrap()), (0, address("w2"), 0.0));
    // Nobody has losses in for a nonce that is still to be scored.
    let lowest = chain.query(&GetCurrentLowestReputerScoreRequest { topic_id }).unwrap_err();
    assert!(lowest.ends_with("no lowest reputer score found for topic 1: key not found"), "{lowest}");
}

#[test]
fn only_the_topics_creator_lets_workers_in() {
    let mut chain = Chain::at(&Genesis { whitelist: Whitelist::On, ..genesis() }, 11);
    let may = CanSubmitWorkerPayloadRequest { topic_id: 1, address: address("w1") };
    for (sender, code) in [("w1", 88), ("val", 0)] {
        assert!(!chain.query(&may).unwrap().can_submit_worker_payload);
        let request =
            AddToTopicWorkerWhitelistRequest { sender: address(sender), address: address("w1"), topic_id: 1 };
        assert_eq!(chain.deliver(sender, EmissionsVersion::V10.any(&request)).code, code);
    }
    assert!(chain.query(&may).unwrap().can_submit_worker_payload);
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
