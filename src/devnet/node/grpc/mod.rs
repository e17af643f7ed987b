//! The node's second door: every query that `abci_query` answers, and BroadcastTx, over gRPC.
//!
//! There is one service for all methods, since their messages are bytes here: `App` decodes them. It answers
//! what it answers over ABCI, and `status` turns its errors back into what they are in gRPC.

mod broadcast;
mod codec;
mod status;

use std::pin::Pin;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use tokio::{sync::oneshot, time::timeout};
use tonic::{
    Status,
    metadata::{MetadataMap, MetadataValue},
    server::{Grpc, UnaryService},
};

use self::codec::Bytes;
use super::{
    faults::{Broken, FaultKind, Target},
    rpc::{READ_WITHIN, Service},
    view::View,
};
use crate::devnet::app::BROADCAST_TX;

/// Bytes of a request with its frame; the default of grpc-go for a message is 4 MiB.
const MAX_BODY: usize = (4 << 20) + 5;

/// Which state a query reads, and which one was read.
const HEIGHT: &str = "x-cosmos-block-height";

/// What can be asked for: whatever the path names.
pub(super) fn router(service: Service) -> Router {
    Router::new().fallback(unary).with_state(service)
}

/// Answers one call. All methods here take one message and give one.
async fn unary(State(service): State<Service>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = match timeout(READ_WITHIN, to_bytes(body, MAX_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return Status::resource_exhausted("grpc: received message larger than max").into_http();
        }
        Err(_) => return Status::deadline_exceeded("the request took too long").into_http(),
    };
    let (breaks, mut broken) = oneshot::channel();
    let call = Call { service, path: head.uri.path().to_owned(), breaks: Some(breaks) };
    let response = Grpc::new(Bytes).unary(call, Request::from_parts(head, Body::from(body))).await;
    match broken.try_recv() {
        Ok(broken) => broken.into_response().await,
        Err(_) => response.map(Body::new),
    }
}

/// One call on its way to the node.
struct Call {
    service: Service,
    path: String,
    /// Hears when a fault puts something in place of an answer of gRPC.
    breaks: Option<oneshot::Sender<Broken>>,
}

type Answer = Result<tonic::Response<Vec<u8>>, Status>;

impl UnaryService<Vec<u8>> for Call {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&mut self, request: tonic::Request<Vec<u8>>) -> Self::Future {
        let (service, path, breaks) = (self.service.clone(), self.path.clone(), self.breaks.take());
        Box::pin(async move {
            run(&service, path, request).await.unwrap_or_else(|broken| {
                // Nobody listens any more when the client has gone.
                let _ = breaks.map(|breaks| breaks.send(broken));
                Err(Status::unavailable("the answer is lost on purpose"))
            })
        })
    }
}

/// Runs one call: faults of `abci_query`, of the path and of `broadcast_tx_sync` hit it like one of JSON-RPC.
async fn run(service: &Service, path: String, request: tonic::Request<Vec<u8>>) -> Result<Answer, Broken> {
    let height = match height(request.metadata()) {
        Ok(height) => height,
        Err(status) => return Ok(Err(status)),
    };
    let data = request.into_inner();
    let broadcasts = path == BROADCAST_TX;
    let method = if broadcasts { "broadcast_tx_sync" } else { "abci_query" };
    let strike = service.faults.strike(Target::Call { method, path: &path });
    let damage = strike.damage.clone();
    let call = service.look(strike.outlook, move |view| {
        // It listens once its services are there.
        view.register_services();
        Ok(match (broadcasts, damage) {
            (true, Some(FaultKind::CheckCode { code, codespace })) => {
                broadcast::refused(&data, code, codespace)
            }
            (true, _) => broadcast::broadcast_tx(view, &data),
            (false, _) => query(view, &path, &data, height),
        })
    });
    let outcome = strike.through(call).await?;
    Ok(outcome.unwrap_or_else(|error| Err(Status::internal(error.to_string()))))
}

fn query(view: &mut View<'_>, path: &str, data: &[u8], height: i64) -> Answer {
    let answer = view.query(path, data, height);
    if answer.log.starts_with("unknown query path") {
        return Err(status::unimplemented(path, |service| view.node.app.has_service(service)));
    }
    let height = answer.height;
    let mut response = tonic::Response::new(status::of(answer)?);
    response.metadata_mut().insert(HEIGHT, MetadataValue::from(height));
    Ok(response)
}

/// The height that a request asks for; 0 is the newest.
fn height(metadata: &MetadataMap) -> Result<i64, Status> {
    let Some(value) = metadata.get(HEIGHT) else { return Ok(0) };
    let height = value.to_str().ok().and_then(|text| text.parse().ok());
    height
        .ok_or_else(|| Status::invalid_argument(format!("invalid height header {HEIGHT:?}: invalid request")))
}
