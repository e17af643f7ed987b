//! Transactions that a node refuses before they cost anything: in CheckTx, or in a simulation.

use bootstrap::chain::messages::{
    EmissionsVersion, InputForecast, InputForecastElement, InputInferenceForecastBundle,
    InputReputerValueBundle, InputWorkerDataBundle, InsertWorkerPayloadRequest, Nonce, ReputerRequestNonce,
    ValueBundle, WorkerAttributedValue,
};
use bootstrap::chain::payload::sign_losses;
use bootstrap::chain::tx::{Fee, SignerData, UnsignedTx};
use bootstrap::wallet::Wallet;
use cosmrs::Any;
use cosmrs::proto::cosmos::base::v1beta1::Coin;
use cosmrs::proto::cosmos::tx::v1beta1::{AuthInfo, SignDoc, SimulateRequest, TxRaw};
use prost::Message as _;
use serde_json::json;

use crate::account::{self, Account, base64};
use crate::node::Node;
use crate::script::{Exchange, NO_TOPIC, query};

/// A key that no chain has an account of.
const NOBODYS_KEY: &str = "6e6f626f6479206b6e6f7773207468697320776f726b6572206f6e2063686169";

/// Bytes of a field that no message has.
const UNKNOWN_FIELD: [u8; 3] = [0xe8, 0x04, 0x01];

/// Characters of a transaction that is a little larger than a node reads: of a much larger one it may cut the connection
/// before its answer is heard.
const TOO_LARGE: usize = 1_000_100;

/// What signs and pays.
pub struct Sender<'a> {
    node: &'a Node,
    wallet: &'a Wallet,
    signer: SignerData,
    fee: Fee,
}

impl<'a> Sender<'a> {
    pub fn new(node: &'a Node, account: &'a Account) -> Self {
        // The account may have no more than it needs.
        let (signer, fee) = (account.signer(&node.rpc), account::fee(&node.rpc));
        Self { node, wallet: account.wallet(), signer, fee }
    }

    fn version(&self) -> EmissionsVersion {
        self.node.rpc.version()
    }

    fn register(&self, sender: &str) -> Any {
        account::registration(self.version(), sender, NO_TOPIC)
    }

    fn address(&self) -> String {
        self.wallet.address().to_string()
    }

    /// For CheckTx, as it is signed.
    fn check(&self, name: &'static str, tx: &UnsignedTx, signer: &SignerData, fee: Fee) -> Exchange {
        self.check_bytes(name, &tx.sign(self.wallet, signer, fee).bytes)
    }

    fn check_message(&self, name: &'static str, message: Any) -> Exchange {
        self.check(name, &UnsignedTx::new(message, 0), &self.signer, self.fee)
    }

    fn check_bytes(&self, name: &'static str, bytes: &[u8]) -> Exchange {
        (name, "broadcast_tx_sync", json!({"tx": base64(bytes)}))
    }

    /// For CheckTx, with another fee, signed.
    fn check_coins(&self, name: &'static str, coins: Vec<Coin>) -> Exchange {
        let tx = UnsignedTx::new(self.register(&self.address()), 0).sign(self.wallet, &self.signer, self.fee);
        let mut raw = TxRaw::decode(tx.bytes.as_slice()).unwrap();
        let mut auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).unwrap();
        auth_info.fee.as_mut().unwrap().amount = coins;
        raw.auth_info_bytes = auth_info.encode_to_vec();
        let document = SignDoc {
            body_bytes: raw.body_bytes.clone(),
            auth_info_bytes: raw.auth_info_bytes.clone(),
            chain_id: self.signer.chain_id.clone(),
            account_number: self.signer.account_number,
        };
        raw.signatures = vec![self.wallet.sign(&document.encode_to_vec()).to_vec()];
        self.check_bytes(name, &raw.encode_to_vec())
    }

    /// For Simulate.
    pub fn simulate(&self, name: &'static str, message: Any) -> Exchange {
        self.simulate_at(name, message, self.signer.sequence)
    }

    fn simulate_at(&self, name: &'static str, message: Any, sequence: u64) -> Exchange {
        let tx = UnsignedTx::new(message, 0);
        self.simulate_bytes(name, tx.simulation(*self.wallet.public_key(), sequence, self.fee))
    }

    fn simulate_bytes(&self, name: &'static str, tx_bytes: Vec<u8>) -> Exchange {
        (name, "abci_query", query(self.node, &SimulateRequest { tx_bytes, ..SimulateRequest::default() }))
    }
}

/// All of them, each by the recording of one like it.
pub fn exchanges(node: &Node) -> Vec<Exchange> {
    let sender = Sender::new(node, &node.accounts[0]);
    [encodings(&sender), signatures(&sender), fees(&sender), payloads(&sender), losses(&sender)].concat()
}

/// What does not decode, or is no transaction.
fn encodings(sender: &Sender<'_>) -> Vec<Exchange> {
    let Sender { signer, fee, .. } = sender;
    let good = UnsignedTx::new(sender.register(&sender.address()), 0);
    let of_type = |type_url: &str| Any {
        type_url: type_url.to_owned(),
        value: sender.register(&sender.address()).value,
    };
    let (older, oldest) = match sender.version() {
        EmissionsVersion::V10 => ("/emissions.v9.RegisterRequest", "/emissions.v8.RegisterRequest"),
        EmissionsVersion::V9 => ("/emissions.v8.RegisterRequest", "/emissions.v7.RegisterRequest"),
    };
    let mut more = sender.register(&sender.address());
    more.value.extend(UNKNOWN_FIELD);
    let of_number =
        |number: &str| sender.version().any(&payload(sender, |signed| set_number(signed, number)));
    let check = |name, tx: &UnsignedTx| sender.check(name, tx, signer, *fee);
    vec![
        sender.check_bytes("tx/garbage", &[1, 2, 3]),
        sender.check_bytes("tx/empty", &[]),
        ("tx/tx_too_large", "broadcast_tx_sync", json!({"tx": "A".repeat(TOO_LARGE)})),
        check("tx/no_messages", &UnsignedTx { messages: vec![], ..good.clone() }),
        check("tx/memo_too_large", &UnsignedTx { memo: "m".repeat(300), ..good.clone() }),
        check("tx/timeout_height_past", &UnsignedTx { timeout_height: 1, ..good.clone() }),
        sender.check_message("tx/unknown_type_url", of_type("/emissions.v99.RegisterRequest")),
        sender.check_message("tx/v9_type_url", of_type(older)),
        sender.check_message("tx/unknown_field_in_message", more),
        sender.check_message("tx/dec_out_of_range", of_number(&format!("1{}", "0".repeat(41)))),
        sender.check_message("tx/dec_nan", of_number("NaN")),
        sender.check_message("tx/dec_not_a_number", of_number("abc")),
        sender.simulate_bytes("simulate/garbage", vec![1, 2, 3]),
        sender.simulate("simulate/register.v9", of_type(older)),
        sender.simulate("simulate/register.v8", of_type(oldest)),
    ]
}

/// What is not signed by whom it is from, or not in its turn.
fn signatures(sender: &Sender<'_>) -> Vec<Exchange> {
    let Sender { signer, fee, .. } = sender;
    let SignerData { sequence, account_number, .. } = *signer;
    let good = UnsignedTx::new(sender.register(&sender.address()), 0);
    let with = |name, signer: &SignerData| sender.check(name, &good, signer, *fee);
    let signed = |signature: Vec<u8>| {
        let tx = good.sign(sender.wallet, signer, *fee);
        let raw = TxRaw::decode(tx.bytes.as_slice()).unwrap();
        TxRaw { signatures: vec![signature], ..raw }.encode_to_vec()
    };
    let nobody = Wallet::from_private_key(NOBODYS_KEY).unwrap();
    let unknown = UnsignedTx::new(sender.register(&nobody.address().to_string()), 0);
    let first = SignerData { chain_id: signer.chain_id.clone(), account_number: 0, sequence: 0 };
    // An account that the chain has, if that is not our own: nothing here may be good.
    let creator = sender.node.topic(sender.node.topic_id).unwrap().creator;
    let others = [creator, nobody.address().to_string()];
    let foreign = sender.register(others.iter().find(|other| **other != sender.address()).unwrap());
    let mut all = vec![
        with("tx/wrong_chain_id", &SignerData { chain_id: "other".into(), ..signer.clone() }),
        with("tx/wrong_account_number", &SignerData { account_number: account_number + 1, ..signer.clone() }),
        with("tx/seq_too_high", &SignerData { sequence: sequence + 5, ..signer.clone() }),
        sender.check_bytes("tx/zero_signature", &signed(vec![0; 64])),
        sender.check_bytes("tx/empty_signature", &signed(vec![])),
        sender.check_message("tx/signer_is_not_sender", foreign),
        sender.check_bytes("tx/account_missing", &unknown.sign(&nobody, &first, *fee).bytes),
        sender.simulate_at("simulate/wrong_sequence", sender.register(&sender.address()), sequence + 5),
        sender.simulate_bytes("simulate/no_account", unknown.simulation(*nobody.public_key(), 0, *fee)),
    ];
    if let Some(used) = sequence.checked_sub(1) {
        all.push(with("tx/seq_too_low", &SignerData { sequence: used, ..signer.clone() }));
    }
    all
}

/// What does not pay for itself.
fn fees(sender: &Sender<'_>) -> Vec<Exchange> {
    let Sender { signer, fee, .. } = sender;
    let good = UnsignedTx::new(sender.register(&sender.address()), 0);
    let with = |name, fee: Fee| sender.check(name, &good, signer, fee);
    let balance = sender.node.accounts[0].balance(&sender.node.rpc);
    vec![
        with("tx/fee_1", Fee { amount: 1, ..*fee }),
        with("tx/insufficient_funds_fee", Fee { amount: balance + fee.amount, ..*fee }),
        with("tx/gas_limit_0", Fee { gas_limit: 0, ..*fee }),
        with("tx/out_of_gas_check", Fee { gas_limit: 10_000, ..*fee }),
        sender.check_coins("tx/fee_none", vec![]),
        sender.check_coins(
            "tx/fee_wrong_denom",
            vec![Coin { denom: "foo".into(), amount: fee.amount.to_string() }],
        ),
    ]
}

/// Payloads of a worker that are refused whatever window is open.
fn payloads(sender: &Sender<'_>) -> Vec<Exchange> {
    let version = sender.version();
    let simulate = |name, request: &InsertWorkerPayloadRequest| sender.simulate(name, version.any(request));
    let good = payload(sender, |_| {});
    // Changed once it is signed.
    let changed = |change: &dyn Fn(&mut InputWorkerDataBundle)| {
        let mut request = good.clone();
        change(request.worker_data_bundle.as_mut().unwrap());
        request
    };
    let signature = |change: &dyn Fn(&mut Vec<u8>)| {
        changed(&|bundle| change(&mut bundle.inferences_forecasts_bundle_signature))
    };
    let nonce = |height| changed(&|bundle| bundle.nonce = Some(Nonce { block_height: height }));
    let stranger = Wallet::from_private_key(NOBODYS_KEY).unwrap();
    let of_forecast = |elements: Vec<InputForecastElement>| {
        payload(sender, |signed| {
            signed.forecast = Some(InputForecast {
                topic_id: sender.node.topic_id,
                block_height: 1,
                forecaster: sender.address(),
                forecast_elements: elements.clone(),
                ..InputForecast::default()
            });
        })
    };
    let badly_addressed = InputForecastElement { inferer: "bad".into(), value: "1".into() };
    vec![
        simulate("simulate/payload.bad_nonce", &good),
        sender.simulate("simulate/register.no_topic", sender.register(&sender.address())),
        simulate("simulate/bundle.empty", &payload(sender, |signed| *signed = Default::default())),
        simulate("simulate/bundle.signature_missing", &signature(&Vec::clear)),
        simulate("simulate/bundle.signature_wrong", &signature(&|bytes| bytes[40] ^= 1)),
        simulate("simulate/bundle.signature_65_bytes", &signature(&|bytes| bytes.push(0))),
        simulate("simulate/bundle.pubkey_not_hex", &changed(&|bundle| bundle.pubkey = "zz".into())),
        simulate(
            "simulate/bundle.pubkey_of_other",
            &changed(&|bundle| bundle.pubkey = stranger.public_key().to_hex()),
        ),
        simulate(
            "simulate/bundle.inferer_differs",
            &payload(sender, |signed| {
                signed.inference.as_mut().unwrap().inferer = stranger.address().to_string();
            }),
        ),
        simulate(
            "simulate/bundle.inner_topic_differs",
            &payload(sender, |signed| signed.inference.as_mut().unwrap().topic_id = NO_TOPIC),
        ),
        simulate(
            "simulate/bundle.inner_height_differs",
            &payload(sender, |signed| signed.inference.as_mut().unwrap().block_height = 2),
        ),
        simulate("simulate/bundle.nonce_0", &nonce(0)),
        simulate("simulate/bundle.nonce_negative", &nonce(-1)),
        simulate("simulate/forecast.no_elements", &of_forecast(vec![])),
        simulate("simulate/forecast.bad_address", &of_forecast(vec![badly_addressed])),
    ]
}

/// Losses of a reputer whose form is wrong.
fn losses(sender: &Sender<'_>) -> Vec<Exchange> {
    let nonce = ReputerRequestNonce { reputer_nonce: Some(Nonce { block_height: 1 }) };
    let good = ValueBundle {
        topic_id: sender.node.topic_id,
        reputer_request_nonce: Some(nonce),
        combined_value: "1".into(),
        naive_value: "1".into(),
        inferer_values: vec![WorkerAttributedValue { worker: sender.address(), value: "1".into() }],
        ..ValueBundle::default()
    };
    let simulate = |name, losses: ValueBundle, change: fn(&mut InputReputerValueBundle)| {
        let mut request = sign_losses(losses, sender.wallet).unwrap();
        change(request.reputer_value_bundle.as_mut().unwrap());
        sender.simulate(name, sender.version().any(&request))
    };
    vec![
        simulate("simulate/reputer.bad_signature", good.clone(), |bundle| bundle.signature[40] ^= 1),
        simulate(
            "simulate/reputer.nonce_absent",
            ValueBundle { reputer_request_nonce: None, ..good.clone() },
            |_| {},
        ),
        simulate("simulate/reputer.no_inferers", ValueBundle { inferer_values: vec![], ..good }, |_| {}),
    ]
}

/// A payload for a nonce of which every chain knows that it is not open, changed before it is signed.
fn payload(
    sender: &Sender<'_>,
    change: impl FnOnce(&mut InputInferenceForecastBundle),
) -> InsertWorkerPayloadRequest {
    sender.node.accounts[0].payload_with(sender.version(), sender.node.topic_id, 1, change)
}

/// Puts a text in place of the inference.
fn set_number(signed: &mut InputInferenceForecastBundle, number: &str) {
    let inference = signed.inference.as_mut().unwrap();
    match inference.values.first_mut() {
        Some(labeled) => number.clone_into(&mut labeled.value),
        None => number.clone_into(&mut inference.value),
    }
}
