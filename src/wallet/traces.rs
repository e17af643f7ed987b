//! The key in other text: in whatever form somebody has kept a copy of it.

use std::ffi::OsString;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::mnemonic::is_word;
use super::{WORD_COUNTS, Wallet, derive_private_key};

/// Digits of a key in base64, without padding.
const BASE64_DIGITS: usize = 43;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

impl Wallet {
    /// Whether `text` holds this very key, alone or among other text: as a private key in hex, as a
    /// mnemonic with whatever between its words, or either of them, or the key's bytes, in base64. For
    /// finding the places that must be kept from others.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.is_plainly_in(text) || decoded(text).any(|bytes| self.is_in_bytes(&bytes))
    }

    /// The names of the variables that hold this key in one of these forms.
    #[must_use]
    pub fn variables_with_it(&self, variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<OsString> {
        let holding = variables.filter(|(_, value)| self.is_in(&value.to_string_lossy()));
        holding.map(|(name, _)| name).collect()
    }

    fn bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }

    fn is_in_bytes(&self, bytes: &[u8]) -> bool {
        let key = self.bytes();
        bytes.windows(key.len()).any(|window| window == *key)
            || std::str::from_utf8(bytes).is_ok_and(|text| self.is_plainly_in(text))
    }

    fn is_plainly_in(&self, text: &str) -> bool {
        let text = Zeroizing::new(text.to_ascii_lowercase());
        let key = Zeroizing::new(hex::encode(self.bytes()));
        text.contains(key.as_str()) || self.is_mnemonic_in(&text)
    }

    fn is_mnemonic_in(&self, text: &str) -> bool {
        let words: Vec<&str> =
            text.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !word.is_empty()).collect();
        let ours = self.bytes();
        // Almost all runs of words are no mnemonic, which the first word shows that is in no list. To derive a key is
        // slow, and so is to say which word was meant.
        let mut phrases = words
            .chunk_by(|one, next| is_word(one) && is_word(next))
            .flat_map(|run| WORD_COUNTS.iter().flat_map(|count| run.windows(*count)));
        phrases.any(|phrase| {
            derive_private_key(&Zeroizing::new(phrase.join(" "))).is_ok_and(|key| key.as_slice() == *ours)
        })
    }
}

/// What the runs of base64 in a text mean.
fn decoded(text: &str) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let runs = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c)));
    let runs = runs.filter(|run| run.len() >= BASE64_DIGITS);
    runs.flat_map(|run| [STANDARD.decode(run), URL_SAFE.decode(run)])
        .filter_map(Result::ok)
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    const KEY: &str = "c4a48e2fce1481cd3294b4490f6678090ea98d3d0e5cd984558ab0968741b104";

    #[test]
    fn a_key_is_recognised_in_every_form_that_people_keep() {
        let wallet = Wallet::from_mnemonic(PHRASE).unwrap();
        let bytes = hex::decode(KEY).unwrap();
        let numbered: Vec<_> =
            PHRASE.split(' ').enumerate().map(|(at, word)| format!("{}. {word}", at + 1)).collect();
        for text in [
            PHRASE.to_owned(),
            PHRASE.to_uppercase(),
            PHRASE.replace(' ', ","),
            PHRASE.replace(' ', "\n"),
            format!("{:?}", PHRASE.split(' ').collect::<Vec<_>>()),
            numbered.join("\n"),
            format!("my words: {PHRASE}"),
            KEY.to_uppercase(),
            format!("{{\"k\":\"0x{KEY}\"}}"),
            format!("{KEY}ff"),
            STANDARD.encode(&bytes),
            URL_SAFE.encode(&bytes),
            format!("key={}", STANDARD.encode(&bytes).trim_end_matches('=')),
            STANDARD.encode(KEY),
            STANDARD.encode(PHRASE),
        ] {
            assert!(wallet.is_in(&text), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_taken_for_the_key() {
        let wallet = Wallet::from_mnemonic(PHRASE).unwrap();
        let other = "legal winner thank year wave sausage worth useful legal winner thank yellow";
        for text in ["an ordinary value", "", other, &KEY.replace('4', "5"), &STANDARD.encode(other)] {
            assert!(!wallet.is_in(text), "{text}");
        }
    }
}
