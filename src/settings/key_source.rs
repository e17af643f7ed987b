//! Where the wallet's key is.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::resolve::Resolver;
use super::table::Setting;
use crate::bundle::value;

/// The one source of the key that is set. Its content has not been looked at.
#[derive(Clone)]
pub enum KeySource {
    /// `ALLORA_MNEMONIC`.
    Mnemonic(Zeroizing<String>),
    /// `ALLORA_PRIVATE_KEY`.
    PrivateKey(Zeroizing<String>),
    /// `ALLORA_MNEMONIC_FILE`.
    MnemonicFile(PathBuf),
    /// `ALLORA_PRIVATE_KEY_FILE`.
    PrivateKeyFile(PathBuf),
}

impl KeySource {
    /// The source that is set; more than one is a problem.
    pub(super) fn resolve<S>(resolver: &mut Resolver<'_, S>) -> Option<Self> {
        let mut set = [
            resolver.secret(Setting::Mnemonic).map(Self::Mnemonic),
            resolver.secret(Setting::PrivateKey).map(Self::PrivateKey),
            resolver.read(Setting::MnemonicFile, value::file).map(Self::MnemonicFile),
            resolver.read(Setting::PrivateKeyFile, value::file).map(Self::PrivateKeyFile),
        ]
        .into_iter()
        .flatten();
        let source = set.next()?;
        let others: Vec<_> = set.map(|other| other.setting().row().env).collect();
        if !others.is_empty() {
            let message =
                format!("the key is set twice: {} and {}", source.setting().row().env, others.join(" and "));
            resolver.refuse(message, "unset all but one");
        }
        Some(source)
    }

    /// Which of the four it is.
    #[must_use]
    pub const fn setting(&self) -> Setting {
        match self {
            Self::Mnemonic(_) => Setting::Mnemonic,
            Self::PrivateKey(_) => Setting::PrivateKey,
            Self::MnemonicFile(_) => Setting::MnemonicFile,
            Self::PrivateKeyFile(_) => Setting::PrivateKeyFile,
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mnemonic(_) | Self::PrivateKey(_) => write!(f, "{:?}(hidden)", self.setting()),
            Self::MnemonicFile(path) | Self::PrivateKeyFile(path) => {
                write!(f, "{:?}({path:?})", self.setting())
            }
        }
    }
}
