//! Descriptor 3: frames to and from the worker.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::UnixStream;

use bootstrap_frames::{Decoder, FromHost, ToHost, WIRE_FD, encode};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;

/// Our end of the socket pair.
pub struct Wire {
    stream: UnixStream,
    decoder: Decoder,
}

impl Wire {
    /// Takes descriptor 3 over, and keeps it from programs that the model starts.
    pub fn take() -> PyResult<Self> {
        // SAFETY: fcntl on a number; it fails when the descriptor is not open.
        if unsafe { libc::fcntl(WIRE_FD, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
            return Err(PyOSError::new_err("no worker on descriptor 3; this is started by `bootstrap`"));
        }
        // SAFETY: the descriptor is open, and ours alone by agreement with the process that started us.
        let stream = unsafe { UnixStream::from_raw_fd(WIRE_FD) };
        Ok(Self { stream, decoder: Decoder::new() })
    }

    /// Sends one message.
    pub fn send(&mut self, py: Python<'_>, message: &FromHost) -> PyResult<()> {
        let frame = encode(message).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        py.detach(|| self.stream.write_all(&frame)).map_err(PyErr::from)
    }

    /// A message that has already been read.
    pub fn pending(&mut self) -> PyResult<Option<ToHost>> {
        self.decoder.take().map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// Waits for bytes while Python's other threads run. False when the worker is gone.
    pub fn fill(&mut self, py: Python<'_>) -> PyResult<bool> {
        let mut piece = [0; 4096];
        loop {
            match py.detach(|| self.stream.read(&mut piece)) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.decoder.push(&piece[..read]);
                    return Ok(true);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => py.check_signals()?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsRawFd for Wire {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
