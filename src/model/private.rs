//! What no code of a bundle may see.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::settings::Settings;
use crate::wallet::{OpenedWallet, Wallet};

/// The `ALLORA_*` name that is no secret and that models read. They read that of the network as well, which is
/// set for them without the passwords that it may hold.
const KEPT: &str = "ALLORA_TOPIC_ID";

/// Older names of settings that hold, or may hold, a key.
const OLD_SECRETS: [&str; 4] = ["MNEMONIC", "PRIVATE_KEY", "WALLET_MNEMONIC", "ALLORA_WALLET_ADDR"];

/// How the worker reaches the service manager that started it: a model that spoke there would speak for the worker.
const SERVICE_MANAGER: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"];

/// What is kept from the model, and from the interpreter of its bundle. Whatever runs either of them asks for
/// this, and takes the environment from [`Private::harmless`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Private {
    /// Files and folders that they must not read, absolute: key file, state folder, log files.
    pub paths: Vec<PathBuf>,
    /// Names of environment variables that they must not see, beside `ALLORA_*`: those that hold the key.
    pub variables: Vec<OsString>,
}

impl Private {
    /// What these settings name, and every copy of this wallet's key in our environment.
    #[must_use]
    pub fn new(settings: &Settings, wallet: Option<&Wallet>) -> Self {
        let variables =
            wallet.map(|wallet| wallet.variables_with_it(std::env::vars_os())).unwrap_or_default();
        let mut paths = settings.private_paths();
        paths.extend(settings.env_file_with(&variables).map(Path::to_owned));
        Self { paths, variables }
    }

    /// The same, for who needs no wallet. A key that cannot be read has no copies that could be found, which
    /// is no error here. Reads a file at most: quick, but not for the runtime's threads.
    #[must_use]
    pub fn of_settings(settings: &Settings) -> Self {
        let opened = settings.key.as_ref().and_then(|key| OpenedWallet::open(key, None).ok());
        Self::new(settings, opened.as_ref().map(|opened| &opened.wallet))
    }

    /// Those of our variables that code of a bundle may see.
    pub fn harmless(
        &self,
        ours: impl Iterator<Item = (OsString, OsString)>,
    ) -> impl Iterator<Item = (OsString, OsString)> {
        ours.filter(|(name, _)| !is_ours(name) && !self.variables.contains(name))
    }
}

/// Whether a variable is for the worker alone, by its name.
fn is_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| {
        (name.starts_with("ALLORA_") && name != KEPT)
            || OLD_SECRETS.contains(&name)
            || SERVICE_MANAGER.contains(&name)
    })
}
