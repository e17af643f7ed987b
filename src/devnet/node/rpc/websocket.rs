//! `/websocket`: subscriptions, and every other method as well.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::{
    extract::ws::{Message, WebSocket, WebSocketUpgrade},
    response::Response,
};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    MAX_BODY, Service,
    jsonrpc::{Id, Incoming, Outcome, Request, RpcError, response},
    methods::SUBSCRIPTIONS,
    params::{Args, Kind, Param},
};
use crate::devnet::node::{
    event_bus::{CLIENT_BUFFER, Client, EventBus, Frame, SubscriptionError},
    faults::{Broken, Target},
};

/// CometBFT's times: it pings a client that often, gives it that long to answer, and waits that
/// long for one to take a frame.
const PING_EVERY: Duration = Duration::from_secs(27);
const PONG_WITHIN: Duration = Duration::from_secs(30);
const WRITE_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection that has fallen silent is kept: one whose client has gone is not noticed.
const SILENCE: Duration = Duration::from_secs(600);

const QUERY: &[Param] = &[("query", Kind::Text)];

/// The connection is of no use any more.
struct Gone;

/// One client.
struct Connection {
    service: Service,
    socket: WebSocket,
    client: Client,
}

/// Takes the connection over once it has been upgraded.
pub(super) fn accept(service: Service, upgrade: WebSocketUpgrade) -> Response {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let tracker = service.websockets.clone();
    upgrade.max_message_size(MAX_BODY).max_frame_size(MAX_BODY).on_upgrade(move |socket| {
        tracker.track_future(async move {
            let (frames, received) = mpsc::channel(CLIENT_BUFFER);
            let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
            let client = Client { id, frames, too_slow: CancellationToken::new() };
            let leaving = service.clone();
            // An error means that the client has gone, which ends the loop as it should.
            let _ = Connection { service, socket, client }.serve(received).await;
            let _ = leaving.on_bus(move |bus| bus.unsubscribe_all(id)).await;
        })
    })
}

impl Service {
    /// Runs code on the subscriptions of this endpoint.
    async fn on_bus<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut EventBus) -> T + Send + 'static,
    ) -> Result<T, RpcError> {
        let follower = self.follower;
        let done = self.on_node(move |node| {
            let follower = node.followers.get_mut(&follower)?;
            Some(job(&mut follower.events))
        });
        done.await?.ok_or_else(|| RpcError::internal("the endpoint is gone"))
    }
}

impl Connection {
    async fn serve(mut self, mut frames: mpsc::Receiver<Frame>) -> Result<(), Gone> {
        let closing = self.service.closing.clone();
        let too_slow = self.client.too_slow.clone();
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                () = closing.cancelled() => return self.say_goodbye().await,
                () = too_slow.cancelled() => return Err(Gone),
                message = self.socket.recv() => {
                    heard = Instant::now();
                    self.receive(message.ok_or(Gone)?.map_err(|_| Gone)?).await?;
                }
                frame = frames.recv() => self.deliver(frame.ok_or(Gone)?).await?,
                _ = ping.tick() => {
                    if heard.elapsed() > PING_EVERY + PONG_WITHIN {
                        return Err(Gone);
                    }
                    self.write(Message::Ping(Vec::new().into())).await?;
                }
            }
        }
    }

    async fn receive(&mut self, message: Message) -> Result<(), Gone> {
        let bytes = match message {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => bytes.to_vec(),
            Message::Ping(_) | Message::Pong(_) => return Ok(()), // the library answers pings
            Message::Close(_) => return Err(Gone),
        };
        let incoming = super::read(&bytes).and_then(Incoming::from_json);
        let answer = match incoming {
            Ok(Incoming::Notification) => return Ok(()),
            Ok(Incoming::Call(request)) => {
                let id = request.id.clone();
                match self.call(request).await {
                    Ok(outcome) => response(Some(&id), outcome.map_err(as_internal)),
                    Err(broken) => return self.suffer(broken).await,
                }
            }
            Err(error) => response(None, Err(error)),
        };
        self.send(answer.to_string()).await
    }

    async fn call(&mut self, request: Request) -> Result<Outcome, Broken> {
        if !SUBSCRIPTIONS.contains(&request.method.as_str()) {
            return self.service.call(request).await;
        }
        let strike = self.service.faults.strike(Target::call(&request.method));
        strike.through(self.change_subscription(request)).await
    }

    async fn change_subscription(&mut self, request: Request) -> Outcome {
        let client = self.client.clone();
        let done = match request.method.as_str() {
            "subscribe" => {
                let query = query(&request)?;
                self.service.on_bus(move |bus| bus.subscribe(&client, request.id, query)).await?
            }
            "unsubscribe" => {
                let query = query(&request)?;
                self.service.on_bus(move |bus| bus.unsubscribe(client.id, &query)).await?
            }
            _ => self.service.on_bus(move |bus| bus.unsubscribe_all(client.id)).await?,
        };
        done.map(|()| json!({})).map_err(|error: SubscriptionError| RpcError::internal(error))
    }

    /// Sends what a subscription has to tell.
    async fn deliver(&mut self, Frame { id, result }: Frame) -> Result<(), Gone> {
        let strike = self.service.faults.strike(Target::Event);
        let copies = strike.copies();
        match strike.through(async { Ok(()) }).await {
            Ok(Ok(())) => {
                let id = id.to_json();
                self.repeat(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#), copies).await
            }
            Ok(Err(_)) => self.cancel(id, "client is not pulling messages fast enough").await,
            Err(broken) => self.suffer(broken).await,
        }
    }

    /// Sends a frame so many times, or until the node stops.
    async fn repeat(&mut self, text: &str, copies: u32) -> Result<(), Gone> {
        for _ in 0..copies {
            if self.service.closing.is_cancelled() {
                break;
            }
            self.send(text.to_owned()).await?;
        }
        Ok(())
    }

    /// Ends a subscription. The connection stays.
    async fn cancel(&mut self, id: Id, why: &str) -> Result<(), Gone> {
        let (client, of) = (self.client.id, id.clone());
        self.service.on_bus(move |bus| bus.cancel(client, &of)).await.map_err(|_| Gone)?;
        let error = RpcError::Server(format!("subscription was canceled (reason: {why})"));
        self.send(response(Some(&id), Err(error)).to_string()).await
    }

    /// Does to the connection what a fault asks for.
    async fn suffer(&mut self, broken: Broken) -> Result<(), Gone> {
        match broken {
            Broken::Closed => Err(Gone),
            Broken::Silent => self.fall_silent().await,
            Broken::Page(page) => {
                let body = page.body().ok_or(Gone)?;
                self.write(Message::Binary(body.into())).await
            }
        }
    }

    /// Says nothing any more, not even to a ping, as if all packets went nowhere.
    async fn fall_silent(&mut self) -> Result<(), Gone> {
        let closing = self.service.closing.clone();
        let _ = timeout(SILENCE, closing.cancelled()).await;
        Err(Gone)
    }

    /// What CometBFT says to each subscription when it exits. No close frame follows.
    async fn say_goodbye(&mut self) -> Result<(), Gone> {
        let client = self.client.id;
        let subscriptions = self.service.on_bus(move |bus| bus.subscriptions_of(client).cloned().collect());
        let ids: Vec<Id> = subscriptions.await.map_err(|_| Gone)?;
        for id in ids {
            self.cancel(id, "CometBFT exited").await?;
        }
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), Gone> {
        self.write(Message::Text(text.into())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(WRITE_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// Over a websocket, wrong arguments are an internal error.
fn as_internal(error: RpcError) -> RpcError {
    match error {
        RpcError::InvalidParams(why) => RpcError::Internal(why),
        other => other,
    }
}

fn query(request: &Request) -> Result<String, RpcError> {
    Ok(Args::from_json(QUERY, &request.params)?.text("query").into())
}
