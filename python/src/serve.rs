//! The life of the process: greet, load, answer calls, leave.

use std::os::fd::AsRawFd;

use bootstrap_frames::{BUILD, Context, Fault, FromHost, PROTOCOL, ToHost, cut};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::Skip;
use crate::event_loop::EventLoop;
use crate::fault;
use crate::function::Function;
use crate::value;
use crate::wire::Wire;

/// Longest reason of a skip, in bytes.
const MAX_REASON: usize = 1024;

/// Speaks with the worker until it says goodbye or is gone.
pub fn serve(py: Python<'_>) -> PyResult<()> {
    let mut wire = Wire::take()?;
    let version = py.version_info();
    let python = format!("{}.{}.{}", version.major, version.minor, version.patch);
    wire.send(py, &FromHost::Hello { protocol: PROTOCOL, build: BUILD.into(), python })?;

    let process = std::process::id();
    let mut event_loop = EventLoop::default();
    let mut function = None;
    while let Some(message) = receive(py, &mut wire, &mut event_loop)? {
        let answer = match message {
            ToHost::Load(load) => match Function::load(py, load) {
                Ok(loaded) => {
                    if loaded.is_async {
                        event_loop.open(py)?; // now, since the first window is no time for imports
                    }
                    let loaded = function.insert(loaded);
                    let (is_async, seconds) = (loaded.is_async, loaded.seconds);
                    FromHost::Loaded { function: loaded.name(), is_async, seconds }
                }
                Err(fault) => FromHost::LoadFailed { fault },
            },
            ToHost::Predict { id, nonce, context } => match &function {
                Some(function) => predict(py, function, &mut event_loop, id, nonce, context),
                None => {
                    return Err(PyRuntimeError::new_err("asked for a prediction before a model was loaded"));
                }
            },
            ToHost::Ping => FromHost::Pong,
            ToHost::Bye => break,
        };
        flush();
        if std::process::id() != process {
            // A fork that the model forgot to end came back here; the answer is its parent's to give.
            std::process::exit(0);
        }
        wire.send(py, &answer)?;
    }
    Ok(())
}

/// The next message; the event loop, when there is one, runs while there is none.
fn receive(py: Python<'_>, wire: &mut Wire, event_loop: &mut EventLoop) -> PyResult<Option<ToHost>> {
    loop {
        if let Some(message) = wire.pending()? {
            return Ok(Some(message));
        }
        event_loop.run_until_readable(py, wire.as_raw_fd())?;
        if !wire.fill(py)? {
            return Ok(None);
        }
    }
}

fn predict(
    py: Python<'_>,
    function: &Function,
    event_loop: &mut EventLoop,
    id: u64,
    nonce: i64,
    context: Context,
) -> FromHost {
    let result = match function.call(py, event_loop, nonce, context) {
        Ok(result) => result,
        Err(error) if error.is_instance_of::<Skip>(py) => {
            let why = cut(fault::message(py, &error), MAX_REASON);
            return FromHost::Skipped { id, why };
        }
        Err(error) => return FromHost::Failed { id, fault: fault::raised(py, &error) },
    };
    match value::prediction(&result) {
        Ok(prediction) => FromHost::Done { id, prediction },
        Err(bad) => FromHost::Failed { id, fault: Fault::BadValue(bad) },
    }
}

/// What C code of the model printed lies in C's own buffer, which a kill would lose.
fn flush() {
    // SAFETY: a null stream means all of them.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}
