//! A gzip stream, compressed on every core, whose bytes depend on what is written alone.
//!
//! Blocks of a fixed length are compressed each by itself and put together in order, as `pigz` does. How many
//! threads there are decides when a block is ready and nothing else.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, available_parallelism};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Large enough that what is lost between blocks is less than one in a thousand.
const BLOCK: usize = 1024 * 1024;
/// No name, no time, no flags, of an unknown system (RFC 1952).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// What `gzip` does by default.
const LEVEL: Compression = Compression::new(6);

/// A writer of gzip. Nothing is whole before [`finish`](Self::finish).
pub struct Gzip<W> {
    to: W,
    block: Vec<u8>,
    crc: Crc,
    jobs: Option<SyncSender<Job>>,
    /// Blocks on their way, in order.
    waiting: VecDeque<Receiver<Compressed>>,
    most_waiting: usize,
    threads: Vec<JoinHandle<()>>,
}

struct Job {
    block: Vec<u8>,
    is_last: bool,
    done: SyncSender<Compressed>,
}

type Compressed = io::Result<(Vec<u8>, Crc)>;

impl<W: Write> Gzip<W> {
    /// Starts the stream.
    ///
    /// # Errors
    /// When the header cannot be written, or a thread not be started.
    pub fn new(mut to: W) -> io::Result<Self> {
        to.write_all(&HEADER)?;
        let cores = available_parallelism().map_or(1, usize::from);
        let (jobs, queue) = sync_channel::<Job>(cores);
        let queue = Arc::new(Mutex::new(queue));
        let start = |_| {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name("gzip".into()).spawn(move || work(&queue))
        };
        let threads = (0..cores).map(start).collect::<io::Result<_>>()?;
        let most_waiting = 2 * cores;
        Ok(Self {
            to,
            block: Vec::with_capacity(BLOCK),
            crc: Crc::new(),
            jobs: Some(jobs),
            waiting: VecDeque::new(),
            most_waiting,
            threads,
        })
    }

    /// Ends the stream. Gives what it was written to.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.send(true)?;
        while !self.waiting.is_empty() {
            self.take()?;
        }
        self.jobs = None;
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| gone())?;
        }
        self.to.write_all(&self.crc.sum().to_le_bytes())?;
        self.to.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.to)
    }

    fn send(&mut self, is_last: bool) -> io::Result<()> {
        if self.waiting.len() >= self.most_waiting {
            self.take()?;
        }
        let (done, result) = sync_channel(1);
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(Job { block, is_last, done }).map_err(|_| gone())?;
        self.waiting.push_back(result);
        Ok(())
    }

    /// Waits for the oldest block and writes it.
    fn take(&mut self) -> io::Result<()> {
        let Some(oldest) = self.waiting.pop_front() else { return Ok(()) };
        let (bytes, crc) = oldest.recv().map_err(|_| gone())??;
        self.crc.combine(&crc);
        self.to.write_all(&bytes)
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..fits]);
        if self.block.len() == BLOCK {
            self.send(false)?;
        }
        Ok(fits)
    }

    /// Does nothing: where a block ends must not depend on who flushes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { block, is_last, done }) = job else { return };
        // Nobody waits for it once the writer has failed.
        let _ = done.send(compress(&block, is_last));
    }
}

/// One block. All but the last end where a byte ends, so that they can be put together.
fn compress(block: &[u8], is_last: bool) -> Compressed {
    let mut crc = Crc::new();
    crc.update(block);
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(block.len() / 2), LEVEL);
    encoder.write_all(block)?;
    let bytes = if is_last {
        encoder.finish()?
    } else {
        encoder.flush()?;
        std::mem::take(encoder.get_mut())
    };
    Ok((bytes, crc))
}

fn gone() -> io::Error {
    io::Error::other("a thread that compresses is gone")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_comes_out_is_what_went_in_however_it_was_written() {
        // Compressible here, random there, and a little more than some blocks.
        let mut data = vec![7; BLOCK + 1];
        data.extend(std::iter::repeat_with(|| fastrand::u8(..)).take(2 * BLOCK));
        for length in [0, 1, BLOCK, 2 * BLOCK, data.len()] {
            let data = &data[..length];
            let written = |piece: usize| {
                let mut gzip = Gzip::new(Vec::new()).unwrap();
                for piece in data.chunks(piece) {
                    gzip.write_all(piece).unwrap();
                    gzip.flush().unwrap();
                }
                gzip.finish().unwrap()
            };
            let bytes = written(BLOCK * 4);
            assert!(bytes == written(70_001), "the bytes depend on the pieces");
            let mut back = Vec::new();
            flate2::bufread::GzDecoder::new(&*bytes).read_to_end(&mut back).unwrap();
            assert!(back == data, "{length} bytes do not come back");
        }
    }
}
