//! One endpoint: its listener and its connections.

use std::{convert::Infallible, time::Duration};

use axum::Router;
use hyper::{
    Request,
    body::Incoming,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
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
    calls::Calls,
    port::{self, Port},
    request_line::Encoded,
    router,
};
use crate::devnet::node::{
    faults::{Dropped, Faults},
    follower::FollowerId,
    grpc,
    order::Order,
    thread::NodeHandle,
};

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

/// What is spoken at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet) enum Protocol {
    /// JSON-RPC, over HTTP/1.1 and websocket.
    JsonRpc,
    /// gRPC, over HTTP/2 without TLS.
    Grpc,
}

impl Protocol {
    fn router(self, service: Service) -> Router {
        match self {
            Self::JsonRpc => router(service),
            Self::Grpc => grpc::router(service),
        }
    }

    fn connection(self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(READ_WITHIN);
        match self {
            Self::JsonRpc => builder.http1_only(),
            Self::Grpc => builder.http2_only(),
        }
    }
}

/// The ports of an endpoint.
#[derive(Debug)]
pub(in crate::devnet) struct Ports {
    pub rpc: Port,
    pub grpc: Option<Port>,
}

/// Listeners, each with what is spoken there.
type Listeners = Vec<(TcpListener, Protocol)>;

impl Ports {
    /// Listens at all of them, on the runtime that is entered.
    pub fn listen(&self) -> std::io::Result<Listeners> {
        let grpc = self.grpc.iter().map(|port| (port, Protocol::Grpc));
        [(&self.rpc, Protocol::JsonRpc)]
            .into_iter()
            .chain(grpc)
            .map(|(port, protocol)| Ok((port.listen()?, protocol)))
            .collect()
    }
}

/// The server of an endpoint.
#[derive(Debug)]
pub(in crate::devnet) struct Server {
    pub ports: Ports,
    pub node: NodeHandle,
    pub follower: FollowerId,
    pub faults: Faults,
    pub calls: Calls,
    pub orders: UnboundedReceiver<Order>,
}

impl Server {
    /// Serves until it is told to end or `stopping` is cancelled; then websocket clients are told and all is
    /// closed.
    pub async fn run(mut self, listeners: Listeners, stopping: CancellationToken) {
        let mut listening = Some(self.open(listeners, &stopping));
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
            let listeners = again(|| self.ports.listen()).await?;
            *listening = Some(self.open(listeners, stopping));
        }
        Ok(())
    }

    fn open(&self, listeners: Listeners, stopping: &CancellationToken) -> Listening {
        let closing = stopping.child_token();
        let connections = TaskTracker::new();
        let service = Service {
            node: self.node.clone(),
            follower: self.follower,
            faults: self.faults.clone(),
            calls: self.calls.clone(),
            closing: closing.clone(),
            websockets: TaskTracker::new(),
        };
        let websockets = service.websockets.clone();
        for (listener, protocol) in listeners {
            let door = Door { protocol, router: protocol.router(service.clone()) };
            let connections = connections.clone();
            connections.clone().spawn(serve(
                listener,
                door,
                service.faults.clone(),
                closing.clone(),
                connections,
            ));
        }
        Listening { closing, connections, websockets }
    }
}

/// What is behind a port.
#[derive(Debug, Clone)]
struct Door {
    protocol: Protocol,
    router: Router,
}

/// The listeners of an endpoint and their connections.
struct Listening {
    closing: CancellationToken,
    /// The listeners too.
    connections: TaskTracker,
    websockets: TaskTracker,
}

/// Ends all connections, and the listeners before them.
async fn close(listening: Option<Listening>) {
    let Some(Listening { closing, connections, websockets }) = listening else { return };
    closing.cancel();
    connections.close();
    websockets.close();
    let _ = timeout(GOODBYE, connections.wait()).await;
    let _ = timeout(GOODBYE, websockets.wait()).await;
}

/// Makes listeners where those before may not be quite gone.
async fn again<T>(listen: impl Fn() -> std::io::Result<T>) -> std::io::Result<T> {
    for _ in 0..LISTEN_TRIES {
        if let Ok(listening) = listen() {
            return Ok(listening);
        }
        sleep(LISTEN_AGAIN).await;
    }
    listen()
}

/// Serves a port until it is closed.
async fn serve(
    listener: TcpListener,
    door: Door,
    faults: Faults,
    closing: CancellationToken,
    connections: TaskTracker,
) {
    let serving = keep_open(listener, &door, &faults, &closing, &connections);
    if let Some(Err(error)) = closing.run_until_cancelled(serving).await {
        tracing::error!(%error, "an endpoint of the local chain cannot listen again");
    }
}

/// Takes connections, but where the node's gRPC is off: such a node refuses them, and cuts those that there are.
async fn keep_open(
    mut listener: TcpListener,
    door: &Door,
    faults: &Faults,
    closing: &CancellationToken,
    connections: &TaskTracker,
) -> std::io::Result<Infallible> {
    let address = listener.local_addr()?;
    let mut changes = faults.changes();
    let is_off = || door.protocol == Protocol::Grpc && faults.outlook().no_grpc;
    loop {
        let open = closing.child_token();
        tokio::select! {
            // The sender lives as long as the faults, so that there is always something to hear.
            _ = changes.wait_for(|()| is_off()) => {}
            never = accept(&listener, door, &open, connections) => match never {},
        }
        drop(listener);
        open.cancel();
        let _ = changes.wait_for(|()| !is_off()).await;
        listener = again(|| port::listen(address)).await?;
    }
}

/// Takes connections, for ever.
async fn accept(
    listener: &TcpListener,
    door: &Door,
    open: &CancellationToken,
    connections: &TaskTracker,
) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, door.clone(), open.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "the local chain cannot take a connection");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Answers what comes over one connection, until either side ends it.
async fn connection(stream: TcpStream, door: Door, closing: CancellationToken) {
    // Small frames must not wait for an acknowledgement; without the option they are late, not lost.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(door.router);
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
    let builder = door.protocol.connection();
    let (read, write) = stream.into_split();
    let stream = TokioIo::new(tokio::io::join(Encoded::new(read), write));
    let served = builder.serve_connection_with_upgrades(stream, answer);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        _ = served.as_mut() => {}
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            let _ = timeout(LAST_ANSWER, served).await;
        }
    }
}
