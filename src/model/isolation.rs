//! Which walls stand between the model and everything else.

use bootstrap_frames::Confinement;
use serde::{Deserialize, Serialize};

/// The walls around the model; false means that this system could not enforce it. As the heartbeat and
/// `bootstrap status` show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Isolation {
    /// The worker's memory, environment and descriptors cannot be reached through `/proc` or a debugger.
    pub undumpable: bool,
    /// The model can gain no rights by starting programs.
    pub no_new_privs: bool,
    /// It has no capabilities.
    pub capabilities_dropped: bool,
    /// It is killed as a whole, with what it started.
    pub session: bool,
    /// It does not see the worker's settings and secrets.
    pub environment: bool,
    /// It cannot read what is protected nor write outside of its folders.
    pub landlock: bool,
    /// It cannot send signals, nor connect to abstract sockets, outside of itself.
    pub signals: bool,
    /// It cannot change the resource limits of other processes.
    pub limits: bool,
}

impl Isolation {
    /// What the worker sees to by itself, before any model process has said what confines it.
    #[must_use]
    pub fn of_the_worker() -> Self {
        Self {
            undumpable: nix::sys::prctl::get_dumpable().is_ok_and(|dumpable| !dumpable),
            session: true,
            environment: true,
            ..Self::default()
        }
    }

    /// The same with what a model process says of itself.
    #[must_use]
    pub const fn with(self, confinement: Confinement) -> Self {
        let Confinement { no_new_privs, capabilities_dropped, landlock, signals, limits } = confinement;
        Self { no_new_privs, capabilities_dropped, landlock, signals, limits, ..self }
    }

    /// Names of the walls that do not stand, as in the JSON.
    #[must_use]
    pub fn missing(self) -> Vec<&'static str> {
        let Self {
            undumpable,
            no_new_privs,
            capabilities_dropped,
            session,
            environment,
            landlock,
            signals,
            limits,
        } = self;
        let walls = [
            ("undumpable", undumpable),
            ("no_new_privs", no_new_privs),
            ("capabilities_dropped", capabilities_dropped),
            ("session", session),
            ("environment", environment),
            ("landlock", landlock),
            ("signals", signals),
            ("limits", limits),
        ];
        walls.into_iter().filter(|(_, stands)| !stands).map(|(name, _)| name).collect()
    }
}
