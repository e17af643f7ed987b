//! What the tests share: a chain made by hand, transactions, and captures of a real node.

use std::{path::Path, time::Duration};

use base64::Engine as _;
use bootstrap::{
    chain::{
        messages::{EmissionsVersion, Query},
        tx::{Fee, SignedTx, SignerData, UnsignedTx},
    },
    devnet::{BlockTime, Devnet, Endpoint, Options},
    wallet::Wallet,
};
use cosmrs::{
    Any,
    proto::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin},
};
use futures::{SinkExt as _, StreamExt as _};
use prost::{Message as _, Name as _};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message},
};

/// A chain whose blocks come only when a test asks for them.
pub fn manual() -> Devnet {
    start(Options { block_time: BlockTime::Manual, ..Options::on_free_port() })
}

pub fn start(options: Options) -> Devnet {
    Devnet::start(options).unwrap()
}

/// A transfer from one funded account to the next.
pub fn transfer(devnet: &Devnet, from: usize, sequence: u64) -> SignedTx {
    transfer_of(devnet, from, sequence, 5)
}

/// A transfer of so many uallo.
pub fn transfer_of(devnet: &Devnet, from: usize, sequence: u64, uallo: u64) -> SignedTx {
    let accounts = devnet.accounts();
    let message = MsgSend {
        from_address: accounts[from].address.clone(),
        to_address: accounts[from + 1].address.clone(),
        amount: vec![Coin { denom: "uallo".into(), amount: uallo.to_string() }],
    };
    sign(devnet, from, sequence, Any { type_url: MsgSend::type_url(), value: message.encode_to_vec() })
}

/// A transaction of a funded account.
pub fn sign(devnet: &Devnet, from: usize, sequence: u64, message: Any) -> SignedTx {
    let wallet = Wallet::from_private_key(&devnet.accounts()[from].private_key).unwrap();
    let signer = SignerData { chain_id: devnet.chain_id().into(), account_number: from as u64, sequence };
    UnsignedTx::new(message, 0).sign(&wallet, &signer, Fee { amount: 200_000, gas_limit: 200_000 })
}

pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A recording of a real node.
pub fn capture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(format!("{name}.json"));
    serde_json::from_slice(
        &std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
    .unwrap()
}

/// One POST over a connection of its own.
pub async fn send(endpoint: &Endpoint, body: impl Into<reqwest::Body>) -> reqwest::Result<reqwest::Response> {
    reqwest::Client::new().post(endpoint.rpc_url()).body(body).send().await
}

/// One POST: the status and the body.
pub async fn post(devnet: &Devnet, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let response = send(devnet.endpoint(), body).await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

/// The body of a call.
pub fn request(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// One call: the whole answer.
pub async fn call(devnet: &Devnet, method: &str, params: Value) -> Value {
    post(devnet, request(method, params)).await.1
}

/// One call that must succeed: its result.
pub async fn result(devnet: &Devnet, method: &str, params: Value) -> Value {
    result_at(devnet.endpoint(), method, params).await
}

/// The same at any endpoint.
pub async fn result_at(endpoint: &Endpoint, method: &str, params: Value) -> Value {
    let answer: Value = send(endpoint, request(method, params)).await.unwrap().json().await.unwrap();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// A query of the application: what came back, or the error's text.
pub async fn query<Q: Query>(
    endpoint: &Endpoint,
    version: EmissionsVersion,
    query: Q,
) -> Result<Q::Response, String> {
    let params = json!({"path": Q::path(version), "data": hex::encode(query.encode_to_vec())});
    let answer = result_at(endpoint, "abci_query", params).await["response"].take();
    if answer["code"] != 0 {
        return Err(answer["log"].as_str().unwrap().into());
    }
    let value = base64::engine::general_purpose::STANDARD.decode(answer["value"].as_str().unwrap()).unwrap();
    Ok(Q::Response::decode(value.as_slice()).unwrap())
}

/// Asserts that two values have the same keys, and the same types at each of them. Lists must agree
/// in their first elements, if both have one. Maps of attributes differ from block to block and
/// are compared as texts only.
pub fn assert_same_shape(ours: &Value, theirs: &Value, at: &str) {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            if at.ends_with(".result.events") {
                let lists =
                    |map: &serde_json::Map<String, Value>| map.values().all(|list| list[0].is_string());
                assert!(lists(ours) && lists(theirs), "{at}: lists of texts");
                return;
            }
            let keys = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(ours), keys(theirs), "keys of {at}");
            for (key, value) in ours {
                assert_same_shape(value, &theirs[key], &format!("{at}.{key}"));
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(ours), Some(theirs)) = (ours.first(), theirs.first()) {
                assert_same_shape(ours, theirs, &format!("{at}[0]"));
            }
        }
        (Value::String(ours), Value::String(theirs)) => {
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            assert_eq!(digits(ours), digits(theirs), "{at}: {ours} and {theirs}");
        }
        _ => assert_eq!(
            std::mem::discriminant(ours),
            std::mem::discriminant(theirs),
            "type of {at}: {ours} and {theirs}"
        ),
    }
}

/// Longer than anything here takes on a machine that is not stuck.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until there is something.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let again = async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, again).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// A websocket, frame by frame.
pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn open(devnet: &Devnet) -> Self {
        Self::open_at(devnet.endpoint()).await
    }

    pub async fn open_at(endpoint: &Endpoint) -> Self {
        Self(connect_async(endpoint.websocket_url()).await.unwrap().0)
    }

    pub async fn send(&mut self, text: impl ToString) {
        self.0.send(Message::text(text.to_string())).await.unwrap();
    }

    pub async fn request(&mut self, id: impl Into<Value>, method: &str, params: Value) {
        let id = id.into();
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
    }

    /// The next frame with text.
    pub async fn next(&mut self) -> Value {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap();
            if let Message::Text(text) = message {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    pub async fn call(&mut self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        let id = id.into();
        self.request(id.clone(), method, params).await;
        let answer = self.next().await;
        assert_eq!(answer.get("id"), Some(&id), "{answer}");
        answer
    }

    pub async fn subscribe(&mut self, id: impl Into<Value>, query: &str) {
        let answer = self.call(id, "subscribe", json!({"query": query})).await;
        assert_eq!(answer["result"], json!({}), "{query}: {answer}");
    }

    /// The next frame with bytes.
    pub async fn bytes(&mut self) -> Vec<u8> {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap();
            if let Message::Binary(bytes) = message {
                return bytes.to_vec();
            }
        }
    }

    /// The connection ends, and no close frame comes.
    pub async fn ends_without_goodbye(&mut self) {
        let end = timeout(PATIENCE, self.0.next()).await.unwrap();
        assert!(matches!(end, None | Some(Err(Error::Protocol(_) | Error::Io(_)))), "{end:?}");
    }

    /// Nothing comes in this time, and the connection does not end.
    pub async fn is_silent(&mut self, time: Duration) {
        if let Ok(heard) = timeout(time, self.0.next()).await {
            panic!("heard {heard:?}");
        }
    }
}
