//! Signatures of transactions and payloads.

use crate::wallet::PublicKey;

/// Whether `signature` is 64 bytes, r then s with a low s, over SHA-256 of `message`.
pub fn verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::from_bytes(public_key).is_ok_and(|key| key.verify(message, signature).is_ok())
}
