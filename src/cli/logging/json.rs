//! The log for programs: one JSON object a line.

use std::fmt;
use std::io::Write;

use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::Labels;

/// Writes an event as one JSON object on one line, the fields of its spans beside its own.
pub struct Json<W> {
    /// Where the lines go.
    pub writer: W,
    /// Fields of every line.
    pub labels: Labels,
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
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

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
