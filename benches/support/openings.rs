//! Windows as a node tells of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Where a frame has the height of its block.
const HEIGHT: &str = "/result/data/value/height";

/// A subscription to the openings of a topic's worker windows.
#[derive(Debug)]
pub struct Openings {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The next one comes sooner.
    patience: Duration,
}

/// A window that has opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// When the frame came.
    pub at: Instant,
    /// Height of its block.
    pub nonce: u64,
}

impl Openings {
    /// Subscribes at the websocket with this URL. Two openings are never as long as `patience` apart.
    pub async fn subscribe(websocket: &str, topic_id: u64, patience: Duration) -> Result<Self> {
        let (mut socket, _) = connect_async(websocket).await?;
        let opened = "emissions.v10.EventWorkerSubmissionWindowOpened";
        let query = format!("tm.event='NewBlockEvents' AND {opened}.topic_id = '\"{topic_id}\"'");
        let subscribe = json!({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": {"query": query}});
        socket.send(Message::text(subscribe.to_string())).await?;
        let acknowledged = socket.next().await.context("the websocket closed")??;
        ensure!(!acknowledged.to_text()?.contains("error"), "{acknowledged}");
        Ok(Self { socket, patience })
    }

    /// The next opening.
    pub async fn next(&mut self) -> Result<Opening> {
        loop {
            let frame = timeout(self.patience, self.socket.next()).await.context("no window opens")?;
            let frame = frame.context("the websocket closed")??;
            let at = Instant::now();
            if let Message::Text(text) = frame {
                let frame: Value = serde_json::from_str(&text)?;
                let height = frame.pointer(HEIGHT).and_then(Value::as_str).context("no height")?;
                return Ok(Opening { at, nonce: height.parse()? });
            }
        }
    }
}
