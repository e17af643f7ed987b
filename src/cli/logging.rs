//! The worker's log: lines for people on a terminal and otherwise one JSON object each, on stderr and in a file.

mod json;

use std::fmt;
use std::io::{self, IsTerminal, Write, stderr};
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt as lines};

use self::json::Json;
use super::{Exit, Report};
use crate::bundle::Manifest;
use crate::logs::{LogFile, LogQueue, Stderr};
use crate::settings::{LogFormat, Settings};

/// How long a panic waits for its line to be written.
const PANIC_FLUSH: Duration = Duration::from_millis(500);

/// Where the log of this process goes.
static QUEUES: OnceLock<Vec<LogQueue>> = OnceLock::new();

/// Starts the log of this process: on stderr and, where there is one, in a file.
///
/// # Errors
/// When the log of this process has been started before.
pub fn start(settings: &Settings, manifest: &Manifest, file: Option<LogFile>) -> Result<(), Report> {
    let internal = |error: io::Error| Report::new(Exit::Internal, error);
    let labels = Labels::new(settings, manifest);
    let (mut queues, mut layers) = (Vec::new(), Vec::new());
    // The file comes first: the first layer for people puts the fields of spans into words, and only a terminal
    // takes colours.
    if let Some(file) = file {
        let queue = LogQueue::start(file).map_err(internal)?;
        layers.push(layer(settings.log.format, queue.clone(), Ansi::Off, &labels));
        queues.push(queue);
    }
    let queue = LogQueue::start(Stderr).map_err(internal)?;
    let ansi = if stderr().is_terminal() { Ansi::On } else { Ansi::Off };
    layers.push(layer(settings.log.format, queue.clone(), ansi, &labels));
    queues.push(queue);
    let filter = EnvFilter::new(&settings.log.level);
    let subscriber = tracing_subscriber::registry().with(layers).with(filter).with(filter_fn(is_discreet));
    subscriber.try_init().map_err(|error| Report::new(Exit::Internal, error))?;
    QUEUES.get_or_init(|| queues);
    std::panic::set_hook(Box::new(log_panic));
    for notice in &settings.notices {
        tracing::warn!("{notice}");
    }
    Ok(())
}

/// Whether events of this kind hold no secret. With its request, a websocket's handshake shows the credentials in it.
fn is_discreet(kind: &Metadata<'_>) -> bool {
    *kind.level() != Level::TRACE || !kind.target().starts_with("tungstenite::handshake")
}

/// A panic is an event like others: on a line of its own, in the file too.
fn log_panic(panic: &PanicHookInfo<'_>) {
    tracing::error!("this is a fault of this program: {panic}");
    // It may be the end of the process.
    flush(PANIC_FLUSH);
}

/// Waits until what was logged so far is written, at most for `limit`.
pub fn flush(limit: Duration) {
    each_queue(limit, LogQueue::flush);
}

/// Looks for the log file anew, which somebody may have moved away. Waits at most for `limit`.
pub fn reopen(limit: Duration) {
    each_queue(limit, LogQueue::reopen);
}

fn each_queue(limit: Duration, act: impl Fn(&LogQueue, Instant)) {
    let end = Instant::now() + limit;
    QUEUES.get().into_iter().flatten().for_each(|queue| act(queue, end));
}

/// Are there colours? Where there are, people read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ansi {
    On,
    Off,
}

/// What writes each event to `queue`.
fn layer(
    format: Option<LogFormat>,
    queue: LogQueue,
    ansi: Ansi,
    labels: &Labels,
) -> Box<dyn Layer<Registry> + Send + Sync> {
    let by_place = if ansi == Ansi::On { LogFormat::Pretty } else { LogFormat::Json };
    match format.unwrap_or(by_place) {
        LogFormat::Pretty => {
            let writer = move || Indented(queue.clone());
            let lines = lines::layer().with_writer(writer).with_ansi(ansi == Ansi::On).with_target(false);
            lines.with_timer(Stamp { bundle_id: labels.bundle_id() }).log_internal_errors(false).boxed()
        }
        LogFormat::Json => Json { writer: move || queue.clone(), labels: labels.clone() }.boxed(),
    }
}

/// Sets off what follows the first line of an event, such as a traceback: a model's text must not pass for
/// an event of its own.
struct Indented<W>(W);

impl<W: Write> Write for Indented<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        let mut indented = Vec::with_capacity(event.len());
        for (number, line) in text.split(|byte| b"\n\r".contains(byte)).enumerate() {
            indented.extend_from_slice(if number == 0 { b"" } else { b"\n    " });
            indented.extend_from_slice(line);
        }
        indented.push(b'\n');
        self.0.write_all(&indented)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The label of `BUNDLE_ID`.
const BUNDLE_ID: &str = "bundle_id";

/// Fields of every line: the names and values of the bundle and its model.
#[derive(Clone)]
pub struct Labels(Vec<(&'static str, String)>);

impl Labels {
    fn new(settings: &Settings, manifest: &Manifest) -> Self {
        let bundle_id = settings.bundle_id.as_ref().map(|id| (BUNDLE_ID, id.clone()));
        let model = [("model_name", manifest.name.clone()), ("model_version", manifest.version.clone())];
        Self(bundle_id.into_iter().chain(model).collect())
    }

    /// What `BUNDLE_ID` says.
    fn bundle_id(&self) -> Option<String> {
        self.0.iter().find(|(name, _)| *name == BUNDLE_ID).map(|(_, label)| label.clone())
    }
}

/// Begins a line for people: the time and, where there is one, whose line it is.
struct Stamp {
    bundle_id: Option<String>,
}

impl FormatTime for Stamp {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(line)?;
        match &self.bundle_id {
            Some(bundle_id) => write!(line, " {bundle_id}"),
            None => Ok(()),
        }
    }
}
