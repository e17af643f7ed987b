//! The key that others check signatures with.

use std::str::FromStr;

use k256::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};

use super::Address;

/// A public key on secp256k1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Bytes or text that are no compressed public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a compressed public key of secp256k1 (33 bytes, 66 hexadecimal digits)")]
pub struct InvalidPublicKey;

/// A signature that is not one of this key over this message, or not in the form the chain asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// Not 64 bytes, or r or s is no number of the curve.
    #[error("a signature is 64 bytes, r then s")]
    Form,
    /// s is above half the curve's order.
    #[error("the signature's s is high")]
    HighS,
    /// Of another key or another message.
    #[error("the signature does not belong to the key and the message")]
    Mismatch,
}

impl PublicKey {
    /// Reads the 33 bytes of the compressed form.
    ///
    /// # Errors
    /// [`InvalidPublicKey`] for all else, the uncompressed form too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPublicKey> {
        if bytes.len() != 33 {
            return Err(InvalidPublicKey);
        }
        VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| InvalidPublicKey)
    }

    /// The compressed form, 33 bytes.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.to_encoded_point(true).as_bytes().to_vec()
    }

    /// The compressed form as 66 lower-case hex digits, as payloads carry it.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.to_bytes())
    }

    /// The account that this key controls.
    #[must_use]
    pub fn address(self) -> Address {
        Address::from(&self.0)
    }

    /// Checks a signature over the SHA-256 of `message` as the chain does.
    ///
    /// # Errors
    /// [`BadSignature`]; a high s is refused though it is mathematically right.
    pub fn verify(self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature::Form)?;
        if signature.normalize_s().is_some() {
            return Err(BadSignature::HighS);
        }
        self.0.verify(message, &signature).map_err(|_| BadSignature::Mismatch)
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

impl FromStr for PublicKey {
    type Err = InvalidPublicKey;

    /// Reads hex of either case.
    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        let mut bytes = [0; 33];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidPublicKey)?;
        Self::from_bytes(&bytes)
    }
}
