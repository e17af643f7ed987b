//! `bootstrap run`.

mod chain;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::chain::Chain;
use super::progress::{self, Loading};
use super::{Exit, Outcome, Report, environment, logging, model, number, output};
use crate::bundle::Manifest;
use crate::chain::fees::FeeCaps;
use crate::chain::gas_price::GasPrice;
use crate::chain::networks::Remote;
use crate::chain::pool::Pool;
use crate::chain::query::NoTopic;
use crate::devnet;
use crate::health::alerts::{self, Alerts};
use crate::health::metrics::{self, Identity, Metrics, Textfile};
use crate::health::{Heartbeat, HeartbeatError, HeartbeatFile, Phase};
use crate::journal::{self, Journal, Timestamp};
use crate::logs::{LogFile, LogFileError};
use crate::model::{Model, ModelSpec, Private, Sandbox, adopt_orphans};
use crate::settings::{self, Flags, KeySource, Settings, Worker};
use crate::stop_signals::{StopSignal, StopSignals};
use crate::wallet::{OpenedWallet, Wallet};
use crate::worker::{self, Broadcasting, Ended, Goal, Options, Reason, Rules, Setup, WorkerError};

/// The worker: answers every window until it is stopped
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<Worker>,
    /// Answer one window, then exit: for cron
    #[arg(long, conflicts_with = "windows")]
    once: bool,
    /// With --once: how long to wait for a window, such as 240 or 4m; by default the topic's epoch
    #[arg(long, value_name = "TIME", requires = "once", value_parser = number::wait)]
    wait: Option<Duration>,
    /// Stop after this many finished rounds
    #[arg(long, value_name = "N", value_parser = number::count)]
    windows: Option<u64>,
    /// Stop at this time: RFC 3339, or a date (00:00 UTC of that day)
    #[arg(long, value_name = "TIME", value_parser = point_in_time)]
    until: Option<OffsetDateTime>,
    /// Do everything but the broadcast
    #[arg(long)]
    dry_run: bool,
}

fn point_in_time(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| Date::parse(text, &Iso8601::DATE).map(|date| date.midnight().assume_utc()))
        .map_err(|_| "write a time such as 2030-01-31T12:00:00Z, or a date such as 2030-01-31".to_owned())
}

/// Why `run` cannot begin.
#[derive(Debug, thiserror::Error)]
enum CannotRun {
    #[error("no topic is set")]
    NoTopic,
    #[error("no key is set for {network}")]
    NoKey { network: String },
    #[error("the devnet inside this process cannot be started")]
    Devnet(#[source] devnet::StartError),
    #[error("the address of an endpoint cannot be used")]
    Endpoint(#[source] crate::chain::rpc::RpcError),
    #[error(transparent)]
    Heartbeat(#[from] HeartbeatError),
    #[error(transparent)]
    MetricsAddress(#[from] metrics::BindError),
    #[error(transparent)]
    MetricsFile(#[from] metrics::TextfileError),
    #[error(transparent)]
    Alerts(#[from] alerts::AlertLogError),
}

impl From<CannotRun> for Report {
    fn from(error: CannotRun) -> Self {
        let hint = match &error {
            CannotRun::NoTopic => "set allora.topic_id in model.yaml, or ALLORA_TOPIC_ID, or --topic-id",
            CannotRun::NoKey { .. } => {
                "set one of ALLORA_MNEMONIC_FILE, ALLORA_PRIVATE_KEY_FILE, ALLORA_MNEMONIC and ALLORA_PRIVATE_KEY, \
                 or try it without a key: --network devnet"
            }
            CannotRun::Devnet(_) => return Self::new(Exit::Internal, error),
            CannotRun::Heartbeat(_) => HeartbeatError::HINT,
            CannotRun::MetricsAddress(_) => metrics::BindError::HINT,
            CannotRun::Alerts(_) => alerts::AlertLogError::HINT,
            CannotRun::MetricsFile(_) => metrics::TextfileError::HINT,
            CannotRun::Endpoint(_) => "write ALLORA_NETWORK as addresses such as https://rpc.example.com",
        };
        Self::new(Exit::Config, error).hint(hint)
    }
}

impl From<WorkerError> for Report {
    fn from(error: WorkerError) -> Self {
        let hint = match &error {
            WorkerError::WrongChain(_) => {
                Some("set ALLORA_CHAIN_ID to the chain that you mean, or correct the address".into())
            }
            WorkerError::Open(error) => Some(error.hint()),
            WorkerError::Journal(error) => Some(error.hint().to_owned()),
            WorkerError::Thread(_) => return Self::new(Exit::Internal, error),
        };
        Self::new(Exit::Config, error).maybe_hint(hint)
    }
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if let Some(until) = self.until.filter(|until| *until <= OffsetDateTime::now_utc()) {
            let when = until.format(&Rfc3339).unwrap_or_default();
            output::note(format_args!("nothing to do: --until {when} is in the past"));
            return Ok(Exit::Done);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| Report::new(Exit::Internal, error))?;
        // Before whatever takes time: who is asked to stop while he starts stops in order too.
        let stopping = runtime.block_on(async { stop_on_signals() })?;
        let root = settings::bundle_root(&self.flags, environment())?;
        let (manifest, warnings) = Manifest::read(&root)?;
        let settings = Settings::resolve(Some(&manifest), &self.flags, environment())?;
        // Before anything is made in those places, or done with the key.
        Sandbox::check_places(&manifest, &settings.private_paths(), &settings.read_only_paths())?;
        logging::start(&settings, &manifest, open_log_file(&settings)?)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let (turns, heard) = watch::channel(None);
        let loading = Loading::within(manifest.runtime.load_seconds);
        let line = progress::show(&settings, progress::of_worker(heard, loading));
        Journal::make_folder(&settings.state_dir).map_err(WorkerError::Open)?;
        let heartbeat = HeartbeatFile::new(&settings.heartbeat_file);
        // A disk that is full may have room before the first probe.
        heartbeat
            .check_writable()
            .or_else(|error| if error.may_pass() { Ok(()) } else { Err(error) })
            .map_err(CannotRun::from)?;
        let wallet = settings.key.as_ref().map(|key| wallet(key, &settings)).transpose()?;
        let private = Private::new(&settings, wallet.as_ref());
        let ended = match model::spec(&manifest, &settings, &private, &stopping) {
            // What was not found by then does not matter any more.
            Err(_) if stopping.is_cancelled() => {
                runtime.block_on(never_started(&settings));
                Ok(Exit::Done)
            }
            spec => {
                let work = self.work(manifest, settings, wallet, spec?, turns, stopping);
                // A task, so that what wakes the loop finds it on a thread that is awake already.
                let ended = runtime.block_on(async { tokio::spawn(work).await });
                ended.unwrap_or_else(|panicked| Err(Report::new(Exit::Internal, panicked)))
            }
        };
        drop(line);
        // A task that hangs in a call of the system must not hold the process.
        runtime.shutdown_timeout(Duration::from_millis(500));
        ended
    }

    async fn work(
        self,
        manifest: Manifest,
        settings: Settings,
        wallet: Option<Wallet>,
        mut spec: ModelSpec,
        turns: watch::Sender<Option<Heartbeat>>,
        stopping: CancellationToken,
    ) -> Outcome {
        adopt_orphans().map_err(|error| Report::new(Exit::Internal, error))?;
        let chain = Chain::of(&settings, wallet)?;
        let topic_id = settings.topic_id.or(chain.topic_id()).ok_or(CannotRun::NoTopic)?;
        // Runs as long as this function.
        let devnet = chain.devnet;
        let network = settings.network.to_string();
        let identity = Identity {
            topic_id,
            bundle_id: settings.bundle_id.clone(),
            model_name: manifest.name.clone(),
            model_version: manifest.version.clone(),
            network: network.clone(),
            address: chain.wallet.address().to_string(),
        };
        let metrics = Metrics::new(&identity).map_err(|error| Report::new(Exit::Internal, error))?;
        let places = alerts::Places {
            file: settings.alert_log(),
            webhook: settings.alert_webhook.clone(),
            state_dir: settings.state_dir.clone(),
            log_file: settings.log.file.clone(),
            worker: &identity,
        };
        let alerts = Alerts::start(places, metrics.clone()).map_err(CannotRun::from)?;
        // As long as this function, too.
        let _server = match &settings.metrics_addr {
            Some(address) => Some(serve(address, &metrics, &settings).await?),
            None => None,
        };
        let textfile = match &settings.metrics_file {
            Some(path) => Some(Textfile::new(path.clone(), metrics.clone()).await.map_err(CannotRun::from)?),
            None => None,
        };
        // The model loads while the chain is looked for.
        spec.topic_id = Some(topic_id);
        let model = Model::start(spec)?;
        let pool = Pool::new(&chain.urls, chain.chain_id.clone()).map_err(CannotRun::Endpoint)?;
        let setup = Setup {
            pool: Arc::new(pool),
            api_key: settings.api_key,
            wallet: chain.wallet,
            model,
            options: Options {
                topic_id,
                network,
                max_seconds: manifest.runtime.max_seconds,
                rules: Rules::new(manifest.validation.clone()),
                fee_tier: settings.fee_tier,
                fee_caps: FeeCaps { per_transaction: settings.max_fee, per_day: settings.max_fee_per_day },
                fallback_price: GasPrice::from_uallo(chain.min_gas_price),
                broadcasting: if self.dry_run { Broadcasting::DryRun } else { Broadcasting::On },
            },
            polling_interval: settings.polling_interval,
            state_dir: settings.state_dir.clone(),
            heartbeat: HeartbeatFile::new(&settings.heartbeat_file),
            turns,
            metrics,
            goal: self.goal(),
            until: self.until,
            stopping,
        };
        if devnet.is_some() {
            discard_journals(&settings.state_dir);
        }
        match worker::run(setup, alerts, textfile).await? {
            Ended::Stopped | Ended::Done => Ok(Exit::Done),
            Ended::NothingSubmitted(reason) => {
                Err(unanswered(Exit::TryLater, "nothing was submitted this time", reason))
            }
            Ended::NoTopic(topic) => {
                tracing::warn!(exit = Exit::TryLater.code(), "{topic}");
                Err(Report::new(Exit::TryLater, topic).hint(NoTopic::HINT))
            }
            Ended::NotPermitted(reason) => {
                Err(unanswered(Exit::NotPermitted, "the chain does not let this wallet submit", reason))
            }
            Ended::NoEndpoint(reason) => {
                Err(unanswered(Exit::NoEndpoint, "no endpoint of the chain can be used", reason))
            }
        }
    }

    fn goal(&self) -> Goal {
        match self.windows {
            Some(windows) => Goal::Windows(windows),
            None if self.once => {
                let until = self.wait.map(|time| Instant::now() + time);
                Goal::Once { until }
            }
            None => Goal::Forever,
        }
    }
}

/// A devnet inside a worker ends with its process. What an earlier one did would stand beside what this one does. Removed
/// once nothing else can stop the start: who corrects a mistake still has them.
fn discard_journals(state_dir: &Path) {
    let removed = journal::discard(state_dir, devnet::Options::is_of_a_free_port);
    if removed > 0 {
        tracing::info!(
            removed,
            "removed the journals of earlier devnets inside a worker: those chains are gone"
        );
    }
}

/// Serves metrics and probes until the handle is dropped.
async fn serve(
    address: &str,
    metrics: &Metrics,
    settings: &Settings,
) -> Result<AbortOnDropHandle<()>, Report> {
    let server = metrics::Server::bind(address)
        .await
        .map_err(|error| not_to_be_had(error.is_in_use(), CannotRun::from(error).into(), settings))?;
    tracing::info!(address = %server.address(), "metrics are served");
    Ok(server.serve(metrics.clone(), settings.heartbeat_file.clone()))
}

/// Says why `--once` ends without an answer: in the log, and last.
fn unanswered(exit: Exit, headline: &'static str, reason: Reason) -> Report {
    let Reason { why, hint } = reason;
    tracing::warn!(exit = exit.code(), "{headline}: {why}");
    Report::new(exit, anyhow::Error::msg(why).context(headline)).hint(hint)
}

/// Says so in the heartbeat, unless it is that of another worker: asked to stop before there was anything to stop.
async fn never_started(settings: &Settings) {
    let file = HeartbeatFile::new(&settings.heartbeat_file);
    if file.other_writer().await.is_some() {
        return;
    }
    let starting = Heartbeat::starting(settings.network.to_string(), Timestamp::now());
    let stopped = Heartbeat { phase: Phase::Stopped, phase_deadline: None, why: None, ..starting };
    if let Err(error) = file.write(&stopped).await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(error, "the heartbeat cannot be written");
    }
}

fn open_log_file(settings: &Settings) -> Result<Option<LogFile>, Report> {
    let Some(path) = &settings.log.file else { return Ok(None) };
    let opened = LogFile::open(path, settings.log.rotation);
    opened.map(Some).map_err(|error| {
        let (is_in_use, hint) = (matches!(error, LogFileError::InUse(_)), error.hint());
        not_to_be_had(is_in_use, Report::new(Exit::Config, error).hint(hint), settings)
    })
}

/// Why a place cannot be had: where it is in use and another worker has the wallet, two runs of cron overlap, and the
/// place is not at fault.
fn not_to_be_had(is_in_use: bool, otherwise: Report, settings: &Settings) -> Report {
    is_in_use.then(|| wallet_in_use(settings)).flatten().unwrap_or(otherwise)
}

fn wallet_in_use(settings: &Settings) -> Option<Report> {
    let remote = Remote::of(&settings.network, settings.chain_id.as_deref())?;
    let opened = OpenedWallet::open(settings.key.as_ref()?, settings.wallet_address_expected.as_deref());
    let address = opened.ok()?.wallet.address().to_string();
    let error = journal::in_use(&settings.state_dir, remote.chain_id.as_deref(), &address)?;
    Some(WorkerError::Open(error).into())
}

fn wallet(key: &KeySource, settings: &Settings) -> Result<Wallet, Report> {
    let opened = OpenedWallet::open(key, settings.wallet_address_expected.as_deref())?;
    if let Some(notice) = opened.notice {
        tracing::warn!("{notice}");
    }
    Ok(opened.wallet)
}

/// SIGINT and SIGTERM stop in order; a second one, half a second later or more, ends the process at once.
fn stop_on_signals() -> Result<CancellationToken, Report> {
    let internal = |error| Report::new(Exit::Internal, error);
    let mut signals = StopSignals::listen().map_err(internal)?;
    // A terminal that hangs up, or a logrotate that has moved the log file away, does not end a worker.
    let mut hangup = signal(SignalKind::hangup()).map_err(internal)?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let _ = tokio::task::spawn_blocking(|| logging::reopen(Duration::from_secs(1))).await;
        }
    });
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    tokio::spawn(async move {
        signals.recv().await;
        tracing::info!("stopping in order");
        stop.cancel();
        signals.settle().await;
        tracing::info!("stopping; another Ctrl-C or signal stops at once");
        let forced = match signals.recv().await {
            StopSignal::Interrupt => Exit::Interrupted,
            StopSignal::Terminate => Exit::Terminated,
        };
        // The model process follows by itself: its parent is gone.
        std::process::exit(forced.code().into());
    });
    Ok(stopping)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rfc_3339_or_a_date() {
        for (text, wanted) in [
            ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
            ("2030-01-31T12:00:00.5+02:00", "2030-01-31T10:00:00.5Z"),
            ("2030-01-31", "2030-01-31T00:00:00Z"),
        ] {
            assert_eq!(point_in_time(text).unwrap(), OffsetDateTime::parse(wanted, &Rfc3339).unwrap());
        }
        for text in ["", "tomorrow", "2030-02-30", "2030-01-31 12:00", "12:00", "1900000000"] {
            assert!(point_in_time(text).is_err(), "{text}");
        }
    }
}
