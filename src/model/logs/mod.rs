//! What the model prints: into our log, line by line, within bounds.
//!
//! One task reads each pipe and never stops reading, so a model that prints without end fills
//! neither a pipe nor our memory: long lines are cut, lines beyond the budget are left out, and what
//! is missing is counted and said.

mod budget;
mod line;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep_until};

use budget::Budget;
use line::{Line, Pushed, split_after};

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;
/// What is missing is said this often at most.
const PERIOD: Duration = Duration::from_secs(2);
/// Bytes of each stream that are kept as evidence of a crash.
const KEPT: usize = 4 * 1024;

/// Which of the two descriptors a line came from.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

impl Stream {
    const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// What the readers of one process share with the one who asks.
#[derive(Debug, Clone, Default)]
pub struct Output(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    /// Topic and nonce of the latest call.
    call: Option<(u64, i64)>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Output {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        // Text is as good after a panic as before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on lines belong to this call.
    pub fn begin(&self, topic_id: u64, nonce: i64) {
        self.shared().call = Some((topic_id, nonce));
    }

    /// The last lines, oldest first, those of stderr after those of stdout: that is where crashes
    /// are told, and a flood of the one does not wash away the other.
    pub fn last_lines(&self) -> Option<String> {
        let shared = self.shared();
        let lines =
            [&shared.stdout, &shared.stderr].into_iter().flat_map(|kept| kept.split(|&byte| byte == b'\n'));
        let lines: Vec<String> = lines.map(Line::shown).filter(|line| !line.is_empty()).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Reads one pipe to its end.
    pub async fn follow(self, mut pipe: Receiver, stream: Stream) {
        let mut piece = vec![0; PIECE];
        let mut teller = Teller::new(self, stream);
        loop {
            let due = teller.left_out.due;
            tokio::select! {
                read = pipe.read(&mut piece) => match read {
                    Ok(read @ 1..) => teller.hear(&piece[..read]),
                    Ok(0) | Err(_) => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                teller.tell_left_out();
            }
            // A flood is always ready: the rest of the worker gets its turn between two pieces.
            tokio::task::yield_now().await;
        }
        teller.end();
    }

    /// Keeps the last bytes of a stream. Gives the call that they belong to.
    fn keep(&self, stream: Stream, piece: &[u8]) -> Option<(u64, i64)> {
        let mut shared = self.shared();
        let kept = match stream {
            Stream::Stdout => &mut shared.stdout,
            Stream::Stderr => &mut shared.stderr,
        };
        let piece = &piece[piece.len().saturating_sub(KEPT)..];
        let surplus = (kept.len() + piece.len()).saturating_sub(KEPT);
        kept.drain(..surplus);
        kept.extend_from_slice(piece);
        shared.call
    }
}

/// What was not told of a stream since it was last said.
#[derive(Debug, Default)]
struct LeftOut {
    /// Lines whose end is missing.
    cut: u64,
    /// Lines that are missing as a whole.
    dropped: u64,
    bytes: u64,
    /// When to say it; `None` while there is nothing to say.
    due: Option<Instant>,
}

impl LeftOut {
    fn add(&mut self, cut: u64, dropped: u64, bytes: usize) {
        self.cut += cut;
        self.dropped += dropped;
        self.bytes += bytes as u64;
        self.due.get_or_insert_with(|| Instant::now() + PERIOD);
    }
}

/// Makes log lines of one stream.
#[derive(Debug)]
struct Teller {
    output: Output,
    stream: Stream,
    call: Option<(u64, i64)>,
    line: Line,
    budget: Budget,
    left_out: LeftOut,
}

impl Teller {
    fn new(output: Output, stream: Stream) -> Self {
        let (line, budget) = (Line::default(), Budget::new(Instant::now()));
        Self { output, stream, call: None, line, budget, left_out: LeftOut::default() }
    }

    /// Takes what was read.
    fn hear(&mut self, piece: &[u8]) {
        let call = self.output.keep(self.stream, piece);
        if call != self.call {
            // What is missing belongs to the call before.
            self.tell_left_out();
            self.call = call;
        }
        self.budget.refill(Instant::now());
        let mut rest = piece;
        while !rest.is_empty() {
            let (part, behind) = split_after(rest, b'\n');
            rest = behind;
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            match self.line.push(text) {
                Pushed::Whole => {}
                // A line may have no end: its beginning is told at once.
                Pushed::Cut(bytes) => {
                    self.left_out.add(1, 0, bytes);
                    self.tell();
                }
                Pushed::Beyond(bytes) => self.left_out.add(0, 0, bytes),
            }
            if ends {
                if !self.line.is_cut() {
                    self.tell();
                }
                self.line.clear();
            }
        }
    }

    /// Tells the line so far, when the budget allows it.
    fn tell(&mut self) {
        if self.budget.is_spent() {
            return self.left_out.add(0, 1, self.line.len());
        }
        let text = self.line.text();
        self.budget.spend(text.len());
        let (topic_id, nonce) = self.call.unzip();
        tracing::info!(target: "model", topic_id, nonce, stream = self.stream.name(), "{text}");
    }

    fn tell_left_out(&mut self) {
        let LeftOut { cut, dropped, bytes, due } = std::mem::take(&mut self.left_out);
        if due.is_none() {
            return;
        }
        let (topic_id, nonce) = self.call.unzip();
        let stream = self.stream.name();
        tracing::warn!(
            target: "model", topic_id, nonce, stream, cut, dropped, bytes,
            "the model prints too much: {dropped} lines were left out and {cut} cut, {bytes} bytes in all"
        );
    }

    fn end(mut self) {
        if self.line.has_begun() && !self.line.is_cut() {
            self.tell();
        }
        self.tell_left_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_each_stream_are_kept_within_bounds() {
        let output = Output::default();
        assert_eq!(output.last_lines(), None);
        output.keep(Stream::Stderr, b"Fatal Python error\n");
        for _ in 0..100 {
            output.keep(Stream::Stdout, &b"0123456\n".repeat(1000));
        }
        let lines = output.last_lines().unwrap();
        assert!(lines.ends_with("0123456\nFatal Python error"), "{lines}");
        assert!(lines.len() < 2 * KEPT);
        output.keep(Stream::Stdout, b"the end");
        assert!(output.last_lines().unwrap().contains("\n0123456\nthe end\nFatal"), "{lines}");
    }
}
