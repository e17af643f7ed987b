//! Lines of the log on their way to stderr.
//!
//! Whoever reads stderr may stop reading, and a full pipe would then hold every thread that logs, in
//! the middle of a window. So a thread of its own writes, and lines that find the queue full are
//! dropped and counted.

use std::io::{self, Write, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines that wait at most.
const CAPACITY: usize = 1_024;

static QUEUE: OnceLock<LogQueue> = OnceLock::new();

enum Item {
    Line(Vec<u8>),
    /// Answered when every line before it is written.
    Flush(SyncSender<()>),
}

/// The way to the thread that writes.
pub struct LogQueue {
    items: SyncSender<Item>,
    lost: AtomicU64,
}

impl LogQueue {
    /// The queue of this process, its thread started at first use.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<&'static Self> {
        if let Some(queue) = QUEUE.get() {
            return Ok(queue);
        }
        let (sender, receiver) = sync_channel(CAPACITY);
        thread::Builder::new().name("log".into()).spawn(move || write(&receiver))?;
        Ok(QUEUE.get_or_init(|| Self { items: sender, lost: AtomicU64::new(0) }))
    }

    fn push(&self, line: &[u8]) {
        if self.items.try_send(Item::Line(line.to_owned())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Waits until what was logged so far is written, at most for `limit`.
pub fn flush(limit: Duration) {
    let Some(queue) = QUEUE.get() else { return };
    let end = Instant::now() + limit;
    let (written, done) = sync_channel(1);
    while queue.items.try_send(Item::Flush(written.clone())).is_err() {
        if Instant::now() >= end {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = done.recv_timeout(end.saturating_duration_since(Instant::now()));
}

fn write(items: &Receiver<Item>) {
    for item in items {
        match item {
            // A log that nobody can read any more is no reason to stop answering windows.
            Item::Line(line) => drop(stderr().lock().write_all(&line)),
            Item::Flush(written) => drop(written.try_send(())),
        }
        let lost = QUEUE.get().map_or(0, |queue| queue.lost.swap(0, Ordering::Relaxed));
        if lost > 0 {
            tracing::warn!(lost, "lines of the log were dropped: stderr is read too slowly");
        }
    }
}

/// Each call of `write` is one line.
impl Write for &LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
