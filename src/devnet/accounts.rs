//! The funded accounts. Their keys are fixed and public on purpose.

use cosmrs::bip32;
use sha2::{Digest, Sha256};

/// The derivation path of Cosmos wallets.
const HD_PATH: &str = "m/44'/118'/0'/0/0";

/// A funded account of a local chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// `allo1...`
    pub address: String,
    /// Twelve words of its own.
    pub mnemonic: String,
    /// 64 hex digits.
    pub private_key: String,
}

/// An account could not be derived. Never seen: the entropy is fixed.
#[derive(Debug, thiserror::Error)]
#[error("account {index} cannot be derived: {reason}")]
pub struct DeriveError {
    index: usize,
    reason: String,
}

/// The first `count` accounts, always the same.
pub(super) fn derive(count: usize) -> Result<Vec<Account>, DeriveError> {
    (0..count).map(account).collect()
}

fn account(index: usize) -> Result<Account, DeriveError> {
    let error = |reason: &dyn std::fmt::Display| DeriveError { index, reason: reason.to_string() };
    let entropy = Sha256::digest(format!("bootstrap devnet account {index}"));
    let mnemonic = bip39::Mnemonic::from_entropy(&entropy[..16]).map_err(|e| error(&e))?;
    let path: bip32::DerivationPath = HD_PATH.parse().map_err(|e| error(&e))?;
    let key = bip32::XPrv::derive_from_path(mnemonic.to_seed(""), &path).map_err(|e| error(&e))?;
    let public = cosmrs::crypto::PublicKey::from(key.public_key().public_key());
    Ok(Account {
        address: public.account_id("allo").map_err(|e| error(&e))?.to_string(),
        mnemonic: mnemonic.to_string(),
        private_key: hex::encode(key.to_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_fixed_distinct_and_derivable_from_their_words() {
        let accounts = derive(3).unwrap();
        assert_eq!(accounts, derive(3).unwrap());
        assert_ne!(accounts[0], accounts[1]);
        for account in &accounts {
            assert!(account.address.starts_with("allo1") && account.address.len() == 43);
            assert!(account.mnemonic.parse::<bip39::Mnemonic>().is_ok());
            assert_eq!(account.private_key.len(), 64);
        }
    }
}
