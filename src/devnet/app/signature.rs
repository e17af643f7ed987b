//! Signatures and how texts show them.

use base64::Engine as _;

use crate::wallet::PublicKey;

/// Whether `signature` is 64 bytes, r then s with a low s, over SHA-256 of `message`.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_bytes(public_key).is_ok_and(|key| key.verify(message, signature).is_ok())
}

/// Base64 text, as events show signatures and bytes.
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
