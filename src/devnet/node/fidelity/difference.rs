//! Where two answers differ.

use base64::Engine as _;
use serde_json::{Map, Value, json};

/// Nesting of protobuf messages that is looked into.
const MAX_DEPTH: u32 = 12;

/// One place at which two answers differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// A path such as `/result/response/value/1/3`; in protobuf the numbers of fields.
    pub path: String,
    /// What this chain says; null where it says nothing.
    pub ours: Value,
    /// What the real one said.
    pub theirs: Value,
}

/// All of them.
pub fn differences(ours: &Value, theirs: &Value) -> Vec<Difference> {
    let mut found = vec![];
    compare(ours, theirs, "", &mut found);
    found
}

fn compare(ours: &Value, theirs: &Value, path: &str, found: &mut Vec<Difference>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                compare(&ours[key], &theirs[key], &format!("{path}/{key}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for index in 0..a.len().max(b.len()) {
                let at = |list: &[Value]| list.get(index).cloned().unwrap_or_default();
                let (ours, theirs) = (at(a), at(b));
                let name = element(&theirs).or_else(|| element(&ours)).unwrap_or_else(|| index.to_string());
                compare(&ours, &theirs, &format!("{path}/{name}"), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            found.push(Difference { path: path.into(), ours: a.clone(), theirs: b.clone() });
        }
    }
}

/// What an element of a list is called in a path, if not by its place: an event by its type, after the number of its
/// message if it has one, and an attribute by its key.
fn element(value: &Value) -> Option<String> {
    if let Some(attributes) = value["attributes"].as_array() {
        let kind = value["type"].as_str()?;
        let message = attributes.iter().find(|attribute| attribute["key"] == "msg_index");
        return Some(match message.and_then(|attribute| attribute["value"].as_str()) {
            Some(index) => format!("{index}:{kind}"),
            None => kind.to_owned(),
        });
    }
    value.get("value").and(value["key"].as_str()).map(str::to_owned)
}

/// Takes events out that are not compared; gives the kinds of those that were there.
pub fn take_events(answer: &mut Value, is_left_out: impl Fn(&str) -> bool) -> Vec<String> {
    let mut taken = vec![];
    let lists = [
        "/result/finalize_block_events",
        "/result/data/value/events",
        "/result/data/value/result_finalize_block/events",
    ];
    for path in lists {
        if let Some(Value::Array(events)) = answer.pointer_mut(path) {
            events.retain(|event| {
                let kind = event["type"].as_str().unwrap_or_default();
                let is_left_out = is_left_out(kind);
                if is_left_out {
                    taken.push(kind.to_owned());
                }
                !is_left_out
            });
        }
    }
    // The same once more, flat. There it stands under the kind and the name of the attribute.
    let is_of_block = answer["result"]["data"]["type"] != "tendermint/event/Tx";
    if let Some(Value::Object(flat)) = answer.pointer_mut("/result/events").filter(|_| is_of_block) {
        flat.retain(|key, _| key.rsplit_once('.').is_none_or(|(kind, _)| !is_left_out(kind)));
    }
    taken
}

/// The same answer with the protobuf in it taken apart.
pub fn opened(mut answer: Value) -> Value {
    for path in ["/result/response/value", "/result/data", "/result/tx_result/data"] {
        if let Some(value) = answer.pointer_mut(path)
            && let Some(bytes) = value.as_str().and_then(unbase64)
        {
            *value = fields(&bytes, 0).unwrap_or(Value::Null);
            if let Some(events) = value.pointer_mut("/2/0/3").filter(|_| path.ends_with("/value"))
                && let Some(named) = named_events(events)
            {
                *events = named;
            }
        }
    }
    answer
}

/// The events of a simulation as JSON has them elsewhere; `None` for what is no list of events.
fn named_events(events: &Value) -> Option<Value> {
    let text = |message: &Value, field: &str| message[field][0].as_str().map(str::to_owned);
    let attribute = |attribute: &Value| {
        let value = text(attribute, "2").unwrap_or_default();
        Some(json!({"key": text(attribute, "1")?, "value": value}))
    };
    let event = |event: &Value| {
        let attributes = event["2"].as_array()?.iter().map(attribute).collect::<Option<Vec<_>>>()?;
        Some(json!({"type": text(event, "1")?, "attributes": attributes}))
    };
    events.as_array()?.iter().map(event).collect::<Option<Vec<_>>>().map(Value::from)
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// A message as JSON: the numbers of its fields, each with the list of its values. What is no message and no text is
/// hexadecimal.
fn fields(mut bytes: &[u8], depth: u32) -> Option<Value> {
    let mut message = Map::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let value = match key & 7 {
            0 => json!(varint(&mut bytes)?.to_string()),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                content(value, depth)
            }
            _ => return None,
        };
        let number = key >> 3;
        if number == 0 {
            return None;
        }
        let values = message.entry(number.to_string()).or_insert_with(|| json!([]));
        values.as_array_mut()?.push(value);
    }
    Some(Value::Object(message))
}

fn content(bytes: &[u8], depth: u32) -> Value {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control));
    match text {
        Some(text) => text.into(),
        None if depth < MAX_DEPTH => fields(bytes, depth + 1).unwrap_or_else(|| hex::encode(bytes).into()),
        None => hex::encode(bytes).into(),
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
