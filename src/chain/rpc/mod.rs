//! One CometBFT RPC endpoint over HTTP.
//!
//! Requests and responses are `tendermint-rpc`'s; the transport is ours, because a worker must see what
//! that client hides: the status of a refused request and its `Retry-After`, a page of HTML, a body
//! without end. Every call has a limit.

mod error;

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use reqwest::{StatusCode, header::CONTENT_TYPE};
use tendermint::block::Height;
use tendermint_rpc::endpoint::{abci_query, block, block_results, broadcast, status, tx};
use tendermint_rpc::{Response, SimpleRequest};

pub use self::error::RpcError;
use super::http::{self, BodyError, USER_AGENT};
use super::outcome::{Refusal, Stage, Verdict};
use super::tx::TxHash;
use crate::bundle::SensitiveUrl;

/// The largest answer that is read, in bytes. The largest that a worker asks for, a network
/// inference with its one-out values, stays far below.
const MAX_BODY: usize = 8 << 20;

/// Connecting, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Idle connections are closed after this. What a NAT has dropped must not be found out in a window.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// Idle connections that are kept.
const MAX_IDLE: usize = 2;
/// Silence on a connection that was kept open after which the call is made on a new one too. What a NAT or a
/// proxy has dropped looks just like a node that is slow.
const PATIENCE: Duration = Duration::from_secs(1);
/// Share of a call's limit that is waited for the kept connection at most.
const PATIENCE_SHARE: u32 = 4;

/// A node's answer to `abci_query`.
#[derive(Debug, Clone)]
pub struct AbciAnswer {
    /// 0 is success.
    pub code: u32,
    /// Empty on success.
    pub codespace: String,
    /// The error's text.
    pub log: String,
    /// Protobuf response; empty when it holds only default values.
    pub value: Vec<u8>,
    /// The height whose state was read.
    pub height: u64,
}

/// A node's answer to `broadcast_tx_sync`: what CheckTx said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTxAnswer {
    /// 0: in the mempool. Otherwise refused, nothing was paid.
    pub code: u32,
    /// Empty on success.
    pub codespace: String,
    /// The error's text.
    pub log: String,
}

/// What a node says of itself.
#[derive(Debug, Clone)]
pub struct NodeStatus {
    /// `node_info.network`.
    pub chain_id: String,
    /// `node_info.id`: which node it is, whatever name it was reached by.
    pub node_id: String,
    /// Where the connection led.
    pub peer: Option<SocketAddr>,
    /// Latest committed height.
    pub height: u64,
    /// Time of the latest block.
    pub time: time::OffsetDateTime,
    /// The first block that it keeps: higher than 1 where it has dropped some, or has begun with a snapshot.
    pub earliest: u64,
    /// Mean time between blocks, over those that the node keeps.
    pub block_time: Option<Duration>,
    /// Still syncing: it answers everything, from old state.
    pub catching_up: bool,
    /// The `Date` of its answer, to the second: the clock of its machine, or of the proxy in front of it.
    pub date: Option<SystemTime>,
}

/// An address of a CometBFT RPC server, with a connection pool of its own.
#[derive(Clone)]
pub struct Endpoint {
    url: SensitiveUrl,
    /// Keeps connections open, so that a window does not begin with handshakes.
    kept: reqwest::Client,
    /// Connects anew each time.
    fresh: reqwest::Client,
}

/// A body and where it came from.
struct Answer {
    body: Vec<u8>,
    peer: Option<SocketAddr>,
    date: Option<SystemTime>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.to_string()).finish()
    }
}

/// The address without user and password.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

impl Endpoint {
    /// A client for `url`. Connects with the first call.
    ///
    /// # Errors
    /// When the TLS roots of the system cannot be loaded.
    pub fn new(url: SensitiveUrl) -> Result<Self, RpcError> {
        let client = || {
            reqwest::Client::builder()
                .user_agent(USER_AGENT)
                // Loading the system's roots takes longer than all other work at start.
                .tls_built_in_root_certs(url.expose().scheme() == "https")
                .connect_timeout(CONNECT_LIMIT)
                .tcp_keepalive(Duration::from_secs(15))
                .tcp_nodelay(true)
                .redirect(reqwest::redirect::Policy::none())
        };
        let unusable = |error: reqwest::Error| RpcError::Unconnected {
            endpoint: url.to_string(),
            cause: http::causes(&error),
        };
        let kept = client().pool_idle_timeout(IDLE_LIMIT).pool_max_idle_per_host(MAX_IDLE);
        let fresh = client().pool_max_idle_per_host(0);
        let (kept, fresh) = (kept.build().map_err(unusable)?, fresh.build().map_err(unusable)?);
        Ok(Self { url, kept, fresh })
    }

    /// The URL with its credentials, for the websocket.
    #[must_use]
    pub const fn url(&self) -> &SensitiveUrl {
        &self.url
    }

    /// `status`.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn status(&self, limit: Duration) -> Result<NodeStatus, RpcError> {
        let (answer, Answer { peer, date, .. }) = self.answer(status::Request, limit).await?;
        Ok(NodeStatus { peer, date, ..answer.into() })
    }

    /// `abci_query` of the state after block `height`, or of the latest.
    ///
    /// # Errors
    /// See [`RpcError`]; a query that the application refuses is an answer, not an error.
    pub async fn abci_query(
        &self,
        path: &str,
        data: Vec<u8>,
        height: Option<u64>,
        limit: Duration,
    ) -> Result<AbciAnswer, RpcError> {
        let height = height.map(tendermint_height);
        let request = abci_query::Request::new(Some(path.to_owned()), data, height, false);
        self.call(request, limit).await.map(AbciAnswer::from)
    }

    /// `broadcast_tx_sync`: what CheckTx says of these bytes.
    ///
    /// # Errors
    /// See [`RpcError`]; [`Verdict::InCache`](super::outcome::Verdict::InCache) is a success.
    pub(super) async fn broadcast(&self, bytes: Vec<u8>, limit: Duration) -> Result<CheckTxAnswer, RpcError> {
        self.call(broadcast::tx_sync::Request::new(bytes), limit).await.map(CheckTxAnswer::from)
    }

    /// `tx`: the transaction with this hash, once it is in a block.
    ///
    /// # Errors
    /// See [`RpcError`]; [`Verdict::NotFound`](super::outcome::Verdict::NotFound) when it is in no block.
    pub async fn tx(&self, hash: &TxHash, limit: Duration) -> Result<tx::Response, RpcError> {
        self.call(tx::Request::new(tendermint_rpc_hash(hash), false), limit).await
    }

    /// `block`: the transactions in it, in their order.
    ///
    /// # Errors
    /// See [`RpcError`]; a node refuses a height that it does not keep.
    pub async fn block_txs(&self, height: u64, limit: Duration) -> Result<Vec<Vec<u8>>, RpcError> {
        let answer = self.call(block::Request::new(tendermint_height(height)), limit).await?;
        Ok(answer.block.data)
    }

    /// `block`: whether the node has the block of this height, which nobody can claim who has not come so far.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn has_block(&self, height: u64, limit: Duration) -> Result<bool, RpcError> {
        match self.call(block::Request::new(tendermint_height(height)), limit).await {
            Ok(answer) => Ok(answer.block.header.height.value() == height),
            Err(error) if error.verdict() == Some(Verdict::NotYet) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// `block_results`: what came of the transactions of a block, and its own events.
    ///
    /// # Errors
    /// See [`RpcError`]; a node refuses a height that it does not keep.
    pub async fn block_results(
        &self,
        height: u64,
        limit: Duration,
    ) -> Result<block_results::Response, RpcError> {
        self.call(block_results::Request::new(tendermint_height(height)), limit).await
    }

    async fn call<R: SimpleRequest>(&self, request: R, limit: Duration) -> Result<R::Output, RpcError> {
        Ok(self.answer(request, limit).await?.0)
    }

    async fn answer<R: SimpleRequest>(
        &self,
        request: R,
        limit: Duration,
    ) -> Result<(R::Output, Answer), RpcError> {
        let body = request.into_json();
        match tokio::time::timeout(limit, self.exchange(&body, limit)).await {
            Ok(answer) => {
                let answer = answer?;
                Ok((decode::<R>(&self.to_string(), &answer.body)?, answer))
            }
            Err(_) => Err(RpcError::TimedOut { endpoint: self.to_string(), limit }),
        }
    }

    /// On a kept connection, and where that stays silent or breaks, on a new one. To ask twice is harmless:
    /// our calls read, or bring bytes that the chain takes once.
    async fn exchange(&self, body: &str, limit: Duration) -> Result<Answer, RpcError> {
        let mut kept = pin!(self.post(&self.kept, body));
        let patience = (limit / PATIENCE_SHARE).min(PATIENCE);
        match tokio::time::timeout(patience, &mut kept).await {
            // The first failure counts: only it tells whether the request may have arrived.
            Ok(Err(broken @ RpcError::Broken { .. })) => {
                self.post(&self.fresh, body).await.map_err(|error| match error {
                    RpcError::Unconnected { .. } => broken,
                    error => error,
                })
            }
            Ok(answered) => answered,
            Err(_) => {
                let fresh = pin!(self.post(&self.fresh, body));
                let answered = futures::future::select_ok([kept, fresh]).await;
                answered.map(|(answer, _)| answer).map_err(|error| match error {
                    // The other one of the two may have arrived.
                    RpcError::Unconnected { endpoint, cause } => RpcError::Broken { endpoint, cause },
                    error => error,
                })
            }
        }
    }

    async fn post(&self, client: &reqwest::Client, body: &str) -> Result<Answer, RpcError> {
        let lost = |error: reqwest::Error| {
            let (endpoint, cause) = (self.to_string(), http::causes(&error));
            if error.is_connect() {
                RpcError::Unconnected { endpoint, cause }
            } else {
                RpcError::Broken { endpoint, cause }
            }
        };
        // User and password in the URL go out as basic authentication.
        let request = client
            .post(self.url.expose().clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        let response = request.send().await.map_err(lost)?;
        let (status, peer) = (response.status(), response.remote_addr());
        let date = http::date(response.headers());
        let content = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let json = content.is_some_and(|content| content.starts_with("application/json"));
        // CometBFT sends its JSON-RPC errors with status 500; what limits rates in front of it may speak JSON too.
        if !(status.is_success() || status == StatusCode::INTERNAL_SERVER_ERROR && json) {
            let retry_after = http::retry_after(response.headers(), SystemTime::now());
            return Err(RpcError::HttpStatus {
                endpoint: self.to_string(),
                status: status.as_u16(),
                retry_after,
            });
        }
        let body = http::body(response, MAX_BODY).await.map_err(|error| match error {
            BodyError::TooLong(_) => self.not_rpc(error.to_string()),
            BodyError::Broken(error) => lost(error),
        })?;
        Ok(Answer { body, peer, date })
    }

    fn not_rpc(&self, cause: String) -> RpcError {
        RpcError::NotRpc { endpoint: self.to_string(), cause }
    }
}

/// Reads the body of an answer to `R`; `endpoint` names its sender in errors.
///
/// # Errors
/// [`RpcError::Refused`] when it is the node's own error, [`RpcError::NotRpc`] when it is no answer to `R`.
pub fn decode<R: SimpleRequest>(endpoint: &str, body: &[u8]) -> Result<R::Output, RpcError> {
    use tendermint_rpc::error::ErrorDetail;
    let endpoint = || endpoint.to_owned();
    let not_rpc = |cause: String| RpcError::NotRpc { endpoint: endpoint(), cause };
    // Bad base64, such as `AAAA=`, makes a library below `tendermint-rpc` panic.
    let read = std::panic::catch_unwind(|| R::Response::from_string(body))
        .map_err(|_| not_rpc("its answer cannot be decoded".to_owned()))?;
    read.map(Into::into).map_err(|error| match error.detail() {
        ErrorDetail::Response(refused) => {
            let (code, message) = (i64::from(refused.source.code().value()), refused.source.to_string());
            let refusal = Refusal { stage: Stage::Rpc, codespace: "", code, text: &message };
            let verdict = refusal.verdict();
            RpcError::Refused { endpoint: endpoint(), code, message, verdict }
        }
        other => not_rpc(other.to_string()),
    })
}

impl From<status::Response> for NodeStatus {
    fn from(answer: status::Response) -> Self {
        let sync = answer.sync_info;
        Self {
            chain_id: answer.node_info.network.to_string(),
            node_id: answer.node_info.id.to_string(),
            peer: None,
            height: sync.latest_block_height.value(),
            time: offset_date_time(sync.latest_block_time),
            earliest: sync.earliest_block_height.value(),
            block_time: mean_block_time(&sync),
            catching_up: sync.catching_up,
            date: None,
        }
    }
}

impl From<abci_query::Response> for AbciAnswer {
    fn from(answer: abci_query::Response) -> Self {
        let answer = answer.response;
        Self {
            code: answer.code.value(),
            codespace: answer.codespace,
            log: answer.log,
            value: answer.value,
            height: answer.height.value(),
        }
    }
}

impl From<broadcast::tx_sync::Response> for CheckTxAnswer {
    fn from(answer: broadcast::tx_sync::Response) -> Self {
        Self { code: answer.code.value(), codespace: answer.codespace, log: answer.log }
    }
}

fn offset_date_time(time: tendermint::Time) -> time::OffsetDateTime {
    let nanoseconds = time.unix_timestamp_nanos();
    time::OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

fn mean_block_time(sync: &status::SyncInfo) -> Option<Duration> {
    let blocks = sync.latest_block_height.value().checked_sub(sync.earliest_block_height.value())?;
    let span = sync.latest_block_time.duration_since(sync.earliest_block_time).ok()?;
    span.checked_div(u32::try_from(blocks).ok()?)
}

/// Height 0, which no node has, for what is beyond all heights.
fn tendermint_height(height: u64) -> Height {
    Height::try_from(height).unwrap_or_default()
}

fn tendermint_rpc_hash(hash: &TxHash) -> tendermint::Hash {
    tendermint::Hash::Sha256(*hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_base64_is_no_answer_and_no_panic() {
        let answer = |value: &str| {
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"response":{{"value":"{value}","height":"1"}}}}}}"#
            );
            decode::<abci_query::Request>("node", body.as_bytes()).map(AbciAnswer::from)
        };
        assert_eq!(answer("AAAA").unwrap().value, [0, 0, 0]);
        for value in ["AAAA=", "=", "A", "*"] {
            let told = answer(value);
            assert!(matches!(told, Err(RpcError::NotRpc { .. })), "{value}: {told:?}");
        }
    }
}
