//! The funded accounts. Their keys are fixed and public on purpose.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::wallet::{MnemonicError, Wallet, derive_private_key};

/// A funded account of a local chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// `allo1...`
    pub address: String,
    /// Twelve words of its own.
    pub mnemonic: String,
    /// 64 hex digits.
    pub private_key: String,
}

/// The first `count` accounts, always the same.
///
/// # Errors
/// Never seen: what they are derived from is fixed.
pub(super) fn derive(count: usize) -> Result<Vec<Account>, MnemonicError> {
    (0..count).map(account).collect()
}

fn account(index: usize) -> Result<Account, MnemonicError> {
    let entropy = Sha256::digest(format!("bootstrap devnet account {index}"));
    let mnemonic = bip39::Mnemonic::from_entropy(&entropy[..16]).map_err(|_| MnemonicError::Derivation)?;
    let mnemonic = mnemonic.to_string();
    let private_key = hex::encode(derive_private_key(&mnemonic)?.as_slice());
    let wallet = Wallet::from_private_key(&private_key).map_err(|_| MnemonicError::Derivation)?;
    Ok(Account { address: wallet.address().to_string(), mnemonic, private_key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_fixed_distinct_and_those_of_their_words() {
        let accounts = derive(3).unwrap();
        assert_eq!(accounts, derive(3).unwrap());
        assert_ne!(accounts[0], accounts[1]);
        for account in &accounts {
            let wallet = Wallet::from_mnemonic(&account.mnemonic).unwrap();
            assert_eq!(wallet.address().to_string(), account.address);
        }
        assert_eq!(
            accounts[0].address, "allo1r5gmrf87ufs8mqx5z59x2lysagnnn60cz5arpr",
            "others may have it in their scripts"
        );
    }
}
