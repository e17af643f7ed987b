//! `bootstrap devnet`.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context as _, anyhow};

use super::{Exit, Outcome, Report};
use crate::atomic_file::{AtomicFile, Durability};
use crate::devnet::{
    BlockTime, CHAIN_ID, Devnet, GRPC, Options, StartError,
    genesis::{EmissionsVersion, TopicOutput, TopicSpec, Whitelist},
};
use crate::stop_signals::StopSignals;

/// How often the command looks whether the chain is still alive.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The ground truth lag, unless the epoch is longer.
const GROUND_TRUTH_LAG: u64 = 20;

/// What `--grpc` takes.
#[derive(Debug, Clone, Copy)]
enum Grpc {
    Off,
    At(SocketAddr),
}

impl FromStr for Grpc {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| "expected an address such as 127.0.0.1:9090, or `off`")
    }
}

/// A local chain with funded accounts
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address of JSON-RPC and websocket; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:26657")]
    listen: SocketAddr,
    /// Address of gRPC, or `off` [default: 127.0.0.1:9090; a free port where --listen takes one]
    #[arg(long, value_name = "ADDRESS")]
    grpc: Option<Grpc>,
    /// Time from block to block, such as 1s or 500ms; `manual`: a block only on request
    #[arg(long, value_name = "TIME", default_value = "1s")]
    block_time: BlockTime,
    /// Blocks from one worker nonce of a topic to the next
    #[arg(long, value_name = "BLOCKS", default_value_t = 20)]
    epoch: u64,
    /// Blocks in which a payload is taken after its nonce
    #[arg(long, value_name = "BLOCKS", default_value_t = 10)]
    window: u64,
    /// Blocks from a nonce to its ground truth [default: 20, or the epoch when that is longer]
    #[arg(long, value_name = "BLOCKS")]
    ground_truth_lag: Option<u64>,
    /// Number of topics, with ids from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    topics: u64,
    /// Topics that may open a window in one block; others that are due wait for a later one
    #[arg(long, value_name = "N", default_value_t = 1)]
    max_active_topics_per_block: u64,
    /// Labels of topic 1, which then takes a number for each
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    labels: Vec<String>,
    /// Number of funded accounts
    #[arg(long, value_name = "N", default_value_t = 10)]
    accounts: usize,
    /// The emissions package that the chain runs
    #[arg(long, value_name = "VERSION", value_enum, default_value_t = Emissions::V10)]
    emissions: Emissions,
    /// Only workers on a list may submit; it starts empty
    #[arg(long)]
    whitelist: bool,
    /// Write addresses, topics and accounts to FILE once the chain listens
    #[arg(long, value_name = "FILE")]
    config_out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Emissions {
    V9,
    V10,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the event loop cannot be started")?;
        // Before anybody can read that it listens: who does may ask it to stop.
        let signals =
            runtime.block_on(async { StopSignals::listen() }).context("signals cannot be listened for")?;
        let config_out = self.config_out.clone();
        let devnet = Devnet::start(self.options()).map_err(start_report)?;
        if let Some(path) = &config_out {
            write_config(&devnet, path).map_err(|error| Report::new(Exit::Config, error))?;
        }
        // Nobody has to read it.
        let _ = io::stdout().write_all(banner(&devnet).as_bytes()).and_then(|()| io::stdout().flush());
        runtime.block_on(wait(signals, &devnet))?;
        Ok(Exit::Done)
    }

    fn options(self) -> Options {
        Options {
            chain_id: CHAIN_ID.into(),
            listen: self.listen,
            grpc: match self.grpc {
                Some(Grpc::Off) => None,
                Some(Grpc::At(address)) => Some(address),
                // Who takes a free port means to run beside others.
                None if self.listen.port() == 0 => Some(SocketAddr::new(GRPC.ip(), 0)),
                None => Some(GRPC),
            },
            block_time: self.block_time,
            genesis_time: None,
            epoch_length: self.epoch,
            worker_submission_window: self.window,
            ground_truth_lag: self.ground_truth_lag.unwrap_or(GROUND_TRUTH_LAG.max(self.epoch)),
            topics: self.topics,
            max_active_topics_per_block: self.max_active_topics_per_block,
            labels: self.labels,
            topic_of_any_labels: None,
            accounts: self.accounts,
            emissions: match self.emissions {
                Emissions::V9 => EmissionsVersion::V9,
                Emissions::V10 => EmissionsVersion::V10,
            },
            whitelist: if self.whitelist { Whitelist::On } else { Whitelist::Off },
        }
    }
}

fn start_report(error: StartError) -> Report {
    match &error {
        StartError::Options(_) => Report::new(Exit::Usage, error),
        StartError::Listen { .. } => Report::new(Exit::Config, error).hint(
            "another program may have the port; port 0 takes a free one, and --grpc off does without gRPC",
        ),
        StartError::Threads(_) | StartError::Accounts(_) | StartError::Genesis(_) => {
            Report::new(Exit::Internal, error)
        }
    }
}

/// Puts the facts of the chain in a file that nobody else can read and nobody sees half written.
fn write_config(devnet: &Devnet, path: &Path) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let mut file = AtomicFile::create(path, 0o600)?;
        serde_json::to_writer_pretty(&mut file, &devnet.config())?;
        file.write_all(b"\n")?;
        Ok(file.commit(Durability::Flushed)?)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// What a person copies from.
fn banner(devnet: &Devnet) -> String {
    let mut text =
        String::from("Local chain. Its keys are public: send nothing of value to them.\n\nAccounts\n");
    for (index, account) in devnet.accounts().iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "({index}) {}", account.address);
        let _ = writeln!(text, "    private key  {}", account.private_key);
        let _ = writeln!(text, "    mnemonic     {}", account.mnemonic);
    }
    text.push_str("\nTopics\n");
    for topic in devnet.topics() {
        let TopicSpec { id, epoch_length, worker_submission_window, output, .. } = topic;
        let output = match output {
            TopicOutput::Single => "one number".into(),
            TopicOutput::Multi { labels, .. } => format!("a number for each of {}", labels.join(", ")),
        };
        let _ = writeln!(
            text,
            "({id}) a nonce every {epoch_length} blocks, open for {worker_submission_window}; {output}"
        );
    }
    let block_time = match devnet.block_time() {
        BlockTime::Every(time) => format!("{time:?}"),
        BlockTime::Manual => "manual, by devnet_mine".into(),
    };
    let _ = writeln!(text, "\nChain id    {}", devnet.chain_id());
    let _ = writeln!(text, "Block time  {block_time}");
    let _ = writeln!(text, "Websocket   {}", devnet.websocket_url());
    if let Some(grpc) = devnet.grpc_url() {
        let _ = writeln!(text, "gRPC        {grpc}");
    }
    if let Some(account) = devnet.accounts().first() {
        let _ = writeln!(
            text,
            "\nALLORA_NETWORK={} ALLORA_PRIVATE_KEY={} bootstrap run BUNDLE\n",
            devnet.rpc_url(),
            account.private_key
        );
    }
    let _ = writeln!(text, "Listening on {}", devnet.rpc_url());
    text
}

/// Returns when the command is asked to stop, or has nothing left to run.
async fn wait(mut signals: StopSignals, devnet: &Devnet) -> anyhow::Result<()> {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = signals.recv() => return Ok(()),
            _ = look.tick() => if !devnet.is_running() {
                return Err(anyhow!("the local chain has stopped by itself"));
            },
        }
    }
}
