//! The worker's log: lines for people on a terminal and otherwise one JSON object each, on stderr and in a file.

use std::fmt;
use std::io::{self, IsTerminal, Write, stderr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt as lines, fmt::MakeWriter};

use super::{Exit, Report};
use crate::bundle::Manifest;
use crate::logs::{LogFile, LogQueue, Stderr};
use crate::settings::{LogFormat, Settings};

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
    for notice in &settings.notices {
        tracing::warn!("{notice}");
    }
    Ok(())
}

/// Whether events of this kind hold no secret. With its request, a websocket's handshake shows the credentials in it.
fn is_discreet(kind: &Metadata<'_>) -> bool {
    *kind.level() != Level::TRACE || !kind.target().starts_with("tungstenite::handshake")
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
struct Labels(Vec<(&'static str, String)>);

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

/// Writes an event as one JSON object on one line, the fields of its spans beside its own.
struct Json<W> {
    writer: W,
    labels: Labels,
}

impl<W> Json<W> {
    fn line(&self, event: &Event<'_>, mut fields: Fields) -> serde_json::Result<Vec<u8>> {
        event.record(&mut fields);
        let meta = event.metadata();
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let mut line = Vec::with_capacity(256);
        let mut serializer = serde_json::Serializer::new(&mut line);
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("timestamp", &now)?;
        object.serialize_entry("level", meta.level().as_str())?;
        // Events of the `log` crate have one target for all, and say their own in a field.
        let target = fields.0.get("log.target").and_then(Value::as_str).unwrap_or_else(|| meta.target());
        object.serialize_entry("target", target)?;
        object
            .serialize_entry("message", fields.0.get("message").unwrap_or(&Value::String(String::new())))?;
        for (name, label) in &self.labels.0 {
            object.serialize_entry(name, label)?;
        }
        // A key must not occur twice in an object; the ones above are promised.
        let taken = |name: &str| {
            matches!(name, "timestamp" | "level" | "target" | "message")
                || name.starts_with("log.")
                || self.labels.0.iter().any(|l| l.0 == name)
        };
        for (name, value) in fields.0.iter().filter(|(name, _)| !taken(name)) {
            object.serialize_entry(name, value)?;
        }
        object.end()?;
        line.push(b'\n');
        Ok(line)
    }
}

impl<S, W> Layer<S> for Json<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            // The same as another place of the log has put there.
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        // From the outermost span in: the closer one wins.
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.0.extend(of_span.0.clone());
            }
        }
        if let Ok(line) = self.line(event, fields) {
            // It is queued or counted as lost; there is nobody to tell.
            let _ = self.writer.make_writer().write_all(&line);
        }
    }
}

/// Fields of an event or span as JSON values.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.set(field, value.to_string());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.set(field, value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field, value.to_string());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_promised_keys_and_the_fields_of_event_and_spans() {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer =
            Json { writer: move || writer.clone(), labels: Labels(vec![("bundle_id", "b-1".into())]) };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let round =
                tracing::info_span!("round", topic_id = 7_u64, nonce = 120, value = tracing::field::Empty);
            let _in = round.enter();
            round.record("value", "0.5");
            tracing::warn!(nonce = 121, fee = 10_u128, level = "mine", "two\nlines");
        });
        let written = kept.0.lock().unwrap();
        assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1);
        let line: Value = serde_json::from_slice(&written).unwrap();
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!((&line["level"], &line["message"]), (&"WARN".into(), &"two\nlines".into()));
        assert_eq!(
            (&line["topic_id"], &line["nonce"], &line["value"]),
            (&7.into(), &121.into(), &"0.5".into())
        );
        assert_eq!((&line["fee"], &line["bundle_id"]), (&"10".into(), &"b-1".into()));
        assert!(written.starts_with(b"{\"timestamp\":"));
    }
}
