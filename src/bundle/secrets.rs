//! Keys, mnemonics and passwords that would travel with the bundle.
//!
//! | file | noun |
//! |---|---|
//! | `text` | what a text holds |
//! | `mnemonic` | words in a row that are a mnemonic |

mod mnemonic;
mod text;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::network::Network;
use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::requirements::{self, Requirements};
use super::text_file;
use super::tree::{Tree, matches};

/// File names that tools give to private keys and passwords. A `*` stands first.
const NAMES: [&str; 11] = [
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".netrc",
    ".pypirc",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.keystore",
    "*.mnemonic",
];

/// Texts of people and their tools, which are searched when they are long as well: a notebook holds its pictures.
const LONG_TEXTS: [&str; 12] = [
    "*.ipynb", "*.json", "*.py", "*.md", "*.rst", "*.txt", "*.yaml", "*.yml", "*.toml", "*.ini", "*.cfg",
    "*.sh",
];
/// The longest of them that is searched, in bytes.
const LONG_TEXT_BYTES: u64 = 16 << 20;

/// Notes every file that looks like a secret, and every URL of the manifest and the requirements that holds one.
pub fn look(root: &Path, tree: &Tree, requirements: &Requirements, reader: &mut Reader<'_>) {
    reader.problems.extend(search(root, &tree.files().collect::<Vec<_>>()));
    let network = reader.text("allora.network").filter(|(text, _)| has_credentials(text));
    let indexes = reader.texts("environment.extra_index_urls").filter(|(url, _)| has_password(url));
    let named = network.into_iter().chain(indexes).map(|(_, place)| place);
    let installed = requirements.files.iter().flat_map(|file| passwords_in(root, file));
    let places: Vec<Place> = named.chain(installed).collect();
    for place in places {
        let problem = Problem::warning(
            Code::Secret,
            place,
            "the URL holds a password, which everybody who gets the bundle reads",
            "give it through the environment",
        );
        reader.problems.push(problem);
    }
}

/// The files that look like a secret, in no order. A folder of many is read by all processors.
fn search(root: &Path, files: &[&str]) -> Vec<Problem> {
    let next = AtomicUsize::new(0);
    let share = || {
        let files = std::iter::from_fn(|| files.get(next.fetch_add(1, Ordering::Relaxed)));
        files.filter_map(|path| secret_in(root, path)).collect::<Vec<_>>()
    };
    let others = thread::available_parallelism().map_or(1, usize::from).min(files.len()).saturating_sub(1);
    thread::scope(|scope| {
        // Where there is no further thread, this one does it all.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let others: Vec<_> = (0..others).map_while(spawn).collect();
        let mut found = share();
        for other in others {
            found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        found
    })
}

/// The lines of a requirements file with a URL that holds a password, those of comments too.
fn passwords_in(root: &Path, file: &Path) -> Vec<Place> {
    let text = text_file::read(&root.join(file), requirements::MAX_BYTES).unwrap_or_default();
    let place = |(index, line): (usize, &str)| {
        let url = urls(line).find(|url| has_password(url))?;
        let column = line[..line.find(url)?].chars().count() + 1;
        let file = file.to_string_lossy().into_owned();
        Some(Place { file, line: Some(index + 1), column: Some(column), width: url.chars().count() })
    };
    text.lines().enumerate().filter_map(place).collect()
}

/// The URLs of a line, whatever stands around them.
fn urls(line: &str) -> impl Iterator<Item = &str> {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let words = line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    words.filter_map(move |word| {
        let (before, _) = word.split_once("://")?;
        Some(&word[before.trim_end_matches(is_scheme).len()..])
    })
}

fn secret_in(root: &Path, path: &str) -> Option<Problem> {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    if NAMES.iter().any(|pattern| matches(pattern, &name)) {
        return Some(secret(Place::file(path), "the file has the name of a key"));
    }
    let is_long = LONG_TEXTS.iter().any(|pattern| matches(pattern, &name));
    let most = if is_long { LONG_TEXT_BYTES } else { text_file::MAX_BYTES };
    let (line, column, what) = text::find(&text_file::read(&root.join(path), most)?)?;
    let place = Place { line: Some(line), column: Some(column), width: 1, file: path.to_owned() };
    Some(secret(place, &format!("this looks like {what}")))
}

fn secret(place: Place, message: &str) -> Problem {
    let fix = "move it out of the bundle; the worker takes its key from ALLORA_MNEMONIC_FILE or the like";
    Problem::error(Code::Secret, place, message, fix)
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
