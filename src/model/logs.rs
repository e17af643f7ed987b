//! What the model prints: into our log, line by line, within bounds.
//!
//! One task reads each pipe and never stops reading, so a model that prints without end fills
//! neither a pipe nor our memory: lines are cut, and what is beyond the rate is counted and left
//! out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

/// Longest line, in bytes; what follows is left out.
const MAX_LINE: usize = 4096;
/// Most lines within one [`PERIOD`].
const MAX_LINES: u32 = 500;
/// Over which lines are counted.
const PERIOD: Duration = Duration::from_secs(1);
/// Lines that are kept as evidence of a crash.
const KEPT: usize = 20;

/// Which of the two descriptors a line came from.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// What the readers of one process share with the one who asks.
#[derive(Debug, Clone, Default)]
pub struct Output(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    /// Of the latest call, with its topic.
    nonce: Option<(u64, i64)>,
    last: VecDeque<String>,
    since: Option<Instant>,
    lines: u32,
    dropped: u64,
}

impl Output {
    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        // Lines of text are as good after a panic as before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on lines belong to this call.
    pub fn begin(&self, topic_id: u64, nonce: i64) {
        self.shared().nonce = Some((topic_id, nonce));
    }

    /// The last lines, oldest first.
    pub fn last_lines(&self) -> Option<String> {
        let shared = self.shared();
        (!shared.last.is_empty()).then(|| Vec::from_iter(shared.last.iter().map(String::as_str)).join("\n"))
    }

    /// Reads one pipe to its end.
    pub async fn follow(self, mut pipe: Receiver, stream: Stream) {
        let mut piece = [0; 8192];
        let mut line = Line::default();
        while let Ok(read @ 1..) = pipe.read(&mut piece).await {
            for part in piece[..read].split_inclusive(|&byte| byte == b'\n') {
                line.push(part);
                if part.ends_with(b"\n") {
                    self.tell(stream, line.take());
                }
            }
        }
        if line.any {
            self.tell(stream, line.take());
        }
        self.tell_dropped();
    }

    fn tell(&self, stream: Stream, line: String) {
        let mut shared = self.shared();
        if shared.last.len() == KEPT {
            shared.last.pop_front();
        }
        shared.last.push_back(line.clone());
        let fresh = shared.since.is_none_or(|since| since.elapsed() >= PERIOD);
        if !fresh && shared.lines >= MAX_LINES {
            shared.dropped += 1;
            return;
        }
        if fresh {
            shared.since = Some(Instant::now());
            shared.lines = 0;
        }
        shared.lines += 1;
        let (nonce, dropped) = (shared.nonce, std::mem::take(&mut shared.dropped));
        drop(shared);
        if dropped > 0 {
            tracing::warn!(target: "model", dropped, "lines of the model were left out");
        }
        let stream = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        match nonce {
            Some((topic_id, nonce)) => tracing::info!(target: "model", topic_id, nonce, stream, "{line}"),
            None => tracing::info!(target: "model", stream, "{line}"),
        }
    }

    fn tell_dropped(&self) {
        let dropped = std::mem::take(&mut self.shared().dropped);
        if dropped > 0 {
            tracing::warn!(target: "model", dropped, "lines of the model were left out");
        }
    }
}

/// A line that grows to a limit.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    left_out: usize,
    any: bool,
}

impl Line {
    fn push(&mut self, part: &[u8]) {
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        let room = part.len().min(MAX_LINE - self.bytes.len());
        self.bytes.extend_from_slice(&part[..room]);
        self.left_out += part.len() - room;
        self.any = true;
    }

    /// The line so far, without what could move a terminal's cursor.
    fn take(&mut self) -> String {
        let Self { bytes, left_out, .. } = std::mem::take(self);
        let text = String::from_utf8_lossy(&bytes);
        let mut text: String = text
            .trim_end_matches('\r')
            .chars()
            .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
            .collect();
        if left_out > 0 {
            text.push_str(&format!(" [{left_out} bytes left out]"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_and_says_so_and_control_characters_are_shown() {
        let mut line = Line::default();
        line.push(&vec![b'x'; MAX_LINE]);
        line.push(b"yyy\n");
        let text = line.take();
        assert!(text.starts_with("xxx") && text.ends_with(" [3 bytes left out]"), "{text}");
        line.push(b"\x1b[2Jred\r\n");
        assert_eq!(line.take(), "\u{fffd}[2Jred");
    }
}
