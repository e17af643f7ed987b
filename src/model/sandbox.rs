//! The walls that the model process puts around itself, before any Python runs.

use std::io;
use std::path::{Path, PathBuf};

use bootstrap_frames::Confinement;
use caps::CapSet;
use nix::sys::resource::{Resource, setrlimit};
use serde::{Deserialize, Serialize};

use super::isolation::Isolation;
use super::landlock::{self, Landlocked, real};
use super::seccomp;
use super::spec::{ModelSpec, StartError};
use crate::bundle::Manifest;

/// What the model may touch. Paths are absolute and without links, as far as they exist.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sandbox {
    /// Files and folders that it may write to.
    pub writable: Vec<PathBuf>,
    /// Files and folders that it must neither read nor write.
    pub protected: Vec<PathBuf>,
    /// Files that it may read but never write.
    pub read_only: Vec<PathBuf>,
}

impl Sandbox {
    /// The sandbox of a model with this scratch folder.
    ///
    /// # Errors
    /// [`StartError::Exposed`]: what belongs to the worker lies where the model has to read or may write.
    pub fn of(spec: &ModelSpec, scratch: &Path) -> Result<Self, StartError> {
        let writable: Vec<_> = spec.writable.iter().cloned().chain([scratch.to_owned()]).collect();
        Self::keeping(&spec.private.paths, &spec.read_only, &spec.bundle_root, &writable)
    }

    /// Whether what the worker keeps lies within the reach of a bundle's model, found out before anything is done with
    /// either.
    ///
    /// # Errors
    /// As [`Sandbox::of`].
    pub fn check_places(
        manifest: &Manifest,
        protected: &[PathBuf],
        read_only: &[PathBuf],
    ) -> Result<(), StartError> {
        // Stands for the scratch folder, whose name is drawn.
        let scratch = std::env::temp_dir().join("bootstrap-scratch");
        let writable: Vec<_> = manifest.runtime.writable.iter().cloned().chain([scratch]).collect();
        Self::keeping(protected, read_only, &manifest.root, &writable).map(drop)
    }

    /// A sandbox that keeps `protected` and `read_only` from a model that has to read its bundle and writes to
    /// `writable`.
    ///
    /// # Errors
    /// As [`Sandbox::of`].
    fn keeping(
        protected: &[PathBuf],
        read_only: &[PathBuf],
        bundle_root: &Path,
        writable: &[PathBuf],
    ) -> Result<Self, StartError> {
        let real_all = |paths: &[PathBuf]| paths.iter().map(|path| real(path)).collect();
        let (writable, read_only) = (real_all(writable), real_all(read_only));
        let sandbox = Self { writable, read_only, protected: Vec::new() }.protecting(protected);
        let bundle = real(bundle_root);
        let writable = || sandbox.writable.iter().chain(landlock::always_writable());
        let exposed = |kept: &PathBuf, folder: &PathBuf| StartError::Exposed {
            kept: kept.clone(),
            folder: folder.clone(),
        };
        for kept in &sandbox.protected {
            if let Some(folder) = writable().chain([&bundle]).find(|folder| overlap(kept, folder)) {
                return Err(exposed(kept, folder));
            }
        }
        for kept in &sandbox.read_only {
            if let Some(folder) = writable().find(|folder| kept.starts_with(folder)) {
                return Err(exposed(kept, folder));
            }
        }
        Ok(sandbox)
    }

    /// The same around other secrets. A mounted secret is a link that leads elsewhere whenever it is
    /// renewed, so this is looked at anew for each process; what may be written is not, since the
    /// model could put links there.
    #[must_use]
    pub fn protecting(&self, protected: &[PathBuf]) -> Self {
        Self { protected: protected.iter().map(|path| real(path)).collect(), ..self.clone() }
    }

    /// Puts up every wall that this system has, and says which stand. They hold for the calling thread
    /// and for what it starts from then on, so a process that is to be behind them has no other.
    pub fn enter(&self) -> Confinement {
        let no_new_privs = nix::sys::prctl::set_no_new_privs().is_ok();
        // Capabilities go last: opening what Landlock grants may need them.
        let Landlocked { files, scopes } = landlock::restrict(self);
        let limits = seccomp::forbid_foreign_limits();
        let capabilities_dropped = drop_capabilities() && no_new_privs;
        Confinement { no_new_privs, capabilities_dropped, landlock: files, signals: scopes, limits }
    }

    /// Runs `work` behind the walls, in a thread of its own: for programs of the bundle that are
    /// started before there is a model process. They get no writable folder but shared memory.
    ///
    /// # Errors
    /// The system gives no thread, or `work` panicked.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        self.within(|_| work())
    }

    /// Which walls stand around a model here: puts them up around a thread that ends at once.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn try_out(&self) -> io::Result<Isolation> {
        Ok(Isolation::of_the_worker().with(self.within(|walls| walls)?))
    }

    fn within<T: Send>(&self, work: impl FnOnce(Confinement) -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let confined = move || work(self.enter());
            let thread = std::thread::Builder::new().name("confined".into()).spawn_scoped(scope, confined)?;
            thread.join().map_err(|_| io::Error::other("a confined thread panicked"))
        })
    }
}

/// For a process of ours that stays beside the model: no rights that the model does not have.
pub fn give_up_rights() {
    // What cannot be given up is told of the model, which has the same fate.
    let _ = nix::sys::prctl::set_no_new_privs();
    drop_capabilities();
}

/// Whether one of the two lies in the other.
fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// When memory runs out, the kernel is to take this process and not the worker; and when it dies, it
/// leaves no image of its memory on the disk.
pub fn prefer_as_victim() {
    // Both are kindnesses: a system that refuses them has its reasons.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}

/// Gives up every capability, and with the bounding set the way back to them.
fn drop_capabilities() -> bool {
    for capability in caps::all() {
        // Needs a capability itself, so for an ordinary user it fails and is not needed.
        let _ = caps::drop(None, CapSet::Bounding, capability);
    }
    // A kernel without ambient capabilities has none to give up.
    let _ = caps::clear(None, CapSet::Ambient);
    [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted].into_iter().all(|set| {
        let cleared = caps::clear(None, set).is_ok();
        cleared && caps::read(None, set).is_ok_and(|left| left.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_mounted_secret_is_protected_where_it_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for version in ["2024", "2025"] {
            fs::create_dir(root.join(version)).unwrap();
            fs::write(root.join(version).join("key"), "secret").unwrap();
        }
        let (mounted, current) = (root.join("key"), root.join("current"));
        symlink("2024", &current).unwrap();
        symlink("current/key", &mounted).unwrap();
        let protected = [mounted];
        let sandbox = Sandbox::default().protecting(&protected);
        assert_eq!(sandbox.protected, [root.join("2024/key")]);
        fs::remove_file(&current).unwrap();
        symlink("2025", &current).unwrap();
        assert_eq!(sandbox.protecting(&protected).protected, [root.join("2025/key")]);
    }
}
