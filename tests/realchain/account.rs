//! A funded account, and what it does beside the worker.

use bootstrap::chain::decimal::Decimal;
use bootstrap::chain::gas_price::GasPrice;
use bootstrap::chain::messages::{
    EmissionsVersion, InputInferenceForecastBundle, InsertWorkerPayloadRequest, RegisterRequest,
    RemoveRegistrationRequest, feemarket::GasPriceRequest,
};
use bootstrap::chain::payload::{Inference, PayloadError, WorkerPayload};
use bootstrap::chain::tx::{DENOM, Fee, SignerData, TxHash, UnsignedTx};
use bootstrap::wallet::Wallet;
use cosmrs::Any;
use cosmrs::proto::cosmos::auth::v1beta1::QueryAccountInfoRequest;
use cosmrs::proto::cosmos::bank::v1beta1::{MsgSend, QueryBalanceRequest};
use cosmrs::proto::cosmos::base::v1beta1::Coin;
use cosmrs::proto::cosmos::tx::v1beta1::SimulateRequest;
use prost::{Message as _, Name as _};
use serde_json::{Value, json};

use crate::bench::PATIENCE;
use crate::rpc::{Rpc, number};

/// More than a transfer takes on any chain that was seen.
const GAS_LIMIT: u64 = 200_000;

/// Gas of a block that makes the next one dearer: half of what a full one has, 30 million, keeps the price as it is.
const CROWD_GAS: u64 = 25_000_000;
/// More than that, and less than a full block.
const CROWD_GAS_LIMIT: u64 = 29_000_000;
/// Transfers that are simulated at once, to know the gas of one.
const SAMPLE: u64 = 100;
/// Of one, where there is no Simulate.
const TRANSFER_GAS: u64 = 25_000;

/// A transaction in a block.
pub struct Included {
    pub hash: TxHash,
    pub height: i64,
    /// Its bytes, as JSON has them.
    pub bytes: Value,
    /// What came of it.
    pub result: Value,
}

impl Included {
    /// Looks for it.
    pub fn find(rpc: &Rpc, hash: TxHash) -> Option<Self> {
        let mut found = rpc.call("tx", &json!({"hash": base64(hash.as_bytes())})).ok()?;
        let (height, bytes) = (number(&found["height"]), found["tx"].take());
        Some(Self { hash, height, bytes, result: found["tx_result"].take() })
    }
}

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
    fn try_send(&self, rpc: &Rpc, tx: &UnsignedTx, gas_limit: u64) -> Result<TxHash, Value> {
        let tx = tx.sign(&self.wallet, &self.signer(rpc), fee_for(rpc, gas_limit));
        match rpc.broadcast(&tx.bytes) {
            Ok(answer) if answer["code"] == 0 => Ok(tx.hash),
            Ok(answer) => Err(answer),
            // The answer to these bytes was lost before.
            Err(error) if error["data"] == "tx already exists in cache" => Ok(tx.hash),
            Err(error) => Err(error),
        }
    }

    /// Sends until a node takes it, and waits for its block.
    pub fn deliver(&self, rpc: &Rpc, message: &Any) -> Included {
        self.deliver_tx(rpc, &UnsignedTx::new(message.clone(), 0), GAS_LIMIT)
    }

    fn deliver_tx(&self, rpc: &Rpc, tx: &UnsignedTx, gas_limit: u64) -> Included {
        rpc.until("a transaction that is taken", PATIENCE, || {
            let hash = self.try_send(rpc, tx, gas_limit).ok()?;
            Some(rpc.until("its block", PATIENCE, || Included::find(rpc, hash)))
        })
    }

    /// Sends a transaction for which the next block is already too late, until it comes into one.
    pub fn deliver_too_late(&self, rpc: &Rpc, message: &Any) -> Included {
        rpc.until("a transaction in the block after its last one", PATIENCE, || {
            let height = rpc.height();
            let tx = UnsignedTx::new(message.clone(), height.unsigned_abs());
            let hash = self.try_send(rpc, &tx, GAS_LIMIT).ok()?;
            // If it missed that block, the mempool has dropped it.
            rpc.until("two blocks", PATIENCE, || (rpc.height() >= height + 2).then_some(()));
            Included::find(rpc, hash)
        })
    }

    /// Gas that a transaction would use; `Err` is what the node says against it.
    pub fn simulate(&self, rpc: &Rpc, tx: &UnsignedTx) -> Result<u64, String> {
        let fee = fee_for(rpc, CROWD_GAS_LIMIT);
        let tx_bytes = tx.simulation(*self.wallet.public_key(), self.signer(rpc).sequence, fee);
        let answer = rpc.query(&SimulateRequest { tx_bytes, ..SimulateRequest::default() })?;
        Ok(answer.gas_info.unwrap_or_default().gas_used)
    }

    /// Sends what must succeed.
    pub fn send(&self, rpc: &Rpc, message: &Any) -> TxHash {
        let Included { hash, result, .. } = self.deliver(rpc, message);
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

    /// Sends what fills most of a block, so that the chain asks a higher price for the next one. `Err` is what the node
    /// says against it.
    pub fn crowd_a_block(&self, rpc: &Rpc) -> Result<TxHash, Value> {
        let gas = self.simulate(rpc, &self.transfers(SAMPLE)).map_or(TRANSFER_GAS, |gas| gas / SAMPLE);
        self.try_send(rpc, &self.transfers(CROWD_GAS / gas), CROWD_GAS_LIMIT)
    }

    /// An answer to a window: one number.
    pub fn payload(
        &self,
        version: EmissionsVersion,
        topic_id: u64,
        nonce: i64,
    ) -> InsertWorkerPayloadRequest {
        self.payload_of(version, topic_id, nonce, "1.5".parse().unwrap()).unwrap()
    }

    /// The same with this number.
    pub fn payload_of(
        &self,
        version: EmissionsVersion,
        topic_id: u64,
        nonce: i64,
        number: Decimal,
    ) -> Result<InsertWorkerPayloadRequest, PayloadError> {
        let inference = Some(Inference::Single(number));
        let payload = WorkerPayload { topic_id, nonce, inference, ..WorkerPayload::default() };
        payload.sign(version, &self.wallet)
    }

    /// The same, changed before it is signed.
    pub fn payload_with(
        &self,
        version: EmissionsVersion,
        topic_id: u64,
        nonce: i64,
        change: impl FnOnce(&mut InputInferenceForecastBundle),
    ) -> InsertWorkerPayloadRequest {
        let mut request = self.payload(version, topic_id, nonce);
        let data = request.worker_data_bundle.as_mut().unwrap();
        let signed = data.inference_forecasts_bundle.as_mut().unwrap();
        change(signed);
        data.inferences_forecasts_bundle_signature = self.wallet.sign(&signed.encode_to_vec()).to_vec();
        request
    }

    /// So many transfers to itself in one transaction.
    fn transfers(&self, count: u64) -> UnsignedTx {
        let transfer = self.transfer(&self.address(), 1);
        let messages = vec![transfer; count.try_into().unwrap()];
        UnsignedTx { messages, memo: String::new(), timeout_height: 0 }
    }

    /// Whether it has the money for so many crowded blocks, and its money for other things.
    pub fn can_crowd(&self, rpc: &Rpc, blocks: usize) -> bool {
        self.balance(rpc) / 4 > blocks as u128 * fee_for(rpc, CROWD_GAS_LIMIT).amount
    }

    /// A transfer to itself that uses its next sequence, as of a program that knows nothing of the worker. `Err` is what
    /// the node says against it.
    pub fn use_a_sequence(&self, rpc: &Rpc) -> Result<TxHash, Value> {
        self.try_send(rpc, &self.transfers(1), GAS_LIMIT)
    }

    /// Takes the registration in a topic back.
    pub fn leave(&self, rpc: &Rpc, topic_id: u64) -> TxHash {
        let request = RemoveRegistrationRequest { sender: self.address(), topic_id, is_reputer: false };
        self.send(rpc, &rpc.version().any(&request))
    }

    /// What gives money to somebody.
    pub fn transfer(&self, to: &str, uallo: u128) -> Any {
        let message = MsgSend {
            from_address: self.address(),
            to_address: to.to_owned(),
            amount: vec![Coin { denom: DENOM.to_owned(), amount: uallo.to_string() }],
        };
        Any { type_url: MsgSend::type_url(), value: message.encode_to_vec() }
    }
}

/// What makes an account a worker of a topic.
pub fn registration(version: EmissionsVersion, sender: &str, topic_id: u64) -> Any {
    let (sender, owner) = (sender.to_owned(), sender.to_owned());
    version.any(&RegisterRequest { sender, topic_id, owner, is_reputer: false })
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
