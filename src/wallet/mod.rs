//! A key that signs and cannot be read back.
//!
//! | file | noun |
//! |---|---|
//! | `address` | the text form of an account |
//! | `public_key` | the key that others check signatures with |
//! | `mnemonic` | the words that a key is derived from |
//! | `key_file` | a secret in a file |
//! | `source` | from a setting to a wallet |
//! | `traces` | the key in other text |

mod address;
mod key_file;
mod mnemonic;
mod public_key;
mod source;
mod traces;

use k256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use zeroize::Zeroizing;

pub use address::{Address, InvalidAddress};
pub use key_file::{KeyFile, KeyFileError};
pub use mnemonic::{MnemonicError, WORD_COUNTS, derive_private_key, generate_mnemonic};
pub use public_key::{BadSignature, InvalidPublicKey, PublicKey};
pub use source::{OpenWalletError, OpenedWallet};

/// A private key with the account it controls.
///
/// Not `Clone`, `Debug` or serialisable on purpose: nothing but a signature comes out. The key wipes
/// itself when dropped.
pub struct Wallet {
    key: SigningKey,
    public_key: PublicKey,
    address: Address,
}

/// A private key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// Not 64 hex digits.
    #[error(
        "a private key is 64 hexadecimal digits, this is {found} characters that are not all such digits"
    )]
    NotHex {
        /// Number of characters, blanks around them left out.
        found: usize,
    },
    /// Hex digits, but not 64 of them.
    #[error("a private key is 64 hexadecimal digits, this has {found}")]
    Length {
        /// Number of digits.
        found: usize,
    },
    /// Words, as many as a mnemonic has.
    #[error("this is a mnemonic, not a private key")]
    Mnemonic,
    /// An address of this chain.
    #[error("this is an address, not a private key")]
    Address,
    /// 32 bytes that are zero or beyond the curve's order.
    #[error("these 32 bytes are not a private key of secp256k1")]
    OffCurve,
}

impl Wallet {
    /// The wallet of a mnemonic: BIP39 without passphrase, path `m/44'/118'/0'/0/0`.
    ///
    /// # Errors
    /// [`MnemonicError`] when the words are none.
    pub fn from_mnemonic(phrase: &str) -> Result<Self, MnemonicError> {
        let bytes = derive_private_key(phrase)?;
        SigningKey::from_slice(bytes.as_slice()).map(Self::from_key).map_err(|_| MnemonicError::Derivation)
    }

    /// The wallet of a private key in hex, with or without `0x`, blanks around it ignored.
    ///
    /// # Errors
    /// [`PrivateKeyError`], which never quotes the text.
    pub fn from_private_key(text: &str) -> Result<Self, PrivateKeyError> {
        let text = text.trim();
        if WORD_COUNTS.contains(&text.split_whitespace().count()) {
            return Err(PrivateKeyError::Mnemonic);
        }
        if is_address(text) {
            return Err(PrivateKeyError::Address);
        }
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PrivateKeyError::NotHex { found: digits.chars().count() });
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice())
            .map_err(|_| PrivateKeyError::Length { found: digits.len() })?;
        SigningKey::from_slice(bytes.as_slice()).map(Self::from_key).map_err(|_| PrivateKeyError::OffCurve)
    }

    fn from_key(key: SigningKey) -> Self {
        let public_key = PublicKey::from(*key.verifying_key());
        let address = public_key.address();
        Self { key, public_key, address }
    }

    /// The account.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The key that others check signatures with.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Signs the SHA-256 of `message`: RFC 6979, low s, r then s, both big-endian.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.key.sign(message);
        signature.to_bytes().into()
    }
}

/// Whether somebody gave an address in place of its key.
fn is_address(text: &str) -> bool {
    text.trim().parse::<Address>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/vectors/wallet.json")).unwrap()
    }

    fn check(wallet: &Wallet, vector: &Value) {
        assert_eq!(wallet.public_key().to_hex(), vector["public_key"].as_str().unwrap());
        assert_eq!(wallet.address().to_string(), vector["address"].as_str().unwrap());
        assert_eq!(hex::encode(wallet.address().bytes()), vector["address_bytes"].as_str().unwrap());
    }

    #[test]
    fn every_mnemonic_vector() {
        for vector in vectors()["from_mnemonic"].as_array().unwrap() {
            let phrase = vector["mnemonic"].as_str().unwrap();
            check(&Wallet::from_mnemonic(phrase).unwrap(), vector);
            let key = derive_private_key(phrase).unwrap();
            assert_eq!(hex::encode(key.as_slice()), vector["private_key"].as_str().unwrap());
        }
    }

    #[test]
    fn every_private_key_vector() {
        for vector in vectors()["from_private_key"].as_array().unwrap() {
            let text = vector["private_key"].as_str().unwrap();
            check(&Wallet::from_private_key(text).unwrap(), vector);
            check(&Wallet::from_private_key(&format!(" 0x{}\n", text.to_uppercase())).unwrap(), vector);
        }
    }

    #[test]
    fn a_private_key_that_is_none_is_refused_without_being_quoted() {
        let error = |text: &str| Wallet::from_private_key(text).err().unwrap();
        assert_eq!(error(&"0".repeat(64)), PrivateKeyError::OffCurve);
        assert_eq!(error(&"f".repeat(64)), PrivateKeyError::OffCurve);
        assert_eq!(error(&"1".repeat(63)), PrivateKeyError::Length { found: 63 });
        assert_eq!(error("secret"), PrivateKeyError::NotHex { found: 6 });
        assert_eq!(error(&"word ".repeat(12)), PrivateKeyError::Mnemonic);
        let address = Wallet::from_private_key(&"1".repeat(64)).unwrap().address().to_string();
        assert_eq!(error(&address), PrivateKeyError::Address);
        assert_eq!(Wallet::from_mnemonic(&address).err().unwrap(), MnemonicError::Address);
        assert_eq!(
            Wallet::from_mnemonic(&format!("0x{}", "1".repeat(64))).err().unwrap(),
            MnemonicError::PrivateKey
        );
        assert!(!error("secret").to_string().contains("secret"));
    }

    proptest! {
        #[test]
        fn a_signature_verifies_over_its_own_message_only(
            key in prop::array::uniform32(1_u8..),
            message in any::<Vec<u8>>(),
            other in any::<Vec<u8>>(),
        ) {
            let wallet = Wallet::from_private_key(&hex::encode(key)).unwrap();
            let signature = wallet.sign(&message);
            prop_assert!(wallet.public_key().verify(&message, &signature).is_ok());
            prop_assert_eq!(wallet.public_key().verify(&other, &signature).is_ok(), other == message);
        }
    }
}
