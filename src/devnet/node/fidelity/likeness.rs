//! What must still be true of two values that differ.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bigdecimal::BigDecimal;
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::difference::{Difference, differences};
use crate::devnet::app::proposer;

/// Who was paid the rest of each fee on the recorded chain.
const RECORDED_PROPOSER: &str = "allo1al3pvndsv4tlz98jgzmq0yp9mm8nhgs2qnyvna";

/// Both are texts, neither of them empty.
pub fn texts(ours: &Value, theirs: &Value) -> bool {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    is_text(ours) && is_text(theirs)
}

/// Both are a hash in hexadecimal, a time, an address of the same kind, or as many bytes in base64.
pub fn same_form(ours: &Value, theirs: &Value) -> bool {
    let form = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty())?;
        let upper = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        if text.bytes().all(upper) || text.bytes().all(|byte| upper(byte.to_ascii_uppercase())) {
            return Some((text.bytes().all(upper).to_string(), text.len()));
        }
        if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
            return Some(("time".to_owned(), 0));
        }
        match text.split_once('1').filter(|(prefix, _)| prefix.starts_with("allo")) {
            Some((prefix, rest)) => Some((prefix.to_owned(), rest.len())),
            None => Some(("base64".to_owned(), STANDARD.decode(text).ok()?.len())),
        }
    };
    form(ours).is_some() && form(ours) == form(theirs)
}

/// Both are an address to listen at, with another port.
pub fn other_port(ours: &Value, theirs: &Value) -> bool {
    let host = |value: &Value| Some(value.as_str()?.rsplit_once(':')?.0.to_owned());
    host(ours).is_some() && host(ours) == host(theirs)
}

/// This chain says nothing there.
pub fn nothing_here(ours: &Value, _: &Value) -> bool {
    ours.is_null()
}

/// The start of time here, and a time of the recorded chain.
pub fn no_time_here(ours: &Value, theirs: &Value) -> bool {
    ours == "" && theirs.as_object().is_some_and(|time| time.keys().eq(["1", "2"]))
}

/// Places in a block.
pub fn places(ours: &Value, theirs: &Value) -> bool {
    ours.is_u64() && theirs.is_u64()
}

fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

pub fn within_5_percent(ours: &Value, theirs: &Value) -> bool {
    match (number(ours), number(theirs)) {
        (Some(ours), Some(theirs)) => ours.abs_diff(theirs) * 100 <= theirs * 5,
        _ => false,
    }
}

/// 5 % of the gas that the largest recorded transaction used, at a price of 1 uallo.
const FEE_OF_5_PERCENT: u64 = 8_400;

/// Both are amounts of uallo that are no further apart than 5 % of gas make them, and large enough to be a part of the
/// fee.
pub fn shares(ours: &Value, theirs: &Value) -> bool {
    let uallo = |value: &Value| value.as_str()?.strip_suffix("uallo")?.parse::<u64>().ok();
    uallo(ours).zip(uallo(theirs)).is_some_and(|(ours, theirs)| {
        ours.min(theirs) > FEE_OF_5_PERCENT && ours.abs_diff(theirs) <= FEE_OF_5_PERCENT
    })
}

/// Each is the proposer of its chain.
pub fn proposers(ours: &Value, theirs: &Value) -> bool {
    theirs == RECORDED_PROPOSER && *ours == proposer().to_string()
}

/// The same words, and gas within 5 % behind some of them.
pub fn same_but_gas(ours: &Value, theirs: &Value) -> bool {
    let parts = |value: &Value| {
        let text = value.as_str()?;
        let start = [" gas: ", "gasUsed: ", "gas used: '"]
            .iter()
            .find_map(|words| Some(text.find(words)? + words.len()))?;
        let (before, rest) = text.split_at(start);
        let end = rest.find(|after: char| !after.is_ascii_digit())?;
        let (gas, after) = rest.split_at(end);
        Some((before.to_owned(), Value::from(gas), after.to_owned()))
    };
    parts(ours).zip(parts(theirs)).is_some_and(|(ours, theirs)| {
        (ours.0, ours.2) == (theirs.0, theirs.2) && within_5_percent(&ours.1, &theirs.1)
    })
}

/// Both are amounts of something.
pub fn amounts(ours: &Value, theirs: &Value) -> bool {
    let is_amount = |value: &Value| {
        value.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    is_amount(ours) && is_amount(theirs)
}

/// Both are decimals.
pub fn decimals(ours: &Value, theirs: &Value) -> bool {
    decimal(ours).and(decimal(theirs)).is_some()
}

fn decimal(value: &Value) -> Option<BigDecimal> {
    value.as_str()?.parse().ok()
}

/// The same decimal, with other zeros behind the point.
pub fn same_decimal(ours: &Value, theirs: &Value) -> bool {
    decimal(ours).is_some() && decimal(ours) == decimal(theirs)
}

/// JSON of as many elements, each of which is alike.
fn lists(ours: &Value, theirs: &Value, alike: fn(&Value, &Value) -> bool) -> bool {
    let list = |value: &Value| serde_json::from_str::<Vec<Value>>(value.as_str()?).ok();
    list(ours).zip(list(theirs)).is_some_and(|(ours, theirs)| {
        ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(ours, theirs)| alike(ours, theirs))
    })
}

/// JSON of as many decimals.
pub fn as_many_decimals(ours: &Value, theirs: &Value) -> bool {
    lists(ours, theirs, decimals)
}

/// JSON of the same decimals, with other zeros behind the points.
pub fn same_decimals(ours: &Value, theirs: &Value) -> bool {
    lists(ours, theirs, same_decimal)
}

/// JSON of the same losses, with other zeros behind the points.
pub fn same_losses(ours: &Value, theirs: &Value) -> bool {
    let json = |value: &Value| serde_json::from_str::<Value>(value.as_str()?).ok();
    let alike = |difference: &Difference| same_decimal(&difference.ours, &difference.theirs);
    json(ours).zip(json(theirs)).is_some_and(|(ours, theirs)| differences(&ours, &theirs).iter().all(alike))
}

/// The same code, and a text that ends like the recorded one, which lacks what it was wrapped in; or one that has both
/// its parts, where it was cut in its middle, and then perhaps at its end.
pub fn cut_short(ours: &Value, theirs: &Value) -> bool {
    let parts = |value: &Value| {
        let (code, text) = value.as_str()?.split_once(": ")?;
        Some((code.to_owned(), text.to_owned()))
    };
    parts(ours).zip(parts(theirs)).is_some_and(|((our_code, ours), (their_code, theirs))| {
        our_code == their_code
            && match theirs.split_once("...") {
                Some((start, rest)) => {
                    !start.is_empty() && ours.strip_prefix(start).is_some_and(|cut| cut.contains(rest))
                }
                None => ours.ends_with(&format!(": {theirs}")),
            }
    })
}

/// A text of which the record has only the start.
pub fn cut_off(ours: &Value, theirs: &Value) -> bool {
    theirs.as_str().is_some_and(|start| ours.as_str().is_some_and(|ours| ours.starts_with(start)))
}

/// The results of a block that the node has told of already.
pub fn results_later(ours: &Value, theirs: &Value) -> bool {
    let is_there = |ours: &str| ours.starts_with("http 200 ok code=None ");
    let is_late = |theirs: &str| theirs.contains("could not find results for height");
    ours.as_str().is_some_and(is_there) && theirs.as_str().is_some_and(is_late)
}

/// Nothing here, and there what a client made of a socket, or what was done to the node.
pub fn of_a_socket(ours: &Value, theirs: &Value) -> bool {
    const STARTS: [&str; 10] = [
        "EXC ",
        "ConnectionRefusedError ",
        "closed/failed: ",
        "error frame ",
        "connected",
        "subscribed",
        "stopped",
        "START",
        "start.sh ",
        "STOP ",
    ];
    let theirs = theirs.as_str().unwrap_or_default();
    ours.is_null() && (theirs == "KILL -9" || STARTS.iter().any(|start| theirs.starts_with(start)))
}
