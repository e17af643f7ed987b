//! Metrics as Prometheus reads them.
//!
//! | file | noun |
//! |---|---|
//! | `table` | every metric: name, kind, labels, meaning |
//! | `server` | the HTTP server for scrapers and probes |
//! | `textfile` | a file of them for node_exporter |

mod server;
mod table;
mod textfile;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use nix::unistd::Pid;
use prometheus::{CounterVec, GaugeVec, HistogramVec, Registry, TextEncoder};

use self::table::Instruments;
use super::Heartbeat;
use super::alerts::Condition;
use crate::journal::{RoundRow, RoundState, Timestamp};
use crate::model;

pub use server::{BindError, Server};
pub use table::{Kind, Row, TABLE};
pub use textfile::{Textfile, TextfileError};

/// What tells one worker from another.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The topic, on every metric.
    pub topic_id: u64,
    /// `BUNDLE_ID`, on every metric where it is set.
    pub bundle_id: Option<String>,
    /// Name in the manifest.
    pub model_name: String,
    /// Version in the manifest.
    pub model_version: String,
    /// The network, without credentials.
    pub network: String,
    /// The wallet.
    pub address: String,
}

/// An endpoint of the chain, as metrics tell of it.
#[derive(Debug, Clone)]
pub struct EndpointFacts<'a> {
    /// Its address, without credentials.
    pub endpoint: &'a str,
    /// Whether it answers from the newest state.
    pub is_fresh: bool,
    /// Its newest block, and when it was first seen there.
    pub head: Option<(u64, Timestamp)>,
    /// Faults since the start, by kind.
    pub errors: &'a [(&'static str, u64)],
}

/// The metrics of this process. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    instruments: Instruments,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of a worker that starts: counters at 0, states unknown.
    ///
    /// # Errors
    /// A label's name or a metric is wrong: a fault of this program.
    pub fn new(identity: &Identity) -> prometheus::Result<Self> {
        let mut labels = HashMap::from([("topic_id".to_owned(), identity.topic_id.to_string())]);
        if let Some(bundle_id) = &identity.bundle_id {
            labels.insert("bundle_id".to_owned(), bundle_id.clone());
        }
        let registry = Registry::new_custom(None, Some(labels))?;
        let instruments = Instruments::register(&registry)?;
        let metrics = Self { registry, instruments };
        metrics.begin(identity);
        Ok(metrics)
    }

    /// A series that is absent until it first counts has no rate for that first time.
    fn begin(&self, identity: &Identity) {
        let Instruments { rounds, broadcast, inclusion, fees, gas, unknown_answers, build, start, .. } =
            &self.instruments;
        for state in RoundState::ALL.into_iter().filter(|state| state.is_final()) {
            rounds.with_label_values(&[state.as_str(), ""]);
        }
        for counter in [fees, gas, unknown_answers] {
            counter.with_label_values(NO_LABELS);
        }
        for histogram in [broadcast, inclusion] {
            histogram.with_label_values(NO_LABELS);
        }
        let Identity { model_name, model_version, network, address, .. } = identity;
        let about = [env!("CARGO_PKG_VERSION"), model_name, model_version, network, address];
        build.with_label_values(&about).set(1.0);
        set(start, Timestamp::now().unix_seconds());
    }

    /// A round has ended, for a `reason` of few words.
    pub fn round(&self, row: &RoundRow, reason: &str) {
        let Instruments { rounds, broadcast, inclusion, .. } = &self.instruments;
        rounds.with_label_values(&[row.state.as_str(), reason]).inc();
        if let Some(sent) = row.broadcast_at {
            observe(broadcast, sent.seconds_since(row.opened_at));
            if let Some(included) = row.finished_at.filter(|_| row.height.is_some()) {
                observe(inclusion, included.seconds_since(sent));
            }
        }
        if row.state == RoundState::Admitted
            && let Some(at) = row.finished_at
        {
            self.last_success(at);
        }
    }

    /// When a round was last admitted.
    pub fn last_success(&self, at: Timestamp) {
        set(&self.instruments.last_success, at.unix_seconds());
    }

    /// The model answered a call, or did not: `value`, `skipped`, or the kind of failure.
    pub fn predicted(&self, outcome: &str, took: Duration) {
        self.instruments.predictions.with_label_values(&[outcome]).observe(took.as_secs_f64());
    }

    /// A transaction is in a block: what the chain took, in uallo, and the gas that it used.
    pub fn paid(&self, uallo: u128, gas: u64) {
        self.instruments.fees.with_label_values(NO_LABELS).inc_by(float(uallo));
        self.instruments.gas.with_label_values(NO_LABELS).inc_by(float(gas.into()));
    }

    /// The wallet's balance, in uallo.
    pub fn balance(&self, uallo: u128) {
        set(&self.instruments.balance, float(uallo));
    }

    /// Sequence of the wallet's next transaction.
    pub fn sequence(&self, sequence: u64) {
        set(&self.instruments.sequence, float(sequence.into()));
    }

    /// How often model processes were replaced for this cause since the start.
    pub fn restarts(&self, cause: &str, total: u64) {
        raise(&self.instruments.restarts, &[cause], total);
    }

    /// Whether a condition of `alerts.log` holds.
    pub fn alert(&self, condition: Condition, holds: bool) {
        let Instruments { alert, alerts, .. } = &self.instruments;
        let labels = &[condition.as_str()];
        let gauge = alert.with_label_values(labels);
        // Also where it never began: a series that is absent has no rate when it does.
        let began = if holds && gauge.get() == 0.0 { 1.0 } else { 0.0 };
        alerts.with_label_values(labels).inc_by(began);
        gauge.set(f64::from(u8::from(holds)));
    }

    /// What is known of an endpoint.
    pub fn endpoint(&self, facts: &EndpointFacts<'_>) {
        let Instruments { endpoint_head, endpoint_seen, endpoint_fresh, endpoint_errors, .. } =
            &self.instruments;
        let host = host(facts.endpoint);
        let labels = &[host];
        if let Some((height, seen)) = facts.head {
            endpoint_head.with_label_values(labels).set(float(height.into()));
            endpoint_seen.with_label_values(labels).set(seen.unix_seconds());
        }
        endpoint_fresh.with_label_values(labels).set(f64::from(u8::from(facts.is_fresh)));
        for (kind, total) in facts.errors {
            raise(endpoint_errors, &[host, kind], *total);
        }
    }

    /// What the worker knows at the end of a turn.
    pub fn turn(&self, beat: &Heartbeat) {
        let Instruments {
            head,
            head_seen,
            next_window,
            failures,
            ready,
            model_up,
            unknown_answers,
            memory,
            turn,
            ..
        } = &self.instruments;
        set(turn, Timestamp::now().unix_seconds());
        if let Some(newest) = &beat.head {
            set(head, float(newest.height.into()));
            set(head_seen, newest.seen_at.unix_seconds());
        }
        if let Some(next) = &beat.next_window {
            set(next_window, next.opens_at.unix_seconds());
        }
        set(failures, float(beat.consecutive_failures.into()));
        set(ready, f64::from(u8::from(beat.ready)));
        raise(unknown_answers, NO_LABELS, beat.unknown_answers);
        if let Some(model) = &beat.model {
            let is_up = matches!(model.state.as_str(), "ready" | "busy");
            set(model_up, f64::from(u8::from(is_up)));
            let resident = float(model.rss_bytes.unwrap_or_default().into());
            memory.with_label_values(&["model"]).set(resident);
        }
    }

    /// The worker has ended: what is true of one that runs is no longer told.
    pub(super) fn ended(&self) {
        let Instruments { ready, endpoint_fresh, model_up, turn, .. } = &self.instruments;
        for gauge in [ready, endpoint_fresh, model_up, turn] {
            gauge.reset();
        }
    }

    /// All of it in Prometheus' text format, version 0.0.4.
    ///
    /// # Errors
    /// Two metrics contradict each other: a fault of this program.
    pub fn text(&self) -> prometheus::Result<String> {
        let resident = model::resident(Pid::this());
        self.instruments.memory.with_label_values(&["worker"]).set(float(resident.into()));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

const NO_LABELS: &[&str] = &[];

fn set(gauge: &GaugeVec, value: f64) {
    gauge.with_label_values(NO_LABELS).set(value);
}

fn observe(histogram: &HistogramVec, seconds: f64) {
    // A clock that was set back in between would make it negative.
    histogram.with_label_values(NO_LABELS).observe(seconds.max(0.0));
}

/// Brings a counter to a total that somebody else keeps.
fn raise(counter: &CounterVec, labels: &[&str], total: u64) {
    let counter = counter.with_label_values(labels);
    counter.inc_by((float(total.into()) - counter.get()).max(0.0));
}

/// Prometheus knows no other numbers; above 2^53 the last digits are lost.
#[allow(clippy::cast_precision_loss)]
const fn float(number: u128) -> f64 {
    number as f64
}

/// Host and port of an endpoint, with the number of one that shares them.
fn host(endpoint: &str) -> &str {
    endpoint.split_once("://").map_or(endpoint, |(_, host)| host)
}
