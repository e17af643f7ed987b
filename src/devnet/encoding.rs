//! Bytes as text.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Base64, as CometBFT's JSON and the chain's events show bytes.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
