//! How true this chain is to a real one: each recording of a v0.17.0 node is played here, in the state that it was made
//! in, and the whole answer is compared. What may differ stands in one table, with the reason; what differs otherwise
//! fails the test, and so does a recording that nothing plays.
//!
//! `cargo test --lib fidelity -- --nocapture` tells how many recordings agree.
//!
//! | file | noun |
//! |---|---|
//! | `scene` | the state in which a recording was made, and what is asked there |
//! | `log` | a node that restarts or catches up, step by step |
//! | `wire` | what only a connection shows: websockets, and what HTTP refuses |
//! | `difference` | where two answers differ |
//! | `allowed` | the differences that may be |
//! | `likeness` | what must still be true of them |

mod allowed;
mod difference;
mod likeness;
mod log;
mod scene;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::{
    allowed::{ALLOWED, UNMODELLED},
    difference::{Difference, differences, opened, take_events},
};

/// A recording under its folder and name, `tx/payload_ok`.
struct Recording {
    name: String,
    json: Value,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

/// All of them, by their names.
fn recordings() -> Vec<Recording> {
    let mut files = vec![];
    for place in ["", "abci_query", "simulate", "tx", "websocket"] {
        let entries = std::fs::read_dir(folder().join(place)).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "json")));
    }
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(folder()).unwrap().with_extension("");
            // The names have points in them, of which the last is the extension's.
            let json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            Recording { name: name.to_str().unwrap().to_owned(), json }
        })
        .collect()
}

/// Whether a name or path is one that `pattern` means; `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => text == pattern,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            rest.is_empty()
                || (0..=text.len()).filter_map(|at| text.get(at..)).any(|text| is_like(text, rest))
        }),
    }
}

/// A place of the table: a row, one of its names of recordings, and one of its paths.
type Place = (usize, &'static str, &'static str);

/// All of them, in order.
fn places() -> impl Iterator<Item = Place> {
    ALLOWED.iter().enumerate().flat_map(|(row, allowed)| {
        allowed
            .recordings
            .split(' ')
            .flat_map(move |recordings| allowed.paths.split(' ').map(move |path| (row, recordings, path)))
    })
}

/// The place of the table by which a difference may be.
fn allowed_by(name: &str, difference: &Difference) -> Option<Place> {
    places().find(|(row, recordings, path)| {
        is_like(name, recordings)
            && is_like(&difference.path, path)
            && (ALLOWED[*row].holds)(&difference.ours, &difference.theirs)
    })
}

/// Why events of a kind are not compared at the end of a recorded block.
fn unmodelled(name: &str, kind: &str) -> Option<&'static str> {
    let row = UNMODELLED.iter().find(|(recordings, of, _)| {
        *of == kind && recordings.split(' ').any(|recordings| is_like(name, recordings))
    });
    row.map(|(_, _, why)| *why)
}

/// What the real node said.
fn recorded(recording: &Value) -> Value {
    let answer = ["response", "frame"].into_iter().find_map(|key| recording.get(key));
    // A log is nothing but answers.
    answer.unwrap_or(recording).clone()
}

#[test]
#[allow(clippy::print_stderr)] // the count, for who asks for it
fn every_recording_is_answered_as_a_real_node_did() {
    let (mut same, mut allowed) = (0, BTreeMap::<_, usize>::new());
    let (mut total, mut with_allowed, mut wrong) = (0, 0, String::new());
    let mut unused: BTreeSet<Place> = places().collect();
    for recording in recordings() {
        let name = recording.name.as_str();
        total += 1;
        let before = wrong.len();
        let mut ours = match std::panic::catch_unwind(|| scene::play(name, &recording.json)) {
            Ok(Some(ours)) => ours,
            Ok(None) => {
                wrong += &format!("{name}: nothing plays it\n");
                continue;
            }
            Err(_) => {
                wrong += &format!("{name}: its scene fails, see above\n");
                continue;
            }
        };
        let mut theirs = recorded(&recording.json);
        let taken = [&mut ours, &mut theirs]
            .map(|answer| take_events(answer, |kind| unmodelled(name, kind).is_some()));
        let mut reasons: Vec<&str> =
            taken.iter().flatten().filter_map(|kind| unmodelled(name, kind)).collect();
        let found = differences(&opened(ours), &opened(theirs));
        for difference in &found {
            match allowed_by(name, difference) {
                Some(place) => {
                    unused.remove(&place);
                    reasons.push(ALLOWED[place.0].reason);
                }
                None => {
                    let Difference { path, ours, theirs } = difference;
                    wrong += &format!("{name} {path}: {ours:.200} instead of {theirs:.200}\n");
                }
            }
        }
        reasons.sort_unstable();
        reasons.dedup();
        if wrong.len() > before {
            continue;
        }
        match reasons.is_empty() {
            true => same += 1,
            false => with_allowed += 1,
        }
        for reason in reasons {
            *allowed.entry(reason).or_default() += 1;
        }
    }
    for (row, recordings, path) in unused {
        wrong += &format!("nothing needs {recordings:?} {path:?}: {}\n", ALLOWED[row].reason);
    }
    let rows = |rows: BTreeMap<&str, usize>| {
        rows.into_iter().map(|(reason, count)| format!("  {count:4} {reason}\n")).collect::<String>()
    };
    let tally = format!(
        "{} of {total} recordings agree: {same} to the byte, {with_allowed} but for\n{}",
        same + with_allowed,
        rows(allowed),
    );
    eprintln!("{tally}");
    assert!(wrong.is_empty(), "{wrong}\n{tally}");
}
