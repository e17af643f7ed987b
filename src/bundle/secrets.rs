//! Keys, mnemonics and passwords that would travel with the bundle.

use std::path::Path;

use super::network::Network;
use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::text_file;
use super::tree::{Tree, matches};

/// File names that tools give to private keys and passwords. A `*` stands first.
const NAMES: [&str; 12] = [
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".netrc",
    ".pypirc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.keystore",
    "*.mnemonic",
];

/// Notes every file that looks like a secret, and every URL of the manifest that holds one.
pub fn look(root: &Path, tree: &Tree, reader: &mut Reader<'_>) {
    for path in tree.files() {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        if NAMES.iter().any(|pattern| matches(pattern, &name)) {
            reader.problems.push(secret(Place::file(path), "the file has the name of a key"));
        } else if let Some(text) = text_file::read(&root.join(path))
            && let Some((line, column, what)) = find(&text)
        {
            let place = Place { line: Some(line), column: Some(column), width: 1, file: path.to_owned() };
            reader.problems.push(secret(place, &format!("this looks like {what}")));
        }
    }
    let network = reader.text("allora.network").filter(|(text, _)| has_credentials(text));
    let indexes = reader.texts("environment.extra_index_urls").filter(|(url, _)| has_password(url));
    let places: Vec<Place> = network.into_iter().chain(indexes).map(|(_, place)| place).collect();
    for place in places {
        let problem = Problem::warning(
            Code::Secret,
            place,
            "the URL holds a password, which everybody who gets the bundle reads",
        );
        reader.problems.push(problem.fix("give it through the environment"));
    }
}

fn secret(place: Place, message: &str) -> Problem {
    let problem = Problem::error(Code::Secret, place, message);
    problem.fix("move it out of the bundle; the worker takes its key from ALLORA_MNEMONIC_FILE or the like")
}

fn has_credentials(network: &str) -> bool {
    matches!(network.parse(), Ok(Network::Urls(urls)) if urls.iter().any(|url| has_password(url.expose().as_str())))
}

/// A user alone may be a public name.
fn has_password(url: &str) -> bool {
    // A variable that pip fills in is how it should be.
    url::Url::parse(url).is_ok_and(|parsed| {
        parsed.password().is_some_and(|word| !word.contains("$") && !word.contains("%24"))
    })
}

/// Line, column and kind of the first secret in a text.
fn find(text: &str) -> Option<(usize, usize, &'static str)> {
    let found = |at: usize, what| {
        let before = &text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some((line, column, what))
    };
    if let Some(at) = text.find("-----BEGIN ")
        && text[at..].lines().next().is_some_and(|line| line.contains("PRIVATE KEY"))
    {
        return found(at, "a private key");
    }
    if let Some(at) = hex_key(text) {
        return found(at, "a private key");
    }
    found(mnemonic(text)?, "a mnemonic")
}

/// 64 hexadecimal digits on a line that speaks of a key. Alone they may be any hash.
fn hex_key(text: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let lower = line.to_ascii_lowercase();
        if ["private_key", "privatekey", "private-key", "privkey", "priv_key"]
            .iter()
            .any(|word| lower.contains(word))
        {
            let mut at = 0;
            for word in line.split(|c: char| !c.is_ascii_alphanumeric()) {
                let digits = word.strip_prefix("0x").unwrap_or(word);
                if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Some(start + at);
                }
                at += word.len() + 1;
            }
        }
        start += line.len();
    }
    None
}

/// Words in a row, whatever is between them, that are a valid BIP-39 phrase, checksum included.
fn mnemonic(text: &str) -> Option<usize> {
    let mut run: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).chain(["0"]) {
        if bip39::Language::English.find_word(word).is_some() {
            run.push((at, word));
        } else if !word.is_empty() {
            if let Some(start) = phrase(&run) {
                return Some(start);
            }
            run.clear();
        }
        at += word.len();
        at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    }
    None
}

/// Where a phrase begins among words that are all of BIP-39's list.
fn phrase(words: &[(usize, &str)]) -> Option<usize> {
    // Many more in a row are the list itself, in which a sixteenth of all phrases is valid.
    if words.len() > 48 {
        return None;
    }
    let valid = |window: &&[(usize, &str)]| {
        let phrase = window.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ");
        bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &phrase).is_ok()
    };
    let window = [24, 21, 18, 15, 12].into_iter().find_map(|length| words.windows(length).find(valid))?;
    window.first().map(|(start, _)| *start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    #[test]
    fn phrases_and_keys_are_found_where_they_stand() {
        assert_eq!(find(&format!("# é\nKEY = \"{PHRASE}\"\n")), Some((2, 8, "a mnemonic")));
        assert_eq!(
            find(&format!("ALLORA_PRIVATE_KEY=0x{}", "ab".repeat(32))),
            Some((1, 20, "a private key"))
        );
        assert_eq!(find("x\n-----BEGIN EC PRIVATE KEY-----\n"), Some((2, 1, "a private key")));
    }

    #[test]
    fn hashes_prose_and_certificates_are_no_secrets() {
        for text in [
            &format!("sha256: {}", "ab".repeat(32)),
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            &PHRASE.replace("about", "abandon"),
            "a mnemonic has twelve words",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
