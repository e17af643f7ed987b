//! Windows, to the block.

use super::*;
use crate::chain::messages::query::*;

/// Code and codespace of a payload for `nonce` that is executed in block `height`.
fn executed_in(spec: TopicSpec, nonce: u64, height: u64) -> (u32, String) {
    let mut genesis = genesis();
    genesis.topics = vec![spec];
    let mut chain = Chain::at(&genesis, 1);
    while chain.app.height() + 1 < height {
        chain.block(vec![]);
    }
    let payload = chain.version.any(&chain.payload("w1", 1, nonce as i64, "1"));
    let tx = chain.sign("w1", payload);
    let result = chain.block(vec![tx]).txs[0].1.clone();
    (result.code, result.codespace)
}

#[test]
fn a_payload_is_taken_from_the_block_after_the_nonce_to_the_last_of_the_window() {
    let spec = || topic(1, TopicOutput::Single);
    let gone = (75, "emissions".to_owned());
    assert_eq!(executed_in(spec(), 11, 11), gone, "in the opening block");
    assert_eq!(executed_in(spec(), 11, 12).0, 0, "in the first block");
    assert_eq!(executed_in(spec(), 11, 19).0, 0, "in the last block");
    assert_eq!(executed_in(spec(), 11, 20), gone, "after the last block");
    let as_long_as_the_epoch = || TopicSpec { epoch_length: 12, worker_submission_window: 12, ..spec() };
    assert_eq!(executed_in(as_long_as_the_epoch(), 11, 23).0, 0, "in the block that opens the next");
    assert_eq!(executed_in(as_long_as_the_epoch(), 11, 24), gone);
    assert_eq!(executed_in(as_long_as_the_epoch(), 23, 24).0, 0);
}

/// Topic and nonce of the events of a block, in their order.
fn windows(block: &FinalizedBlock) -> Vec<(String, String, String)> {
    let short = |event: &Event| event.kind.rsplit('.').next().unwrap().to_owned();
    let of = |event: &Event, name: &str| {
        let text = &event.attributes.iter().find(|(key, _)| key == name).unwrap().1;
        text.trim_matches('"').to_owned()
    };
    block
        .events
        .iter()
        .filter(|event| event.kind.contains("SubmissionWindow"))
        .map(|event| (short(event), of(event, "topic_id"), of(event, "nonce_block_height")))
        .collect()
}

#[test]
fn windows_open_and_close_at_the_ends_of_their_blocks() {
    let mut genesis = genesis();
    genesis.topics =
        vec![TopicSpec { epoch_length: 12, worker_submission_window: 12, ..topic(1, TopicOutput::Single) }];
    let mut chain = Chain::at(&genesis, 10);
    let seen = |block: &FinalizedBlock| {
        let row = |(name, topic, nonce)| format!("{name} {topic} {nonce}");
        windows(block).into_iter().map(row).collect::<Vec<_>>()
    };
    let opened = chain.mine_to(11);
    assert_eq!(seen(&opened), ["EventWorkerSubmissionWindowOpened 1 11"]);
    assert_eq!(events(&opened.events, "EventWorkerSubmissionWindowOpened")[0]["window_end_block"], "\"23\"");
    assert_eq!(events(&opened.events, "EventWorkerSubmissionWindowOpened")[0]["mode"], "EndBlock");
    for height in 12..23 {
        assert!(seen(&chain.mine_to(height)).is_empty());
    }
    // With a window as long as the epoch, the next opens before this one closes.
    assert_eq!(
        seen(&chain.mine_to(23)),
        ["EventWorkerSubmissionWindowOpened 1 23", "EventWorkerSubmissionWindowClosed 1 11"]
    );
}

#[test]
fn topics_that_are_due_together_open_one_after_the_other() {
    let mut genesis = genesis();
    genesis.topics =
        (1..=3).map(|id| TopicSpec { first_nonce: 11, ..topic(id, TopicOutput::Single) }).collect();
    let mut chain = Chain::at(&genesis, 10);
    let opened = |block: FinalizedBlock| {
        windows(&block).into_iter().map(|(_, topic, nonce)| (topic, nonce)).collect::<Vec<_>>()
    };
    for (topic, nonce) in [(1, 11), (2, 12), (3, 13)] {
        assert_eq!(opened(chain.mine_to(nonce)), [(topic.to_string(), nonce.to_string())]);
    }
    let status = GetWorkerSubmissionWindowStatusRequest { topic_id: 2, address: address("w1") };
    let status = chain.query(&status).unwrap();
    assert_eq!((status.current_nonce_block_height, status.window_end_block), (12, 20));
    assert_eq!((status.next_window_start_block, status.next_window_end_block), (32, 40));
}

#[test]
fn an_inactive_topic_opens_nothing_and_comes_back_an_epoch_later() {
    let mut chain = Chain::at(&genesis(), 10);
    chain.app.set_topic_active(1, false).unwrap();
    chain.mine_to(40);
    assert!(!chain.query(&IsTopicActiveRequest { topic_id: 1 }).unwrap().is_active);
    chain.app.set_topic_active(1, true).unwrap();
    let next = chain.query(&GetNextChurningBlockByTopicIdRequest { topic_id: 1 }).unwrap();
    assert_eq!(next.block_height, 60);
    chain.mine_to(59);
    assert_eq!(
        chain.query(&GetUnfulfilledWorkerNoncesRequest { topic_id: 1 }).unwrap().nonces.unwrap().nonces,
        []
    );
    chain.mine_to(60);
    let open = chain.query(&GetUnfulfilledWorkerNoncesRequest { topic_id: 1 }).unwrap().nonces.unwrap();
    assert_eq!(open.nonces[0].block_height, 60);
}

#[test]
fn queries_answer_for_the_height_that_was_asked() {
    let mut chain = Chain::at(&genesis(), 11);
    chain.mine_to(20);
    let open = |chain: &Chain, height| {
        let request = GetWorkerSubmissionWindowStatusRequest { topic_id: 1, address: String::new() };
        chain.query_at(&request, height).map(|status| status.is_open)
    };
    assert_eq!(
        [10, 11, 18, 19, 0].map(|height| open(&chain, height)),
        [Ok(false), Ok(true), Ok(true), Ok(false), Ok(false)]
    );
    assert_eq!(
        open(&chain, 21).unwrap_err(),
        "sdk 26: cannot query with height in the future; please provide a valid height: invalid height"
    );
    chain.mine_to(1_100);
    assert!(open(&chain, 11).is_err(), "pruned");
    assert!(open(&chain, 200).is_ok());
}

#[test]
fn the_status_of_a_window_is_encoded_as_a_real_node_encodes_it() {
    let mut genesis = genesis();
    genesis.topics[0].first_nonce = 161;
    let mut chain = Chain::new(&genesis);
    chain.mine_to(164);
    let request = GetWorkerSubmissionWindowStatusRequest { topic_id: 1, address: address("w1") };
    let path = "/emissions.v10.QueryService/GetWorkerSubmissionWindowStatus";
    let answer = chain.app.query(path, &prost::Message::encode_to_vec(&request), 0);
    assert_eq!(hex::encode(answer.value.unwrap()), "080110a10118a10120a90128b50130bd0140014801");
    assert_eq!(answer.height, 164);
}

#[test]
fn the_topics_of_a_block_are_the_active_ones_that_open_there() {
    let mut chain = Chain::at(&genesis(), 1);
    let topics = |chain: &Chain, block_height| {
        let answer = chain.query(&GetActiveTopicsAtBlockRequest { block_height }).unwrap();
        answer.topics.iter().map(|topic| topic.id).collect::<Vec<_>>()
    };
    assert_eq!(
        [11, 12, 13, 14, 31].map(|height| topics(&chain, height)),
        [vec![1], vec![], vec![3], vec![4], vec![]]
    );
    chain.app.set_topic_active(3, false).unwrap();
    assert!(topics(&chain, 13).is_empty());
    chain.mine_to(11);
    assert_eq!((topics(&chain, 11), topics(&chain, 31)), (vec![], vec![1]));
}
