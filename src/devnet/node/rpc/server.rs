//! One endpoint: its listener and its connections.

use std::{convert::Infallible, sync::mpsc::Sender, time::Duration};

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
    net::{TcpListener, TcpStream},
    sync::mpsc::UnboundedReceiver,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    READ_WITHIN, Service,
    faults::{Dropped, Faults},
    port::Port,
    router,
};
use crate::devnet::node::{Ending, follower::FollowerId, thread::NodeHandle};

/// How long open connections may take to hear that the node stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// How long requests that are being answered may take to end then.
const LAST_ANSWER: Duration = Duration::from_millis(50);

/// Pause after a connection that could not be taken: the process has no descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// How often, and with which pause, a listener is made where the one before is not quite gone: a process that is just
/// being started has a copy of it until it runs its own program.
const LISTEN_TRIES: u32 = 50;
const LISTEN_AGAIN: Duration = Duration::from_millis(20);

/// What an endpoint is told.
#[derive(Debug)]
pub(in crate::devnet) enum Order {
    /// To cut all connections and refuse new ones.
    Close(Done),
    /// To listen again.
    Open(Done),
    /// To do both, with a pause; `closed` hears of the first.
    Restart { down: Duration, closed: Option<Done> },
    /// To restart its node, and so itself.
    RestartNode(Ending, Done),
    /// To close for good.
    End,
}

/// Hears when an order has been carried out.
pub(in crate::devnet) type Done = Sender<std::io::Result<()>>;

/// The server of an endpoint.
#[derive(Debug)]
pub(in crate::devnet) struct Server {
    pub port: Port,
    pub node: NodeHandle,
    pub follower: FollowerId,
    pub faults: Faults,
    pub orders: UnboundedReceiver<Order>,
}

impl Server {
    /// Serves until it is told to end or `stopping` is cancelled; then websocket clients are told and all is
    /// closed.
    pub async fn run(mut self, listener: TcpListener, stopping: CancellationToken) {
        let mut listening = Some(self.open(listener, &stopping));
        loop {
            let order = tokio::select! {
                () = stopping.cancelled() => break,
                order = self.orders.recv() => order,
            };
            match order {
                None | Some(Order::End) => break,
                Some(Order::Close(done)) => {
                    close(listening.take()).await;
                    let _ = done.send(Ok(()));
                }
                Some(Order::Open(done)) => {
                    let opened = self.reopen(&mut listening, &stopping).await;
                    let _ = done.send(opened);
                }
                Some(Order::Restart { down, closed }) => {
                    let was_open = listening.is_some();
                    close(listening.take()).await;
                    if let Some(closed) = closed {
                        let _ = closed.send(Ok(()));
                    }
                    if was_open {
                        stopping.run_until_cancelled(sleep(down)).await;
                        if let Err(error) = self.reopen(&mut listening, &stopping).await {
                            tracing::error!(%error, "an endpoint of the local chain cannot listen again");
                        }
                    }
                }
                Some(Order::RestartNode(ending, done)) => {
                    let follower = self.follower;
                    // When the node has gone, so has the sender, which is heard too.
                    let _ = self.node.run(move |node| node.restart(follower, ending, Some(done))).await;
                }
            }
        }
        close(listening.take()).await;
        let follower = self.follower;
        let _ = self.node.run(move |node| node.remove_follower(follower)).await;
    }

    async fn reopen(
        &self,
        listening: &mut Option<Listening>,
        stopping: &CancellationToken,
    ) -> std::io::Result<()> {
        if listening.is_none() {
            let mut listener = self.port.listen();
            for _ in 0..LISTEN_TRIES {
                if listener.is_ok() {
                    break;
                }
                sleep(LISTEN_AGAIN).await;
                listener = self.port.listen();
            }
            *listening = Some(self.open(listener?, stopping));
        }
        Ok(())
    }

    fn open(&self, listener: TcpListener, stopping: &CancellationToken) -> Listening {
        let closing = stopping.child_token();
        let connections = TaskTracker::new();
        let service = Service {
            node: self.node.clone(),
            follower: self.follower,
            faults: self.faults.clone(),
            closing: closing.clone(),
            websockets: TaskTracker::new(),
        };
        let websockets = service.websockets.clone();
        let router = router(service);
        let accepting = accept(listener, router, closing.clone(), connections.clone());
        connections.spawn(accepting);
        Listening { closing, connections, websockets }
    }
}

/// A listener and its connections.
struct Listening {
    closing: CancellationToken,
    /// The listener too.
    connections: TaskTracker,
    websockets: TaskTracker,
}

/// Ends all connections, and the listener before them.
async fn close(listening: Option<Listening>) {
    let Some(Listening { closing, connections, websockets }) = listening else { return };
    closing.cancel();
    connections.close();
    websockets.close();
    let _ = timeout(GOODBYE, connections.wait()).await;
    let _ = timeout(GOODBYE, websockets.wait()).await;
}

async fn accept(listener: TcpListener, router: Router, closing: CancellationToken, connections: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = closing.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, router.clone(), closing.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the local chain cannot take a connection");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Answers what comes over one connection, until either side ends it.
async fn connection(stream: TcpStream, router: Router, closing: CancellationToken) {
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
        .header_read_timeout(READ_WITHIN)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    tokio::select! {
        _ = served.as_mut() => {}
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            let _ = timeout(LAST_ANSWER, served).await;
        }
    }
}
