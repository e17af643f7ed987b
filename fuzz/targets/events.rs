//! Frames of a node's websocket.
#![no_main]

use bootstrap::chain::events::{ChainEvent, Frame, Interest};
use bootstrap::chain::messages::EmissionsVersion;
use bootstrap_fuzz::{address, look_at};
use libfuzzer_sys::fuzz_target;

// The first byte chooses the version.
fuzz_target!(|bytes: &[u8]| {
    let Some((&version, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let version = EmissionsVersion::ALL[usize::from(version) % EmissionsVersion::ALL.len()];
    let interest = Interest { topic_id: 1, address: address(), version };
    let Ok(Frame::Told(events)) = Frame::read(text, &interest) else { return };
    for event in events {
        if let ChainEvent::Tx(tx) = event {
            look_at(&tx);
        }
    }
});
