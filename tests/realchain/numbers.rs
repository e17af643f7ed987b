//! Numbers, as a node reads them and writes them again to see whether they were signed.

use bootstrap::chain::decimal::Decimal;
use bootstrap::chain::tx::UnsignedTx;
use serde_json::Value;

use crate::node::Node;

/// What a simulation says of a payload whose signature is good, for a window that is over.
const SIGNED: &str = "unfulfilled nonce not found";

#[test]
fn every_number_is_signed_as_the_chain_writes_it() {
    let node = Node::new();
    if !node.has_services() {
        return node.skip("how numbers are signed: a node without gRPC and REST has no simulation");
    }
    let vectors: Value = serde_json::from_str(include_str!("../vectors/canonical_dec.json")).unwrap();
    let (account, version) = (&node.accounts[0], node.rpc.version());
    let (mut signed, mut refused) = (0, Vec::new());
    for case in vectors["cases"].as_array().unwrap() {
        let input = case["input"].as_str().map_or_else(|| case["input"].to_string(), str::to_owned);
        let Ok(number) = input.parse::<Decimal>() else { continue };
        let payload = account.payload_of(version, node.topic_id, 1, number);
        assert_eq!(payload.is_ok(), case["chain_in_range"] == true, "{input}");
        let Ok(payload) = payload else { continue };
        let answer = account.simulate(&node.rpc, &UnsignedTx::new(version.any(&payload), 0));
        match answer.as_ref().err().is_some_and(|text| text.contains(SIGNED)) {
            true => signed += 1,
            false => refused.push((input, answer)),
        }
    }
    assert!(refused.is_empty() && signed > 0, "{signed} were signed, and not {refused:#?}");
}
