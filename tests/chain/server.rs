//! An HTTP server that says what a test wants, down to the bytes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which connection brought it, from 0.
    pub connection: usize,
    /// `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// By names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: String,
}

/// What the server does about a request.
pub enum Reply {
    /// Sends these bytes and goes on with the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes one by one with this pause, until the client has had enough.
    Drip(Vec<u8>, Duration),
    /// Keeps the connection and says nothing on it any more.
    Silence,
    /// Closes the connection with a reset.
    Reset,
}

/// A whole answer.
pub fn answer(status: &str, headers: &[&str], body: &str) -> Reply {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    Reply::Bytes(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes())
}

/// An answer of a node.
pub fn json(body: &serde_json::Value) -> Reply {
    answer("200 OK", &["content-type: application/json"], &body.to_string())
}

/// A recording of a real node.
pub fn capture(name: &str) -> serde_json::Value {
    let path = format!("{}/tests/captures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

/// What a node says to `status`.
pub fn status(node_id: u8, chain_id: &str, height: u64) -> Reply {
    claim(node_id, chain_id, height, height)
}

/// The same of a node that claims `height` for its newest block, which is block `block`.
pub fn claim(node_id: u8, chain_id: &str, height: u64, block: u64) -> Reply {
    let mut status = capture("status")["response"].clone();
    status["result"]["node_info"]["id"] = format!("{node_id:040x}").into();
    status["result"]["node_info"]["network"] = chain_id.into();
    status["result"]["sync_info"]["latest_block_height"] = height.to_string().into();
    let time = time::OffsetDateTime::from_unix_timestamp(i64::try_from(block).unwrap() * 5).unwrap();
    let time = time.format(&time::format_description::well_known::Rfc3339).unwrap();
    status["result"]["sync_info"]["latest_block_time"] = time.into();
    json(&status)
}

/// Stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers every request with what `reply` makes of it.
    pub async fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", reply).await
    }

    /// The same at an address.
    pub async fn start_at(address: &str, reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (reply, seen) = (Arc::new(reply), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (reply, seen) = (Arc::clone(&reply), Arc::clone(&seen));
                connections.spawn(async move { converse(stream, connection, &*reply, &seen).await });
            }
        });
        Self { address, requests, task }
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// `None` at the end of the connection.
async fn converse(
    mut stream: TcpStream,
    connection: usize,
    reply: &(dyn Fn(&Request) -> Reply + Send + Sync),
    seen: &Mutex<Vec<Request>>,
) -> Option<()> {
    let mut unread = Vec::new();
    loop {
        let request = read(&mut stream, connection, &mut unread).await?;
        let reply = reply(&request);
        seen.lock().unwrap().push(request);
        match reply {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.ok()?,
            Reply::Drip(bytes, pause) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await.ok()?;
                    tokio::time::sleep(pause).await;
                }
            }
            Reply::Silence => std::future::pending().await,
            Reply::Reset => {
                stream.set_zero_linger().ok()?;
                return None;
            }
        }
    }
}

async fn read(stream: &mut TcpStream, connection: usize, unread: &mut Vec<u8>) -> Option<Request> {
    let head_end = loop {
        if let Some(at) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, unread).await?;
    };
    let head = String::from_utf8(unread.drain(..head_end).collect()).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ').map(str::to_owned);
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while unread.len() < length {
        more(stream, unread).await?;
    }
    let body = String::from_utf8(unread.drain(..length).collect()).ok()?;
    Some(Request { connection, method: first.next()?, target: first.next()?, headers, body })
}

async fn more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 4096];
    let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
    unread.extend_from_slice(&chunk[..read]);
    Some(())
}
