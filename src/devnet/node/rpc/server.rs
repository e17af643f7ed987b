//! The listener and its connections.

use std::{convert::Infallible, net::TcpListener, time::Duration};

use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Service,
    faults::{Dropped, Faults},
    router,
};
use crate::devnet::node::thread::NodeHandle;

/// How long open connections may take to hear that the node stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// Pause after a connection that could not be taken: the process has no descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Serves until `stopping` is cancelled; then websocket clients are told and all is closed.
pub(in crate::devnet) async fn serve(
    listener: TcpListener,
    node: NodeHandle,
    faults: Faults,
    stopping: CancellationToken,
) -> std::io::Result<()> {
    let websockets = TaskTracker::new();
    let service = Service { node, faults, stopping: stopping.clone(), websockets: websockets.clone() };
    let router = router(service);
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                tokio::spawn(stopping.clone().run_until_cancelled_owned(connection(stream, router.clone())));
            }
            Err(error) => {
                tracing::warn!(%error, "the local chain cannot take a connection");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    websockets.close();
    let _ = timeout(GOODBYE, websockets.wait()).await;
    Ok(())
}

/// Answers what comes over one connection, until either side ends it.
async fn connection(stream: TcpStream, router: Router) {
    // Small frames must not wait for an acknowledgement; without the option they are late, not lost.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let answer = service_fn(move |request: Request<Incoming>| {
        let answered = service.call(request);
        async move {
            let Ok::<_, Infallible>(response) = answered.await;
            // An error is what makes hyper close the connection without an answer.
            match response.extensions().get::<Dropped>() {
                Some(dropped) => Err(*dropped),
                None => Ok(response),
            }
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::trace!(%error, "a connection to the local chain has ended");
    }
}
