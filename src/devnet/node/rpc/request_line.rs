//! Requests by URI as people write them, `/block?height="5"`: the HTTP library refuses quotes and angles that are not
//! percent-encoded, a real node takes them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that are read at once.
const READ: usize = 8 << 10;

/// What a connection sends, with those characters encoded where a request by URI begins. A request line is expected in
/// one read: it is shorter than a packet.
#[derive(Debug)]
pub(super) struct Encoded<S> {
    stream: S,
    /// What the reader has not taken yet.
    rest: Vec<u8>,
}

impl<S> Encoded<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, rest: vec![] }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Encoded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            // The reader asks for a few bytes first, to know the protocol, which would cut the line in two.
            let mut room = [0; READ];
            let mut read = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
            self.rest = encode(read.filled()).unwrap_or_else(|| read.filled().to_vec());
        }
        let fitting = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..fitting]);
        self.rest.drain(..fitting);
        Poll::Ready(Ok(()))
    }
}

/// The same request with its line encoded; `None` where there is nothing to encode.
fn encode(request: &[u8]) -> Option<Vec<u8>> {
    let line = request.starts_with(b"GET ").then(|| request.split(|byte| *byte == b'\r').next())??;
    let code = |byte: u8| match byte {
        b'"' => Some(b"%22"),
        b'<' => Some(b"%3C"),
        b'>' => Some(b"%3E"),
        _ => None,
    };
    if !line.iter().any(|byte| code(*byte).is_some()) {
        return None;
    }
    let mut encoded = Vec::with_capacity(request.len() + 2 * line.len());
    for byte in line {
        match code(*byte) {
            Some(code) => encoded.extend(code),
            None => encoded.push(*byte),
        }
    }
    encoded.extend(&request[line.len()..]);
    Some(encoded)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn read(request: &[u8], mut piece: Vec<u8>) -> Vec<u8> {
        let (mut stream, mut read) = (Encoded::new(request), vec![]);
        loop {
            match stream.read(&mut piece).await.unwrap() {
                0 => return read,
                length => read.extend(&piece[..length]),
            }
        }
    }

    #[tokio::test]
    async fn a_request_line_is_encoded_and_nothing_else() {
        let request = b"GET /tx_search?query=\"tx.height>5\" HTTP/1.1\r\nA: \"<b>\"\r\n\r\n";
        let encoded = b"GET /tx_search?query=%22tx.height%3E5%22 HTTP/1.1\r\nA: \"<b>\"\r\n\r\n";
        // A reader may take little at a time.
        for room in [7, 4_096] {
            assert_eq!(read(request, vec![0; room]).await, encoded);
        }
        let post = b"POST / HTTP/1.1\r\n\r\n{\"a\": \">\"}";
        assert_eq!(read(post, vec![0; 4_096]).await, post);
    }
}
