//! The one event loop of the process.

use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

/// An asyncio loop that is made when first needed and then lives as long as the process.
///
/// Importing asyncio costs more time and memory than the rest of the process, so a model without
/// coroutines never gets one. Between calls the loop runs, so that tasks and connections that the
/// model left in it stay alive.
#[derive(Default)]
pub struct EventLoop(Option<Py<PyAny>>);

impl EventLoop {
    /// Makes the loop if there is none. One that the model made while it was imported is taken over.
    pub fn open<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(open) = self.current(py) {
            return Ok(open);
        }
        let asyncio = py.import("asyncio")?;
        let found = match existing(&asyncio) {
            Ok(found) if !is_closed(&found) => found,
            _ => {
                let made = asyncio.call_method0("new_event_loop")?;
                asyncio.call_method1("set_event_loop", (&made,))?;
                made
            }
        };
        self.0 = Some(found.clone().unbind());
        Ok(found)
    }

    /// Waits for what `awaitable` comes to.
    pub fn run<'py>(&mut self, awaitable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.open(awaitable.py())?.call_method1("run_until_complete", (awaitable,))
    }

    /// Keeps the loop running until `descriptor` can be read. Returns at once when there is no loop.
    pub fn run_until_readable(&mut self, py: Python<'_>, descriptor: RawFd) -> PyResult<()> {
        let Some(event_loop) = self.current(py) else { return Ok(()) };
        event_loop.call_method1("add_reader", (descriptor, event_loop.getattr("stop")?))?;
        // A task of the model may end the loop, by sys.exit for one: that is its error and not the
        // end of the process. The caller then waits for the worker without the loop.
        if let Err(error) = event_loop.call_method0("run_forever") {
            error.write_unraisable(py, None);
        }
        event_loop.call_method1("remove_reader", (descriptor,))?;
        Ok(())
    }

    fn current<'py>(&mut self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.0.take_if(|kept| is_closed(kept.bind(py)));
        self.0.as_ref().map(|kept| kept.bind(py).clone())
    }
}

/// The loop that the main thread has, without the warning that Python gives when there is none.
fn existing<'py>(asyncio: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyAny>> {
    let py = asyncio.py();
    let warnings = py.import("warnings")?;
    let quiet = warnings.call_method("catch_warnings", (), None)?;
    quiet.call_method0("__enter__")?;
    let ignored =
        warnings.call_method("simplefilter", ("ignore",), Some(&[("append", false)].into_py_dict(py)?));
    let found = asyncio.call_method0("get_event_loop");
    quiet.call_method1("__exit__", (py.None(), py.None(), py.None()))?;
    ignored?;
    found
}

fn is_closed(event_loop: &Bound<'_, PyAny>) -> bool {
    event_loop.call_method0("is_closed").and_then(|closed| closed.is_truthy()).unwrap_or(true)
}

/// Whether `await` takes it.
pub fn is_awaitable(object: &Bound<'_, PyAny>) -> bool {
    /// `inspect.CO_ITERABLE_COROUTINE`: a generator made by `types.coroutine`.
    const ITERABLE_COROUTINE: u32 = 0x100;
    let flags = || object.getattr("gi_code")?.getattr("co_flags")?.extract::<u32>();
    object.get_type().hasattr("__await__").unwrap_or(false)
        || flags().is_ok_and(|flags| flags & ITERABLE_COROUTINE != 0)
}
