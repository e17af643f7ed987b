//! Every setting: the one table behind flags, help, environment, messages and reference page.

use std::fmt;

use crate::bundle::schema;

/// A setting by its name in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// Folder of the bundle.
    BundleRoot,
    /// Topic to answer.
    TopicId,
    /// Chain to answer.
    Network,
    /// Chain id that is expected at the endpoints.
    ChainId,
    /// Factor on the gas price.
    FeeTier,
    /// Most uallo that one transaction may cost.
    MaxFee,
    /// Most uallo that a day may cost.
    MaxFeePerDay,
    /// Most time between two looks at the chain.
    PollingInterval,
    /// Mnemonic of the wallet.
    Mnemonic,
    /// File with the mnemonic.
    MnemonicFile,
    /// Private key of the wallet.
    PrivateKey,
    /// File with the private key.
    PrivateKeyFile,
    /// Address that the key must give.
    WalletAddress,
    /// Key of the testnet faucet.
    ApiKey,
    /// Interpreter of the model.
    Python,
    /// Folder of the journal.
    StateDir,
    /// File that probes read.
    HeartbeatFile,
    /// Where metrics and probes are served.
    MetricsAddr,
    /// Where metrics are written to.
    MetricsFile,
    /// Where alerts are posted.
    AlertWebhook,
    /// Form of the log.
    LogFormat,
    /// What is logged.
    LogLevel,
    /// File that the log is also written to.
    LogFile,
    /// Size at which the log file rotates.
    LogMaxBytes,
    /// Age at which the log file rotates.
    LogRotateEvery,
    /// How long rotated log files are kept.
    LogKeepDays,
    /// Debug logging.
    Debug,
    /// Label of logs and metrics.
    BundleId,
}

/// How a setting is given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// It is not: secrets would show in the list of processes.
    None,
    /// As the command's argument of this name.
    Positional(&'static str),
    /// `--name VALUE`: the name and what the help calls the value.
    Long(&'static str, &'static str),
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Positional(name) => f.write_str(name),
            Self::Long(name, _) => write!(f, "--{name}"),
        }
    }
}

/// Is a value shown or hidden?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// It may be shown.
    Public,
    /// It is removed from the environment at start and shown nowhere.
    Secret,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which setting.
    pub setting: Setting,
    /// On the command line.
    pub flag: Flag,
    /// In the environment.
    pub env: &'static str,
    /// The name that older daemons read from the environment.
    pub older_env: Option<&'static str>,
    /// In `model.yaml`.
    pub manifest: Option<&'static str>,
    /// What holds when it is set nowhere, as the reference page says it.
    pub default: Option<&'static str>,
    /// May it be shown?
    pub visibility: Visibility,
    /// What it means: one sentence without its full stop.
    pub doc: &'static str,
}

impl Setting {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        // The order of the table is the order of the enum; a test holds it.
        &TABLE[self as usize]
    }
}

const fn row(setting: Setting, flag: Flag, env: &'static str, doc: &'static str) -> Row {
    Row {
        setting,
        flag,
        env,
        older_env: None,
        manifest: None,
        default: None,
        visibility: Visibility::Public,
        doc,
    }
}

impl Row {
    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Also a key of `model.yaml`, whose default it shares.
    const fn manifest(self, key: &'static str) -> Self {
        Self { manifest: Some(key), default: schema::default(key), ..self }
    }

    const fn older(self, name: &'static str) -> Self {
        Self { older_env: Some(name), ..self }
    }

    const fn secret(self) -> Self {
        Self { visibility: Visibility::Secret, ..self }
    }
}

use Flag::{Long, None as Hidden, Positional};
use Setting::{
    AlertWebhook, ApiKey, BundleId, BundleRoot, ChainId, FeeTier, HeartbeatFile, LogFile, LogFormat,
    LogKeepDays, LogLevel, LogMaxBytes, LogRotateEvery, MaxFee, MaxFeePerDay, MetricsAddr, MetricsFile,
    Mnemonic, MnemonicFile, Network, PollingInterval, PrivateKey, PrivateKeyFile, Python, StateDir, TopicId,
    WalletAddress,
};

/// The settings, in the order of the reference page.
pub const TABLE: [Row; 28] = [
    row(BundleRoot, Positional("BUNDLE"), "BUNDLE_ROOT", "Folder of the bundle").default("/workspace/bundle"),
    row(TopicId, Long("topic-id", "ID"), "ALLORA_TOPIC_ID", "Topic to answer")
        .manifest("allora.topic_id")
        .older("TOPIC_ID"),
    row(
        Network,
        Long("network", "NETWORK"),
        "ALLORA_NETWORK",
        "`testnet`, `mainnet`, `devnet` (a chain of its own), or RPC URLs separated by commas",
    )
    .manifest("allora.network"),
    row(
        ChainId,
        Hidden,
        "ALLORA_CHAIN_ID",
        "Chain id expected behind RPC URLs; otherwise that of the first one that answers",
    ),
    row(FeeTier, Long("fee-tier", "TIER"), "ALLORA_FEE_TIER", "`ECO`, `STANDARD` or `PRIORITY`: 1, 1.05 or 1.5 times the gas price")
        .manifest("allora.fee_tier"),
    row(MaxFee, Long("max-fee", "UALLO"), "ALLORA_MAX_FEE", "Most that one transaction may cost, in uallo"),
    row(
        MaxFeePerDay,
        Long("max-fee-per-day", "UALLO"),
        "ALLORA_MAX_FEE_PER_DAY",
        "Most that the transactions of a day may cost, in uallo",
    ),
    row(
        PollingInterval,
        Long("polling-interval", "TIME"),
        "ALLORA_POLLING_INTERVAL",
        "Most time between two looks at the chain: seconds, or with a unit such as `2m`",
    )
    .manifest("allora.polling_interval")
    .older("SUBMISSION_INTERVAL"),
    row(Mnemonic, Hidden, "ALLORA_MNEMONIC", "Mnemonic of the wallet").older("MNEMONIC").secret(),
    row(MnemonicFile, Hidden, "ALLORA_MNEMONIC_FILE", "File that holds the mnemonic"),
    row(PrivateKey, Hidden, "ALLORA_PRIVATE_KEY", "Private key of the wallet, in hexadecimal").secret(),
    row(PrivateKeyFile, Hidden, "ALLORA_PRIVATE_KEY_FILE", "File that holds the private key"),
    row(WalletAddress, Hidden, "ALLORA_WALLET_ADDR", "Address that the key must give; the start stops when it does not"),
    row(ApiKey, Hidden, "ALLORA_API_KEY", "Key of the testnet faucet").secret(),
    row(Python, Long("python", "PATH"), "ALLORA_PYTHON", "Python interpreter of the model")
        .default("the bundle's `.venv`, else one on PATH that fits `python.version`"),
    row(StateDir, Long("state-dir", "DIR"), "ALLORA_STATE_DIR", "Folder of the journal")
        .default("`/var/lib/bootstrap` when it can be written, else `$XDG_STATE_HOME/bootstrap`, else `~/.local/state/bootstrap`"),
    row(HeartbeatFile, Long("heartbeat-file", "FILE"), "ALLORA_HEARTBEAT_FILE", "File that the worker writes and probes read")
        .default("/tmp/heartbeat"),
    row(MetricsAddr, Long("metrics-addr", "ADDR"), "ALLORA_METRICS_ADDR", "Address that serves `/metrics`, `/livez` and `/readyz`, such as `127.0.0.1:9090`"),
    row(
        MetricsFile,
        Long("metrics-file", "FILE"),
        "ALLORA_METRICS_FILE",
        "File of metrics for the textfile collector of node_exporter, which reads names that end in `.prom`",
    ),
    row(AlertWebhook, Hidden, "ALLORA_ALERT_WEBHOOK", "URL that alerts are posted to as JSON, which Slack reads too").secret(),
    row(LogFormat, Long("log-format", "FORMAT"), "ALLORA_LOG_FORMAT", "`pretty` or `json`")
        .default("`pretty` on a terminal, else `json`"),
    row(
        LogLevel,
        Long("log-level", "LEVEL"),
        "ALLORA_LOG_LEVEL",
        "`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,bootstrap::chain=debug`",
    )
    .default("info")
    .older("LOG_LEVEL"),
    row(LogFile, Long("log-file", "FILE"), "ALLORA_LOG_FILE", "File that `run` writes the log to, beside stderr; it rotates"),
    row(
        LogMaxBytes,
        Long("log-max-bytes", "SIZE"),
        "ALLORA_LOG_MAX_BYTES",
        "Size at which the log file rotates: bytes, or with a unit such as `500KiB`",
    )
    .default("10MiB"),
    row(LogRotateEvery, Long("log-rotate-every", "TIME"), "ALLORA_LOG_ROTATE_EVERY", "Age at which the log file rotates")
        .default("1d"),
    row(LogKeepDays, Long("log-keep-days", "DAYS"), "ALLORA_LOG_KEEP_DAYS", "Days for which rotated log files are kept")
        .default("30"),
    row(Setting::Debug, Hidden, "DEBUG", "`1`, `true` or `yes`: level `debug` where no level is set; any other word is ignored"),
    row(BundleId, Hidden, "BUNDLE_ID", "Label of logs and metrics"),
];
