//! What anybody may ask a node: JSON-RPC, without the client under test.

use std::cell::Cell;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootstrap::chain::messages::{EmissionsVersion, Query, query::GetParamsRequest};
use futures::{SinkExt as _, StreamExt as _};
use prost::Message as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::bench::{PATIENCE, wait};

/// A call may take so long.
const LIMIT: Duration = Duration::from_secs(10);

/// Nobody answers, or not as a node does.
#[derive(Debug)]
pub struct Unreachable;

/// A client of some nodes of one chain; one is asked until it does not answer.
pub struct Rpc {
    urls: Vec<String>,
    /// Place of that one.
    asked: Cell<usize>,
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
    version: Cell<Option<EmissionsVersion>>,
}

impl Rpc {
    pub fn new(urls: Vec<String>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A node that was restarted has cut the connections that were kept.
        let client = reqwest::Client::builder().timeout(LIMIT).pool_max_idle_per_host(0).build().unwrap();
        Self { urls, asked: Cell::new(0), runtime, client, version: Cell::new(None) }
    }

    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The whole answer of a node that has one.
    pub fn try_call(&self, method: &str, params: &Value) -> Result<Value, Unreachable> {
        let places = (0..self.urls.len()).map(|place| (self.asked.get() + place) % self.urls.len());
        let answer = |place: usize| Some((place, self.ask(&self.urls[place], method, params)?));
        let (place, answer) = places.into_iter().find_map(answer).ok_or(Unreachable)?;
        self.asked.set(place);
        Ok(answer)
    }

    /// The nodes that answer, by their places, with their heights.
    pub fn heads(&self) -> Vec<(usize, i64)> {
        let head = |(place, url): (usize, &String)| {
            let status = self.ask(url, "status", &json!({}))?;
            Some((place, status["result"]["sync_info"]["latest_block_height"].as_str()?.parse().ok()?))
        };
        self.urls.iter().enumerate().filter_map(head).collect()
    }

    /// From now on asks the node that is furthest: others may lag, sync or be gone.
    pub fn ask_the_furthest(&self) {
        let furthest = self.heads().into_iter().rev().max_by_key(|(_, height)| *height);
        self.asked.set(furthest.map_or(0, |(place, _)| place));
    }

    fn ask(&self, url: &str, method: &str, params: &Value) -> Option<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let ask = async || self.client.post(url).json(&body).send().await?.json().await;
        self.runtime.block_on(ask()).ok()
    }

    /// The result, or the error, of a chain that may be down for a while.
    pub fn call(&self, method: &str, params: &Value) -> Result<Value, Value> {
        let mut answer =
            self.until(&format!("an answer to {method}"), PATIENCE, || self.try_call(method, params).ok());
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].take()),
        }
    }

    /// What a query of the application answers, or the text of its refusal.
    pub fn query<Q: Query>(&self, query: &Q) -> Result<Q::Response, String> {
        Ok(self.query_with_height(query)?.1)
    }

    /// The same with the height whose state was read. `status` may be a block further already.
    pub fn query_with_height<Q: Query>(&self, query: &Q) -> Result<(i64, Q::Response), String> {
        self.query_of(self.version(), query)
    }

    fn query_of<Q: Query>(&self, version: EmissionsVersion, query: &Q) -> Result<(i64, Q::Response), String> {
        let params = json!({"path": Q::path(version), "data": hex::encode(query.encode_to_vec())});
        let answer = self.call("abci_query", &params).unwrap()["response"].take();
        if answer["code"] != 0 {
            return Err(answer["log"].as_str().unwrap_or_default().to_owned());
        }
        let value = STANDARD.decode(answer["value"].as_str().unwrap_or_default()).unwrap();
        Ok((number(&answer["height"]), Q::Response::decode(value.as_slice()).unwrap()))
    }

    /// The emissions package that the chain runs.
    pub fn version(&self) -> EmissionsVersion {
        if let Some(version) = self.version.get() {
            return version;
        }
        let speaks = |version: &EmissionsVersion| self.query_of(*version, &GetParamsRequest {}).is_ok();
        let version =
            EmissionsVersion::ALL.into_iter().find(speaks).expect("the chain has an emissions module");
        self.version.set(Some(version));
        version
    }

    /// What CheckTx says of a transaction.
    pub fn broadcast(&self, tx: &[u8]) -> Result<Value, Value> {
        self.call("broadcast_tx_sync", &json!({"tx": STANDARD.encode(tx)}))
    }

    pub fn status(&self) -> Value {
        self.call("status", &json!({})).unwrap()
    }

    pub fn chain_id(&self) -> String {
        self.status()["node_info"]["network"].as_str().unwrap().to_owned()
    }

    /// Does something, and gives the first frame that a subscription to `query` heard since.
    pub fn with_frame<T>(&self, query: &str, act: impl FnOnce() -> T) -> (T, Value) {
        let url = self.websocket_url();
        let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"query": query}});
        let subscribe = async || {
            let (mut socket, _) = connect_async(&url).await?;
            socket.send(Message::text(subscribe.to_string())).await?;
            let acknowledged = socket.next().await;
            anyhow::Ok((socket, acknowledged.is_some()))
        };
        let (mut socket, is_open) = self.runtime.block_on(subscribe()).unwrap();
        assert!(is_open, "the websocket closed");
        let done = act();
        let mut frame = async || loop {
            if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        };
        let frame = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, frame()).await });
        (done, frame.expect("a frame"))
    }

    /// Sends each request over one websocket when the one before is answered. Gives the answers, and no events.
    pub fn exchange(&self, requests: &[String]) -> Vec<Value> {
        let url = self.websocket_url();
        let exchange = async || {
            let (mut socket, _) = connect_async(&url).await.unwrap();
            let mut answers: Vec<Value> = Vec::new();
            for request in requests {
                socket.send(Message::text(request)).await.unwrap();
                answers.push(loop {
                    let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["result"]["query"].is_null() {
                        break frame;
                    }
                });
            }
            answers
        };
        self.runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange()).await }).expect("answers")
    }

    fn websocket_url(&self) -> String {
        let url = self.urls[self.asked.get()].trim_end_matches('/');
        format!("{}/websocket", url.replacen("http", "ws", 1))
    }

    pub fn height(&self) -> i64 {
        number(&self.status()["sync_info"]["latest_block_height"])
    }

    /// When a block was made, by the chain's clock.
    pub fn block_time(&self, height: i64) -> OffsetDateTime {
        let block = self.call("block", &json!({"height": height.to_string()})).unwrap();
        OffsetDateTime::parse(block["block"]["header"]["time"].as_str().unwrap(), &Rfc3339).unwrap()
    }

    /// Transactions that wait for a block.
    pub fn unconfirmed(&self) -> Vec<Vec<u8>> {
        let answer = self.call("unconfirmed_txs", &json!({"limit": "100"})).unwrap();
        answer["txs"].as_array().into_iter().flatten().map(bytes).collect()
    }

    /// Waits until `found` gives something.
    pub fn until<T>(&self, what: &str, limit: Duration, found: impl FnMut() -> Option<T>) -> T {
        wait::until(what, limit, || format!("from {}", self.urls.join(", ")), found)
    }
}

/// A number that JSON has as text.
pub fn number(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number: {value}"))
}

/// Bytes that JSON has as base64.
pub fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}
