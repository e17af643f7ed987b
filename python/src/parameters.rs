//! Which arguments a function gets.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// One argument of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// The nonce, an `int`.
    Nonce,
    /// The [`RunContext`](crate::context::RunContext).
    Context,
}

/// A positional parameter as the function declares it.
struct Parameter {
    name: String,
    /// Whether its annotation is a type named `RunContext`.
    wants_context: bool,
    required: bool,
}

/// All that counts of a signature.
struct Signature {
    positional: Vec<Parameter>,
    /// Whether it takes any number of further positional arguments.
    variadic: bool,
    /// Keyword-only parameters without a default: nobody would give them.
    required_keywords: Vec<String>,
}

/// The arguments that `function` is called with, in order.
///
/// Nonce first, then the context; a first parameter that is named `context` or `ctx` or annotated
/// as `RunContext` gets the context instead. Parameters with defaults keep them, unless there is no
/// other. `*args` alone is what a careless decorator leaves: it gets the nonce.
pub fn arguments(function: &Bound<'_, PyAny>) -> PyResult<Vec<Argument>> {
    let signature = match declared(function)? {
        Some(signature) => signature,
        None => inspected(function)?,
    };
    if let Some(name) = signature.required_keywords.first() {
        let problem = format!("its parameter {name:?} can only be given by keyword; give it a default");
        return Err(PyTypeError::new_err(problem));
    }
    let required = signature.positional.iter().filter(|parameter| parameter.required).count();
    if required > 2 {
        let problem =
            format!("it requires {required} arguments; a model gets the nonce and the context, no more");
        return Err(PyTypeError::new_err(problem));
    }
    let first = match signature.positional.first() {
        None if signature.variadic => return Ok(vec![Argument::Nonce]),
        None => return Ok(Vec::new()),
        Some(first) if first.wants_context || matches!(&*first.name, "context" | "ctx") => Argument::Context,
        Some(_) => Argument::Nonce,
    };
    Ok(if required == 2 { vec![first, Argument::Context] } else { vec![first] })
}

/// The signature of a plain function, read from its code object: importing `inspect` would be the
/// largest part of a small model's start. `None` for anything else.
fn declared(function: &Bound<'_, PyAny>) -> PyResult<Option<Signature>> {
    /// `inspect.CO_VARARGS`.
    const VARARGS: u32 = 0x04;
    let plain = function.get_type().name()? == "function"
        && !function.hasattr("__wrapped__")?
        && !function.hasattr("__signature__")?;
    if !plain {
        return Ok(None);
    }
    let code = function.getattr("__code__")?;
    let count: usize = code.getattr("co_argcount")?.extract()?;
    let keyword_count: usize = code.getattr("co_kwonlyargcount")?.extract()?;
    let names: Vec<String> = code.getattr("co_varnames")?.extract()?;
    let defaults: Option<Bound<'_, PyTuple>> = function.getattr("__defaults__")?.extract()?;
    let keyword_defaults: Option<Bound<'_, PyDict>> = function.getattr("__kwdefaults__")?.extract()?;
    let required = count - defaults.map_or(0, |defaults| defaults.len()).min(count);
    let annotations = annotations(function);
    let positional = names.iter().take(count).enumerate().map(|(index, name)| Parameter {
        name: name.clone(),
        wants_context: annotations
            .as_ref()
            .and_then(|all| all.get_item(name).ok())
            .is_some_and(|annotation| names_run_context(&annotation)),
        required: index < required,
    });
    let has_default = |name: &String| match &keyword_defaults {
        Some(defaults) => defaults.contains(name),
        None => Ok(false),
    };
    let mut required_keywords = Vec::new();
    for name in names.iter().skip(count).take(keyword_count) {
        if !has_default(name)? {
            required_keywords.push(name.clone());
        }
    }
    let variadic = code.getattr("co_flags")?.extract::<u32>()? & VARARGS != 0;
    Ok(Some(Signature { positional: positional.collect(), variadic, required_keywords }))
}

/// The annotations of a function. From 3.14 they are evaluated when asked for, and fail when a name
/// exists for type checkers only; then their texts serve.
fn annotations<'py>(function: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    function
        .getattr("__annotations__")
        .or_else(|_| {
            let lazy = function.py().import("annotationlib")?;
            let keywords = PyDict::new(function.py());
            keywords.set_item("format", lazy.getattr("Format")?.getattr("STRING")?)?;
            lazy.getattr("get_annotations")?.call((function,), Some(&keywords))
        })
        .ok()
}

/// The signature of a method, a partial, a decorated function or an object with `__call__`.
fn inspected(function: &Bound<'_, PyAny>) -> PyResult<Signature> {
    let inspect = function.py().import("inspect")?;
    let empty = inspect.getattr("Parameter")?.getattr("empty")?;
    let parameters = inspect.call_method1("signature", (function,))?.getattr("parameters")?;
    let mut signature = Signature { positional: Vec::new(), variadic: false, required_keywords: Vec::new() };
    for parameter in parameters.call_method0("values")?.try_iter()? {
        let parameter = parameter?;
        let name: String = parameter.getattr("name")?.extract()?;
        let required = parameter.getattr("default")?.is(&empty);
        match &*parameter.getattr("kind")?.getattr("name")?.extract::<String>()? {
            "POSITIONAL_ONLY" | "POSITIONAL_OR_KEYWORD" => {
                let wants_context = names_run_context(&parameter.getattr("annotation")?);
                signature.positional.push(Parameter { name, wants_context, required });
            }
            "VAR_POSITIONAL" => signature.variadic = true,
            "KEYWORD_ONLY" if required => signature.required_keywords.push(name),
            _ => {}
        }
    }
    Ok(signature)
}

/// Whether an annotation, a type or its text, has the name `RunContext`.
fn names_run_context(annotation: &Bound<'_, PyAny>) -> bool {
    let name = match annotation.cast::<PyString>() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => {
            annotation.getattr("__name__").and_then(|name| name.extract::<String>()).unwrap_or_default()
        }
    };
    name.trim_matches(['"', '\'', ' ']).rsplit('.').next() == Some("RunContext")
}
