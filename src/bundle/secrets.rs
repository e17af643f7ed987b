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

/// Notes every file that looks like a secret, and every URL of the manifest that holds one.
pub fn look(root: &Path, tree: &Tree, reader: &mut Reader<'_>) {
    reader.problems.extend(search(root, &tree.files().collect::<Vec<_>>()));
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

fn secret_in(root: &Path, path: &str) -> Option<Problem> {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    if NAMES.iter().any(|pattern| matches(pattern, &name)) {
        return Some(secret(Place::file(path), "the file has the name of a key"));
    }
    let (line, column, what) = text::find(&text_file::read(&root.join(path), text_file::MAX_BYTES)?)?;
    let place = Place { line: Some(line), column: Some(column), width: 1, file: path.to_owned() };
    Some(secret(place, &format!("this looks like {what}")))
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
