//! The text form of an account.

use std::{fmt, str::FromStr};

use bech32::{Bech32, Hrp, primitives::decode::CheckedHrpstring};
use cosmrs::tendermint::account;
use k256::ecdsa::VerifyingKey;

/// What every account's address begins with.
const PREFIX: Hrp = Hrp::parse_unchecked("allo");

/// Lengths that accounts have: of a key, and of a module or a contract.
const LENGTHS: [usize; 2] = [20, 32];

/// An account of the chain. Its text is `allo1...`, bech32 over RIPEMD-160 of SHA-256 of the
/// compressed public key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(Vec<u8>);

/// Text that is no address of this chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// The alphabet or the checksum is wrong: most likely a typing mistake.
    #[error("not an address: a character is missing, wrong or too many")]
    Bech32,
    /// An address of another chain, or of something else than an account.
    #[error("an address of this chain begins with `allo1`, this one with `{0}1`")]
    Prefix(String),
    /// Too short or too long for an account.
    #[error("an address holds 20 or 32 bytes, this one {0}")]
    Length(usize),
}

impl Address {
    /// 20 bytes for an account with a key, 32 for one without.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&VerifyingKey> for Address {
    fn from(key: &VerifyingKey) -> Self {
        Self(account::Id::from(*key).as_bytes().to_vec())
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        // bech32 itself bounds the length of what it reads.
        let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| InvalidAddress::Bech32)?;
        if checked.hrp() != PREFIX {
            return Err(InvalidAddress::Prefix(checked.hrp().to_lowercase()));
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        if LENGTHS.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(InvalidAddress::Length(bytes.len()))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_to_fmt::<Bech32, _>(f, PREFIX, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";

    #[test]
    fn only_accounts_of_this_chain_are_addresses() {
        let address: Address = ADDRESS.parse().unwrap();
        assert_eq!(address.to_string(), ADDRESS);
        assert_eq!(ADDRESS.to_uppercase().parse::<Address>().unwrap(), address);

        let error = |text: &str| text.parse::<Address>().unwrap_err();
        assert_eq!(error(""), InvalidAddress::Bech32);
        assert_eq!(error(&ADDRESS.replace('4', "5")), InvalidAddress::Bech32);
        assert_eq!(error(&"q".repeat(100_000)), InvalidAddress::Bech32);
        let other = |prefix: &str, bytes: &[u8]| {
            bech32::encode::<Bech32>(Hrp::parse(prefix).unwrap(), bytes).unwrap()
        };
        assert_eq!(error(&other("cosmos", &[1; 20])), InvalidAddress::Prefix("cosmos".into()));
        assert_eq!(error(&other("allovaloper", &[1; 20])), InvalidAddress::Prefix("allovaloper".into()));
        assert_eq!(error(&other("allo", &[1; 19])), InvalidAddress::Length(19));
        assert!(other("allo", &[1; 32]).parse::<Address>().is_ok());
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_always_noticed(at in 5_usize..43, with in "[02-9ac-hj-np-z]") {
            let mut text = ADDRESS.to_owned();
            text.replace_range(at..=at, &with);
            prop_assert_eq!(text.parse::<Address>().is_ok(), text == ADDRESS);
        }
    }
}
