//! How true this chain is to a real one: each recording of a v0.17.0 node is played here, in the state that it was made
//! in, and the whole answer is compared. What may differ stands in one table, with the reason; what differs otherwise
//! fails the test, and so does a recording that nothing plays.
//!
//! | file | noun |
//! |---|---|
//! | `scene` | the state in which a recording was made, and what is asked there |
//! | `difference` | where two answers differ |
//! | `allowed` | the differences that may be |

mod allowed;
mod difference;
mod scene;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::{
    allowed::{ALLOWED, ELSEWHERE, UNMODELLED},
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

/// Why a difference may be.
fn reason(name: &str, difference: &Difference) -> Option<&'static str> {
    let row = ALLOWED.iter().find(|row| {
        is_like(name, row.recordings)
            && is_like(&difference.path, row.path)
            && (row.holds)(&difference.ours, &difference.theirs)
    });
    row.map(|row| row.reason)
}

/// Why this chain has no events of a kind at the end of its blocks.
fn unmodelled(kind: &str) -> Option<&'static str> {
    UNMODELLED.iter().find(|(pattern, _)| is_like(kind, pattern)).map(|(_, why)| *why)
}

#[test]
#[allow(clippy::print_stderr)] // the count, for who asks for it
fn every_recording_is_answered_as_a_real_node_did() {
    let (mut same, mut allowed, mut elsewhere) =
        (0, BTreeMap::<_, usize>::new(), BTreeMap::<_, usize>::new());
    let (mut total, mut with_allowed, mut wrong) = (0, 0, String::new());
    for recording in recordings() {
        let name = recording.name.as_str();
        total += 1;
        let before = wrong.len();
        if let Some((_, why)) = ELSEWHERE.iter().find(|(pattern, _)| is_like(name, pattern)) {
            *elsewhere.entry(*why).or_default() += 1;
            continue;
        }
        let answer = match std::panic::catch_unwind(|| scene::play(name, &recording.json)) {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                wrong += &format!("{name}: nothing plays it\n");
                continue;
            }
            Err(_) => {
                wrong += &format!("{name}: its scene fails, see above\n");
                continue;
            }
        };
        let mut theirs = recording.json.get("response").unwrap_or(&recording.json["frame"]).clone();
        let unknown = take_events(&mut theirs, |kind| unmodelled(kind).is_some());
        let mut reasons: Vec<&str> = unknown.iter().filter_map(|kind| unmodelled(kind)).collect();
        let found = differences(&opened(answer), &opened(theirs));
        for difference in &found {
            match reason(name, difference) {
                Some(reason) => reasons.push(reason),
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
    let rows = |rows: BTreeMap<&str, usize>| {
        rows.into_iter().map(|(reason, count)| format!("  {count:4} {reason}\n")).collect::<String>()
    };
    let tally = format!(
        "{} of {total} recordings agree: {same} to the byte, {with_allowed} but for\n{}{} are held elsewhere:\n{}",
        same + with_allowed,
        rows(allowed),
        elsewhere.values().sum::<usize>(),
        rows(elsewhere)
    );
    eprintln!("{tally}");
    assert!(wrong.is_empty(), "{wrong}\n{tally}");
}
