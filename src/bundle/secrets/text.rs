//! Keys, tokens and mnemonics in a text, found in one pass over its words: a bundle may have megabytes of tables.

use super::mnemonic::{self, Run};

/// Words before the token itself that services begin theirs with.
const TOKENS: [(&str, char); 12] = [
    ("UP", '-'),
    ("sk", '-'),
    ("hf", '_'),
    ("ghp", '_'),
    ("gho", '_'),
    ("ghu", '_'),
    ("ghs", '_'),
    ("ghr", '_'),
    ("github", '_'),
    ("glpat", '-'),
    ("xoxb", '-'),
    ("xoxp", '-'),
];
/// Bytes that are looked at for the rest of a token.
const MAX_TOKEN: usize = 256;
/// Fewest letters and digits in a row of a token.
const MIN_TOKEN: usize = 16;
/// What a line says of which 64 hexadecimal digits are a key, without the marks between words. Alone they may be any hash.
const SPEAKS: [&str; 3] = ["privatekey", "privkey", "secretkey"];
/// What stands just before them when they are one.
const NAMES: [&str; 6] = ["key", "secret", "wallet", "mnemonic", "seed", "priv"];
/// The same, as a word of its own.
const SHORT_NAME: &str = "pk";
/// What stands there when they are none: hashes and public keys.
const OTHERS: [&str; 9] =
    ["hash", "sha256", "sha512", "sha3", "blake", "digest", "checksum", "fingerprint", "pub"];
/// Bytes before the digits in which a name is looked for.
const MAX_NAME: usize = 64;
/// Letters, digits and marks of a key of Google's, with the `AIza` that it begins with.
const GOOGLE_KEY: usize = 39;
/// Letters, digits and marks of a secret key of AWS.
const AWS_KEY: usize = 40;
/// Blanks, quotes and signs between its name and itself.
const BETWEEN: usize = 8;
/// Bytes before and behind a ciphertext in which the rest of a keystore is looked for.
const KEYSTORE: usize = 2048;
/// Bytes of the line that begins a key in PEM.
const MAX_LABEL: usize = 40;

/// Line, column and kind of the first secret in a text.
pub fn find(text: &str) -> Option<(usize, usize, &'static str)> {
    let (at, what) = first(text)?;
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((line, column, what))
}

fn first(text: &str) -> Option<(usize, &'static str)> {
    const MNEMONIC: &str = "a mnemonic";
    let mut runs = [Run::over_lines(text), Run::of_one_line(text)];
    let mut line = Line::default();
    for (start, word) in words(text) {
        if let Some(what) = alone(text, start, word, &mut line) {
            return Some((start, what));
        }
        let is_listed = mnemonic::lists(word);
        // A short number may count the words of a mnemonic.
        if !is_listed && word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        for run in &mut runs {
            let ended = if is_listed { run.push(start, word) } else { run.end() };
            if let Some(start) = ended {
                return Some((start, MNEMONIC));
            }
        }
    }
    runs.iter_mut().find_map(Run::end).map(|start| (start, MNEMONIC))
}

/// Letters and digits of ASCII in a row, with where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes[at..].iter().position(u8::is_ascii_alphanumeric)?;
        let length = bytes[start..].iter().position(|byte| !byte.is_ascii_alphanumeric());
        at = length.map_or(bytes.len(), |length| start + length);
        Some((start, &text[start..at]))
    })
}

/// What a word is by itself. Nearly all words leave at their length.
fn alone(text: &str, start: usize, word: &str, line: &mut Line) -> Option<&'static str> {
    match word.len() {
        2..=6 if is_token(text, start, word) => Some("an API key"),
        5 if word == "BEGIN" && is_pem_key(text, start) => Some("a private key"),
        20 if word.starts_with("AKIA") && !word.bytes().any(|byte| byte.is_ascii_lowercase()) => {
            Some("an access key")
        }
        6 | 15 if is_aws_key(text, start, word) => Some("an access key"),
        10 if word == "ciphertext" && is_keystore(text, start) => Some("the keystore of a wallet"),
        64 | 66 if is_hex_key(text, start, word, line) => Some("a private key"),
        4..=GOOGLE_KEY if word.starts_with("AIza") && is_google_key(&text[start..]) => Some("an API key"),
        _ => None,
    }
}

fn is_token(text: &str, start: usize, word: &str) -> bool {
    let Some((_, separator)) = TOKENS.iter().find(|(prefix, _)| *prefix == word) else { return false };
    let Some(rest) = text[start + word.len()..].strip_prefix(*separator) else { return false };
    let length = rest
        .bytes()
        .take(MAX_TOKEN)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    // Names of things have no such parts.
    rest[..length]
        .split(['-', '_'])
        .any(|part| part.len() >= MIN_TOKEN && part.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_google_key(text: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.bytes().take(GOOGLE_KEY + 1).take_while(is_part).count() == GOOGLE_KEY
}

/// `secret_access_key`, in whatever spelling, with a value of the right form behind it.
fn is_aws_key(text: &str, start: usize, word: &str) -> bool {
    let (before, rest) = (&text.as_bytes()[..start], &text.as_bytes()[start + word.len()..]);
    let is = |bytes: &[u8], name: &[u8]| bytes.eq_ignore_ascii_case(name);
    let value = if word.eq_ignore_ascii_case("secretaccesskey") {
        rest
    } else if word.eq_ignore_ascii_case("access")
        && before.last_chunk::<7>().is_some_and(|name| is(name, b"secret_"))
        && rest.first_chunk::<4>().is_some_and(|name| is(name, b"_key"))
    {
        &rest[4..]
    } else {
        return false;
    };
    let between = value.iter().take(BETWEEN).take_while(|byte| b" \t\"'=:".contains(byte)).count();
    let value = &value[between..];
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    let length = value.iter().take(AWS_KEY + 1).take_while(is_part).count();
    let has = |kind: fn(&u8) -> bool| value[..length].iter().any(kind);
    length == AWS_KEY && has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

/// Is this ciphertext that of a key: https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage?
fn is_keystore(text: &str, start: usize) -> bool {
    let around = &text.as_bytes()[start.saturating_sub(KEYSTORE)..text.len().min(start + KEYSTORE)];
    let around = String::from_utf8_lossy(around);
    [r#""ciphertext""#, r#""kdfparams""#, r#""mac""#].iter().all(|name| around.contains(name))
}

fn is_pem_key(text: &str, start: usize) -> bool {
    let rest = &text.as_bytes()[start..];
    let label = rest[..rest.len().min(MAX_LABEL)].split(|byte| *byte == b'\n').next().unwrap_or_default();
    text[..start].ends_with("-----") && label.windows(11).any(|words| words == b"PRIVATE KEY")
}

fn is_hex_key(text: &str, start: usize, word: &str, line: &mut Line) -> bool {
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
    let is_hex = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex && (text.trim() == word || line.at(text, start).speaks || is_named(text, start))
}

/// Is what begins here the value of something with the name of a key, in its line and its entry?
fn is_named(text: &str, start: usize) -> bool {
    let before = &text.as_bytes()[start.saturating_sub(MAX_NAME)..start];
    let name = before.rsplit(|byte| b"\n,;{}".contains(byte)).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    let is_short = |word: &str| word.eq_ignore_ascii_case(SHORT_NAME);
    let has_short = name.split(|c: char| !c.is_ascii_alphanumeric()).any(is_short);
    let name = squeezed(&name);
    let names = |words: &[&str]| words.iter().any(|word| name.contains(word));
    (has_short || names(&NAMES)) && !names(&OTHERS)
}

/// In lower case, without the marks between words.
fn squeezed(text: &str) -> String {
    text.replace([' ', '_', '-'], "").to_ascii_lowercase()
}

/// The last line that was asked about, so that one of a thousand hashes is judged once.
#[derive(Default)]
struct Line {
    range: std::ops::Range<usize>,
    /// Does it speak of a key?
    speaks: bool,
}

impl Line {
    fn at(&mut self, text: &str, at: usize) -> &Self {
        if !self.range.contains(&at) {
            let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
            let line = squeezed(&text[start..end]);
            *self = Self { range: start..end, speaks: SPEAKS.iter().any(|word| line.contains(word)) };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHRASE: &str =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

    /// The words of the phrase, each after its number.
    fn numbered(between: &str, end: &str) -> String {
        let words = PHRASE.split(' ').enumerate();
        words.map(|(index, word)| format!("{}{between}{word}{end}", index + 1)).collect()
    }

    #[test]
    fn secrets_are_found_where_they_stand() {
        let hex = "ab".repeat(32);
        for (text, expected) in [
            (format!("# é\nKEY = \"{PHRASE}\"\n"), (2, 8, "a mnemonic")),
            (PHRASE.to_uppercase(), (1, 1, "a mnemonic")),
            (format!("seed phrase: {PHRASE}"), (1, 14, "a mnemonic")),
            (format!("my wallet\n{PHRASE}\nis a secret\n"), (2, 1, "a mnemonic")),
            (PHRASE.replacen("n a", "n\na", 5), (1, 1, "a mnemonic")),
            (format!("[\"{}\"]", PHRASE.replace(' ', "\", \"")), (1, 3, "a mnemonic")),
            (numbered(". ", " "), (1, 4, "a mnemonic")),
            (numbered(") ", "\n"), (1, 4, "a mnemonic")),
            (format!("ALLORA_PRIVATE_KEY=0x{hex}"), (1, 20, "a private key")),
            (format!("Private key: {hex}"), (1, 14, "a private key")),
            (format!("SECRET_KEY = '{hex}'"), (1, 15, "a private key")),
            (format!("x\n{{\"sha\": \"{hex}\", \"secretKey\": \"{hex}\"}}"), (2, 10, "a private key")),
            (format!("KEY: bytes = bytes.fromhex('{hex}')"), (1, 29, "a private key")),
            (format!("export WALLET='0x{hex}'"), (1, 16, "a private key")),
            (hex.clone(), (1, 1, "a private key")),
            (format!("\n0x{hex}\n"), (2, 1, "a private key")),
            ("x\n-----BEGIN EC PRIVATE KEY-----\n".into(), (2, 6, "a private key")),
            (format!("key: UP-{}", &hex[..24].replace('b', "1")), (1, 6, "an API key")),
            (format!("token={}_{}", "hf", "aB3".repeat(11)), (1, 7, "an API key")),
            (format!("{}_pat_11A_{}", "github", "aB3".repeat(12)), (1, 1, "an API key")),
            (format!("{}_{}", "ghp", "aB3".repeat(12)), (1, 1, "an API key")),
            (format!("{}-proj-{}", "sk", "aB3".repeat(12)), (1, 1, "an API key")),
            (format!("{}_{}", "gho", "aB3".repeat(12)), (1, 1, "an API key")),
            (format!("{}-{}", "glpat", "aB3".repeat(7)), (1, 1, "an API key")),
            (format!("{}-1234-{}", "xoxb", "aB3".repeat(8)), (1, 1, "an API key")),
            (format!("key={}{}_-", "AIza", "aB3".repeat(11)), (1, 5, "an API key")),
            (format!("AWS_SECRET_ACCESS_KEY = '{}/'", "aB3".repeat(13)), (1, 12, "an access key")),
            (format!("\"SecretAccessKey\": \"{}+\"", "aB3".repeat(13)), (1, 2, "an access key")),
            (
                format!(
                    "{{\"crypto\": {{\"ciphertext\": \"{hex}\", \"kdfparams\": {{}}, \"mac\": \"{hex}\"}}}}"
                ),
                (1, 14, "the keystore of a wallet"),
            ),
            (format!("PK='{hex}'"), (1, 5, "a private key")),
            (format!("wallet_pk = '{hex}'"), (1, 14, "a private key")),
            (format!("PRIV = bytes.fromhex('{hex}')"), (1, 23, "a private key")),
            (format!("id = {}{}", "AKIA", "A2".repeat(8)), (1, 6, "an access key")),
        ] {
            assert_eq!(find(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn hashes_prose_and_certificates_are_no_secrets() {
        let hex = "ab".repeat(32);
        for text in [
            &format!("sha256: {hex}"),
            &format!("{hex}  weights.bin\n{hex}  keys.json\n"),
            &format!("keyring==25.6.0 \\\n    --hash=sha256:{hex} \\\n    --hash=sha256:{hex}"),
            &format!("keyring==25.6.0 --hash=sha256:{hex}"),
            &format!("{{ url = \"https://example.com/keyring-25.6.0.whl\", hash = \"sha256:{hex}\" }}"),
            &format!("{{\"key\":\"a\",\"rows\":[1,2],\"of\":\"{hex}\"}}"),
            &format!("public_key = '{hex}'"),
            &format!("# the wallet is funded\ntransaction: {hex}"),
            &format!("EXPECTED = bytes.fromhex('{hex}')"),
            &format!("{{\"pk_hash\": \"{hex}\", \"spkx\": \"{hex}\"}}"),
            &format!("{{\"ciphertext\": \"{hex}\", \"mac\": 1}}"),
            &format!("aws_secret_access_key = {}", "x".repeat(40)),
            "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY']",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----",
            &PHRASE.replace("about", "abandon"),
            &format!("{PHRASE} ability"),
            "a mnemonic has twelve words",
            "sk-learn-pipeline-of-1-step and UP-to-date-2024-10-10 and hf_hub_download_1",
            &bip39::Language::English.word_list().join("\n"),
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    /// Lists of common words hold long rows of words that mnemonics are made of.
    #[test]
    fn lists_of_words_are_no_mnemonics() {
        let listed = bip39::Language::English.word_list();
        let mut random = fastrand::Rng::with_seed(1);
        let mut word = || if random.u8(..5) < 3 { listed[random.usize(..2048)] } else { "the" };
        let files = (0..100).map(|_| (0..1_000).map(|_| word()).collect::<Vec<_>>().join("\n"));
        assert!(files.filter(|text| find(text).is_some()).count() <= 5);
    }
}
