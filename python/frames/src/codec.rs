//! Frames to bytes and back.

use serde::{Serialize, de::DeserializeOwned};

/// Largest frame in bytes, without its length.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;

/// Bytes of the length in front of each frame.
const HEADER: usize = 4;

/// Why bytes are no frame. After an error the stream is out of step and has to be given up.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length in front of the frame, or of the message to be sent, is above [`MAX_FRAME`].
    #[error("a frame of {0} bytes, more than the {MAX_FRAME} allowed")]
    TooLong(usize),
    /// The bytes are not a message that this side knows.
    #[error("not a message of this protocol")]
    Malformed(#[source] serde_json::Error),
}

/// The bytes of one message, length first.
///
/// # Errors
/// [`FrameError::TooLong`] when the message does not fit a frame.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let mut bytes = vec![0; HEADER];
    serde_json::to_writer(&mut bytes, message).map_err(FrameError::Malformed)?;
    let length = bytes.len() - HEADER;
    let header = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME);
    let header = header.ok_or(FrameError::TooLong(length))?;
    bytes[..HEADER].copy_from_slice(&header.to_le_bytes());
    Ok(bytes)
}

/// Puts messages together from bytes that arrive in any pieces.
///
/// Holds at most one frame and what was read beyond it, so a reader that stops between two pieces
/// loses nothing.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Takes the bytes that were read. Follow it with [`take`](Self::take) until that is `None`.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`]; the stream cannot be read further.
    pub fn take<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body).map_err(FrameError::Malformed)?;
        self.bytes.drain(..HEADER + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{FromHost, ToHost};

    #[test]
    fn a_length_above_the_limit_is_refused_before_its_bytes_arrive() {
        let mut decoder = Decoder::new();
        decoder.push(&u32::MAX.to_le_bytes());
        assert!(matches!(decoder.take::<FromHost>(), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn a_message_above_the_limit_is_not_sent() {
        let message = FromHost::Skipped { id: 1, why: "x".repeat(MAX_FRAME) };
        assert!(matches!(encode(&message), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_stack_overflow() {
        let body = "[".repeat(1_000_000);
        let mut decoder = Decoder::new();
        decoder.push(&u32::try_from(body.len()).unwrap().to_le_bytes());
        decoder.push(body.as_bytes());
        assert!(matches!(decoder.take::<FromHost>(), Err(FrameError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..16)) {
            let mut decoder = Decoder::new();
            for piece in pieces {
                decoder.push(&piece);
                if decoder.take::<ToHost>().is_err() {
                    break;
                }
            }
        }

        #[test]
        fn pieces_of_any_size_give_the_same_messages(ids in prop::collection::vec(any::<u64>(), 1..8), size in 1_usize..40) {
            let sent: Vec<_> = ids.iter().map(|&id| FromHost::Skipped { id, why: format!("because {id}") }).collect();
            let stream: Vec<u8> = sent.iter().flat_map(|message| encode(message).unwrap()).collect();
            let mut decoder = Decoder::new();
            let mut got = Vec::new();
            for piece in stream.chunks(size) {
                decoder.push(piece);
                while let Some(message) = decoder.take::<FromHost>().unwrap() {
                    got.push(message);
                }
            }
            prop_assert_eq!(got, sent);
        }
    }
}
