//! Python's exceptions as messages.

use bootstrap_frames::{Fault, cut};
use pyo3::exceptions::{PyKeyError, PyNameError, PyPermissionError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Longest text of an exception, in bytes.
const MAX_MESSAGE: usize = 4 * 1024;
/// Longest traceback, in bytes.
const MAX_TRACEBACK: usize = 32 * 1024;

/// What an exception that came out of a call says.
pub fn raised(py: Python<'_>, error: &PyErr) -> Fault {
    Fault::Exception { class: class(py, error), message: message(py, error), traceback: traceback(py, error) }
}

/// What an exception that came out of an import says.
pub fn not_importable(py: Python<'_>, error: &PyErr) -> Fault {
    let class = class(py, error);
    let message = match message(py, error) {
        empty if empty.is_empty() => class,
        message => format!("{class}: {message}"),
    };
    Fault::Import { message: cut(message, MAX_MESSAGE), traceback: traceback(py, error) }
}

fn class(py: Python<'_>, error: &PyErr) -> String {
    error.get_type(py).name().map_or_else(|_| "exception".into(), |name| text(&name))
}

/// The exception's own text, with what to do about those that surprise people.
pub fn message(py: Python<'_>, error: &PyErr) -> String {
    let own = error.value(py).str().map_or_else(|_| "<its text cannot be shown>".into(), |own| text(&own));
    let own = cut(own, MAX_MESSAGE);
    if error.is_instance_of::<PyPermissionError>(py) {
        format!("{own} (a model writes to TMPDIR and to what runtime.writable of model.yaml lists)")
    } else if error.is_instance_of::<PySystemExit>(py) {
        format!("{own} (the code asked Python to exit, which a model must not)")
    } else if error.is_instance_of::<PyKeyError>(py) && own.starts_with("'ALLORA_") {
        format!(
            "{own} (of the worker's settings a model sees topic and network alone; give its own secrets other names)"
        )
    } else if error.is_instance_of::<PyNameError>(py)
        && let Some(name) = ["Skip", "RunContext"].into_iter().find(|name| own.contains(&format!("'{name}'")))
    {
        format!("{own} (write `from bootstrap_host import {name}` first)")
    } else {
        own
    }
}

/// Python's own rendering. The module for it is imported only now: most models never fail.
fn traceback(py: Python<'_>, error: &PyErr) -> Option<String> {
    let arguments = (error.get_type(py), error.value(py), error.traceback(py));
    let lines = py.import("traceback").and_then(|module| module.call_method1("format_exception", arguments));
    let whole = lines.and_then(|lines| PyString::new(py, "").call_method1("join", (lines,))).ok()?;
    Some(cut(text(whole.cast::<PyString>().ok()?), MAX_TRACEBACK))
}

/// A Python string, which may hold what no UTF-8 can.
pub fn text(string: &Bound<'_, PyString>) -> String {
    string.to_string_lossy().into_owned()
}
