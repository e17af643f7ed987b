//! Whom the worker runs as.

use std::path::PathBuf;
use std::process::Command;

/// The capabilities that a container of Docker's has when nobody says anything.
const OF_A_CONTAINER: &str = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,\
                              +net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap";

/// Whom the worker runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Own,
    /// Root with the capabilities that a container gives.
    RootInContainer,
    /// User 1000, without any rights.
    Ordinary,
}

impl User {
    /// Whether this test may run as that user. What is left out is said.
    pub fn is_available(self) -> bool {
        let available = match self {
            Self::Own => true,
            Self::RootInContainer => is_root(),
            Self::Ordinary => is_root() && self.python().exists(),
        };
        if !available {
            println!("SKIPPED: {self:?} needs root, setpriv and /usr/bin/python3");
        }
        available
    }

    /// The words that make the command after them that user's.
    pub fn prefix(self) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Own => &[],
            Self::RootInContainer => {
                &["setpriv", "--bounding-set", OF_A_CONTAINER, "--inh-caps", OF_A_CONTAINER, "--"]
            }
            Self::Ordinary => &[
                "setpriv",
                "--reuid",
                "1000",
                "--regid",
                "1000",
                "--clear-groups",
                "--inh-caps",
                "-all",
                "--",
            ],
        };
        words.iter().map(ToString::to_string).collect()
    }

    /// An interpreter that the user can start.
    pub fn python(self) -> PathBuf {
        match self {
            Self::Ordinary => "/usr/bin/python3".into(),
            Self::Own | Self::RootInContainer => {
                std::env::var_os("ALLORA_PYTHON").unwrap_or_else(|| "python3".into()).into()
            }
        }
    }
}

pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `command` as an argument of `prefix`, with the same environment.
pub fn behind(prefix: &[String], command: &Command) -> Command {
    let mut words = prefix.iter().map(AsRef::as_ref).chain([command.get_program()]).chain(command.get_args());
    let mut whole = Command::new(words.next().unwrap());
    whole.args(words);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    whole
}
