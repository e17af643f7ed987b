//! One CometBFT RPC endpoint over HTTP.
//!
//! Requests and responses are `tendermint-rpc`'s; the transport is ours, because a worker must see what
//! that client hides: the status of a refused request and its `Retry-After`, a page of HTML, a body
//! without end. Every call has a limit.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::CONTENT_TYPE;
use tendermint_rpc::endpoint::{abci_query, broadcast, status, tx};
use tendermint_rpc::{Response, SimpleRequest};

use super::http::{self, BodyError, USER_AGENT};
use super::tx::TxHash;
use crate::bundle::SensitiveUrl;

/// The largest answer that is read, in bytes. The largest that a worker asks for, a network
/// inference with its one-out values, stays far below.
const MAX_BODY: usize = 8 << 20;

/// JSON-RPC: internal error. CometBFT uses it for everything that a method itself refuses.
const INTERNAL_ERROR: i64 = -32603;

/// Why a call brought no answer of the chain.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcError {
    /// No connection, or it broke. The request may have arrived.
    #[error("cannot reach {endpoint}: {cause}")]
    Unreachable {
        /// Host of the endpoint.
        endpoint: String,
        /// What the connection said.
        cause: String,
    },
    /// No answer within the limit. The request may have arrived.
    #[error("{endpoint} gave no answer within {limit:?}")]
    TimedOut {
        /// Host of the endpoint.
        endpoint: String,
        /// How long we waited.
        limit: Duration,
    },
    /// An HTTP status other than 200 from something in front of the node.
    #[error("{endpoint} answered with HTTP status {status}")]
    HttpStatus {
        /// Host of the endpoint.
        endpoint: String,
        /// The status.
        status: u16,
        /// The pause that `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// An answer that is not CometBFT's JSON-RPC.
    #[error("{endpoint} does not speak CometBFT JSON-RPC: {cause}")]
    NotRpc {
        /// Host of the endpoint.
        endpoint: String,
        /// What was wrong with the answer.
        cause: String,
    },
    /// The node's own JSON-RPC error.
    #[error("{endpoint} refused the call: {message} ({code})")]
    Refused {
        /// Host of the endpoint.
        endpoint: String,
        /// JSON-RPC error code, -32603 for most.
        code: i64,
        /// Message and data of the error.
        message: String,
    },
}

impl RpcError {
    /// Whether the fault lies with the endpoint, so that another one may do better.
    #[must_use]
    pub const fn is_endpoint_fault(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }

    /// `tx already exists in cache`: the node has these bytes, in its mempool or in a block.
    #[must_use]
    pub fn is_in_cache(&self) -> bool {
        matches!(self, Self::Refused { code: INTERNAL_ERROR, message, .. } if message.contains("already exists in cache"))
    }

    /// `tx (HASH) not found`: not in a block that this node knows.
    #[must_use]
    pub fn is_tx_not_found(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message.contains("not found"))
    }
}

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
    /// Latest committed height.
    pub height: u64,
    /// Time of the latest block.
    pub time: time::OffsetDateTime,
    /// Mean time between blocks, over those that the node keeps.
    pub block_time: Option<Duration>,
    /// Still syncing: it answers everything, from old state.
    pub catching_up: bool,
}

/// An address of a CometBFT RPC server, with a connection pool of its own.
#[derive(Clone)]
pub struct Endpoint {
    url: SensitiveUrl,
    http: reqwest::Client,
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
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            // Loading the system's roots takes longer than all other work at start.
            .tls_built_in_root_certs(url.expose().scheme() == "https")
            .connect_timeout(Duration::from_secs(5))
            // Connections that a NAT or a proxy has dropped must not be found out in a window.
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_keepalive(Duration::from_secs(15))
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| RpcError::Unreachable {
                endpoint: url.to_string(),
                cause: http::causes(&error),
            })?;
        Ok(Self { url, http })
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
        let answer = self.call(status::Request, limit).await?;
        let sync = answer.sync_info;
        Ok(NodeStatus {
            chain_id: answer.node_info.network.to_string(),
            height: sync.latest_block_height.value(),
            time: offset_date_time(sync.latest_block_time),
            block_time: mean_block_time(&sync),
            catching_up: sync.catching_up,
        })
    }

    /// `abci_query` of the latest state.
    ///
    /// # Errors
    /// See [`RpcError`]; a query that the application refuses is an answer, not an error.
    pub async fn abci_query(
        &self,
        path: &str,
        data: Vec<u8>,
        limit: Duration,
    ) -> Result<AbciAnswer, RpcError> {
        let request = abci_query::Request::new(Some(path.to_owned()), data, None, false);
        let answer = self.call(request, limit).await?.response;
        Ok(AbciAnswer {
            code: answer.code.value(),
            codespace: answer.codespace,
            log: answer.log,
            value: answer.value,
            height: answer.height.value(),
        })
    }

    /// `broadcast_tx_sync`: what CheckTx says of these bytes.
    ///
    /// # Errors
    /// See [`RpcError`]; [`RpcError::is_in_cache`] is a success.
    pub async fn broadcast(&self, bytes: Vec<u8>, limit: Duration) -> Result<CheckTxAnswer, RpcError> {
        let answer = self.call(broadcast::tx_sync::Request::new(bytes), limit).await?;
        Ok(CheckTxAnswer { code: answer.code.value(), codespace: answer.codespace, log: answer.log })
    }

    /// `tx`: the transaction with this hash, once it is in a block.
    ///
    /// # Errors
    /// See [`RpcError`]; [`RpcError::is_tx_not_found`] when it is in no block.
    pub async fn tx(&self, hash: &TxHash, limit: Duration) -> Result<tx::Response, RpcError> {
        self.call(tx::Request::new(tendermint_rpc_hash(hash), false), limit).await
    }

    async fn call<R: SimpleRequest>(&self, request: R, limit: Duration) -> Result<R::Output, RpcError> {
        match tokio::time::timeout(limit, self.exchange(request.into_json())).await {
            Ok(body) => self.decode::<R>(&body?),
            Err(_) => Err(RpcError::TimedOut { endpoint: self.to_string(), limit }),
        }
    }

    async fn exchange(&self, body: String) -> Result<Vec<u8>, RpcError> {
        let unreachable = |error: reqwest::Error| RpcError::Unreachable {
            endpoint: self.to_string(),
            cause: http::causes(&error),
        };
        // User and password in the URL go out as basic authentication.
        let request =
            self.http.post(self.url.expose().clone()).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        // CometBFT sends its JSON-RPC errors with status 500.
        let json = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/json"));
        if !status.is_success() && !json {
            let retry_after = http::retry_after(response.headers(), SystemTime::now());
            return Err(RpcError::HttpStatus {
                endpoint: self.to_string(),
                status: status.as_u16(),
                retry_after,
            });
        }
        http::body(response, MAX_BODY).await.map_err(|error| match error {
            BodyError::TooLong(_) => self.not_rpc(error.to_string()),
            BodyError::Broken(error) => unreachable(error),
        })
    }

    fn decode<R: SimpleRequest>(&self, body: &[u8]) -> Result<R::Output, RpcError> {
        use tendermint_rpc::error::ErrorDetail;
        R::Response::from_string(body).map(Into::into).map_err(|error| match error.detail() {
            ErrorDetail::Response(refused) => RpcError::Refused {
                endpoint: self.to_string(),
                code: i64::from(refused.source.code().value()),
                message: refused.source.to_string(),
            },
            other => self.not_rpc(other.to_string()),
        })
    }

    fn not_rpc(&self, cause: String) -> RpcError {
        RpcError::NotRpc { endpoint: self.to_string(), cause }
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

fn tendermint_rpc_hash(hash: &TxHash) -> tendermint::Hash {
    tendermint::Hash::Sha256(*hash.as_bytes())
}
