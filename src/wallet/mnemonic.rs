//! The words that a key is derived from.

use bip39::{Language, Mnemonic};
use cosmrs::bip32::{DerivationPath, XPrv};
use zeroize::Zeroizing;

use super::{Wallet, is_address};

/// How many words a mnemonic may have.
pub const WORD_COUNTS: [usize; 5] = [12, 15, 18, 21, 24];

/// Coin type of Cosmos, first account, first key.
const PATH: &str = "m/44'/118'/0'/0/0";

/// A mnemonic that cannot be used. It names a word's place and a word of the list, never what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MnemonicError {
    /// Not one of [`WORD_COUNTS`].
    #[error("a mnemonic has 12, 15, 18, 21 or 24 words, this has {0}")]
    WordCount(usize),
    /// Hexadecimal digits, as many as a private key has.
    #[error("this is a private key, not a mnemonic")]
    PrivateKey,
    /// An address of this chain.
    #[error("this is an address, not a mnemonic")]
    Address,
    /// A word is not in BIP39's English list.
    #[error("word {position} of the mnemonic is not in BIP39's English list{}", did_you_mean(*.suggestion))]
    UnknownWord {
        /// From 1.
        position: usize,
        /// The word of the list that is nearest, if one is near.
        suggestion: Option<&'static str>,
    },
    /// The words are all known, but do not belong together.
    #[error("the mnemonic's checksum is wrong: a word is wrong, or two have changed places")]
    Checksum,
    /// The words give no key; happens about once in 2^127.
    #[error("no key can be derived from this mnemonic")]
    Derivation,
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// The private key of a mnemonic: BIP39 with an empty passphrase, path `m/44'/118'/0'/0/0`. Words are
/// parted by any blanks, in any case.
///
/// # Errors
/// [`MnemonicError`]. The checksum is checked, which not every wallet does.
pub fn derive_private_key(phrase: &str) -> Result<Zeroizing<[u8; 32]>, MnemonicError> {
    // Counted before anything is allocated for the words: the text may be anything.
    let count = phrase.split_whitespace().count();
    if !WORD_COUNTS.contains(&count) {
        if count == 1 && Wallet::from_private_key(phrase).is_ok() {
            return Err(MnemonicError::PrivateKey);
        }
        if is_address(phrase) {
            return Err(MnemonicError::Address);
        }
        return Err(MnemonicError::WordCount(count));
    }
    let mut words = Zeroizing::new(phrase.split_whitespace().collect::<Vec<_>>().join(" "));
    words.make_ascii_lowercase();
    for (index, word) in words.split(' ').enumerate() {
        if !is_word(word) {
            return Err(MnemonicError::UnknownWord { position: index + 1, suggestion: nearest(word) });
        }
    }
    let mnemonic =
        Mnemonic::parse_in_normalized(Language::English, &words).map_err(|_| MnemonicError::Checksum)?;
    let seed = Zeroizing::new(mnemonic.to_seed_normalized(""));
    let path: DerivationPath = PATH.parse().map_err(|_| MnemonicError::Derivation)?;
    let key = XPrv::derive_from_path(seed.as_slice(), &path).map_err(|_| MnemonicError::Derivation)?;
    Ok(Zeroizing::new(key.to_bytes()))
}

/// Whether a mnemonic may have this word, in lower case.
pub(super) fn is_word(word: &str) -> bool {
    Language::English.find_word(word).is_some()
}

/// A new mnemonic of `words` words from the system's random numbers.
///
/// # Errors
/// [`MnemonicError::WordCount`] when there is no mnemonic of that length.
pub fn generate_mnemonic(words: usize) -> Result<Zeroizing<String>, MnemonicError> {
    let mnemonic = Mnemonic::generate(words).map_err(|_| MnemonicError::WordCount(words))?;
    // Joined in one piece: a text that grows leaves pieces of itself behind.
    Ok(Zeroizing::new(mnemonic.words().collect::<Vec<_>>().join(" ")))
}

/// The word of the list that somebody most likely meant: a word is known by its first four letters,
/// otherwise the one with the fewest changes, at most two.
fn nearest(word: &str) -> Option<&'static str> {
    let list = Language::English.word_list();
    let stem = word.get(..4);
    if let Some(found) = stem.and_then(|stem| list.iter().find(|known| known.starts_with(stem))) {
        return Some(found);
    }
    // No word of the list is longer than eight letters; longer texts need no comparing.
    if word.len() > 10 {
        return None;
    }
    list.iter()
        .map(|known| (strsim::damerau_levenshtein(word, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHRASE: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    fn error(phrase: &str) -> MnemonicError {
        derive_private_key(phrase).unwrap_err()
    }

    #[test]
    fn a_typing_mistake_is_found_without_quoting_the_phrase() {
        let with = |word: &str| PHRASE.replacen("abandon", word, 1);
        assert_eq!(
            error(&with("abandno")),
            MnemonicError::UnknownWord { position: 1, suggestion: Some("abandon") }
        );
        assert_eq!(
            error(&with("zoooo")),
            MnemonicError::UnknownWord { position: 1, suggestion: Some("zoo") }
        );
        assert_eq!(error(&with("qqqqqqqq")), MnemonicError::UnknownWord { position: 1, suggestion: None });
        let last = error(&PHRASE.replace("about", "abuot"));
        assert_eq!(
            last.to_string(),
            "word 12 of the mnemonic is not in BIP39's English list; did you mean `about`?"
        );
        assert_eq!(error(&PHRASE.replace("about", "zoo")), MnemonicError::Checksum);
        assert_eq!(error(""), MnemonicError::WordCount(0));
        assert_eq!(error(&"zoo ".repeat(1000)), MnemonicError::WordCount(1000));
    }

    #[test]
    fn blanks_and_case_do_not_matter() {
        let key = derive_private_key(PHRASE).unwrap();
        let other = PHRASE.to_uppercase().replace(' ', " \t\r\n") + "\n";
        assert_eq!(derive_private_key(&other).unwrap(), key);
    }

    #[test]
    fn a_new_mnemonic_has_the_words_asked_for_and_gives_a_key() {
        for count in WORD_COUNTS {
            let phrase = generate_mnemonic(count).unwrap();
            assert_eq!(phrase.split(' ').count(), count);
            assert!(derive_private_key(&phrase).is_ok());
        }
        for count in [0, 1, 11, 13, 27, usize::MAX] {
            assert_eq!(generate_mnemonic(count).unwrap_err(), MnemonicError::WordCount(count));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = derive_private_key(&text);
        }

        #[test]
        fn any_twelve_words_are_read_or_refused(words in prop::collection::vec("\\S{1,12}", 12)) {
            let _ = derive_private_key(&words.join(" "));
        }
    }
}
