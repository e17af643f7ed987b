//! The walls that the model process puts around itself, before any Python runs.

use std::path::PathBuf;

use bootstrap_frames::Confinement;
use caps::CapSet;
use nix::sys::resource::{Resource, setrlimit};
use serde::{Deserialize, Serialize};

use super::landlock;

/// What the model may touch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sandbox {
    /// Files and folders that it may write to.
    pub writable: Vec<PathBuf>,
    /// Files and folders that it must not read.
    pub protected: Vec<PathBuf>,
}

impl Sandbox {
    /// Puts up every wall that this system has, and says which stand. The process must have one
    /// thread only: the others would stay outside.
    pub fn enter(&self) -> Confinement {
        prefer_as_victim();
        let no_new_privs = nix::sys::prctl::set_no_new_privs().is_ok();
        // Capabilities go last: opening what Landlock grants may need them.
        let landlock = landlock::restrict_files(&self.writable, &self.protected);
        let signals = landlock::restrict_signals();
        let capabilities_dropped = drop_capabilities() && no_new_privs;
        Confinement { no_new_privs, capabilities_dropped, landlock, signals }
    }
}

/// For a process of ours that stays beside the model: no rights that the model does not have.
pub fn give_up_rights() {
    // What cannot be given up is told of the model, which has the same fate.
    let _ = nix::sys::prctl::set_no_new_privs();
    drop_capabilities();
}

/// When memory runs out, the kernel is to take the model and not the worker; and a model that dies
/// leaves no image of its memory on the disk.
fn prefer_as_victim() {
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
