//! One life of a worker: from its start to what it gives back.

use std::error::Error as _;

use time::OffsetDateTime;

use super::MainLoop;
use crate::health::alerts::Alerts;
use crate::health::metrics::Textfile;
use crate::journal::JournalHandle;
use crate::model::{self, Extent, Model};
use crate::worker::onboarding::{self, Connection};
use crate::worker::reporter::Reporter;
use crate::worker::setup::{Ended, Reason, Setup, WorkerError};
use crate::worker::shutdown::Budget;

/// Runs a worker until it is asked to stop or its goal is reached.
///
/// # Errors
/// See [`WorkerError`].
pub async fn run(setup: Setup, alerts: Alerts, textfile: Option<Textfile>) -> Result<Ended, WorkerError> {
    let mut reporter = Reporter::new(&setup, alerts, textfile);
    reporter.beat().topic_id = Some(setup.options.topic_id);
    reporter.beat().address = Some(setup.wallet.address().to_string());
    let model = setup.model.clone();
    if let Some(until) = setup.until {
        let stopping = setup.stopping.clone();
        let left = until - OffsetDateTime::now_utc();
        tokio::spawn(async move {
            tokio::time::sleep(left.try_into().unwrap_or_default()).await;
            stopping.cancel();
        });
    }
    let mut held = Held::default();
    let driven = setup.stopping.clone().run_until_cancelled_owned(held.drive(setup, &mut reporter)).await;
    let ended = driven.unwrap_or(Ok(Ended::Stopped));
    let budget = Budget::begin();
    held.give_back(budget, model, &mut reporter).await;
    reporter.stopped(why(&ended), budget).await;
    ended
}

/// Why the worker ended, where nobody asked for it.
fn why(ended: &Result<Ended, WorkerError>) -> Option<String> {
    match ended {
        Ok(ended) => ended.why(),
        Err(error) => Some(match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        }),
    }
}

/// What a worker has come to have, and gives back when it ends. Whatever is going on when it is asked to stop is
/// dropped there and then: nobody who asks for the end waits for a disk or a chain that hangs.
#[derive(Default)]
struct Held {
    journal: Option<JournalHandle>,
    main_loop: Option<MainLoop>,
}

impl Held {
    async fn drive(&mut self, setup: Setup, reporter: &mut Reporter) -> Result<Ended, WorkerError> {
        let (client, clock) = match onboarding::connect(&setup, reporter).await? {
            Connection::Made(client, clock) => (client, clock),
            Connection::None(why) => return Ok(Ended::NoEndpoint(Reason::of_endpoints(why))),
        };
        let journal = onboarding::open_journal(&setup, client.pool(), reporter).await?;
        let journal = self.journal.insert(journal).clone();
        if let Some(ended) = onboarding::agree(&setup, &client, &journal, reporter).await? {
            return Ok(ended);
        }
        let main_loop = MainLoop::new(setup, client, clock, journal, reporter).await?;
        model::release(Extent::Everything);
        self.main_loop.insert(main_loop).turns(reporter).await
    }

    /// What takes longer than it may is left: what was committed is on the disk already, the lock ends with the
    /// process, and the model with its parent.
    async fn give_back(self, budget: Budget, model: Model, reporter: &mut Reporter) {
        if let Some(mut main_loop) = self.main_loop {
            main_loop.shut_down(budget, reporter).await;
        }
        let close = async {
            let Some(journal) = self.journal else { return };
            if let Err(error) = journal.close().await {
                tracing::warn!(%error, "the journal is not closed in time");
            }
        };
        let all = async { tokio::join!(reporter.stopping(budget), model.stop(), close) };
        if tokio::time::timeout_at(budget.closed, all).await.is_err() {
            tracing::warn!("the model or the journal takes too long to end");
        }
    }
}
