//! What is deployed, and with which settings.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{Uid, User};
use url::Host;

use super::container;
use super::dockerfile::image_tag;
use crate::bundle::{Manifest, Network, SensitiveUrl, value};
use crate::chain::networks::{KnownNetwork, Remote};
use crate::settings::{KeySource, Origin, Setting, Settings, Source, TABLE, Visibility};

/// Variables of settings that name a file which the worker writes, beside those that have a place of their own.
pub(super) const FILES: [&str; 2] = ["ALLORA_LOG_FILE", "ALLORA_METRICS_FILE"];

/// Memory that the worker needs beside its model, in MiB: its own, the journal's pages, and what a model can
/// take between two looks at it.
pub(super) const WORKER_MIB: u64 = 128;

/// Most bytes of a path or value; cron takes a thousand with its name.
const LONGEST: usize = 900;

/// A worker of one bundle on one machine. Every text in it is on one line.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Name of the bundle: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Version of the bundle, of the same letters.
    pub version: String,
    /// This program, absolute.
    pub program: String,
    /// The bundle's folder, absolute.
    pub bundle: String,
    /// Where the key is; none is needed on the chain that the worker brings along.
    pub key: Option<Key>,
    /// Most memory of worker and model together, in MiB; above what the model alone is allowed.
    pub memory_mib: Option<u64>,
    /// What the model may write to, absolute.
    pub writable: Vec<String>,
    /// The state folder, where it was asked for.
    pub state_dir: Option<String>,
    /// The folder below which each worker has one for its state, where nothing was asked for.
    pub states: String,
    /// Whether the worker is somebody else whose home, where the state would be, is not there.
    pub is_homeless: bool,
    /// Further settings, by their variables.
    pub settings: Vec<(&'static str, String)>,
    /// Where the worker connects to, each place once.
    pub endpoints: Vec<Endpoint>,
    /// Who deploys it.
    pub uid: Uid,
    /// Whom the worker should be: the owner of what the model writes to, or else of the bundle. `None` for
    /// root, who should be nobody's model.
    pub owner: Option<String>,
    /// How long the model may load.
    pub load_limit: Duration,
    /// Processors that the model may use.
    pub cpu_cores: Option<f64>,
}

/// A host and a port of TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// A file with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its path, absolute.
    pub path: String,
}

/// Why nothing can be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A path or value that not every format can hold.
    #[error("{} cannot stand in a service file", value::quoted(&.0.to_string_lossy()))]
    Text(PathBuf),
    /// A key would be in a file that anybody can read.
    #[error("{0} holds a secret, which a service file would show")]
    Key(&'static str),
    /// Another secret would be in such a file.
    #[error("{0} holds a secret, which a service file would show")]
    Secret(&'static str),
    /// An address that may hold a key would be in such a file.
    #[error("{0} has an address with a user, password, path or query, which a service file would show")]
    Address(&'static str),
    /// There is no key to run with.
    #[error("no file with a key is set for {0}")]
    NoKey(String),
    /// A worker without a topic would end at each start.
    #[error("no topic is set for {0}")]
    NoTopic(String),
    /// The user of the image can do nothing with a file or folder of this machine.
    #[error("{} is closed to the worker in its container", .0.display())]
    Closed(PathBuf),
    /// The user of the service cannot write to a file or folder of this machine.
    #[error("{} is closed to {}, who runs the worker", .path.display(), .user.as_deref().unwrap_or("a user of its own"))]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// The owner of what the model writes to, or else of the bundle; where that is root, systemd makes a user.
        user: Option<String>,
    },
    /// The user of the worker has no home, in which its state would be.
    #[error("{0}, who runs the worker, has no home folder for its state")]
    NoHome(String),
    /// What belongs to the bundle cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RenderError {
    /// What the user should do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Text(_) => {
                "use text without control characters, blanks around it, a quote before and a backslash behind it".into()
            }
            Self::Key(_) => {
                "unset it; give keys in files, by ALLORA_MNEMONIC_FILE or ALLORA_PRIVATE_KEY_FILE".into()
            }
            Self::Secret(variable) | Self::Address(variable) => format!(
                "unset it, and set {variable} where the service alone reads it: docs/operations.md says where that is"
            ),
            Self::NoKey(_) => {
                "set ALLORA_MNEMONIC_FILE or ALLORA_PRIVATE_KEY_FILE to the file that holds it".into()
            }
            Self::NoTopic(_) => "set allora.topic_id in model.yaml, or ALLORA_TOPIC_ID".into(),
            Self::Closed(path) => format!(
                "the image's user has the number {0}: `chown {0} {1}`",
                container::USER,
                path.display()
            ),
            Self::Unwritable { path, user: Some(user) } => format!("`chown {user} {}`", path.display()),
            Self::Unwritable { path, user: None } => format!(
                "the bundle is root's, and the worker is not: `chown` the bundle and {} to the user who is to run it",
                path.display()
            ),
            Self::NoHome(user) => {
                format!("make a folder that belongs to {user}, and set ALLORA_STATE_DIR to it")
            }
            Self::Unreadable { .. } => "`bootstrap check` looks at the whole bundle".into(),
        }
    }
}

impl Deployment {
    /// A bundle with the settings that stand in the environment, which `source` reads.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn of(
        manifest: &Manifest,
        settings: &Settings,
        source: &dyn Source,
        program: &Path,
    ) -> Result<Self, RenderError> {
        if settings.topic_id.is_none() && settings.network != Network::Devnet {
            return Err(RenderError::NoTopic(settings.network.to_string()));
        }
        let runtime = &manifest.runtime;
        let processes = if runtime.spare { 2 } else { 1 };
        let uid = nix::unistd::geteuid();
        let writable = runtime.writable.iter().map(|path| one_line(path)).collect::<Result<_, _>>()?;
        let is_state_dir_given = settings.origin(Setting::StateDir) != Origin::Default;
        let owner = owner(manifest);
        let other = owner.as_ref().filter(|_| uid.is_root());
        let is_homeless = other.is_some_and(|owner| !owner.dir.is_dir());
        let home = other.map(|owner| owner.dir.join(".local/state/bootstrap"));
        Ok(Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            program: one_line(program)?,
            bundle: one_line(&manifest.root)?,
            key: key(settings)?,
            memory_mib: runtime.memory_mb.map(|model| model * processes + WORKER_MIB),
            writable,
            state_dir: is_state_dir_given.then(|| one_line(&settings.state_dir)).transpose()?,
            states: one_line(home.as_ref().unwrap_or(&settings.state_dir))?,
            is_homeless,
            settings: given(settings, source)?,
            endpoints: endpoints(settings),
            uid,
            owner: owner.map(|owner| owner.name),
            load_limit: runtime.load_seconds,
            cpu_cores: runtime.cpu_cores,
        })
    }

    /// Name and tag of the bundle's image.
    #[must_use]
    pub fn image(&self) -> String {
        image_tag(&self.name, &self.version)
    }

    /// Name of the service.
    #[must_use]
    pub fn service(&self) -> String {
        format!("bootstrap-{}", self.name)
    }

    /// The first line of each file, by which it is known again.
    #[must_use]
    pub fn marker(&self) -> String {
        marker(&self.bundle)
    }

    /// A setting that was asked for.
    pub(super) fn setting(&self, variable: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.as_str())
    }

    /// The folder of a file that a setting names, where the worker makes new files.
    pub(super) fn folder_of_file(&self, variable: &str) -> Option<&str> {
        Path::new(self.setting(variable)?).parent()?.to_str()
    }

    /// The folder for its state, where no manager gives it one.
    pub(super) fn state_folder(&self) -> String {
        self.state_dir.clone().unwrap_or_else(|| format!("{}/{}", self.states, self.name))
    }

    /// Sees to it that there is a home for the state, where no manager gives the worker a folder.
    ///
    /// # Errors
    /// [`RenderError::NoHome`].
    pub(super) fn check_home(&self) -> Result<(), RenderError> {
        match &self.owner {
            Some(owner) if self.is_homeless && self.state_dir.is_none() => {
                Err(RenderError::NoHome(owner.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Every setting by its variable, for formats that have no place of their own for state, heartbeat and key.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let places = [
            ("ALLORA_STATE_DIR", self.state_folder()),
            ("ALLORA_HEARTBEAT_FILE", heartbeat_file(&self.service())),
        ];
        let key = self.key.iter().map(|key| (key.variable, key.path.clone()));
        places.into_iter().chain(key).chain(self.settings.iter().cloned()).collect()
    }
}

/// What the first line of a rendered file says.
#[must_use]
pub fn marker(bundle: &str) -> String {
    format!("# Written by bootstrap for {bundle}")
}

/// The heartbeat of a service that has no folder of its own at run time.
#[must_use]
pub fn heartbeat_file(service: &str) -> String {
    format!("/tmp/{service}.heartbeat")
}

fn key(settings: &Settings) -> Result<Option<Key>, RenderError> {
    match &settings.key {
        Some(source @ (KeySource::MnemonicFile(path) | KeySource::PrivateKeyFile(path))) => {
            Ok(Some(Key { variable: source.setting().row().env, path: one_line(path)? }))
        }
        Some(secret) => Err(RenderError::Key(secret.setting().row().env)),
        None if settings.network == Network::Devnet => Ok(None),
        None => Err(RenderError::NoKey(settings.network.to_string())),
    }
}

/// The settings of the environment that a deployment keeps, beside those that have a place of their own.
fn given(settings: &Settings, source: &dyn Source) -> Result<Vec<(&'static str, String)>, RenderError> {
    let mut given = Vec::new();
    for row in &TABLE {
        let Origin::Environment(variable) = settings.origin(row.setting) else { continue };
        let has_place = matches!(
            row.setting,
            Setting::BundleRoot
                | Setting::StateDir
                | Setting::HeartbeatFile
                | Setting::MnemonicFile
                | Setting::PrivateKeyFile
        );
        if has_place {
            continue;
        }
        if row.visibility == Visibility::Secret {
            return Err(RenderError::Secret(variable));
        }
        if row.setting == Setting::Network && may_hold_key(&settings.network) {
            return Err(RenderError::Address(variable));
        }
        let text = source.get(variable).unwrap_or_default();
        // The service has another working directory.
        let is_path = row.setting == Setting::Python || FILES.contains(&row.env);
        let value = if is_path { one_line(Path::new(text))? } else { line(Path::new(text))? };
        given.push((row.env, value));
    }
    Ok(given)
}

/// The nodes of the chain, and the faucet where the chain has one.
fn endpoints(settings: &Settings) -> Vec<Endpoint> {
    let chain_id = settings.chain_id.as_deref();
    let nodes = Remote::of(&settings.network, chain_id).map(|remote| remote.urls).unwrap_or_default();
    let known = KnownNetwork::named(&settings.network).or_else(|| KnownNetwork::of_chain(chain_id?));
    let faucet = known.and_then(|network| network.faucet?.parse().ok());
    let mut endpoints = Vec::new();
    for url in nodes.iter().chain(&faucet).map(SensitiveUrl::expose) {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { continue };
        let endpoint = Endpoint { host: host.to_owned(), port };
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    endpoints
}

fn may_hold_key(network: &Network) -> bool {
    matches!(network, Network::Urls(urls) if urls.iter().any(SensitiveUrl::may_hold_key))
}

/// The owner of the first thing that the model writes to, or else of the bundle; nothing for root, and for a number
/// that is no user's.
fn owner(manifest: &Manifest) -> Option<User> {
    let owner = |path: &Path| path.metadata().ok().map(|metadata| metadata.uid());
    let folders = manifest.runtime.writable.iter().filter(|path| !path.starts_with("/dev"));
    let uid = folders.chain([&manifest.root]).find_map(|path| owner(path)).filter(|uid| *uid != 0)?;
    User::from_uid(Uid::from_raw(uid)).ok().flatten()
}

/// An absolute path as a text on one line.
fn one_line(path: &Path) -> Result<String, RenderError> {
    line(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// What no format of them all can hold is refused for each: control characters, blanks at either end, a quote at the
/// beginning, a backslash at the end.
fn line(text: &Path) -> Result<String, RenderError> {
    let bad = || RenderError::Text(text.to_owned());
    let text = text.to_str().filter(|text| text.len() <= LONGEST).ok_or_else(bad)?;
    let is_bad = text.contains(char::is_control)
        // Ends of lines to YAML.
        || text.contains(['\u{2028}', '\u{2029}'])
        || text.trim() != text
        || text.starts_with(['"', '\''])
        || text.ends_with('\\');
    if is_bad { Err(bad()) } else { Ok(text.to_owned()) }
}
