//! A proxy before a chain: counts what goes through, and can be as far away as a node on another continent.

use std::net::SocketAddr;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// How a request of JSON-RPC begins; a websocket does not.
const POST: &[u8] = b"POST / HTTP/1.1\r\n";

/// How a websocket begins.
const UPGRADE: &[u8] = b"GET ";

/// How a connection of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Header of a frame of HTTP/2, and the type that begins a request: HEADERS.
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;

/// What went through a proxy.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Calls of JSON-RPC and of gRPC.
    pub requests: u64,
    /// Both ways, below HTTP and above TCP.
    pub bytes: u64,
    /// Of these, the bytes on websockets.
    pub events: u64,
}

impl Add for Traffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let Self { requests, bytes, events } = other;
        Self { requests: self.requests + requests, bytes: self.bytes + bytes, events: self.events + events }
    }
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let Self { requests, bytes, events } = other;
        Self { requests: self.requests - requests, bytes: self.bytes - bytes, events: self.events - events }
    }
}

/// Stands before a chain. Ends with the bench.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
    events: AtomicU64,
}

impl Counters {
    fn pass(&self, bytes: &[u8], is_websocket: bool) {
        let length = bytes.len() as u64;
        self.bytes.fetch_add(length, Ordering::Relaxed);
        self.events.fetch_add(if is_websocket { length } else { 0 }, Ordering::Relaxed);
    }
}

impl Proxy {
    /// One before the node at `target`, `host:port`. `round_trip` is added to each: half on the way there, half back.
    pub async fn start(target: &str, round_trip: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, counters) = (listener.local_addr()?, Arc::<Counters>::default());
        let (target, counting) = (target.to_owned(), Arc::clone(&counters));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that breaks is the worker's to notice.
                tokio::spawn(forward(client, target.clone(), round_trip / 2, Arc::clone(&counting)));
            }
        });
        Ok(Self { address, counters })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What went through so far.
    pub fn traffic(&self) -> Traffic {
        let Counters { requests, bytes, events } = &*self.counters;
        let [requests, bytes, events] =
            [requests, bytes, events].map(|counter| counter.load(Ordering::Relaxed));
        Traffic { requests, bytes, events }
    }
}

async fn forward(client: TcpStream, target: String, delay: Duration, counters: Arc<Counters>) -> Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (mut requests, is_websocket) = (Requests::default(), AtomicBool::new(false));
    let there = carry(from_client, to_server, delay, |bytes| {
        counters.requests.fetch_add(requests.begun_in(bytes), Ordering::Relaxed);
        // Frames do not begin like that: they are masked, and marked by the highest bit of their first byte.
        is_websocket.fetch_or(bytes.starts_with(UPGRADE), Ordering::Relaxed);
        counters.pass(bytes, is_websocket.load(Ordering::Relaxed));
    });
    let back = carry(from_server, to_client, delay, |bytes| {
        counters.pass(bytes, is_websocket.load(Ordering::Relaxed));
    });
    tokio::try_join!(there, back)?;
    Ok(())
}

/// Passes on what comes, each piece so much later.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    mut seen: impl FnMut(&[u8]),
) -> Result<()> {
    let (queue, mut queued) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        loop {
            let mut bytes = vec![0; 64 << 10];
            let length = from.read(&mut bytes).await?;
            bytes.truncate(length);
            if bytes.is_empty() {
                return anyhow::Ok(());
            }
            seen(&bytes);
            queue.send((Instant::now() + delay, bytes))?;
        }
    };
    let write = async move {
        while let Some((due, bytes)) = queued.recv().await {
            if !delay.is_zero() {
                sleep_until(due).await;
            }
            to.write_all(&bytes).await?;
        }
        to.shutdown().await?;
        anyhow::Ok(())
    };
    tokio::try_join!(read, write)?;
    Ok(())
}

/// The requests in what a client sends.
#[derive(Debug, Default)]
enum Requests {
    /// Nothing has come.
    #[default]
    Unknown,
    /// Messages as texts.
    Http1,
    /// Frames: how many bytes are left of the last one, and the part of the next one's header that has come.
    Http2 { left: usize, header: Vec<u8> },
}

impl Requests {
    /// How many begin in these bytes, which follow those before.
    fn begun_in(&mut self, mut bytes: &[u8]) -> u64 {
        if let Self::Unknown = self {
            let is_http2 = bytes.starts_with(&PREFACE[..PREFACE.len().min(bytes.len())]);
            *self = if is_http2 { Self::Http2 { left: PREFACE.len(), header: vec![] } } else { Self::Http1 };
        }
        let Self::Http2 { left, header } = self else {
            return bytes.windows(POST.len()).filter(|part| *part == POST).count() as u64;
        };
        let mut begun = 0;
        while !bytes.is_empty() {
            let skipped = bytes.len().min(*left);
            *left -= skipped;
            bytes = &bytes[skipped..];
            let taken = bytes.len().min(FRAME_HEADER - header.len());
            header.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if let [high, middle, low, kind, ..] = header[..]
                && header.len() == FRAME_HEADER
            {
                begun += u64::from(kind == HEADERS);
                *left = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                header.clear();
            }
        }
        begun
    }
}
