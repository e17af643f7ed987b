//! Frames of a node's websocket.
#![no_main]

use bootstrap::chain::events::{ChainEvent, Frame, Interest};
use bootstrap_fuzz::{address, look_at};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let interest = Interest { topic_id: 1, address: address() };
    let Ok(Frame::Told(events)) = Frame::read(text, &interest) else { return };
    for event in events {
        if let ChainEvent::Tx(tx) = event {
            look_at(&tx);
        }
    }
});
