//! The node's door: JSON-RPC over HTTP, by POST and by URI, and the websocket.
//!
//! | file | noun |
//! |---|---|
//! | `port`, `server` | an endpoint: its port, listener and connections |
//! | `request_line` | URIs that are not encoded |
//! | `jsonrpc`, `params`, `page` | envelope, arguments and pages, as CometBFT has them |
//! | `go_json` | what Go says of JSON that it cannot read |
//! | `methods` | the methods by their names |
//! | `info`, `blocks`, `txs` | what they do, by what they are about |
//! | `websocket` | subscriptions, and every other method as well |
//! | `calls` | what was asked for |

mod blocks;
pub(in crate::devnet) mod calls;
mod go_json;
mod info;
pub(in crate::devnet) mod jsonrpc;
pub(super) mod methods;
mod page;
pub(super) mod params;
pub(in crate::devnet) mod port;
mod request_line;
pub(in crate::devnet) mod server;
mod txs;
mod websocket;

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, RawQuery, State, WebSocketUpgrade},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    calls::Calls,
    jsonrpc::{Id, Incoming, Outcome, Request, RpcError, response},
    methods::{Method, SUBSCRIPTIONS, find},
    params::Args,
};
use super::{
    Node,
    faults::{Broken, FaultKind, Faults, Outlook, Strike, Target},
    follower::FollowerId,
    thread::NodeHandle,
    view::View,
};

/// Bytes of a request; CometBFT's default.
const MAX_BODY: usize = 1_000_000;

/// How long a client may take to send one.
pub(super) const READ_WITHIN: Duration = Duration::from_secs(10);

/// Websocket clients at a time; about CometBFT's limit of connections.
const MAX_CLIENTS: usize = 1_000;

/// Requests of one batch; CometBFT's default.
const MAX_BATCH: usize = 10;

/// What every connection shares.
#[derive(Debug, Clone)]
pub(super) struct Service {
    node: NodeHandle,
    follower: FollowerId,
    pub faults: Faults,
    calls: Calls,
    /// Cancelled when the listener is closed.
    closing: CancellationToken,
    websockets: TaskTracker,
}

/// What can be asked for.
fn router(service: Service) -> Router {
    Router::new()
        .route("/", get(index).post(post))
        .route("/websocket", get(upgrade))
        .route("/{method}", any(uri))
        .with_state(service)
}

impl Service {
    /// Runs one call of JSON-RPC.
    async fn call(&self, request: Request) -> Result<Outcome, Broken> {
        let Some(method) = find(&request.method) else { return Ok(Err(RpcError::MethodNotFound)) };
        self.run(method, Args::from_json(method.params, &request.params)).await
    }

    /// Runs one method: every request passes here, however it came.
    async fn run(&self, method: &'static Method, args: Result<Args, RpcError>) -> Result<Outcome, Broken> {
        let args = match args {
            Ok(args) => args,
            Err(error) => return Ok(Err(error)),
        };
        let strike = if method.is_control() {
            Strike::default()
        } else {
            self.calls.count(method.name, args.text("path"));
            self.faults.strike(Target::Call { method: method.name, path: args.text("path") })
        };
        let (damage, outlook) = (strike.damage.clone(), strike.outlook);
        let call = async {
            if let Some(FaultKind::CheckCode { code, codespace }) = damage {
                return Ok(txs::refused(&args, code, &codespace));
            }
            self.look(outlook, move |view| (method.call)(view, &args)).await
        };
        strike.through(call).await
    }

    /// Asks the node, as this endpoint shows it.
    pub async fn look<T: Send + 'static>(
        &self,
        outlook: Outlook,
        job: impl FnOnce(&mut View<'_>) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let follower = self.follower;
        self.on_node(move |node| {
            let view = View::new(node, follower, outlook);
            job(&mut view.ok_or_else(|| RpcError::internal("the endpoint is gone"))?)
        })
        .await?
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
    if body.is_empty() {
        return index().await.into_response();
    }
    let requests = match parse(&body) {
        Ok(requests) => requests,
        Err(error) => {
            let status = match error {
                RpcError::Parse(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::OK,
            };
            return json(status, &response(None, Err(error)));
        }
    };
    let mut responses = vec![];
    for incoming in requests {
        if let Incoming::Call(request) = incoming {
            let id = request.id.clone();
            match service.call(request).await {
                Ok(outcome) => responses.push(response(Some(&id), outcome)),
                Err(broken) => return broken.into_response().await,
            }
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
    match read(body)? {
        Value::Array(requests) if requests.len() > MAX_BATCH => Err(RpcError::InvalidRequest(format!(
            "batch request exceeds maximum ({MAX_BATCH}) allowed number of requests"
        ))),
        Value::Array(requests) => requests.into_iter().map(Incoming::from_json).collect(),
        single => Ok(vec![Incoming::from_json(single)?]),
    }
}

/// The JSON of a request.
fn read(text: &[u8]) -> Result<Value, RpcError> {
    go_json::parse(text).map_err(|why| RpcError::Parse(format!("error unmarshaling request: {why}")))
}

async fn uri(
    State(service): State<Service>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(method) = find(&method) else {
        if SUBSCRIPTIONS.contains(&method.as_str()) {
            let error = response(Some(&Id::URI), Err(RpcError::MethodNotFound));
            return json(StatusCode::NOT_FOUND, &error);
        }
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let args = Args::from_uri(method.params, query.as_deref().unwrap_or_default());
    match service.run(method, args).await {
        Ok(outcome) => {
            let status = if outcome.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
            json(status, &response(Some(&Id::URI), outcome))
        }
        Err(broken) => broken.into_response().await,
    }
}

async fn index() -> &'static str {
    "bootstrap devnet: JSON-RPC by POST here, by GET /METHOD?NAME=VALUE (texts in quotes), subscriptions at /websocket\n"
}

async fn upgrade(State(service): State<Service>, upgrade: WebSocketUpgrade) -> Response {
    if service.websockets.len() >= MAX_CLIENTS {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let strike = service.faults.strike(Target::Websocket);
    match strike.through(async { Ok(websocket::accept(service, upgrade)) }).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err(broken) => broken.into_response().await,
    }
}

fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
