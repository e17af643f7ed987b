//! The node's door: JSON-RPC over HTTP, by POST and by URI, and the websocket.

mod blocks;
mod info;
pub(in crate::devnet) mod jsonrpc;
pub(super) mod methods;
mod page;
pub(super) mod params;
mod txs;
mod websocket;

use std::{net::TcpListener, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, RawQuery, State, WebSocketUpgrade},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    jsonrpc::{Id, Incoming, Request, RpcError, response},
    methods::{Method, find},
    params::Args,
};
use super::{Node, thread::NodeHandle};

/// Bytes of a request; CometBFT's default.
const MAX_BODY: usize = 1_000_000;

/// How long a client may take to send one.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Websocket clients at a time; about CometBFT's limit of connections.
const MAX_CLIENTS: usize = 1_000;

/// Requests of one batch.
const MAX_BATCH: usize = 100;

/// How long open connections may take to hear that the node stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// What every connection shares.
#[derive(Debug, Clone)]
struct Service {
    node: NodeHandle,
    stopping: CancellationToken,
    connections: TaskTracker,
}

/// Serves until `stopping` is cancelled; then websocket clients are told and all is closed.
pub(in crate::devnet) async fn serve(
    listener: TcpListener,
    node: NodeHandle,
    stopping: CancellationToken,
) -> std::io::Result<()> {
    let service = Service { node, stopping: stopping.clone(), connections: TaskTracker::new() };
    let connections = service.connections.clone();
    let router = Router::new()
        .route("/", get(index).post(post))
        .route("/websocket", get(upgrade))
        .route("/{method}", get(uri))
        .with_state(service);
    let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|stream| {
        // Small frames must not wait for an acknowledgement; without the option they are late, not lost.
        let _ = stream.set_nodelay(true);
    });
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        () = stopping.cancelled() => {}
    }
    connections.close();
    let _ = timeout(GOODBYE, connections.wait()).await;
    Ok(())
}

impl Service {
    /// Runs one call of JSON-RPC.
    async fn call(&self, request: Request) -> Result<Value, RpcError> {
        let method = find(&request.method).ok_or(RpcError::MethodNotFound)?;
        let args = Args::from_json(method.params, &request.params)?;
        self.run(method, args).await
    }

    /// Runs one method: every request passes here, however it came.
    async fn run(&self, method: &'static Method, args: Args) -> Result<Value, RpcError> {
        self.on_node(move |node| (method.call)(node, &args)).await?
    }

    async fn on_node<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Node) -> T + Send + 'static,
    ) -> Result<T, RpcError> {
        self.node.run(job).await.map_err(RpcError::internal)
    }
}

async fn post(State(service): State<Service>, body: Body) -> Response {
    let body = match timeout(READ_WITHIN, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return unreadable("http: request body too large"),
        Err(_) => return unreadable("i/o timeout"),
    };
    let requests = match parse(&body) {
        Ok(requests) => requests,
        Err(error) => return json(StatusCode::INTERNAL_SERVER_ERROR, &response(None, Err(error))),
    };
    let mut responses = vec![];
    for incoming in requests {
        if let Incoming::Call(request) = incoming {
            let id = request.id.clone();
            responses.push(response(Some(&id), service.call(request).await));
        }
    }
    match responses.as_slice() {
        [] => StatusCode::OK.into_response(),
        [one] => json(StatusCode::OK, one),
        _ => json(StatusCode::OK, &Value::Array(responses)),
    }
}

fn unreadable(why: &str) -> Response {
    let error = RpcError::InvalidRequest(format!("error reading request body: {why}"));
    json(StatusCode::BAD_REQUEST, &response(None, Err(error)))
}

/// One request or a batch of them.
fn parse(body: &[u8]) -> Result<Vec<Incoming>, RpcError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| RpcError::Parse(format!("error unmarshaling request: {error}")))?;
    match value {
        Value::Array(requests) if requests.len() > MAX_BATCH => {
            Err(RpcError::InvalidRequest(format!("a batch has at most {MAX_BATCH} requests")))
        }
        Value::Array(requests) => requests.into_iter().map(Incoming::from_json).collect(),
        single => Ok(vec![Incoming::from_json(single)?]),
    }
}

async fn uri(
    State(service): State<Service>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(method) = find(&method) else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let outcome = match Args::from_uri(method.params, query.as_deref().unwrap_or_default()) {
        Ok(args) => service.run(method, args).await,
        Err(error) => Err(error),
    };
    let status = if outcome.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    json(status, &response(Some(&Id::URI), outcome))
}

async fn index() -> &'static str {
    "bootstrap devnet: JSON-RPC by POST here, by GET /METHOD (quotes as %22), subscriptions at /websocket\n"
}

async fn upgrade(State(service): State<Service>, upgrade: WebSocketUpgrade) -> Response {
    if service.connections.len() >= MAX_CLIENTS {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    websocket::accept(service, upgrade)
}

fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
