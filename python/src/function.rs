//! The bundle's function: found, and called.

use std::time::Instant;

use bootstrap_frames::{Context, Fault, Load};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::context::RunContext;
use crate::event_loop::{EventLoop, is_awaitable};
use crate::fault;
use crate::parameters::{Argument, arguments};

/// The function of a loaded bundle.
pub struct Function {
    callable: Py<PyAny>,
    arguments: Vec<Argument>,
    load: Load,
    /// Whether calling it gives a coroutine, as far as its code tells.
    pub is_async: bool,
    /// How long importing took.
    pub seconds: f64,
}

impl Function {
    /// Imports the module and looks the function up.
    pub fn load(py: Python<'_>, load: Load) -> Result<Self, Fault> {
        let start = Instant::now();
        let callable = find(py, &load).map_err(|error| fault::not_importable(py, &error))?;
        let arguments = arguments(&callable).map_err(|error| {
            let Load { module, function, .. } = &load;
            Fault::Import {
                message: format!("{module}:{function} cannot be called: {}", fault::message(py, &error)),
                traceback: None,
            }
        })?;
        let is_async = is_coroutine_function(&callable);
        let seconds = start.elapsed().as_secs_f64();
        Ok(Self { callable: callable.unbind(), arguments, load, is_async, seconds })
    }

    /// `module:function`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.load.module, self.load.function)
    }

    /// Calls it, and waits for the result when that can be awaited.
    pub fn call<'py>(
        &self,
        py: Python<'py>,
        event_loop: &mut EventLoop,
        nonce: i64,
        context: Context,
    ) -> PyResult<Bound<'py, PyAny>> {
        // An earlier call may have left it.
        std::env::set_current_dir(&self.load.workdir)?;
        let context = Bound::new(py, RunContext::new(nonce, context, &self.load))?;
        call(self.callable.bind(py), &self.arguments, event_loop, nonce, context.as_any())
    }
}

/// Calls what can be called with the arguments that it takes, and waits for the result when that can
/// be awaited.
pub fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &[Argument],
    event_loop: &mut EventLoop,
    nonce: i64,
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let given = arguments.iter().map(|argument| match argument {
        Argument::Nonce => Ok(nonce.into_pyobject(py)?.into_any()),
        Argument::Context => Ok(context.clone()),
    });
    let given = PyTuple::new(py, given.collect::<PyResult<Vec<_>>>()?)?;
    let result = callable.call1(given)?;
    if is_awaitable(&result) { event_loop.run(&result) } else { Ok(result) }
}

fn find<'py>(py: Python<'py>, load: &Load) -> PyResult<Bound<'py, PyAny>> {
    let sys = py.import("sys")?;
    let path = sys.getattr("path")?.cast_into::<PyList>()?;
    // `python -c` puts the working directory first; a bundle is imported from its root only.
    if path.len() > 0 && path.get_item(0)?.eq("")? {
        path.del_item(0)?;
    }
    path.insert(0, &load.bundle_root)?;
    std::env::set_current_dir(&load.workdir)?;
    let root = py.import(&*load.module)?;
    // A dotted name gives the package; the module itself is in sys.modules.
    let module = sys.getattr("modules")?.get_item(&load.module).unwrap_or_else(|_| root.into_any());
    let function = module.getattr(&*load.function).map_err(|error| {
        let Load { module, function, .. } = load;
        if error.is_instance_of::<PyAttributeError>(py) {
            PyAttributeError::new_err(format!("module {module} has no function {function:?}"))
        } else {
            error
        }
    })?;
    if !function.is_callable() {
        let class = function.get_type().name()?;
        let problem = format!("{}:{} is of type {class}, not a function", load.module, load.function);
        return Err(PyTypeError::new_err(problem));
    }
    Ok(function)
}

/// Whether the function, the method behind an object's call, or what a partial wraps, is `async def`.
fn is_coroutine_function(callable: &Bound<'_, PyAny>) -> bool {
    /// `inspect.CO_COROUTINE`.
    const COROUTINE: u32 = 0x80;
    let is_coroutine = |function: &Bound<'_, PyAny>| {
        let flags = function.getattr("__code__").and_then(|code| code.getattr("co_flags")?.extract::<u32>());
        flags.is_ok_and(|flags| flags & COROUTINE != 0)
    };
    is_coroutine(callable)
        || callable.getattr("func").is_ok_and(|wrapped| is_coroutine(&wrapped))
        || callable.get_type().getattr("__call__").is_ok_and(|call| is_coroutine(&call))
}
