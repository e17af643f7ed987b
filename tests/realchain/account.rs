//! A funded account, and what it does beside the worker.

use bootstrap::chain::gas_price::GasPrice;
use bootstrap::chain::messages::{RemoveRegistrationRequest, feemarket::GasPriceRequest};
use bootstrap::chain::tx::{DENOM, Fee, SignerData, TxHash, UnsignedTx};
use bootstrap::wallet::Wallet;
use cosmrs::Any;
use cosmrs::proto::cosmos::auth::v1beta1::QueryAccountInfoRequest;
use cosmrs::proto::cosmos::bank::v1beta1::{MsgSend, QueryBalanceRequest};
use cosmrs::proto::cosmos::base::v1beta1::Coin;
use prost::{Message as _, Name as _};
use serde_json::{Value, json};

use crate::bench::PATIENCE;
use crate::rpc::Rpc;

/// More than a transfer takes on any chain that was seen.
const GAS_LIMIT: u64 = 200_000;

/// Transfers whose gas fills most of a block: some 20,000 each, where 30 million are a full one and half of that is
/// what the price stays at.
const CROWD: usize = 1_200;
/// Less than a full block.
const CROWD_GAS_LIMIT: u64 = 29_000_000;

/// A key with money.
pub struct Account {
    pub mnemonic: String,
    wallet: Wallet,
}

impl Account {
    pub fn new(mnemonic: &str) -> Self {
        let wallet = Wallet::from_mnemonic(mnemonic).expect("a mnemonic of a funded account");
        Self { mnemonic: mnemonic.to_owned(), wallet }
    }

    pub const fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    pub fn address(&self) -> String {
        self.wallet.address().to_string()
    }

    /// uallo.
    pub fn balance(&self, rpc: &Rpc) -> u128 {
        self.balance_with_height(rpc).1
    }

    /// The same, with the height after which it was that much.
    pub fn balance_with_height(&self, rpc: &Rpc) -> (i64, u128) {
        let request = QueryBalanceRequest { address: self.address(), denom: DENOM.to_owned() };
        let (height, answer) = rpc.query_with_height(&request).unwrap();
        (height, answer.balance.map_or(0, |coin| coin.amount.parse().unwrap()))
    }

    /// What its next signature needs, by the committed state.
    pub fn signer(&self, rpc: &Rpc) -> SignerData {
        let info = rpc.query(&QueryAccountInfoRequest { address: self.address() }).unwrap().info.unwrap();
        SignerData { chain_id: rpc.chain_id(), account_number: info.account_number, sequence: info.sequence }
    }

    /// Sends a transaction with the next sequence; `Err` is what the node says against it.
    fn try_send(&self, rpc: &Rpc, tx: &UnsignedTx, gas_limit: u64) -> Result<TxHash, String> {
        let tx = tx.sign(&self.wallet, &self.signer(rpc), fee_for(rpc, gas_limit));
        match rpc.broadcast(&tx.bytes) {
            Ok(answer) if answer["code"] == 0 => Ok(tx.hash),
            Ok(answer) => Err(answer["log"].to_string()),
            // The answer to these bytes was lost before.
            Err(error) if error["data"] == "tx already exists in cache" => Ok(tx.hash),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Sends until a node takes it, and waits for its block. Gives the hash, and what came of it there.
    pub fn deliver(&self, rpc: &Rpc, message: &Any) -> (TxHash, Value) {
        self.deliver_tx(rpc, &UnsignedTx::new(message.clone(), 0), GAS_LIMIT)
    }

    fn deliver_tx(&self, rpc: &Rpc, tx: &UnsignedTx, gas_limit: u64) -> (TxHash, Value) {
        rpc.until("a transaction that is taken", PATIENCE, || {
            let hash = self.try_send(rpc, tx, gas_limit).ok()?;
            let params = json!({"hash": base64(hash.as_bytes())});
            let mut found = rpc.until("its block", PATIENCE, || rpc.call("tx", &params).ok());
            Some((hash, found["tx_result"].take()))
        })
    }

    /// The same for what must succeed.
    fn send(&self, rpc: &Rpc, message: &Any) -> TxHash {
        let (hash, result) = self.deliver(rpc, message);
        assert_eq!(result["code"], 0, "{result}");
        hash
    }

    /// Gives money to somebody, once it is in a block.
    pub fn pay(&self, rpc: &Rpc, to: &str, uallo: u128) -> TxHash {
        self.send(rpc, &self.transfer(to, uallo))
    }

    /// Gives all but `left` to somebody, and knows what the transaction itself takes. Gives how much it was, too.
    pub fn pay_all_but(&self, rpc: &Rpc, to: &str, left: u128) -> (TxHash, u128) {
        let all = self.balance(rpc).saturating_sub(left + fee(rpc).amount);
        (self.pay(rpc, to, all), all)
    }

    /// Fills most of a block, so that the chain asks a higher price for the next one.
    pub fn crowd_a_block(&self, rpc: &Rpc) {
        let transfer = self.transfer(&self.address(), 1);
        let tx = UnsignedTx { messages: vec![transfer; CROWD], ..UnsignedTx::new(Any::default(), 0) };
        self.deliver_tx(rpc, &tx, CROWD_GAS_LIMIT);
    }

    /// Whether it has the money for so many crowded blocks, and its money for other things.
    pub fn can_crowd(&self, rpc: &Rpc, blocks: u128) -> bool {
        self.balance(rpc) / 2 > blocks * 2 * fee_for(rpc, CROWD_GAS_LIMIT).amount
    }

    /// A transfer to itself that uses its next sequence, as of a program that knows nothing of the worker. `None` where
    /// the worker was quicker.
    pub fn use_a_sequence(&self, rpc: &Rpc) -> Option<TxHash> {
        let tx = UnsignedTx::new(self.transfer(&self.address(), 1), 0);
        self.try_send(rpc, &tx, GAS_LIMIT).ok()
    }

    /// Takes the registration in a topic back.
    pub fn leave(&self, rpc: &Rpc, topic_id: u64) -> TxHash {
        let request = RemoveRegistrationRequest { sender: self.address(), topic_id, is_reputer: false };
        self.send(rpc, &rpc.version().any(&request))
    }

    fn transfer(&self, to: &str, uallo: u128) -> Any {
        let message = MsgSend {
            from_address: self.address(),
            to_address: to.to_owned(),
            amount: vec![Coin { denom: DENOM.to_owned(), amount: uallo.to_string() }],
        };
        Any { type_url: MsgSend::type_url(), value: message.encode_to_vec() }
    }
}

/// What gas costs now.
pub fn price(rpc: &Rpc) -> GasPrice {
    let price = rpc.query(&GasPriceRequest { denom: DENOM.to_owned() }).unwrap().price.unwrap();
    GasPrice::from_scaled(price.amount.parse().unwrap())
}

/// What a transaction costs now.
pub fn fee(rpc: &Rpc) -> Fee {
    fee_for(rpc, GAS_LIMIT)
}

fn fee_for(rpc: &Rpc, gas_limit: u64) -> Fee {
    Fee { amount: price(rpc).cost(gas_limit).unwrap(), gas_limit }
}

/// As JSON has bytes.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
