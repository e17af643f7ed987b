//! What the function returned, as exact decimal texts.
//!
//! Values of the user's subclasses are read by their base type's own methods, so that a `__str__`
//! or `__repr__` of theirs cannot change a number.

use std::borrow::Cow;

use bootstrap_frames::{BadValue, Prediction, cut};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString, PyTuple};

use crate::fault::text;

/// Longest text of one value, in bytes. The chain's numbers have at most 1e40 and some digits.
const MAX_TEXT: usize = 1024;
/// Largest integer, in bits, that is turned into text at all.
const MAX_BITS: u64 = 2048;
/// Most labels of one prediction.
const MAX_LABELS: usize = 1024;
/// Longest label, in bytes.
const MAX_LABEL: usize = 1024;

const ONE_NUMBER: &str = "return one number (int, float, Decimal, or its text), or for a topic with several outputs a mapping of label to number";

/// One number, or a mapping of labels to numbers.
pub fn prediction(result: &Bound<'_, PyAny>) -> Result<Prediction, BadValue> {
    if let Ok(labelled) = result.cast::<PyDict>() {
        return many(result, labelled.as_any());
    }
    if is_scalar(result) || has_item(result) {
        return one(result).map(Prediction::One);
    }
    match result.cast::<PyMapping>() {
        Ok(labelled) => many(result, labelled.as_any()),
        Err(_) => one(result).map(Prediction::One),
    }
}

fn many(result: &Bound<'_, PyAny>, labelled: &Bound<'_, PyAny>) -> Result<Prediction, BadValue> {
    let unreadable = |error: PyErr| {
        let problem = format!("its items cannot be read: {error}");
        refuse(result, problem, "return a plain dict of label to number")
    };
    let count = labelled.len().map_err(unreadable)?;
    if count == 0 {
        return Err(refuse(result, "an empty mapping predicts nothing", "return a number for each label"));
    }
    if count > MAX_LABELS {
        return Err(refuse(
            result,
            format!("more than {MAX_LABELS} labels"),
            "return the topic's labels only",
        ));
    }
    let mut values: Vec<(String, String)> = Vec::with_capacity(count);
    let items = labelled.call_method0("items").and_then(|items| items.try_iter()).map_err(unreadable)?;
    for item in items.take(count) {
        let (label, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) =
            item.and_then(|item| item.extract()).map_err(unreadable)?;
        let label = label.cast::<PyString>().ok().and_then(|label| label.to_cow().ok().map(Cow::into_owned));
        let Some(label) = label.filter(|label| !label.is_empty() && label.len() <= MAX_LABEL) else {
            let problem = "a label is not text, empty or too long";
            return Err(refuse(result, problem, "name each output by a short str, as the topic does"));
        };
        if values.iter().any(|(known, _)| *known == label) {
            return Err(refuse(result, format!("label {label:?} occurs twice"), "name each output once"));
        }
        let number = one(&value).map_err(|refused| BadValue {
            problem: format!("label {label:?}: {}", refused.problem),
            ..refused
        })?;
        values.push((label, number));
    }
    Ok(Prediction::Many(values))
}

/// One number as text.
fn one(value: &Bound<'_, PyAny>) -> Result<String, BadValue> {
    if is_scalar(value) {
        return scalar(value, value);
    }
    if !has_item(value) {
        return Err(unlisted(value));
    }
    let py = value.py();
    let shape = value.getattr("shape").and_then(|shape| shape.extract::<Vec<u64>>());
    let Ok(shape) = shape else {
        return Err(refuse(value, "its shape cannot be read", ONE_NUMBER));
    };
    if shape.iter().try_fold(1_u64, |all, &length| all.checked_mul(length)) != Some(1) {
        let problem = "it does not have exactly one element";
        // Pandas takes the brackets for a label.
        let element = if class(value).starts_with("pandas.") { "result.iloc[-1]" } else { "result[-1]" };
        return Err(refuse(value, problem, format!("return one element of it, for example {element}")));
    }
    if is_masked(value) {
        return Err(refuse(
            value,
            "its value is masked, which means there is none",
            "raise Skip, or fill it",
        ));
    }
    // Dates have an `.item()` that is an integer, depending on their unit.
    let kind = value.getattr("dtype").and_then(|dtype| dtype.getattr("kind")?.extract::<String>());
    if kind.is_ok_and(|kind| matches!(&*kind, "M" | "m")) {
        return Err(refuse(value, "a date or a duration is not a number", ONE_NUMBER));
    }
    let item = value.call_method0("item").map_err(|error| {
        let problem = format!("its .item() fails: {}", crate::fault::message(py, &error));
        refuse(value, problem, ONE_NUMBER)
    })?;
    if item.is_instance_of::<PyString>() || !is_scalar(&item) {
        let class = class(&item);
        return Err(refuse(
            value,
            format!("its .item() gives a {class}, which is not a number"),
            "return float(x)",
        ));
    }
    scalar(value, &item)
}

/// Whether one of the types that are numbers, or their text, or that look like one and are refused.
fn is_scalar(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyString>()
        || is_decimal(value)
}

/// The text of a scalar `number`; `value` is what the user returned.
fn scalar(value: &Bound<'_, PyAny>, number: &Bound<'_, PyAny>) -> Result<String, BadValue> {
    let py = value.py();
    let unreadable = |error: PyErr| refuse(value, format!("its value cannot be read: {error}"), ONE_NUMBER);
    if number.is_instance_of::<PyBool>() {
        return Err(refuse(value, "a bool is not a number", "return the probability or int(x)"));
    }
    if let Ok(string) = number.cast::<PyString>() {
        let written = string.to_cow().ok().filter(|text| text.len() <= MAX_TEXT && is_decimal_text(text));
        return written.map(Cow::into_owned).ok_or_else(|| {
            let problem = "a text that is not a decimal number";
            refuse(value, problem, "return a number, or text of sign, digits, point and exponent only")
        });
    }
    let written = if number.is_instance_of::<PyInt>() {
        let base = py.get_type::<PyInt>();
        let bits: u64 =
            base.call_method1("bit_length", (number,)).and_then(|bits| bits.extract()).map_err(unreadable)?;
        if bits > MAX_BITS {
            let problem = "the chain takes numbers up to 1e40 only";
            return Err(refuse(value, problem, "check the unit of the prediction"));
        }
        base.call_method1("__repr__", (number,))
    } else if number.is_instance_of::<PyFloat>() {
        py.get_type::<PyFloat>().call_method1("__repr__", (number,))
    } else {
        py.import("decimal")
            .and_then(|decimal| decimal.getattr("Decimal")?.call_method1("__str__", (number,)))
    };
    let written = written.map_err(unreadable)?;
    let written = text(written.cast::<PyString>().map_err(|error| unreadable(error.into()))?);
    if !is_decimal_text(&written) {
        let problem = format!("{} is not a number", cut(written, 64));
        return Err(refuse(value, problem, "return a finite number, or raise Skip(\"why\")"));
    }
    if written.len() > MAX_TEXT {
        let problem = format!("more than {MAX_TEXT} digits");
        return Err(refuse(value, problem, "round it"));
    }
    Ok(written)
}

/// Whether an instance of `decimal.Decimal`. Nobody can have one before that module was imported.
fn is_decimal(value: &Bound<'_, PyAny>) -> bool {
    let modules = value.py().import("sys").and_then(|sys| sys.getattr("modules"));
    let class = modules.and_then(|modules| modules.get_item("decimal")?.getattr("Decimal"));
    class.and_then(|class| value.is_instance(&class)).unwrap_or(false)
}

/// Whether it is like an array: has a shape and a method `item`. A class itself is not.
fn has_item(value: &Bound<'_, PyAny>) -> bool {
    let has = |name| value.hasattr(name).unwrap_or(false);
    !value.is_instance_of::<pyo3::types::PyType>()
        && has("shape")
        && value.getattr("item").is_ok_and(|item| item.is_callable())
}

/// Whether one of numpy's masked arrays (a base class says so) whose one element is masked.
fn is_masked(value: &Bound<'_, PyAny>) -> bool {
    let bases = value.get_type().mro();
    let masked_kind = bases.iter().any(|base| {
        base.getattr("__name__")
            .and_then(|name| name.extract::<String>())
            .is_ok_and(|name| name == "MaskedArray")
    });
    let mask = || value.getattr("mask")?.call_method0("any")?.is_truthy();
    masked_kind && mask().unwrap_or(true)
}

/// `[+-] digits [. digits] [e [+-] digits]`, ASCII, at least one digit before the exponent.
fn is_decimal_text(text: &str) -> bool {
    fn digits(text: &str) -> (usize, &str) {
        let count = text.bytes().take_while(u8::is_ascii_digit).count();
        (count, &text[count..])
    }
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or((0, rest), digits);
    let exponent = match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => {
            let (count, rest) = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
            count > 0 && rest.is_empty()
        }
        None => rest.is_empty(),
    };
    whole + fraction > 0 && exponent
}

/// The refusal of a type that is not listed.
fn unlisted(value: &Bound<'_, PyAny>) -> BadValue {
    let (problem, fix) = match &*class(value) {
        "NoneType" => ("the function returned nothing", "end it with `return`, or raise Skip(\"why\")"),
        "list" | "tuple" => {
            ("a sequence is not a number", "return one element of it, for example result[-1]")
        }
        "complex" => ("a complex number has no place on the chain", "return its real part"),
        "bytes" | "bytearray" => ("bytes are not a number", "return a number or a str"),
        "generator" | "async_generator" => ("a generator is not a number", "use `return`, not `yield`"),
        _ => ("a value of this type is not a number", ONE_NUMBER),
    };
    refuse(value, problem, fix)
}

fn refuse(value: &Bound<'_, PyAny>, problem: impl Into<String>, fix: impl Into<String>) -> BadValue {
    BadValue { class: class(value), shape: shape(value), problem: problem.into(), fix: fix.into() }
}

/// `float`, `numpy.float32`.
fn class(value: &Bound<'_, PyAny>) -> String {
    let class = value.get_type();
    class.fully_qualified_name().map_or_else(|_| "object".into(), |name| cut(text(&name), 256))
}

/// `(3, 1)`, or a length written the same way.
fn shape(value: &Bound<'_, PyAny>) -> Option<String> {
    if value.is_instance_of::<PyString>() {
        return None;
    }
    let shape = value.getattr("shape").and_then(|shape| shape.extract::<Vec<u64>>());
    let shape = shape.or_else(|_| value.len().map(|length| vec![length as u64])).ok()?;
    let shape = PyTuple::new(value.py(), shape).and_then(|shape| shape.repr()).ok()?;
    Some(cut(text(&shape), 256))
}
