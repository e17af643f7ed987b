//! One table of settings, and where each value came from.
//!
//! A flag wins over the environment, the environment over an environment file, that over `model.yaml`, that over
//! the default. All problems are told at once.
//!
//! | file | noun |
//! |---|---|
//! | `table` | every setting |
//! | `flags` | those that stand on the command line |
//! | `source` | the environment, and an environment file |
//! | `env_file` | lines of `NAME=value` |
//! | `resolve` | which of the places wins |
//! | `problem` | what is wrong with them |
//! | `key_source` | where the wallet's key is |
//! | `secret_file` | a small file that may hold a secret, and who can read it |
//! | `webhook_url` | the URL that alerts are posted to |
//! | `state_dir`, `heartbeat` | where the journal and the heartbeat are when nobody says |

mod env_file;
mod flags;
mod heartbeat;
mod key_source;
mod problem;
mod resolve;
mod secret_file;
mod source;
mod state_dir;
mod table;
mod webhook_url;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::bundle::value::{BadValue, one_of};
pub use crate::bundle::{FeeTier, Network, SensitiveUrl};
use crate::bundle::{Manifest, value};
pub use env_file::EnvFile;
pub use flags::{Bundle, Check, Doctor, Flags, Heartbeat, Journal, Local, Model, Scope, Worker};
pub use heartbeat::is_kept_from;
pub use key_source::KeySource;
pub use problem::{Problem, Problems};
pub use resolve::Origin;
use resolve::Resolver;
pub use secret_file::{Exposure, SecretFile, SecretFileError};
pub use source::{Environment, Source};
pub use table::{Flag, Row, Setting, TABLE, Visibility};
pub use webhook_url::WebhookUrl;

/// Every setting, typed and checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the bundle, as it was given.
    pub bundle_root: PathBuf,
    /// Topic to answer.
    pub topic_id: Option<u64>,
    /// Chain to answer.
    pub network: Network,
    /// Chain id that is expected when the network is given by URLs.
    pub chain_id: Option<String>,
    /// Factor on the gas price.
    pub fee_tier: FeeTier,
    /// Most that one transaction may cost, in uallo.
    pub max_fee: Option<u128>,
    /// Most that the transactions of a day may cost, in uallo.
    pub max_fee_per_day: Option<u128>,
    /// Most time between two looks at the chain.
    pub polling_interval: Duration,
    /// Where the key is; a worker on the embedded devnet needs none.
    pub key: Option<KeySource>,
    /// Address that the key must give.
    pub wallet_address_expected: Option<String>,
    /// Key of the testnet faucet.
    pub api_key: Option<Zeroizing<String>>,
    /// Interpreter that was asked for; otherwise it is searched.
    pub python: Option<PathBuf>,
    /// Folder of the journal. It need not exist yet.
    pub state_dir: PathBuf,
    /// File that the worker writes and probes read.
    pub heartbeat_file: PathBuf,
    /// Host and port that serve metrics and probes.
    pub metrics_addr: Option<String>,
    /// File that metrics are written to.
    pub metrics_file: Option<PathBuf>,
    /// Where alerts are posted.
    pub alert_webhook: Option<WebhookUrl>,
    /// Form and content of the log.
    pub log: Log,
    /// Label of logs and metrics.
    pub bundle_id: Option<String>,
    /// The environment file that was read.
    pub env_file: Option<EnvFileFacts>,
    /// Older names and likely typos that were met, each a sentence for the log.
    pub notices: Vec<String>,
    origins: BTreeMap<Setting, Origin>,
}

/// The environment file that settings were read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileFacts {
    /// The file.
    pub path: PathBuf,
    /// Whether something in it must be kept from the model.
    pub holds_secret: bool,
    /// The names of its variables.
    pub names: Vec<String>,
}

/// Form and content of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its form; by default it depends on where the log goes.
    pub format: Option<LogFormat>,
    /// A filter in the syntax of `tracing`, checked.
    pub level: String,
    /// The file that it goes to beside stderr.
    pub file: Option<PathBuf>,
    /// When that file is rotated.
    pub rotation: Rotation,
}

/// When a log file is rotated, and how long what was rotated is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Largest size of a file, in bytes; a longer line has a file of its own.
    pub max_bytes: u64,
    /// Age at which a file is rotated.
    pub every: Duration,
    /// How long a rotated file is kept.
    pub keep: Duration,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl FromStr for LogFormat {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text.to_ascii_lowercase().as_str() {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err(BadValue::new(text, "a log format", one_of(text, ["pretty", "json"]))),
        }
    }
}

impl Settings {
    /// Reads every setting. Without a manifest, what it would give is left to the defaults.
    ///
    /// # Errors
    /// Every setting that cannot be read, at once.
    pub fn resolve<S>(
        manifest: Option<&Manifest>,
        flags: &Flags<S>,
        source: &dyn Source,
    ) -> Result<Self, Problems> {
        let allora = manifest.map(|manifest| &manifest.allora);
        let mut from = Resolver::new(flags, source);
        let bundle_root = from.read_or(Setting::BundleRoot, None, value::file);
        let topic_id = from.read_or(Setting::TopicId, allora.and_then(|a| a.topic_id), value::positive);
        let network = from.read_or(Setting::Network, allora.and_then(|a| a.network.clone()), str::parse);
        let chain_id = from.read(Setting::ChainId, value::text);
        let fee_tier = from.read_or(Setting::FeeTier, allora.and_then(|a| a.fee_tier), str::parse);
        let max_fee = from.read(Setting::MaxFee, value::uallo);
        let max_fee_per_day = from.read(Setting::MaxFeePerDay, value::uallo);
        let polling_interval =
            from.read_or(Setting::PollingInterval, allora.and_then(|a| a.polling_interval), polling_interval);
        let key = KeySource::resolve(&mut from);
        let wallet_address_expected = from.read(Setting::WalletAddress, value::text);
        let api_key = from.secret(Setting::ApiKey);
        let python = from.read(Setting::Python, value::file);
        let state_dir = state_dir(&mut from, source);
        let heartbeat_file = heartbeat(&mut from, |shared| heartbeat::of_worker(shared, &state_dir));
        let metrics_addr = from.read(Setting::MetricsAddr, value::listen_address);
        let alert_webhook = from.read(Setting::AlertWebhook, WebhookUrl::parse);
        let metrics_file = from.read(Setting::MetricsFile, value::prom_file);
        let log = log(&mut from);
        let bundle_id = from.read(Setting::BundleId, value::text);
        let env_file = source.env_file();
        from.notices.extend(env_file.into_iter().flat_map(EnvFile::notices));
        let env_file = env_file.map(|file| EnvFileFacts {
            path: file.path().to_owned(),
            holds_secret: file.holds_secret(),
            names: file.names().map(str::to_owned).collect(),
        });
        from.note_typos();
        let Resolver { origins, notices, problems, .. } = from;
        (|| {
            Some(Self {
                bundle_root: bundle_root?,
                topic_id,
                network: network?,
                chain_id,
                fee_tier: fee_tier?,
                max_fee,
                max_fee_per_day,
                polling_interval: polling_interval?,
                key,
                wallet_address_expected,
                api_key,
                python,
                state_dir,
                heartbeat_file: heartbeat_file?,
                metrics_addr,
                metrics_file,
                alert_webhook,
                log: log?,
                bundle_id,
                env_file,
                notices,
                origins,
            })
        })()
        .filter(|_| problems.is_empty())
        .ok_or(Problems(problems))
    }

    /// Files and folders that no code of a bundle may read: the key's file, the state folder, the log file,
    /// an environment file with secrets.
    #[must_use]
    pub fn private_paths(&self) -> Vec<PathBuf> {
        let key = match &self.key {
            Some(KeySource::MnemonicFile(path) | KeySource::PrivateKeyFile(path)) => Some(path.clone()),
            _ => None,
        };
        key.into_iter()
            .chain([self.state_dir.clone()])
            .chain(self.log.file.clone())
            .chain([self.alert_log()])
            .chain(self.env_file(true))
            .collect()
    }

    /// The file of alerts: beside the log file, or else in the state folder.
    #[must_use]
    pub fn alert_log(&self) -> PathBuf {
        let folder = self.log.file.as_deref().and_then(Path::parent);
        folder.unwrap_or(&self.state_dir).join("alerts.log")
    }

    /// Files that no code of a bundle may write: the heartbeat, an environment file.
    #[must_use]
    pub fn read_only_paths(&self) -> Vec<PathBuf> {
        [self.heartbeat_file.clone()].into_iter().chain(self.env_file(false)).collect()
    }

    /// The environment file, if one of these variables came from it.
    #[must_use]
    pub fn env_file_with(&self, names: &[OsString]) -> Option<&Path> {
        let file = self.env_file.as_ref()?;
        let has = |name: &OsString| file.names.iter().any(|known| name == known.as_str());
        names.iter().any(has).then_some(file.path.as_path())
    }

    /// The environment file, if it holds a secret or none, as asked.
    fn env_file(&self, holds_secret: bool) -> Option<PathBuf> {
        self.env_file.as_ref().filter(|file| file.holds_secret == holds_secret).map(|file| file.path.clone())
    }

    /// Where the value of a setting came from.
    #[must_use]
    pub fn origin(&self, setting: Setting) -> Origin {
        self.origins.get(&setting).copied().unwrap_or(Origin::Default)
    }
}

/// The folder of the bundle: read before the manifest that it holds.
///
/// # Errors
/// When the flag or variable is no path.
pub fn bundle_root<S>(flags: &Flags<S>, source: &dyn Source) -> Result<PathBuf, Problems> {
    one(flags, source, |from| from.read_or(Setting::BundleRoot, None, value::file))
}

/// The folder of the journal, for commands that need no other setting.
///
/// # Errors
/// When the flag or variable is no path.
pub fn state_dir_of<S>(flags: &Flags<S>, source: &dyn Source) -> Result<(PathBuf, Origin), Problems> {
    one(flags, source, |from| {
        let path = state_dir(from, source);
        Some((path, from.origins.get(&Setting::StateDir).copied().unwrap_or(Origin::Default)))
    })
}

/// The file that probes read, for commands that need no other setting. Nobody's setting, it is where a worker of this user
/// with the same state folder has it.
///
/// # Errors
/// When the flag or variable is no path.
pub fn heartbeat_file<S>(flags: &Flags<S>, source: &dyn Source) -> Result<PathBuf, Problems> {
    one(flags, source, |from| {
        let state_dir = state_dir(from, source);
        heartbeat(from, |shared| heartbeat::of_reader(shared, &state_dir))
    })
}

fn heartbeat<S>(from: &mut Resolver<'_, S>, otherwise: impl Fn(&Path) -> PathBuf) -> Option<PathBuf> {
    let file = from.read_or(Setting::HeartbeatFile, None, value::file)?;
    if from.origins.contains_key(&Setting::HeartbeatFile) {
        return Some(file);
    }
    let found = otherwise(&file);
    if found != file {
        let (file, found) = (file.display(), found.display());
        from.notices.push(format!(
            "{file} is another user's: the heartbeat is {found}, where `probe` and `status` look too"
        ));
    }
    Some(found)
}

fn one<S, T>(
    flags: &Flags<S>,
    source: &dyn Source,
    read: impl FnOnce(&mut Resolver<'_, S>) -> Option<T>,
) -> Result<T, Problems> {
    let mut from = Resolver::new(flags, source);
    let value = read(&mut from);
    value.filter(|_| from.problems.is_empty()).ok_or(Problems(from.problems))
}

fn state_dir<S>(from: &mut Resolver<'_, S>, source: &dyn Source) -> PathBuf {
    from.read(Setting::StateDir, value::file).unwrap_or_else(|| state_dir::default(source))
}

/// Seconds as `model.yaml` has them, or a time with its unit.
fn polling_interval(text: &str) -> Result<Duration, BadValue> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        value::whole_seconds(text)
    } else {
        value::duration(text)
    }
}

fn log<S>(from: &mut Resolver<'_, S>) -> Option<Log> {
    let format = from.read(Setting::LogFormat, str::parse);
    // Other programs use this name too, with words of their own.
    let debug = from.read(Setting::Debug, |text| {
        Ok(["1", "true", "yes"].iter().any(|word| text.eq_ignore_ascii_case(word)))
    });
    let level = from.read(Setting::LogLevel, value::log_filter);
    let default = if debug == Some(true) { Some("debug") } else { Setting::LogLevel.row().default };
    let file = from.read(Setting::LogFile, value::file);
    let max_bytes = from.read_or(Setting::LogMaxBytes, None, value::bytes);
    let every = from.read_or(Setting::LogRotateEvery, None, value::duration);
    let keep = from.read_or(Setting::LogKeepDays, None, value::days);
    let rotation = Rotation { max_bytes: max_bytes?, every: every?, keep: keep? };
    Some(Log { format, level: level.or_else(|| default.map(str::to_owned))?, file, rotation })
}

#[cfg(test)]
mod tests;
