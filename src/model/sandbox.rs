//! The walls that the model process puts around itself, before any Python runs.

use std::path::PathBuf;

use bootstrap_frames::Confinement;
use serde::{Deserialize, Serialize};

/// What the model may touch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sandbox {
    /// Files and folders that it may write to.
    pub writable: Vec<PathBuf>,
    /// Files and folders that it must not read.
    pub protected: Vec<PathBuf>,
}

impl Sandbox {
    /// Puts up every wall that this system has, and says which stand.
    pub fn enter(&self) -> Confinement {
        Confinement {
            no_new_privs: nix::sys::prctl::set_no_new_privs().is_ok(),
            capabilities_dropped: false,
            landlock: false,
            signals: false,
        }
    }
}
