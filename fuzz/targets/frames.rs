//! Bytes on descriptor 3: the model can write any to it.
#![no_main]

use bootstrap_frames::{Decoder, FrameError, FromHost, MAX_FRAME, encode};
use libfuzzer_sys::fuzz_target;

// The first byte says in what pieces the rest arrives.
fuzz_target!(|bytes: &[u8]| {
    let Some((&size, stream)) = bytes.split_first() else { return };
    let (whole, pieces) = (messages(stream, stream.len()), messages(stream, size.into()));
    assert_eq!(whole, pieces, "the same bytes are the same messages, however they arrive");
    for message in &whole.0 {
        // Escapes may make what fits one way too long the other way.
        let Ok(again) = encode(message) else { continue };
        assert!(again.len() <= MAX_FRAME + 4);
        assert_eq!(messages(&again, again.len()).0, std::slice::from_ref(message));
    }
});

/// The messages of a stream, and whether it ended in an error.
fn messages(stream: &[u8], size: usize) -> (Vec<FromHost>, Option<String>) {
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    for piece in stream.chunks(size.max(1)) {
        decoder.push(piece);
        loop {
            match decoder.take() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error @ (FrameError::TooLong(_) | FrameError::Malformed(_))) => {
                    return (messages, Some(error.to_string()));
                }
            }
        }
    }
    (messages, None)
}
