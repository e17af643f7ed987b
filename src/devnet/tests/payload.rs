//! A worker's payload from the mempool to the state.

use super::*;
use crate::chain::messages::query::*;

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
