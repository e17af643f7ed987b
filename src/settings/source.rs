//! Where settings are read from beside flags and manifest.

use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};

use zeroize::Zeroize;

use super::table::{TABLE, Visibility};

/// Variables by name. Tests give a map and never touch the process's own.
pub trait Source {
    /// The value of a variable, when it is set.
    fn get(&self, name: &str) -> Option<&OsStr>;
    /// The names of all variables that are text.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;
}

impl Source for HashMap<String, OsString> {
    fn get(&self, name: &str) -> Option<&OsStr> {
        self.get(name).map(OsString::as_os_str)
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.keys().map(String::as_str))
    }
}

/// The environment as the process was started with it. Its secrets are only here.
pub struct Environment(HashMap<String, OsString>);

impl Environment {
    /// Reads the environment and removes every secret from it, so that no child inherits one and
    /// `/proc/self/environ` shows none.
    ///
    /// # Safety
    /// No other thread may exist: the C library's environment has no lock.
    #[must_use]
    pub unsafe fn take() -> Self {
        let taken =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        for row in TABLE.iter().filter(|row| row.visibility == Visibility::Secret) {
            for name in [Some(row.env), row.older_env].into_iter().flatten() {
                // SAFETY: the caller promises that this thread is the only one.
                unsafe { remove(name) };
            }
        }
        Self(taken)
    }
}

/// Overwrites the value where the kernel put it, which `unsetenv` alone leaves readable, then
/// removes the variable.
///
/// # Safety
/// No other thread may exist.
unsafe fn remove(name: &str) {
    let Ok(c_name) = CString::new(name) else { return };
    // SAFETY: `c_name` ends in NUL. The pointer is to the value in the environment block, which ends
    // in NUL, belongs to this process and is writable; no other thread reads it.
    unsafe {
        let value = nix::libc::getenv(c_name.as_ptr());
        if !value.is_null() {
            std::slice::from_raw_parts_mut(value.cast::<u8>(), nix::libc::strlen(value)).zeroize();
        }
        std::env::remove_var(name);
    }
}

impl Source for Environment {
    fn get(&self, name: &str) -> Option<&OsStr> {
        Source::get(&self.0, name)
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        self.0.names()
    }
}

/// Shows no values: secrets are among them.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        for (_, value) in self.0.drain() {
            value.into_encoded_bytes().zeroize();
        }
    }
}
