//! The Python that fits a bundle.

mod probe;

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::private::Private;
use super::sandbox::Sandbox;
use crate::bundle::{Manifest, PythonVersion};
use crate::subprocess;

/// Most links from one to the next that are followed, as the kernel's own limit.
const LINKS: usize = 40;
/// Most bytes of a `pyvenv.cfg`.
const CONFIG_BYTES: u64 = 64 * 1024;
/// The highest `python3.N` that is looked for.
const NEWEST: u8 = 40;

/// An interpreter that was found, asked and fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// Its executable, absolute: that of the virtual environment when it is in one.
    pub executable: PathBuf,
    /// `3.11.7`.
    pub version: String,
    /// Its shared library; `None` when the executable is all there is.
    pub libpython: Option<PathBuf>,
}

/// Why there is no interpreter for a bundle.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// The one that the settings name does not exist.
    #[error("there is no interpreter {}", .0.display())]
    NamedMissing(PathBuf),
    /// The one that is to be used cannot be.
    #[error("{} cannot run this bundle", path.display())]
    Unfit {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        why: Unfit,
    },
    /// None was found.
    #[error("no Python {wanted} was found{}", Tried(tried))]
    NotFound {
        /// What the bundle asks for.
        wanted: PythonVersion,
        /// Those that were looked at.
        tried: Vec<(PathBuf, Unfit)>,
    },
}

/// What is wrong with an interpreter.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Another version than the bundle asks for.
    #[error("it is Python {found}, the bundle asks for {wanted}")]
    Version {
        /// Its own.
        found: String,
        /// The bundle's.
        wanted: PythonVersion,
    },
    /// PyPy, GraalPy or the like.
    #[error("it is {0}, and only CPython can be used")]
    Implementation(String),
    /// A build without the global interpreter lock, which has another binary interface.
    #[error("it is a free-threaded build, which has another binary interface")]
    FreeThreaded,
    /// A virtual environment whose base interpreter was removed.
    #[error("its base interpreter {} is gone", .0.display())]
    BaseGone(PathBuf),
    /// A virtual environment whose base interpreter is in a folder that is closed to this user.
    #[error("its base interpreter {} is out of reach of this user", .0.display())]
    BaseUnreachable(PathBuf),
    /// It cannot be started, or does not describe itself.
    #[error("it does not say what it is")]
    Silent(#[source] io::Error),
}

impl Unfit {
    /// What a look at the base interpreter, which fails with `error`, says of it.
    fn of_base(base: PathBuf, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::BaseUnreachable(base),
            _ => Self::BaseGone(base),
        }
    }
}

impl InterpreterError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NamedMissing(_) => {
                "give --python or ALLORA_PYTHON the path of an interpreter, or leave it away".into()
            }
            Self::Unfit { why: Unfit::BaseUnreachable(base), .. } => {
                format!(
                    "open the folders above {} to this user, or name another interpreter with --python",
                    base.display()
                )
            }
            Self::Unfit { path, .. } => match bundle_of(path) {
                Some(bundle) => {
                    format!("make its environment again: `bootstrap install {}`", bundle.display())
                }
                None => "name another interpreter with --python, or leave it away".into(),
            },
            Self::NotFound { wanted, .. } => {
                format!("install Python {wanted}, or name one with --python")
            }
        }
    }
}

/// The bundle whose own environment an interpreter is in.
fn bundle_of(python: &Path) -> Option<&Path> {
    let venv = python.ancestors().nth(2)?;
    venv.ends_with(".venv").then(|| venv.parent())?
}

struct Tried<'a>(&'a [(PathBuf, Unfit)]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(path, unfit)| write!(f, "\n  {}: {unfit}", path.display()))
    }
}

impl Interpreter {
    /// Finds the interpreter of a bundle and asks it about itself; waits for it, so not for a thread
    /// of a runtime.
    ///
    /// `named` is the one of the settings and then the only candidate. Otherwise the bundle's
    /// `.venv`, when there is one, is the only candidate; otherwise those of `path`, a list of
    /// folders as in `PATH`: `pythonX.Y` for an exact version, and `python3`, `python` and the
    /// highest `python3.N` for a lower bound.
    ///
    /// # Errors
    /// [`InterpreterError`]; any of them, and soon, when `stopping` is cancelled.
    pub fn find(
        named: Option<&Path>,
        bundle_root: &Path,
        wanted: PythonVersion,
        path: &OsStr,
        private: &Private,
        stopping: &CancellationToken,
    ) -> Result<Self, InterpreterError> {
        let venv = bundle_root.join(".venv/bin/python");
        // A link that leads nowhere is a broken environment, not an absent one.
        if named.is_none() && venv.symlink_metadata().is_ok() {
            return Self::only(venv, wanted, private, stopping);
        }
        Self::base(named, wanted, path, private, stopping)
    }

    /// The same, but for the bundle's environment: what one can be made from.
    ///
    /// # Errors
    /// As [`Interpreter::find`].
    pub fn base(
        named: Option<&Path>,
        wanted: PythonVersion,
        path: &OsStr,
        private: &Private,
        stopping: &CancellationToken,
    ) -> Result<Self, InterpreterError> {
        if let Some(named) = named {
            let found = if named.components().count() == 1 && !named.exists() {
                subprocess::which(named, path)
            } else {
                named.is_file().then(|| named.to_owned())
            };
            let found = found.ok_or_else(|| InterpreterError::NamedMissing(named.into()))?;
            return Self::only(found, wanted, private, stopping);
        }
        let mut tried = Vec::new();
        for candidate in candidates(path, wanted) {
            if stopping.is_cancelled() {
                break;
            }
            match Self::ask(&candidate, wanted, private, stopping) {
                Ok(found) => return Ok(found),
                Err(unfit) => tried.push((candidate, unfit)),
            }
        }
        Err(InterpreterError::NotFound { wanted, tried })
    }

    /// The interpreter of a bundle, looked for on `PATH` too. It may be the bundle's own, so that it is asked
    /// behind the walls that keep the model from `private`.
    ///
    /// # Errors
    /// The system gives no thread; within, as [`Interpreter::find`].
    pub fn of_bundle(
        manifest: &Manifest,
        named: Option<&Path>,
        private: &Private,
        stopping: &CancellationToken,
    ) -> io::Result<Result<Self, InterpreterError>> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let find = || Self::find(named, &manifest.root, manifest.python, &path, private, stopping);
        Sandbox::default().protecting(&private.paths).run(find)
    }

    /// Runs Python code that sees what the model sees, and gives what it writes: at most 64 KiB, within 10 s.
    /// It is the bundle's environment that runs, so this is to be called behind walls.
    /// Ends soon, with an error, when `stopping` is cancelled.
    pub(super) fn run(
        &self,
        code: &str,
        argument: &str,
        private: &Private,
        stopping: &CancellationToken,
    ) -> io::Result<Vec<u8>> {
        probe::output(&self.executable, &["-c", code, argument], private, stopping)
    }

    fn only(
        path: PathBuf,
        wanted: PythonVersion,
        private: &Private,
        stopping: &CancellationToken,
    ) -> Result<Self, InterpreterError> {
        Self::ask(&path, wanted, private, stopping).map_err(|why| InterpreterError::Unfit { path, why })
    }

    fn ask(
        path: &Path,
        wanted: PythonVersion,
        private: &Private,
        stopping: &CancellationToken,
    ) -> Result<Self, Unfit> {
        let said = probe::describe(path, private, stopping)
            .map_err(|error| lost_base(path).unwrap_or(Unfit::Silent(error)))?;
        if said.implementation != "cpython" {
            return Err(Unfit::Implementation(said.implementation));
        }
        let (major, minor) = said.version;
        if !wanted.fits(major, minor) {
            return Err(Unfit::Version { found: said.version_text, wanted });
        }
        if said.abi_flags.contains('t') {
            return Err(Unfit::FreeThreaded);
        }
        Ok(Self { executable: said.executable, version: said.version_text, libpython: said.libpython })
    }
}

/// What a virtual environment was made from, when that is gone or cannot be reached: its executable is a link to it,
/// or a copy beside a `pyvenv.cfg` that names its folder.
fn lost_base(executable: &Path) -> Option<Unfit> {
    let mut path = executable.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = path.read_link() else { break };
        path = path.parent()?.join(target);
        if let Err(error) = path.symlink_metadata() {
            return Some(Unfit::of_base(path, &error));
        }
    }
    let mut config = String::new();
    let file = File::open(executable.parent()?.with_file_name("pyvenv.cfg")).ok()?;
    file.take(CONFIG_BYTES).read_to_string(&mut config).ok()?;
    let values = config.lines().filter_map(|line| line.split_once('='));
    let mut homes =
        values.filter(|(key, _)| key.trim() == "home").map(|(_, home)| PathBuf::from(home.trim()));
    let home = homes.next_back()?;
    match home.metadata() {
        Ok(found) if found.is_dir() => None,
        Ok(_) => Some(Unfit::BaseGone(home)),
        Err(error) => Some(Unfit::of_base(home, &error)),
    }
}

/// Executables in the folders of `path`, best first, each once.
fn candidates(path: &OsStr, wanted: PythonVersion) -> Vec<PathBuf> {
    let numbered = |minor: u8| format!("python3.{minor}");
    let plain = ["python3".to_owned(), "python".to_owned()].into_iter();
    let names: Vec<String> = match wanted {
        // Containers often have the right one under the plain name only.
        PythonVersion::Exact { minor } => std::iter::once(numbered(minor)).chain(plain).collect(),
        PythonVersion::AtLeast { minor } => plain.chain((minor..=NEWEST).rev().map(numbered)).collect(),
    };
    names.iter().flat_map(|name| subprocess::which_all(name, path)).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder with executables that say what the test wants.
    fn folder(pythons: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in pythons {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn says(version: &str) -> String {
        format!(r"printf 'cpython\000{version}\0\0/p/python\0'")
    }

    fn find(folder: &Path, wanted: &str) -> Result<Interpreter, InterpreterError> {
        let (wanted, stopping) = (wanted.parse().unwrap(), CancellationToken::new());
        Interpreter::find(None, folder, wanted, folder.as_os_str(), &Private::default(), &stopping)
    }

    #[test]
    fn the_first_that_fits_wins_and_all_are_named_when_none_does() {
        let (nine, thirteen) = (says("3.9.1"), says("3.13.0"));
        let folder = folder(&[("python3", &nine), ("python3.13", &thirteen), ("python", "exit 3")]);
        assert_eq!(find(folder.path(), ">=3.9").unwrap().version, "3.9.1");
        assert_eq!(find(folder.path(), ">=3.10").unwrap().version, "3.13.0");
        assert_eq!(find(folder.path(), "3.9").unwrap().version, "3.9.1");
        let message = find(folder.path(), "3.12").unwrap_err().to_string();
        assert!(message.contains("no Python 3.12") && message.contains("it is Python 3.9.1"), "{message}");
    }

    #[test]
    fn the_bundles_own_environment_is_used_or_refused_and_never_passed_over() {
        let fits = says("3.11.0");
        let folder = folder(&[("python3", &fits)]);
        std::fs::create_dir_all(folder.path().join(".venv/bin")).unwrap();
        std::os::unix::fs::symlink("/gone/python", folder.path().join(".venv/bin/python")).unwrap();
        let error = find(folder.path(), "3.11").unwrap_err();
        let InterpreterError::Unfit { why: Unfit::BaseGone(base), .. } = &error else { panic!("{error:?}") };
        assert_eq!(base, Path::new("/gone/python"));
    }

    #[test]
    fn a_copied_executable_without_its_base_names_the_folder_and_links_in_a_circle_end() {
        let folder = folder(&[("bin/python", "exit 1")]);
        let config = folder.path().join("pyvenv.cfg");
        std::fs::write(&config, "version = 3.11.7\nhome = /gone/bin\n").unwrap();
        let python = folder.path().join("bin/python");
        assert!(matches!(lost_base(&python), Some(Unfit::BaseGone(home)) if home == Path::new("/gone/bin")));
        std::fs::write(&config, format!("home = {}\n", folder.path().display())).unwrap();
        assert!(lost_base(&python).is_none());
        std::fs::remove_file(&python).unwrap();
        std::os::unix::fs::symlink("python", &python).unwrap();
        assert!(lost_base(&python).is_none());
    }

    #[test]
    fn a_named_one_that_is_not_there_is_a_mistake_of_the_settings() {
        let folder = folder(&[]);
        let wanted = "3.11".parse().unwrap();
        for named in ["/gone/python", "python-that-is-nowhere"] {
            let (root, stopping) = (folder.path(), CancellationToken::new());
            let (named, private) = (Some(named.as_ref()), Private::default());
            let found = Interpreter::find(named, root, wanted, root.as_os_str(), &private, &stopping);
            assert!(matches!(found, Err(InterpreterError::NamedMissing(_))), "{found:?}");
        }
    }

    #[test]
    fn other_implementations_and_builds_are_refused_by_name() {
        for (said, says) in [
            (r"printf 'pypy\0003.11.0\0\0/p/python\0'", "it is pypy"),
            (r"printf 'cpython\0003.13.0\0t\0/p/python\0'", "free-threaded"),
        ] {
            let folder = folder(&[("python3", said)]);
            let message = find(folder.path(), ">=3.9").unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn a_program_that_says_nothing_or_too_much_is_no_interpreter() {
        for script in ["yes", "exit 0", "echo 3.12", "kill -9 $$"] {
            let folder = folder(&[("python3.12", script)]);
            let error = find(folder.path(), "3.12").unwrap_err();
            assert!(matches!(error, InterpreterError::NotFound { .. }), "{error:?}");
        }
    }
}
