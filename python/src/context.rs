//! The object that tells a model about the window it answers.

use std::time::{Duration, Instant};

use bootstrap_frames::{Context, Load};
use pyo3::prelude::*;

/// What the model may ask about this call. Every attribute is read-only.
#[pyclass(frozen, module = "bootstrap_host")]
pub struct RunContext {
    /// Block height of the nonce.
    #[pyo3(get)]
    nonce: i64,
    /// The topic that asks.
    #[pyo3(get)]
    topic_id: u64,
    /// Last block of the window, `None` when there is none.
    #[pyo3(get)]
    window_closes_at: Option<i64>,
    /// Name or address of the network.
    #[pyo3(get)]
    network: String,
    /// The bundle's folder.
    #[pyo3(get)]
    bundle_root: String,
    /// Where its weights lie.
    #[pyo3(get)]
    artifacts_dir: String,
    ends: Instant,
}

impl RunContext {
    /// The context of one call that begins now.
    pub fn new(nonce: i64, context: Context, load: &Load) -> Self {
        // A limit that no clock can hold is no limit; an hour is beyond any window.
        let left = Duration::try_from_secs_f64(context.seconds_left).unwrap_or(Duration::from_secs(3600));
        Self {
            nonce,
            topic_id: context.topic_id,
            window_closes_at: context.window_closes_at,
            network: context.network,
            bundle_root: load.bundle_root.clone(),
            artifacts_dir: load.artifacts_dir.clone(),
            ends: Instant::now() + left.min(Duration::from_secs(3600)),
        }
    }
}

#[pymethods]
impl RunContext {
    /// Seconds left until the call is ended by force, by the monotonic clock; never below zero.
    #[getter]
    fn deadline(&self) -> f64 {
        self.ends.saturating_duration_since(Instant::now()).as_secs_f64()
    }

    fn __repr__(&self) -> String {
        let Self { nonce, topic_id, network, .. } = self;
        format!("RunContext(nonce={nonce}, topic_id={topic_id}, network={network:?})")
    }
}
