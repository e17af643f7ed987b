//! Account addresses.

use std::fmt;

use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use sha2::{Digest, Sha256};

/// Human-readable part of account addresses.
const PREFIX: &str = "allo";

/// Longest text that bech32 allows.
const MAX_TEXT: usize = 90;

/// Characters of an account's address.
const LENGTH: usize = 43;

/// An account: RIPEMD-160 of SHA-256 of its compressed public key, or a module's. Kept as its bech32
/// text, because that is the order in which the chain lists addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; LENGTH]);

/// Text that is no address, in the words of the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Nothing at all.
    #[error("empty address string is not allowed")]
    Empty,
    /// Too short or too long.
    #[error("decoding bech32 failed: invalid bech32 string length {0}")]
    Length(usize),
    /// No `1` where one may be.
    #[error("decoding bech32 failed: invalid separator index {0}")]
    Separator(i64),
    /// Wrong characters or wrong checksum.
    #[error("decoding bech32 failed: invalid checksum")]
    Checksum,
    /// Another chain's.
    #[error("invalid Bech32 prefix; expected {PREFIX}, got {0}")]
    Prefix(String),
    /// Not 20 bytes.
    #[error("address length must be 20 bytes, got {0}")]
    Bytes(usize),
}

impl Address {
    /// Reads a bech32 text.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.trim().is_empty() {
            return Err(InvalidAddress::Empty);
        }
        if text.len() < 8 || text.len() > MAX_TEXT {
            return Err(InvalidAddress::Length(text.len()));
        }
        let separator = text.rfind('1').filter(|at| *at >= 1 && at + 7 <= text.len());
        if separator.is_none() {
            let index = text.rfind('1').and_then(|at| i64::try_from(at).ok()).unwrap_or(-1);
            return Err(InvalidAddress::Separator(index));
        }
        let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| InvalidAddress::Checksum)?;
        let prefix = checked.hrp().to_lowercase();
        if prefix != PREFIX {
            return Err(InvalidAddress::Prefix(prefix));
        }
        match checked.byte_iter().count() {
            20 => Ok(Self::of_text(&text.to_ascii_lowercase())),
            length => Err(InvalidAddress::Bytes(length)),
        }
    }

    fn of_text(text: &str) -> Self {
        let mut bytes = [0; LENGTH];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self(bytes)
    }

    /// Address of a compressed secp256k1 key; `None` when the bytes are no point of the curve.
    pub fn of_public_key(key: &[u8]) -> Option<Self> {
        let key = cosmrs::tendermint::PublicKey::from_raw_secp256k1(key)?;
        let id = cosmrs::crypto::PublicKey::from(key).account_id(PREFIX).ok()?;
        Some(Self::of_text(id.as_ref()))
    }

    /// Address of a module's account.
    pub fn of_module(name: &str) -> Self {
        let digest = Sha256::digest(name);
        let text = bech32::encode::<Bech32>(Hrp::parse_unchecked(PREFIX), &digest[..20]);
        // 20 bytes are never too long for bech32.
        Self::of_text(&text.unwrap_or_default())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_addresses_and_errors_are_the_chains() {
        let collector = Address::of_module("feemarket-fee-collector").to_string();
        assert_eq!(collector, "allo13pxn9n3qw79e03844rdadagmg0nshmwfsnklnq");
        assert_eq!(Address::parse(&collector).unwrap().to_string(), collector);
        assert_eq!(
            Address::parse("cosmos1xyz").unwrap_err().to_string(),
            "decoding bech32 failed: invalid separator index 6"
        );
        assert_eq!(
            Address::parse("bad").unwrap_err().to_string(),
            "decoding bech32 failed: invalid bech32 string length 3"
        );
    }
}
