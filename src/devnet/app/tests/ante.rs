//! Sequences, timeouts, fees: what a transaction passes before its messages.

use cosmrs::proto::cosmos::{
    bank::v1beta1::MsgSend,
    base::v1beta1::Coin,
    tx::v1beta1::{AuthInfo, TxRaw},
};
use prost::{Message as _, Name as _};

use super::super::standpoint::{Standpoint, Uptime};
use super::*;
use crate::chain::messages::query::IsWorkerRegisteredInTopicIdRequest;

/// The results of the next block.
fn results(chain: &mut Chain, txs: Vec<Vec<u8>>) -> Vec<u32> {
    chain.block(txs).txs.iter().map(|(_, result)| result.code).collect()
}

#[test]
fn several_transactions_of_one_account_land_in_one_block_and_a_failure_hurts_none_after_it() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    let messages = [chain.register("w1", 1), chain.register("w1", 99), chain.register("w1", 3)];
    let txs: Vec<_> = messages.into_iter().map(|message| chain.sign("w1", message)).collect();
    for tx in &txs {
        assert_eq!(chain.app.check_tx(tx).code, 0);
    }
    assert_eq!(results(&mut chain, txs), [0, 23, 0]);
    // The one that failed has paid its fee, but no registration.
    let paid: Vec<_> = chain
        .app
        .payments(&address("w1"))
        .unwrap()
        .iter()
        .map(|payment| (payment.fee, payment.code))
        .collect();
    assert_eq!(paid, [(300_201, 0), (300_001, 23), (300_201, 0)]);
    let request = IsWorkerRegisteredInTopicIdRequest { topic_id: 3, address: address("w1") };
    assert!(chain.query(&request).unwrap().is_registered);
}

#[test]
fn the_mempool_counts_for_sequences_until_a_block_leaves_a_transaction_out() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    let message = chain.register("w1", 1);
    let first = chain.sign("w1", message.clone());
    assert_eq!(chain.app.check_tx(&first).code, 0);
    chain.sequences.insert("w1".into(), 0);
    let same_sequence = chain.sign("w1", message);
    assert_eq!(
        chain.app.check_tx(&same_sequence).log,
        "account sequence mismatch, expected 1, got 0: incorrect account sequence"
    );
    // A block without it: the check state forgets it until it is checked again.
    chain.mine_to(2);
    assert_eq!(chain.app.recheck_tx(&first).code, 0);
    assert_eq!(chain.app.check_tx(&same_sequence).code, 32);
}

#[test]
fn a_transaction_that_comes_too_late_costs_nothing() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(5);
    let message = chain.register("w1", 1);
    let mut sent_at_5 = |timeout_height| {
        chain.sequences.insert("w1".into(), 0);
        let tx = chain.sign_with("w1", UnsignedTx::new(message.clone(), timeout_height), FEE);
        (chain.app.check_tx(&tx), tx)
    };
    let (past, _) = sent_at_5(4);
    assert_eq!(past.log, "block height: 5, timeout height: 4: tx timeout height");
    let (checked, tx) = sent_at_5(5);
    assert_eq!(checked.code, 0, "CheckTx still takes the height that is committed");
    let block = chain.block(vec![tx]);
    let (_, late) = &block.txs[0];
    assert_eq!((late.code, late.gas_used, late.events.len()), (30, 1_000, 0));
    assert_eq!(late.log, "block height: 6, timeout height: 5: tx timeout height");
    assert!(chain.app.payments(&address("w1")).unwrap().is_empty());
    // Its sequence is not used.
    let tx = UnsignedTx::new(chain.register("w1", 1), 7).sign(&wallet("w1"), &signer("w1", 0), FEE);
    assert_eq!(results(&mut chain, vec![tx.bytes]), [0]);
}

#[test]
fn the_price_of_gas_holds_for_what_comes_after_its_change() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    chain.app.set_gas_price("1.5".parse().unwrap());
    let message = chain.register("w1", 1);
    let tx = chain.sign("w1", message);
    let refused = chain.app.check_tx(&tx);
    assert_eq!((refused.code, refused.codespace.as_str()), (13, "sdk"));
    assert!(
        refused
            .log
            .contains("got: 300001uallo required: 450000uallo, minGasPrice: 1.500000000000000000uallo")
    );
    let request = crate::chain::messages::feemarket::GasPriceRequest { denom: "uallo".into() };
    assert_eq!(chain.query(&request).unwrap().price.unwrap().amount, "1500000000000000000");
}

#[test]
fn a_node_that_has_just_started_refuses_what_it_takes_a_block_later() {
    let mut chain = Chain::at(&genesis(), 11);
    let payload = chain.version.any(&chain.payload("w1", 1, 11, "1"));
    let tx = chain.sign("w1", payload);
    let just_started = Standpoint { uptime: Uptime::JustStarted, ..chain.app.standpoint() };
    let refused = chain.app.check_tx_from(just_started, &tx);
    assert_eq!(refused.code, 4);
    assert!(refused.log.contains("please verify account number (0) and chain-id (localnet)"));
    let simulated = chain.app.simulate_from(just_started, &tx);
    assert_eq!((simulated.code, simulated.codespace.as_str()), (67, "emissions"));
    assert!(simulated.log.contains("current block 0, start window: 11, end window: 19"), "{}", simulated.log);
    chain.block(vec![]);
    assert_eq!(chain.app.check_tx(&tx).code, 0);
}

#[test]
fn a_simulation_is_cheaper_than_the_block_and_changes_nothing() {
    let mut chain = Chain::at(&genesis(), 11);
    let payload = chain.version.any(&chain.payload("w1", 1, 11, "1"));
    let unsigned = UnsignedTx::new(payload.clone(), 0);
    let simulation =
        unsigned.simulation(*wallet("w1").public_key(), 0, Fee { amount: 1, gas_limit: 300_000 });
    let simulated = chain.app.simulate(&simulation);
    assert_eq!(simulated.code, 0);
    assert!(!events(&simulated.events, "EventInsertInfererPayload").is_empty());
    assert_eq!(chain.app.simulate(&simulation), simulated);
    let delivered = chain.deliver("w1", payload);
    let more = delivered.gas_used - simulated.gas_used;
    assert!((13_000..15_000).contains(&more), "{more}");
}

#[test]
fn nothing_but_its_own_signature_makes_a_transaction_valid() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    let message = chain.register("w1", 1);
    let tx = chain.sign("w1", message);
    for at in 0..tx.len() {
        let mut broken = tx.clone();
        broken[at] ^= 1;
        assert_ne!(chain.app.check_tx(&broken).code, 0, "byte {at}");
    }
    assert_eq!(chain.app.check_tx(&tx).code, 0);
}

/// What CheckTx says of a registration that was changed before it was signed, without the codespace, which is `sdk`.
fn checked(chain: &Chain, change: impl FnOnce(&mut AuthInfo)) -> (u32, String) {
    let unsigned = UnsignedTx::new(chain.register("w1", 1), 0);
    let tx = unsigned.sign(&wallet("w1"), &signer("w1", 0), FEE).bytes;
    let mut raw = TxRaw::decode(tx.as_slice()).unwrap();
    let mut auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
    change(&mut auth_info);
    raw.auth_info_bytes = auth_info.encode_to_vec();
    let result = chain.app.check_tx_from(chain.app.standpoint(), &raw.encode_to_vec());
    assert_eq!(result.codespace, "sdk");
    (result.code, result.log)
}

#[test]
fn a_key_is_looked_at_before_account_and_sequence_and_not_in_simulation() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    let stranger = wallet("nobody");
    let nobody = stranger.address().to_string();
    let request =
        RegisterRequest { sender: nobody.clone(), topic_id: 1, owner: nobody.clone(), is_reputer: false };
    let unsigned = UnsignedTx::new(chain.version.any(&request), 0);
    let as_other = unsigned.sign(&wallet("w1"), &signer("w1", 5), FEE).bytes;
    let wrong_key = chain.app.check_tx(&as_other);
    assert_eq!(
        (wrong_key.code, wrong_key.log),
        (8, format!("pubKey does not match signer address {nobody} with signer index: 0: invalid pubkey"))
    );
    let own = unsigned.sign(&stranger, &signer("w1", 5), FEE).bytes;
    let unknown = chain.app.check_tx(&own);
    assert_eq!((unknown.code, unknown.log), (9, format!("account {nobody} does not exist: unknown address")));
    let keyless = checked(&chain, |auth_info| auth_info.signer_infos[0].public_key = None);
    assert_eq!(keyless, (8, "unrecognized public key type: <nil>: invalid pubkey".into()));
    let simulation = UnsignedTx::new(chain.register("w1", 1), 0).simulation(*stranger.public_key(), 0, FEE);
    assert_eq!(chain.app.simulate(&simulation).log, "");
}

#[test]
fn a_gas_limit_is_a_signed_number() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    let text = "invalid gas supplied; 9223372036854775808 > 9223372036854775807: invalid request";
    let too_much = checked(&chain, |auth_info| auth_info.fee.as_mut().unwrap().gas_limit = 1 << 63);
    assert_eq!(too_much, (18, text.into()));
}

#[test]
fn a_transfer_of_nothing_is_refused() {
    let mut chain = Chain::new(&genesis());
    chain.mine_to(1);
    let mut sent = |amounts: &[&str], to: String| {
        let coin = |amount: &&str| Coin { denom: "uallo".into(), amount: (*amount).into() };
        let amount = amounts.iter().map(coin).collect();
        let send = MsgSend { from_address: address("w1"), to_address: to, amount };
        chain.deliver("w1", Any { type_url: MsgSend::type_url(), value: send.encode_to_vec() }).log
    };
    let failed = "failed to execute message; message index: 0: ";
    assert_eq!(sent(&["0"], address("w2")), format!("{failed}0uallo: invalid coins"));
    assert_eq!(sent(&[], address("w2")), format!("{failed}: invalid coins"));
    assert_eq!(
        sent(&["1"], "allo1".into()),
        format!(
            "{failed}invalid to address: decoding bech32 failed: invalid bech32 string length 5: invalid address"
        )
    );
}
