//! A gzip stream, decompressed by a thread of its own while what came before is used.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use flate2::bufread::GzDecoder;

/// Bytes that are decompressed at once. Short pieces take the decompressor half as long again.
const PIECE: usize = 128 * 1024;
/// Pieces that may wait, so that a bomb has little room before its headers are looked at.
const WAITING: usize = 4;

/// What one gzip member holds. Anything behind the member is an error at the end.
pub struct Gunzip {
    parts: Receiver<Part>,
    piece: Vec<u8>,
    /// Bytes of the piece that were used.
    used: usize,
    has_ended: bool,
    // Behind the receiver, without which it ends.
    _thread: Joined,
}

enum Part {
    Piece(Vec<u8>),
    End(io::Result<()>),
}

impl Gunzip {
    /// Starts to decompress.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(reader: impl BufRead + Send + 'static) -> io::Result<Self> {
        let (sender, parts) = sync_channel(WAITING);
        let thread =
            thread::Builder::new().name("gunzip".into()).spawn(move || decompress(reader, &sender))?;
        Ok(Self { parts, piece: Vec::new(), used: 0, has_ended: false, _thread: Joined(Some(thread)) })
    }
}

impl BufRead for Gunzip {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.used == self.piece.len() && !self.has_ended {
            match self.parts.recv() {
                Ok(Part::Piece(piece)) => (self.piece, self.used) = (piece, 0),
                Ok(Part::End(end)) => {
                    end?;
                    self.has_ended = true;
                }
                // Never taken for the end.
                Err(_) => return Err(io::Error::other("the thread that decompresses is gone")),
            }
        }
        Ok(&self.piece[self.used..])
    }

    fn consume(&mut self, bytes: usize) {
        self.used = self.piece.len().min(self.used + bytes);
    }
}

impl Read for Gunzip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// A thread that has ended when this is gone, so that whoever reads its file next has it alone.
struct Joined(Option<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        // That it panicked, its reader was told.
        let _ = self.0.take().map(JoinHandle::join);
    }
}

/// Sends the stream to its end, or until nobody wants it any more.
fn decompress(reader: impl BufRead, parts: &SyncSender<Part>) {
    let mut decoder = GzDecoder::new(reader);
    let mut is_wanted = true;
    while is_wanted {
        let mut piece = vec![0; PIECE];
        let (length, end) = fill(&mut decoder, &mut piece);
        piece.truncate(length);
        is_wanted = parts.send(Part::Piece(piece)).is_ok();
        if let Some(end) = end {
            is_wanted = false;
            // It may have been dropped before it came to that.
            let _ = parts.send(Part::End(end));
        }
    }
}

/// Bytes of the piece that there were, and how the stream ended where they are fewer.
fn fill(decoder: &mut GzDecoder<impl BufRead>, piece: &mut [u8]) -> (usize, Option<io::Result<()>>) {
    let mut length = 0;
    while length < piece.len() {
        match decoder.read(&mut piece[length..]) {
            Ok(0) => return (length, Some(nothing_in(decoder.get_mut()))),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (length, Some(Err(error))),
        }
    }
    (length, None)
}

fn nothing_in(rest: &mut impl BufRead) -> io::Result<()> {
    if rest.fill_buf()?.is_empty() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "something follows its end"))
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn all_of_a_stream_comes_before_what_is_wrong_with_it() {
        let data: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(2 * PIECE + 1).collect();
        let whole = gzip(&data);
        for (bytes, wrong) in [
            (whole.clone(), None),
            ([&*whole, b"x"].concat(), Some(io::ErrorKind::InvalidData)),
            (whole[..whole.len() - 1].to_vec(), Some(io::ErrorKind::UnexpectedEof)),
        ] {
            let mut back = Vec::new();
            let end = Gunzip::new(Cursor::new(bytes)).unwrap().read_to_end(&mut back);
            assert!(back == data, "{wrong:?}");
            assert_eq!(end.err().map(|error| error.kind()), wrong);
        }
    }

    #[test]
    fn one_that_nobody_reads_to_its_end_is_not_waited_for() {
        let much = vec![0; PIECE * (WAITING + 4)];
        let mut gunzip = Gunzip::new(Cursor::new(gzip(&much))).unwrap();
        assert!(!gunzip.fill_buf().unwrap().is_empty());
    }

    #[test]
    fn a_thread_that_is_gone_is_no_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("on purpose")
            }
        }
        let reader = io::BufReader::new(Broken);
        let mut gunzip = Gunzip::new(reader).unwrap();
        assert_eq!(gunzip.fill_buf().unwrap_err().kind(), io::ErrorKind::Other);
    }
}
