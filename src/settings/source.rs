//! Where settings are read from beside flags and manifest.

use std::collections::HashMap;
use std::ffi::{CString, OsStr, OsString};

use zeroize::Zeroize;

use super::env_file::{EnvFile, is_secret};

/// Variables by name. Tests give a map and never touch the process's own.
pub trait Source {
    /// The value of a variable, when it is set.
    fn get(&self, name: &str) -> Option<&OsStr>;
    /// The names of all variables that are text.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;

    /// The file that some of them were read from.
    fn env_file(&self) -> Option<&EnvFile> {
        None
    }

    /// File and line of a variable that was read from a file.
    fn place_of(&self, _name: &str) -> Option<String> {
        None
    }
}

impl Source for HashMap<String, OsString> {
    fn get(&self, name: &str) -> Option<&OsStr> {
        self.get(name).map(OsString::as_os_str)
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.keys().map(String::as_str))
    }
}

/// The environment as the process was started with it, and behind it a file. Its secrets are only here.
#[derive(Default)]
pub struct Environment {
    variables: HashMap<String, OsString>,
    file: Option<EnvFile>,
}

impl Environment {
    /// Reads the environment and removes every secret from it, so that no child inherits one and
    /// `/proc/self/environ` shows none.
    ///
    /// # Safety
    /// No other thread may exist: the C library's environment has no lock.
    #[must_use]
    pub unsafe fn take() -> Self {
        let variables: HashMap<_, _> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        for name in variables.keys().filter(|name| is_secret(name)) {
            // SAFETY: the caller promises that this thread is the only one.
            unsafe { remove(name) };
        }
        Self { variables, file: None }
    }

    /// Puts a file behind the variables: it gives those that are not set, or empty. The process and what it starts
    /// have them too, but for secrets.
    ///
    /// # Safety
    /// No other thread may exist, as for [`Self::take`].
    #[must_use]
    pub unsafe fn with_file(mut self, file: EnvFile) -> Self {
        for name in file.names().filter(|name| !self.is_set(name) && !is_secret(name)) {
            #[expect(
                clippy::disallowed_methods,
                reason = "before there is another thread, as the reason there asks"
            )]
            // SAFETY: the caller promises that this thread is the only one. Neither name nor value holds a NUL.
            unsafe {
                std::env::set_var(name, file.get(name).unwrap_or_default());
            }
        }
        self.file = Some(file);
        self
    }

    /// Empty counts as not set.
    fn is_set(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(|value| !value.is_empty())
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
        let of_file = || self.file.as_ref()?.get(name).map(OsStr::new);
        if self.is_set(name) { Source::get(&self.variables, name) } else { of_file() }
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        let of_file =
            self.file.iter().flat_map(EnvFile::names).filter(|name| !self.variables.contains_key(*name));
        Box::new(self.variables.names().chain(of_file))
    }

    fn env_file(&self) -> Option<&EnvFile> {
        self.file.as_ref()
    }

    fn place_of(&self, name: &str) -> Option<String> {
        self.file.as_ref().filter(|_| !self.is_set(name))?.place_of(name)
    }
}

/// Shows no values: secrets are among them.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.variables.len())
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        for (_, value) in self.variables.drain() {
            value.into_encoded_bytes().zeroize();
        }
    }
}
