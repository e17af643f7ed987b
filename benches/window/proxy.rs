//! A proxy that counts requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How a request of JSON-RPC begins; a websocket does not.
const REQUEST: &[u8] = b"POST / HTTP/1.1\r\n";

/// Stands before a chain. Ends with the bench.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    /// One before the chain at this URL.
    pub async fn start(chain: &str) -> Result<Self> {
        let target = chain.strip_prefix("http://").context("no http URL")?.trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that breaks is the worker's to notice.
                tokio::spawn(forward(client, target.clone(), Arc::clone(&counter)));
            }
        });
        Ok(Self { url, requests })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn forward(client: TcpStream, target: String, requests: Arc<AtomicUsize>) -> Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = vec![0; 64 << 10];
    loop {
        let read = from_client.read(&mut bytes).await?;
        if read == 0 {
            break;
        }
        let begun = bytes[..read].windows(REQUEST.len()).filter(|part| *part == REQUEST).count();
        requests.fetch_add(begun, Ordering::Relaxed);
        to_server.write_all(&bytes[..read]).await?;
    }
    to_server.shutdown().await?;
    back.await??;
    Ok(())
}
