//! From a setting to a wallet.

use std::path::Path;

use super::{KeyFile, KeyFileError, MnemonicError, PrivateKeyError, Wallet};
use crate::settings::KeySource;

/// A wallet that was opened, and what its owner should hear.
pub struct OpenedWallet {
    /// The wallet.
    pub wallet: Wallet,
    /// A sentence when others than the owner can read the key's file.
    pub notice: Option<String>,
}

/// A wallet that cannot be opened. Nothing of the key is ever quoted.
#[derive(Debug, thiserror::Error)]
pub enum OpenWalletError {
    /// The words are no mnemonic.
    #[error("{variable} is not usable")]
    Mnemonic {
        /// The variable that gave them.
        variable: &'static str,
        /// Why.
        source: MnemonicError,
    },
    /// The text is no private key.
    #[error("{variable} is not usable")]
    PrivateKey {
        /// The variable that gave it.
        variable: &'static str,
        /// Why.
        source: PrivateKeyError,
    },
    /// The file cannot be used.
    #[error("{variable} is not usable")]
    File {
        /// The variable that names it.
        variable: &'static str,
        /// Why.
        source: KeyFileError,
    },
    /// The key is a good one, but not that of the address that the settings expect.
    #[error("the key belongs to {found}, but ALLORA_WALLET_ADDR says {expected}")]
    OtherAddress {
        /// The key's.
        found: String,
        /// The setting's.
        expected: String,
    },
}

impl OpenWalletError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Mnemonic { source: MnemonicError::PrivateKey, .. } => {
                "give it as ALLORA_PRIVATE_KEY or ALLORA_PRIVATE_KEY_FILE"
            }
            Self::PrivateKey { source: PrivateKeyError::Mnemonic, .. } => {
                "give it as ALLORA_MNEMONIC or ALLORA_MNEMONIC_FILE"
            }
            Self::Mnemonic { source: MnemonicError::Address, .. }
            | Self::PrivateKey { source: PrivateKeyError::Address, .. } => {
                "an address cannot sign: give the mnemonic or the private key that it was made from"
            }
            Self::Mnemonic { .. } => "compare the words with your own copy of them",
            Self::PrivateKey { .. } => "compare the digits with your own copy of them",
            Self::File { .. } => {
                "name a file that holds the key and nothing else, and that this user can read"
            }
            Self::OtherAddress { .. } => "give the key of that address, or unset ALLORA_WALLET_ADDR",
        }
    }
}

impl OpenedWallet {
    /// Opens the wallet of the key that the settings name. With `expected`, it must have that address.
    /// Reads a file at most: quick, but not for the runtime's threads.
    ///
    /// # Errors
    /// [`OpenWalletError`].
    pub fn open(source: &KeySource, expected: Option<&str>) -> Result<Self, OpenWalletError> {
        let variable = source.setting().row().env;
        let mnemonic = |phrase: &str| {
            Wallet::from_mnemonic(phrase).map_err(|source| OpenWalletError::Mnemonic { variable, source })
        };
        let private_key = |text: &str| {
            Wallet::from_private_key(text).map_err(|source| OpenWalletError::PrivateKey { variable, source })
        };
        let read = |path: &Path| {
            let file = KeyFile::read(path).map_err(|source| OpenWalletError::File { variable, source })?;
            Ok((file.secret, file.notice))
        };
        let (wallet, notice) = match source {
            KeySource::Mnemonic(phrase) => (mnemonic(phrase)?, None),
            KeySource::PrivateKey(text) => (private_key(text)?, None),
            KeySource::MnemonicFile(path) => {
                let (phrase, notice) = read(path)?;
                (mnemonic(&phrase)?, notice)
            }
            KeySource::PrivateKeyFile(path) => {
                let (text, notice) = read(path)?;
                (private_key(&text)?, notice)
            }
        };
        let found = wallet.address().to_string();
        match expected {
            Some(expected) if expected != found => {
                Err(OpenWalletError::OtherAddress { found, expected: expected.into() })
            }
            _ => Ok(Self { wallet, notice }),
        }
    }
}
