//! The HTTP server for scrapers and probes: `/metrics`, `/livez`, `/readyz`.
//!
//! It has no authentication, and what it says is no secret. Whoever can reach it may be slow or hostile: each
//! connection serves one request within a limit, and there are few of them at a time.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::Metrics;
use crate::health::{Probe, Verdict};

/// Connections at a time; further ones wait in the system's queue.
const CONNECTIONS: usize = 16;
/// How long a client may take to ask.
const HEADERS: Duration = Duration::from_secs(5);
/// How long a connection may take in all.
const CONNECTION: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// Pause after a connection that could not be taken: the process has no descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be served on {address}")]
pub struct BindError {
    address: String,
    source: io::Error,
}

impl BindError {
    /// What the user should do.
    pub const HINT: &'static str = "set ALLORA_METRICS_ADDR to a free port of this machine, or leave it out";

    /// Whether somebody else listens there.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// What the answers are made from.
#[derive(Debug, Clone)]
struct Sources {
    metrics: Metrics,
    heartbeat: Arc<Path>,
}

impl Server {
    /// Listens on `address`, a host and a port; port 0 takes a free one.
    ///
    /// # Errors
    /// See [`BindError`].
    pub async fn bind(address: &str) -> Result<Self, BindError> {
        let failed = |source| BindError { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Whether `address` could be listened on, found out by listening for a moment. Blocks while a name is looked up.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn check(address: &str) -> Result<(), BindError> {
        let bound = std::net::TcpListener::bind(address);
        bound.map(drop).map_err(|source| BindError { address: address.to_owned(), source })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the handle is dropped. Probes are answered from the heartbeat at `heartbeat`, as
    /// `bootstrap probe` answers them.
    pub fn serve(self, metrics: Metrics, heartbeat: PathBuf) -> AbortOnDropHandle<()> {
        let sources = Sources { metrics, heartbeat: heartbeat.into() };
        let router = Router::new()
            .route("/metrics", get(scrape))
            .route("/livez", get(|State(sources): State<Sources>| probe(Probe::Live, sources)))
            .route("/readyz", get(|State(sources): State<Sources>| probe(Probe::Ready, sources)))
            .with_state(sources);
        AbortOnDropHandle::new(tokio::spawn(accept(self.listener, router)))
    }
}

async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    // A client that is too slow is not told: it would have to read that too.
                    let _ = tokio::time::timeout(CONNECTION, answer(stream, router)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics cannot be taken");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a request for metrics broke off");
    }
}

async fn scrape(State(sources): State<Sources>) -> Response {
    match sources.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn probe(probe: Probe, sources: Sources) -> (StatusCode, String) {
    let asked = tokio::task::spawn_blocking(move || probe.ask(&sources.heartbeat)).await;
    match asked.unwrap_or_else(|error| Verdict::No(error.to_string())) {
        Verdict::Yes => (StatusCode::OK, "yes\n".to_owned()),
        Verdict::No(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("no: {why}\n")),
    }
}
