//! Every metric: the one table behind registry, exposition and reference page.

use prometheus::core::Collector;
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry};

/// Seconds of one call of a model: from a table lookup to the longest deadline that makes sense.
const PREDICTION: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0];
/// Seconds within a window: the windows of real topics have some 5 to 120 blocks of 2 to 6 s.
const WINDOW: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0];
/// Seconds until a block holds a transaction: one block time, or several.
const INCLUSION: &[f64] = &[0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0, 80.0, 160.0, 320.0];

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; begins at 0 with the process.
    Counter,
    /// A state; true at once after a start, absent while unknown.
    Gauge,
    /// Observations in buckets.
    Histogram,
}

impl Kind {
    /// Prometheus' word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its full name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Labels beside those that every metric has.
    pub labels: &'static [&'static str],
    /// Upper bounds of the buckets of a histogram.
    pub buckets: &'static [f64],
    /// What it means: one sentence without its full stop.
    pub doc: &'static str,
}

/// A metric that can be made from its row.
trait Instrument: Collector + Clone + Sized + 'static {
    fn of(row: &Row) -> prometheus::Result<Self>;
}

impl Instrument for CounterVec {
    fn of(row: &Row) -> prometheus::Result<Self> {
        Self::new(Opts::new(row.name, row.doc), row.labels)
    }
}

impl Instrument for GaugeVec {
    fn of(row: &Row) -> prometheus::Result<Self> {
        Self::new(Opts::new(row.name, row.doc), row.labels)
    }
}

impl Instrument for HistogramVec {
    fn of(row: &Row) -> prometheus::Result<Self> {
        Self::new(HistogramOpts::new(row.name, row.doc).buckets(row.buckets.to_vec()), row.labels)
    }
}

fn register<I: Instrument>(registry: &Registry, row: &Row) -> prometheus::Result<I> {
    let instrument = I::of(row)?;
    registry.register(Box::new(instrument.clone()))?;
    Ok(instrument)
}

macro_rules! buckets {
    () => {
        &[]
    };
    ($buckets:expr) => {
        $buckets
    };
}

macro_rules! table {
    ($($field:ident: $type:ident = $kind:ident $name:literal [$($label:literal),*] $(in $buckets:expr)?, $doc:literal;)*) => {
        /// The metrics, in the order of the reference page.
        pub const TABLE: &[Row] = &[$(
            Row {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                buckets: buckets!($($buckets)?),
                doc: $doc,
            },
        )*];

        /// One instrument for each row.
        #[derive(Debug, Clone)]
        pub(super) struct Instruments {
            $(pub $field: $type,)*
        }

        impl Instruments {
            /// Makes and registers all of them.
            pub fn register(registry: &Registry) -> prometheus::Result<Self> {
                let mut rows = TABLE.iter();
                let mut next = || rows.next().ok_or_else(|| prometheus::Error::Msg("the table is short".into()));
                Ok(Self { $($field: register(registry, next()?)?,)* })
            }
        }
    };
}

table! {
    rounds: CounterVec = Counter "bootstrap_rounds_total" ["outcome", "reason"],
        "Rounds that ended, by final state and the reason in a word; no reason where the state says it all";
    predictions: HistogramVec = Histogram "bootstrap_prediction_duration_seconds" ["outcome"] in PREDICTION,
        "Time of a call of the model, by what came of it: `value`, `skipped` or the kind of failure";
    broadcast: HistogramVec = Histogram "bootstrap_broadcast_delay_seconds" [] in WINDOW,
        "Time from the opening of a window to the first broadcast of its transaction, by the worker's clock";
    inclusion: HistogramVec = Histogram "bootstrap_inclusion_delay_seconds" [] in INCLUSION,
        "Time from the first broadcast to knowing that a block holds the transaction";
    fees: CounterVec = Counter "bootstrap_fees_uallo_total" [],
        "All that the chain took for transactions, registration included, in uallo";
    gas: CounterVec = Counter "bootstrap_gas_used_total" [],
        "Gas that transactions in blocks used";
    balance: GaugeVec = Gauge "bootstrap_balance_uallo" [],
        "Balance of the wallet when last asked for, in uallo";
    sequence: GaugeVec = Gauge "bootstrap_account_sequence" [],
        "Sequence of the wallet's next transaction";
    head: GaugeVec = Gauge "bootstrap_head_height" [],
        "Height of the newest block that the worker knows";
    head_seen: GaugeVec = Gauge "bootstrap_head_seen_timestamp_seconds" [],
        "When that block was first seen, by the worker's own clock; `time()` less this is its age";
    next_window: GaugeVec = Gauge "bootstrap_next_window_timestamp_seconds" [],
        "When the next window should open, by the measured block time";
    last_success: GaugeVec = Gauge "bootstrap_last_success_timestamp_seconds" [],
        "When the last round was admitted, also before this start; `time()` less this is its age";
    failures: GaugeVec = Gauge "bootstrap_consecutive_failures" [],
        "Rounds in a row that ended as refused or expired";
    ready: GaugeVec = Gauge "bootstrap_ready" [],
        "1 when a window that opened now would be answered, else 0";
    endpoint_head: GaugeVec = Gauge "bootstrap_endpoint_head_height" ["endpoint"],
        "Height of the newest block of an endpoint, when last measured; the label is its host and port, and a number where several share them";
    endpoint_seen: GaugeVec = Gauge "bootstrap_endpoint_head_seen_timestamp_seconds" ["endpoint"],
        "When that block was first seen there, by the worker's own clock; of several endpoints, each is measured ahead of openings, every ten minutes, and every ten seconds while something is wrong";
    endpoint_fresh: GaugeVec = Gauge "bootstrap_endpoint_fresh" ["endpoint"],
        "1 when the endpoint answers from the newest state, 0 when it lags, rests after a fault or is on another chain";
    endpoint_errors: CounterVec = Counter "bootstrap_endpoint_errors_total" ["endpoint", "kind"],
        "Faults of an endpoint, by kind; what the chain's application answers is none";
    unknown_answers: CounterVec = Counter "bootstrap_unknown_answers_total" [],
        "Answers of the chain that this version of the program does not know";
    restarts: CounterVec = Counter "bootstrap_model_restarts_total" ["cause"],
        "Model processes that were replaced, by cause";
    model_up: GaugeVec = Gauge "bootstrap_model_up" [],
        "1 when the model is loaded, else 0";
    memory: GaugeVec = Gauge "bootstrap_resident_memory_bytes" ["process"],
        "Resident memory of the `worker`, and of the `model` with all that it started";
    turn: GaugeVec = Gauge "bootstrap_turn_timestamp_seconds" [],
        "When the worker's loop last completed a turn, which it does every few seconds";
    alert: GaugeVec = Gauge "bootstrap_alert_active" ["condition"],
        "1 while a condition of `alerts.log` holds, else 0";
    alerts: CounterVec = Counter "bootstrap_alerts_total" ["condition"],
        "Conditions that began";
    start: GaugeVec = Gauge "bootstrap_start_timestamp_seconds" [],
        "When the worker was started";
    build: GaugeVec = Gauge "bootstrap_build_info" ["version", "model_name", "model_version", "network", "address"],
        "Always 1; the labels tell the program, the bundle, the network and the wallet";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <https://prometheus.io/docs/practices/naming/>
    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for (index, row) in TABLE.iter().enumerate() {
            assert!(row.name.starts_with("bootstrap_"), "{}", row.name);
            assert!(row.name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()), "{}", row.name);
            assert_eq!(row.name.ends_with("_total"), row.kind == Kind::Counter, "{}", row.name);
            assert_eq!(row.buckets.is_empty(), row.kind != Kind::Histogram, "{}", row.name);
            assert!(row.buckets.is_sorted(), "{}", row.name);
            assert!(!row.doc.ends_with('.'), "{}", row.name);
            assert!(TABLE[..index].iter().all(|other| other.name != row.name), "{} twice", row.name);
        }
    }
}
