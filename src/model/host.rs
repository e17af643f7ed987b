//! The inside of the model process until Python takes over: `bootstrap host PLAN`.
//!
//! The process forks: its parent stays as the keeper. The child puts its walls up, says on descriptor 3 which of them
//! stand, and becomes the interpreter: by loading its libpython, or, where the interpreter is a static executable, by
//! executing it. Either way Python gets our module from memory and runs the same two lines.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bootstrap_frames::{FromHost, WIRE_FD};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW, Symbol};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigHandler, Signal, signal};
use serde::{Deserialize, Serialize};

use super::footprint::{Extent, release};
use super::keeper::fork_under_keeper;
use super::sandbox::{Sandbox, prefer_as_victim};

/// Our module for Python: a shared library for the stable ABI of CPython 3.9.
pub static CDYLIB: &[u8] = include_bytes!(env!("PYTHON_CDYLIB"));

/// Its name, and what Python does with it.
const MODULE: &std::ffi::CStr = c"bootstrap_host";
const SERVE: &str = "import bootstrap_host; bootstrap_host._serve()";

/// What the worker tells the process in its only argument. No secrets: everybody can read it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Our end of the socket pair, under the number it happens to have.
    pub wire: RawFd,
    /// The interpreter's executable; it tells Python which environment it is in.
    pub python: PathBuf,
    /// Its shared library, when there is one.
    pub libpython: Option<PathBuf>,
    /// The walls.
    pub sandbox: Sandbox,
}

/// Why the process could not become an interpreter. The worker shows it from our stderr.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Not started by a worker.
    #[error("`host` is started by `bootstrap` itself")]
    NotStartedByUs(#[source] serde_json::Error),
    /// The system refused something that every Linux allows.
    #[error("{0} failed")]
    System(&'static str, #[source] io::Error),
    /// The interpreter's library, or our module in it.
    #[error("{} cannot be loaded", .0.display())]
    Library(PathBuf, #[source] libloading::Error),
    /// The static interpreter cannot be started.
    #[error("{} cannot be started", .0.display())]
    Exec(PathBuf, #[source] io::Error),
    /// A path with a zero byte.
    #[error("a path with a zero byte")]
    Path(#[from] std::ffi::NulError),
    /// The library would not take our module.
    #[error("this Python refuses another built-in module")]
    Inittab,
}

/// Becomes the interpreter; returns Python's exit code when that ends in order.
///
/// # Errors
/// [`HostError`], before any code of the bundle has run.
pub fn run(plan: &str) -> Result<u8, HostError> {
    let plan: Plan = serde_json::from_str(plan).map_err(HostError::NotStartedByUs)?;
    take_wire(plan.wire)?;
    // The keeper must not hold open what the worker waits to see closed.
    fork_under_keeper(&[1, 2, WIRE_FD]).map_err(|error| HostError::System("forking", error))?;
    say(&FromHost::Started { pid: std::process::id() })?;
    let module = module_in_memory()?;
    prefer_as_victim();
    say(&FromHost::Confined(plan.sandbox.enter()))?;
    match &plan.libpython {
        Some(libpython) => embed(&plan.python, libpython, module),
        None => exec(&plan.python, module).map(|never| match never {}),
    }
}

/// Sends a frame, as long as there is no interpreter that could.
fn say(message: &FromHost) -> Result<(), HostError> {
    let failed = |error| HostError::System("greeting", error);
    let frame = bootstrap_frames::encode(message).map_err(|error| failed(io::Error::other(error)))?;
    // SAFETY: descriptor 3 is the wire; `forget` leaves it open for Python.
    let mut wire = unsafe { File::from_raw_fd(WIRE_FD) };
    let sent = wire.write_all(&frame);
    std::mem::forget(wire);
    sent.map_err(failed)
}

/// Puts the wire on its agreed number. The number that it had is free afterwards.
fn take_wire(wire: RawFd) -> Result<(), HostError> {
    if wire == WIRE_FD {
        return Ok(());
    }
    // SAFETY: the worker left this descriptor open for us, and nobody else uses it. Dropping it
    // closes the old number.
    let wire = unsafe { OwnedFd::from_raw_fd(wire) };
    // SAFETY: whatever descriptor 3 was (a plain fork leaves none of ours open), it is the wire now.
    unsafe { nix::unistd::dup2_raw(&wire, WIRE_FD) }
        .map(std::mem::forget)
        .map_err(|error| HostError::System("taking the wire over", error.into()))
}

/// Our module as a file that exists in memory only.
fn module_in_memory() -> Result<File, HostError> {
    let memory = memfd_create(MODULE, MFdFlags::MFD_CLOEXEC);
    let mut memory =
        memory.map(File::from).map_err(|error| HostError::System("memfd_create", error.into()))?;
    memory.write_all(CDYLIB).map_err(|error| HostError::System("filling the module", error))?;
    Ok(memory)
}

fn path_of(memory: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()))
}

type AppendInittab = unsafe extern "C" fn(*const c_char, unsafe extern "C" fn() -> *mut c_void) -> c_int;
type BytesMain = unsafe extern "C" fn(c_int, *mut *mut c_char) -> c_int;

/// Loads libpython for all to see (extension modules look their symbols up there), then our module,
/// and enters Python as its executable would. `argv[0]` is how Python finds its environment.
fn embed(python: &Path, libpython: &Path, module: File) -> Result<u8, HostError> {
    let open = |path: &Path| {
        // SAFETY: running the initialisers of the user's chosen interpreter is what we are here for.
        unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
            .map_err(|error| HostError::Library(path.into(), error))
    };
    let missing = |error| HostError::Library(libpython.into(), error);
    forget_own_signal_handlers()?;
    let interpreter = open(libpython)?;
    let ours = open(&path_of(&module))?;
    drop(module);
    // SAFETY: these are the documented signatures of CPython's C API, the same since 3.8.
    let (append, main): (Symbol<AppendInittab>, Symbol<BytesMain>) = unsafe {
        let append = interpreter.get(b"PyImport_AppendInittab").map_err(missing)?;
        (append, interpreter.get(b"Py_BytesMain").map_err(missing)?)
    };
    // SAFETY: the signature of every module's init function.
    let init: Symbol<unsafe extern "C" fn() -> *mut c_void> =
        unsafe { ours.get(b"PyInit_bootstrap_host") }.map_err(missing)?;
    let arguments = [CString::new(python.as_os_str().as_bytes())?, c"-c".into(), CString::new(SERVE)?];
    let mut pointers: Vec<*mut c_char> =
        arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    pointers.push(std::ptr::null_mut());
    // SAFETY: the interpreter has not been initialised; name and function live as long as the process.
    if unsafe { append(MODULE.as_ptr(), *init) } != 0 {
        return Err(HostError::Inittab);
    }
    release(Extent::Program);
    // SAFETY: three arguments and the closing null, all alive until Python has ended.
    let code = unsafe { main(3, pointers.as_mut_ptr()) };
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Rust's start-up handles a segmentation fault to tell of a stack that overflowed; of another it restores the default and
/// returns. One that was sent, and not met, would then be survived: Python's faulthandler hands it back to us.
fn forget_own_signal_handlers() -> Result<(), HostError> {
    for fault in [Signal::SIGSEGV, Signal::SIGBUS] {
        // SAFETY: the default runs no code of ours.
        unsafe { signal(fault, SigHandler::SigDfl) }
            .map_err(|error| HostError::System("restoring a signal's default", error.into()))?;
    }
    Ok(())
}

/// Becomes the static interpreter, which loads our module from the descriptor it inherits.
fn exec(python: &Path, module: File) -> Result<Infallible, HostError> {
    for descriptor in [module.as_raw_fd(), WIRE_FD] {
        // SAFETY: both are open and ours.
        let descriptor = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
        fcntl(descriptor, FcntlArg::F_SETFD(FdFlag::empty()))
            .map_err(|error| HostError::System("keeping a descriptor", error.into()))?;
    }
    let path = path_of(&module);
    let number = module.as_raw_fd();
    let load = format!(
        "import os, sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
loader = ExtensionFileLoader('bootstrap_host', {path:?})
module = loader.create_module(ModuleSpec('bootstrap_host', loader, origin={path:?}))
sys.modules['bootstrap_host'] = module
loader.exec_module(module)
os.close({number})
del os, sys, loader, module, ExtensionFileLoader, ModuleSpec
{SERVE}"
    );
    let error = Command::new(python).args([OsStr::new("-c"), OsStr::new(&load)]).exec();
    Err(HostError::Exec(python.into(), error))
}
