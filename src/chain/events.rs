//! The websocket: blocks, openings of windows, our own transactions.
//!
//! Events are a hint. They save polling and latency; a worker that never gets one still answers its
//! windows. Silence is an error: a connection that brings no block for a few block times is replaced,
//! and reconnecting never gives up.
//!
//! `tendermint-rpc` has a websocket client too, but it drops every frame that is neither `NewBlock` nor
//! `Tx`, and the code of a transaction that failed.

mod frame;

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{SinkExt, StreamExt};
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::delivered::DeliveredTx;
use super::messages::EmissionsVersion;
use super::pool::Pool;
use super::rpc::Endpoint;
use crate::bundle::SensitiveUrl;
use crate::wallet::Address;

pub use frame::{Frame, FrameError};

/// The largest frame that is read, in bytes. An opening is some 25 kB, a transaction of ours 7 kB.
const MAX_FRAME: usize = 4 << 20;
/// Until two blocks were seen.
const FIRST_SILENCE: Duration = Duration::from_secs(20);
/// Bounds of the silence that is borne, whatever the block time.
const SILENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(120));
/// Silence in block times.
const SILENT_BLOCKS: u32 = 6;
/// Connecting and subscribing together.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Pauses between tries, doubling.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Events that may wait for the worker's loop. Past that the connection waits.
const QUEUE: usize = 256;

/// What the chain told us.
#[derive(Debug, Clone)]
pub enum ChainEvent {
    /// All subscriptions are in force. What happened before is not told again: query the open windows.
    Connected {
        /// The address without credentials.
        endpoint: String,
    },
    /// No events until the next `Connected`.
    Disconnected {
        /// The address without credentials.
        endpoint: String,
        /// Why.
        cause: String,
    },
    /// A block was committed.
    Block {
        /// Its height.
        height: u64,
        /// Its time.
        time: time::OffsetDateTime,
    },
    /// A worker window of our topic opened at the end of block `nonce`.
    WindowOpened {
        /// The nonce: the height of the opening block.
        nonce: i64,
        /// The last block that may hold the payload.
        window_end: i64,
        /// Height of the block that brought the event.
        height: u64,
    },
    /// A transaction of our account is in a block.
    Tx(Box<DeliveredTx>),
}

/// What a worker subscribes to.
#[derive(Debug, Clone)]
pub struct Interest {
    /// The topic.
    pub topic_id: u64,
    /// The account.
    pub address: Address,
    /// Package of the emissions module.
    pub version: EmissionsVersion,
}

impl Interest {
    fn queries(&self) -> [String; 3] {
        let opened = self.version.event("EventWorkerSubmissionWindowOpened");
        [
            "tm.event='NewBlockHeader'".to_owned(),
            // An attribute's text is JSON, so the number has quotes of its own.
            format!("tm.event='NewBlockEvents' AND {opened}.topic_id = '\"{}\"'", self.topic_id),
            format!("tm.event='Tx' AND message.sender='{}'", self.address),
        ]
    }
}

/// Starts a task that keeps one subscribed connection to the best endpoint, until the receiver is dropped.
pub fn subscribe(pool: Arc<Pool>, interest: Interest) -> mpsc::Receiver<ChainEvent> {
    let (events, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(keep_subscribed(pool, interest, events));
    receiver
}

async fn keep_subscribed(pool: Arc<Pool>, interest: Interest, events: mpsc::Sender<ChainEvent>) {
    let (mut pause, mut turn) = (PAUSE.0, 0_usize);
    while !events.is_closed() {
        let ranked = pool.ranked();
        let Some(endpoint) = ranked.get(turn % ranked.len().max(1)).map(|endpoint| (*endpoint).clone())
        else {
            tokio::time::sleep(PAUSE.1).await;
            continue;
        };
        let mut connection =
            Connection { endpoint: &endpoint, interest: &interest, events: &events, blocks: Blocks::new() };
        let Err(cause) = connection.run().await;
        if matches!(cause, Gone::Receiver) {
            return;
        }
        if connection.blocks.seen > 0 {
            // It worked for a while: the same endpoint at once.
            (pause, turn) = (PAUSE.0, 0);
        } else {
            turn += 1;
        }
        let told = ChainEvent::Disconnected { endpoint: endpoint.to_string(), cause: cause.to_string() };
        if events.send(told).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Gone {
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("connecting and subscribing took longer than {CONNECT_LIMIT:?}")]
    ConnectTimedOut,
    #[error("no block for {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Broken(String),
    #[error("the node closed the connection")]
    Closed,
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("nobody listens any more")]
    Receiver,
}

/// Block times as they come in, for the silence that is borne.
struct Blocks {
    seen: u32,
    last: Instant,
    interval: Option<Duration>,
}

impl Blocks {
    fn new() -> Self {
        Self { seen: 0, last: Instant::now(), interval: None }
    }

    fn saw_one(&mut self) {
        let now = Instant::now();
        if self.seen > 0 {
            let interval = now - self.last;
            self.interval = Some(self.interval.map_or(interval, |mean| (mean * 7 + interval) / 8));
        }
        (self.last, self.seen) = (now, self.seen.saturating_add(1));
    }

    fn silence(&self) -> Duration {
        self.interval.map_or(FIRST_SILENCE, |interval| (interval * SILENT_BLOCKS).clamp(SILENCE.0, SILENCE.1))
    }
}

struct Connection<'a> {
    endpoint: &'a Endpoint,
    interest: &'a Interest,
    events: &'a mpsc::Sender<ChainEvent>,
    blocks: Blocks,
}

impl Connection<'_> {
    async fn run(&mut self) -> Result<std::convert::Infallible, Gone> {
        let mut socket = tokio::time::timeout(CONNECT_LIMIT, self.connect())
            .await
            .map_err(|_| Gone::ConnectTimedOut)??;
        self.tell(ChainEvent::Connected { endpoint: self.endpoint.to_string() }).await?;
        loop {
            let silence = self.blocks.silence().saturating_sub(self.blocks.last.elapsed());
            let next = tokio::select! {
                next = tokio::time::timeout(silence, socket.next()) => next,
                () = self.events.closed() => return Err(Gone::Receiver),
            };
            match next {
                Err(_) => return Err(Gone::Silent(self.blocks.last.elapsed())),
                Ok(None) => return Err(Gone::Closed),
                Ok(Some(Err(error))) => return Err(Gone::Broken(error.to_string())),
                Ok(Some(Ok(Message::Text(text)))) => self.frame(&text).await?,
                Ok(Some(Ok(Message::Close(_)))) => return Err(Gone::Closed),
                // Pongs are sent by the library with the next flush.
                Ok(Some(Ok(Message::Ping(_)))) => {
                    socket.flush().await.map_err(|error| Gone::Broken(error.to_string()))?;
                }
                Ok(Some(Ok(_))) => {}
            }
        }
    }

    async fn connect(&self) -> Result<Socket, Gone> {
        let connect = |error: tokio_tungstenite::tungstenite::Error| Gone::Connect(error.to_string());
        let request = request(self.endpoint.url()).map_err(Gone::Connect)?;
        let config =
            WebSocketConfig::default().max_message_size(Some(MAX_FRAME)).max_frame_size(Some(MAX_FRAME));
        let (mut socket, _) = tokio_tungstenite::connect_async_with_config(request, Some(config), true)
            .await
            .map_err(connect)?;
        let queries = self.interest.queries();
        for (id, query) in queries.iter().enumerate() {
            let call = serde_json::json!({"jsonrpc": "2.0", "method": "subscribe", "id": id, "params": {"query": query}});
            socket.send(Message::text(call.to_string())).await.map_err(connect)?;
        }
        let mut acknowledged = 0;
        while acknowledged < queries.len() {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => match Frame::read(&text, self.interest)? {
                    Frame::Acknowledged => acknowledged += 1,
                    // A block may come between the acknowledgements.
                    Frame::Told(_) => {}
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(connect(error)),
                None => return Err(Gone::Closed),
            }
        }
        Ok(socket)
    }

    async fn frame(&mut self, text: &str) -> Result<(), Gone> {
        let Frame::Told(events) = Frame::read(text, self.interest)? else { return Ok(()) };
        for event in events {
            if matches!(event, ChainEvent::Block { .. }) {
                self.blocks.saw_one();
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

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;
