//! Lines of the log that wait for the thread that writes them.
//!
//! Whoever reads stderr may stop reading, and a disk may stand still; either would then hold every thread that
//! logs, in the middle of a window. So each place that lines go to has a thread of its own, and lines that find
//! its queue full are dropped and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::status_line;

/// Lines that wait at most: four seconds of a thousand a second.
const CAPACITY: usize = 4_096;

/// Where lines go.
pub trait Sink: Send + 'static {
    /// What it means that its queue is full.
    const TOO_SLOW: &'static str;

    /// Writes one line. What cannot be written is the sink's to tell.
    fn write(&mut self, line: &[u8]);

    /// Looks for its file anew, when it has one.
    fn reopen(&mut self) {}
}

/// The standard error of this process.
pub struct Stderr;

impl Sink for Stderr {
    const TOO_SLOW: &'static str = "lines of the log were dropped: stderr is read too slowly";

    fn write(&mut self, line: &[u8]) {
        // A log that nobody can read any more is no reason to stop answering windows.
        let _ = status_line::write_above(line);
    }
}

enum Item {
    Line(Vec<u8>),
    Reopen,
    /// Answered when every line before it is written.
    Flush(SyncSender<()>),
}

/// The way to the thread that writes.
#[derive(Clone)]
pub struct LogQueue {
    items: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

impl LogQueue {
    /// A queue whose thread writes to `sink`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<S: Sink>(sink: S) -> io::Result<Self> {
        let (items, receiver) = sync_channel(CAPACITY);
        let lost = Arc::new(AtomicU64::new(0));
        let queue = Self { items, lost: Arc::clone(&lost) };
        thread::Builder::new().name("log".into()).spawn(move || write(&receiver, sink, &lost))?;
        Ok(queue)
    }

    /// Waits until what was logged so far is written, at most until `end`.
    pub fn flush(&self, end: Instant) {
        let (written, done) = sync_channel(1);
        if self.send(Item::Flush(written), end) {
            let _ = done.recv_timeout(end.saturating_duration_since(Instant::now()));
        }
    }

    /// Has the sink look for its file anew, after what was logged so far. Waits for a place in the queue, at
    /// most until `end`.
    pub fn reopen(&self, end: Instant) {
        self.send(Item::Reopen, end);
    }

    /// Whether `item` found a place before `end`.
    fn send(&self, mut item: Item, end: Instant) -> bool {
        loop {
            match self.items.try_send(item) {
                Ok(()) => return true,
                Err(TrySendError::Full(back)) if Instant::now() < end => item = back,
                Err(_) => return false,
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn write<S: Sink>(items: &Receiver<Item>, mut sink: S, lost: &AtomicU64) {
    for item in items {
        match item {
            Item::Line(line) => sink.write(&line),
            Item::Reopen => sink.reopen(),
            Item::Flush(written) => drop(written.try_send(())),
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "{}", S::TOO_SLOW);
        }
    }
}

/// Each call of `write` is one line.
impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.items.try_send(Item::Line(line.to_owned())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
