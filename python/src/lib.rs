//! What runs inside the bundle's interpreter: the module `bootstrap_host`.
//!
//! It speaks frames on descriptor 3, imports the bundle and calls its function. Two names in it are
//! for the user's code: `RunContext` and `Skip`. One build serves every Python from 3.9 (stable
//! ABI), loaded either into a dlopened libpython or by an interpreter that is a static executable.
//! Tests of bundles load it too, through the package in `python/bootstrap_host`.

mod context;
mod event_loop;
mod fault;
mod function;
mod parameters;
mod serve;
mod value;
mod wire;

use pyo3::prelude::*;

pyo3::create_exception!(
    bootstrap_host,
    Skip,
    pyo3::exceptions::PyException,
    "Raise it to leave this nonce out on purpose: raise Skip(\"why\")."
);

/// The two names that a model may import, the entry of the process, and what tests take of it.
#[pymodule]
mod bootstrap_host {
    use bootstrap_frames::Prediction;
    use pyo3::exceptions::{PyTypeError, PyValueError};
    use pyo3::prelude::*;

    use crate::event_loop::EventLoop;
    use crate::{fault, function, parameters, value};

    #[pymodule_export]
    use super::Skip;
    #[pymodule_export]
    use super::context::RunContext;

    /// Speaks with the worker until it says goodbye or is gone.
    #[pyfunction]
    fn _serve(py: Python<'_>) -> PyResult<()> {
        super::serve::serve(py)
    }

    /// What `function` returns when it is called as in a window. What it raises comes through; a
    /// `TypeError` says why it cannot be called.
    #[pyfunction]
    fn _call<'py>(
        function: &Bound<'py, PyAny>,
        nonce: i64,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments = parameters::arguments(function).map_err(|error| {
            let problem = fault::message(function.py(), &error);
            PyTypeError::new_err(format!("the worker cannot call it: {problem}"))
        })?;
        function::call(function, &arguments, &mut EventLoop::default(), nonce, context)
    }

    /// The label (`None` where there is one output only) and text of each number in what a function
    /// returned; a `ValueError` says why it is no prediction.
    #[pyfunction]
    fn _prediction(result: &Bound<'_, PyAny>) -> PyResult<Vec<(Option<String>, String)>> {
        match value::prediction(result) {
            Ok(Prediction::One(value)) => Ok(vec![(None, value)]),
            Ok(Prediction::Many(values)) => {
                Ok(values.into_iter().map(|(label, value)| (Some(label), value)).collect())
            }
            Err(bad) => Err(PyValueError::new_err(bad.to_string())),
        }
    }
}
