//! Alerts as JSON, posted to a URL that is a secret: for chats such as Slack it is the only key.

use std::time::{Duration, SystemTime};

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Alert;
use crate::chain::http;
use crate::health::metrics::Identity;
use crate::settings::WebhookUrl;

/// Alerts that wait for the other side. More than that are in `alerts.log` alone.
const QUEUE: usize = 64;
/// One try.
const TRY: Duration = Duration::from_secs(10);
/// Pauses between tries, doubling.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The longest pause that the other side may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Tries of one alert: for a quarter of an hour.
const TRIES: u32 = 20;

/// Posts alerts one after another.
#[derive(Debug)]
pub struct Webhook {
    queue: mpsc::Sender<Alert>,
    closing: CancellationToken,
    task: AbortOnDropHandle<()>,
}

/// Why an alert was not taken.
enum Refused {
    /// It may be taken later, not before this pause where the other side names one.
    ForNow { why: String, pause: Option<Duration> },
    /// It never will be.
    ForGood(String),
}

impl Webhook {
    /// Posts to `url` what comes. To be called within a runtime.
    pub fn start(url: WebhookUrl, worker: Identity) -> Self {
        let (queue, alerts) = mpsc::channel(QUEUE);
        let closing = CancellationToken::new();
        let task = tokio::spawn(post_all(url, worker, alerts, closing.clone()));
        Self { queue, closing, task: AbortOnDropHandle::new(task) }
    }

    /// Posts an alert as soon as can be. Never waits.
    pub fn post(&self, alert: Alert) {
        if self.queue.try_send(alert).is_err() {
            tracing::warn!("too many alerts wait for the webhook: one is not posted");
        }
    }

    /// Tries what waits once more, until `end`.
    pub async fn close(self, end: Instant) {
        drop(self.queue);
        self.closing.cancel();
        if tokio::time::timeout_at(end, self.task).await.is_err() {
            tracing::warn!("the webhook does not answer: the last alerts are not posted");
        }
    }
}

async fn post_all(
    url: WebhookUrl,
    worker: Identity,
    mut alerts: mpsc::Receiver<Alert>,
    closing: CancellationToken,
) {
    let client = Client::builder()
        .user_agent(http::USER_AGENT)
        .tls_built_in_root_certs(url.expose().scheme() == "https")
        .timeout(TRY)
        // The secret is not for another host.
        .redirect(Policy::none())
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            let cause = http::causes(&error);
            tracing::error!(cause, "no alerts are posted: there is no HTTP client");
            return;
        }
    };
    while let Some(alert) = alerts.recv().await {
        let body = body(&alert, &worker);
        let mut pause = PAUSES.0;
        for tried in 1..=TRIES {
            let (why, asked) = match post(&client, &url, &body).await {
                Ok(()) => break,
                Err(Refused::ForNow { why, pause }) if tried < TRIES && !closing.is_cancelled() => {
                    (why, pause)
                }
                Err(Refused::ForNow { why, .. } | Refused::ForGood(why)) => {
                    tracing::warn!(why, "an alert could not be posted and is in alerts.log alone");
                    break;
                }
            };
            tracing::debug!(why, "an alert is posted again");
            let length = asked.map_or(pause, |asked| asked.clamp(pause, LONGEST_PAUSE));
            // Who stops the worker waits for one try, and for no pause.
            closing.run_until_cancelled(tokio::time::sleep(length)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

async fn post(client: &Client, url: &WebhookUrl, body: &Value) -> Result<(), Refused> {
    let answer = client.post(url.expose().clone()).json(body).send().await;
    // The causes alone: the error itself names the URL.
    let answer = answer.map_err(|error| Refused::ForNow { why: http::causes(&error), pause: None })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let why = format!("the webhook answered with HTTP status {}", status.as_u16());
    let may_pass = status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
    if may_pass {
        let pause = http::retry_after(answer.headers(), SystemTime::now());
        Err(Refused::ForNow { why, pause })
    } else {
        Err(Refused::ForGood(why))
    }
}

/// `text` is what Slack and its like show.
fn body(alert: &Alert, worker: &Identity) -> Value {
    let Identity { topic_id, bundle_id, model_name, model_version, network, address } = worker;
    let (condition, transition, detail) =
        (alert.condition.as_str(), alert.transition.as_str(), &alert.detail);
    json!({
        "text": format!("{transition} {condition}: {detail} ({model_name}, topic {topic_id} of {network}, {address})"),
        "transition": transition.to_ascii_lowercase(),
        "condition": condition,
        "detail": detail,
        "time": alert.time,
        "topic_id": topic_id,
        "network": network,
        "address": address,
        "bundle_id": bundle_id,
        "model_name": model_name,
        "model_version": model_version,
    })
}
