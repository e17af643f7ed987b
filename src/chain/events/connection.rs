//! One connection: subscribed, then listened to until it is of no more use.

use std::convert::Infallible;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{SinkExt, StreamExt};
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::frame::{Frame, FrameError};
use super::pulse::Pulse;
use super::{ChainEvent, Interest};
use crate::bundle::SensitiveUrl;
use crate::chain::outcome::Verdict;
use crate::chain::rpc::Endpoint;

/// The largest frame that is read, in bytes. An opening is some 25 kB, a transaction of ours 7 kB.
const MAX_FRAME: usize = 4 << 20;
/// The largest frame whose transaction is told of: some wait in queues, and none of ours comes near it.
const MAX_TX_FRAME: usize = 256 << 10;
/// Connecting and subscribing together.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two pings, which keep a NAT's memory fresh; without any frame for two of them nobody is there.
const PING: Duration = Duration::from_secs(10);

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gone {
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("connecting and subscribing took longer than {CONNECT_LIMIT:?}")]
    ConnectTimedOut,
    #[error("no block for {0:?}")]
    Silent(Duration),
    #[error("nothing came for {0:?}, not even the answer to a ping")]
    Dead(Duration),
    #[error("it floods us with frames")]
    Flood,
    #[error("not a frame: it is not text")]
    NotText,
    #[error("its blocks are of the chain `{0}`")]
    OtherChain(String),
    #[error("the connection broke: {0}")]
    Broken(Error),
    #[error("the node closed the connection")]
    Closed,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("nobody listens any more")]
    Receiver,
}

pub(super) struct Connection<'a> {
    pub endpoint: &'a Endpoint,
    pub interest: &'a Interest,
    /// The chain that blocks must be of.
    pub chain_id: Option<&'a str>,
    pub events: &'a mpsc::Sender<ChainEvent>,
    pub pulse: &'a mut Pulse,
}

impl Connection<'_> {
    /// Listens until something is wrong.
    pub async fn run(&mut self) -> Result<Infallible, Gone> {
        let mut socket = tokio::time::timeout(CONNECT_LIMIT, self.connect())
            .await
            .map_err(|_| Gone::ConnectTimedOut)??;
        self.tell(ChainEvent::Connected { endpoint: self.endpoint.to_string() }).await?;
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval(PING);
        loop {
            let next = tokio::select! {
                next = socket.next() => next,
                () = tokio::time::sleep_until(self.pulse.silent_at()) => {
                    return Err(Gone::Silent(self.pulse.give_up()));
                }
                _ = ping.tick() => {
                    if heard.elapsed() > PING * 2 {
                        return Err(Gone::Dead(heard.elapsed()));
                    }
                    let sent = tokio::time::timeout(PING, socket.send(Message::Ping(Vec::new().into()))).await;
                    sent.map_err(|_| Gone::Dead(heard.elapsed()))?.map_err(Gone::Broken)?;
                    continue;
                }
                () = self.events.closed() => return Err(Gone::Receiver),
            };
            heard = Instant::now();
            if !self.pulse.frame(heard) {
                return Err(Gone::Flood);
            }
            match next.ok_or(Gone::Closed)?.map_err(Gone::Broken)? {
                Message::Text(text) => self.frame(&text).await?,
                Message::Close(_) => return Err(Gone::Closed),
                // The library answers it with the next flush.
                Message::Ping(_) => socket.flush().await.map_err(Gone::Broken)?,
                Message::Binary(_) => return Err(Gone::NotText),
                Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn connect(&self) -> Result<Socket, Gone> {
        let connect = |error: Error| Gone::Connect(error.to_string());
        let request = request(self.endpoint.url()).map_err(Gone::Connect)?;
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
        let (mut socket, _) = tokio_tungstenite::connect_async_with_config(request, Some(config), true)
            .await
            .map_err(connect)?;
        let queries = self.interest.queries();
        for (id, query) in queries.iter().enumerate() {
            let params = serde_json::json!({"query": query});
            let call =
                serde_json::json!({"jsonrpc": "2.0", "method": "subscribe", "id": id, "params": params});
            socket.send(Message::text(call.to_string())).await.map_err(connect)?;
        }
        let (mut answered, mut acknowledged) = (0, 0);
        while answered < queries.len() {
            let Message::Text(text) = socket.next().await.ok_or(Gone::Closed)?.map_err(connect)? else {
                continue;
            };
            match Frame::read(&text, self.interest) {
                Ok(Frame::Acknowledged) => (answered, acknowledged) = (answered + 1, acknowledged + 1),
                // A block may come between the acknowledgements.
                Ok(Frame::Told(_)) => {}
                // Those that came first are worth most; what the others would tell is found by polling.
                Err(FrameError::Refused { verdict: Verdict::TooManySubscriptions, text })
                    if acknowledged > 0 =>
                {
                    tracing::debug!(endpoint = %self.endpoint, text, "fewer subscriptions than wanted");
                    answered += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(socket)
    }

    async fn frame(&mut self, text: &str) -> Result<(), Gone> {
        let Frame::Told(events) = Frame::read(text, self.interest)? else { return Ok(()) };
        for event in events {
            match &event {
                ChainEvent::Block { chain_id, .. }
                    if self.chain_id.is_some_and(|expected| expected != chain_id) =>
                {
                    return Err(Gone::OtherChain(chain_id.clone()));
                }
                ChainEvent::Block { height, .. } => self.pulse.block(*height, Instant::now()),
                ChainEvent::Tx(_) if text.len() > MAX_TX_FRAME => continue,
                _ => {}
            }
            self.tell(event).await?;
        }
        Ok(())
    }

    async fn tell(&self, event: ChainEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone::Receiver)
    }
}

/// The handshake for the websocket beside the RPC address, with its credentials as basic authentication.
fn request(url: &SensitiveUrl) -> Result<Request, String> {
    let mut target = url.expose().clone();
    let (user, password) = (target.username().to_owned(), target.password().unwrap_or_default().to_owned());
    let scheme = if target.scheme() == "https" { "wss" } else { "ws" };
    let path = format!("{}/websocket", target.path().trim_end_matches('/'));
    let changed = target.set_scheme(scheme).and(target.set_username("")).and(target.set_password(None));
    changed.map_err(|()| format!("{url} has no websocket"))?;
    target.set_path(&path);
    let mut request = target.as_str().into_client_request().map_err(|error| error.to_string())?;
    if !user.is_empty() || !password.is_empty() {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = BASE64.encode(format!("{}:{}", decode(&user), decode(&password)));
        let mut value =
            HeaderValue::try_from(format!("Basic {credentials}")).map_err(|error| error.to_string())?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}
