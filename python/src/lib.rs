//! What runs inside the bundle's interpreter: the module `bootstrap_host`.
//!
//! It speaks frames on descriptor 3, imports the bundle and calls its function. Two names in it are
//! for the user's code: `RunContext` and `Skip`. One build serves every Python from 3.9 (stable
//! ABI), loaded either into a dlopened libpython or by an interpreter that is a static executable.

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

/// The two names that a model may import, and the entry of the process.
#[pymodule]
mod bootstrap_host {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::Skip;
    #[pymodule_export]
    use super::context::RunContext;

    /// Speaks with the worker until it says goodbye or is gone.
    #[pyfunction]
    fn _serve(py: Python<'_>) -> PyResult<()> {
        super::serve::serve(py)
    }
}
