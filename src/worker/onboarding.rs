//! From endpoints and a key to a chain that is known: tried until it works, with the heartbeat kept true.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Clock;
use super::disagreement::Disagreement;
use super::main_loop::{Pause, UNWRITABLE_PAUSE};
use super::reporter::Reporter;
use super::setup::{Ended, Goal, Reason, Setup, WorkerError};
use crate::chain::messages::Topic;
use crate::chain::pool::{Pool, PoolError};
use crate::chain::query::Client;
use crate::health::Phase;
use crate::journal::{Journal, JournalHandle};

/// One round of questions to all endpoints.
const LIMIT: Duration = Duration::from_secs(5);
/// Pauses between tries, doubling. A window may open as soon as a node is back: the last is a small part of any.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// How long `--once` tries, where it was not told.
const ONCE: Duration = Duration::from_secs(30);
/// Pause between two turns while something takes time.
const TICK: Duration = Duration::from_secs(1);

/// Where the journal knows more than the chain.
const DISAGREE: &str =
    "run it again when the node has caught up; a chain that was started anew needs a new journal";

/// What looking for the chain came to.
pub enum Connection {
    /// The chain is there.
    Made(Client, Clock),
    /// `--once` has no more time; why.
    None(String),
}

/// How long a wait goes on.
struct Patience {
    /// `None`: for ever.
    end: Option<Instant>,
}

impl Patience {
    fn of(goal: Goal) -> Self {
        let end = match goal {
            Goal::Once { until } => Some(until.unwrap_or_else(|| Instant::now() + ONCE)),
            Goal::Forever | Goal::Windows(_) => None,
        };
        Self { end }
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
    }

    /// The pause before the next try: the last one comes when the time is over. `None` after that one.
    fn pause(&self, back_off: Duration) -> Option<Duration> {
        let Some(end) = self.end else { return Some(back_off) };
        let left = end.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| back_off.min(left))
    }
}

/// Looks for the chain until an endpoint answers for it.
///
/// # Errors
/// [`WorkerError::WrongChain`] when all endpoints answer for another.
pub async fn connect(setup: &Setup, reporter: &mut Reporter) -> Result<Connection, WorkerError> {
    let patience = Patience::of(setup.goal);
    let mut back_off = BACK_OFF.0;
    loop {
        let why = match turning(try_connect(&setup.pool), reporter).await {
            Ok((client, clock)) => {
                reporter.seen().chain = Some(Ok(()));
                return Ok(Connection::Made(client, clock));
            }
            Err(Unconnected::WrongChain(error)) => return Err(WorkerError::WrongChain(error)),
            Err(Unconnected::NotYet(why)) => why,
        };
        reporter.seen().chain = Some(Err(why.clone()));
        let Some(pause) = patience.pause(back_off) else { return Ok(Connection::None(why)) };
        tracing::warn!(why, "the chain cannot be used yet");
        reporter.ready(Some(why));
        turning(tokio::time::sleep(pause), reporter).await;
        back_off = (back_off * 2).min(BACK_OFF.1);
    }
}

enum Unconnected {
    WrongChain(PoolError),
    NotYet(String),
}

async fn try_connect(pool: &Arc<Pool>) -> Result<(Client, Clock), Unconnected> {
    let head = match pool.refresh(LIMIT).await {
        Ok(head) if head.catching_up => {
            return Err(Unconnected::NotYet(format!("the node is still syncing, at height {}", head.height)));
        }
        Ok(head) => head,
        Err(error @ PoolError::WrongChain { .. }) => return Err(Unconnected::WrongChain(error)),
        Err(error) => return Err(Unconnected::NotYet(error.to_string())),
    };
    let client = Client::probe(Arc::clone(pool), LIMIT)
        .await
        .map_err(|error| Unconnected::NotYet(error.to_string()))?;
    let clock = Clock::new(head.block_time.filter(|time| !time.is_zero()));
    // The highest, since a node that lags a little would hide a window. The pool has seen to it that it is not that of one
    // that is wrong about itself, which would close them all.
    clock.observe(head.height);
    Ok((client, clock))
}

/// Opens the journal of this wallet on this chain; its file is the lock. A disk that is full is waited for, but for
/// `--once`.
///
/// # Errors
/// [`WorkerError::Open`] with a way out.
pub async fn open_journal(
    setup: &Setup,
    pool: &Pool,
    reporter: &mut Reporter,
) -> Result<JournalHandle, WorkerError> {
    let mut pause = Pause::new(UNWRITABLE_PAUSE);
    let journal = loop {
        let (state_dir, address) = (setup.state_dir.clone(), setup.wallet.address().to_string());
        let chain_id = pool.chain_id().unwrap_or_default().to_owned();
        let open = tokio::task::spawn_blocking(move || Journal::open(&state_dir, &chain_id, &address));
        let error = match turning(open, reporter)
            .await
            .map_err(|error| WorkerError::Thread(std::io::Error::other(error)))?
        {
            Ok(journal) => break journal,
            Err(error) => error,
        };
        if !error.may_pass() || matches!(setup.goal, Goal::Once { .. }) {
            return Err(WorkerError::Open(error));
        }
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let why = format!("the journal cannot be opened: {cause}; {}", error.hint());
        tracing::error!(error = &error as &dyn Error, "nothing is done until the journal can be opened");
        reporter.ready(Some(why));
        turning(tokio::time::sleep_until(pause.end()), reporter).await;
        pause.again();
    };
    reporter.opened(journal.path().to_owned()).await;
    JournalHandle::spawn(journal).map_err(WorkerError::Thread)
}

/// Waits until the chain has seen every transaction that the journal knows to be in a block. Otherwise the
/// node is behind, or the chain was started anew under its old id: what the journal says of a nonce would be
/// of another one. How `--once` ends, when it has no more time for this.
///
/// # Errors
/// When the journal cannot be read.
pub async fn agree(
    setup: &Setup,
    client: &Client,
    journal: &JournalHandle,
    reporter: &mut Reporter,
) -> Result<Option<Ended>, WorkerError> {
    let asked = journal.call(|journal| journal.reader().last_sequence());
    let Some(last) = turning(asked, reporter).await? else { return Ok(None) };
    let patience = Patience::of(setup.goal);
    let mut back_off = BACK_OFF.0;
    loop {
        let ended = match turning(client.account(setup.wallet.address()), reporter).await {
            Ok(account) => {
                let Some(disagreement) = Disagreement::between(account.as_ref(), last) else {
                    return Ok(None);
                };
                // Another node may not be behind.
                if turning(client.pool().look_again(LIMIT), reporter).await && !patience.is_over() {
                    continue;
                }
                let file = reporter.beat().journal.clone().unwrap_or_default();
                let why = format!("{disagreement}; {}", Disagreement::hint(&file));
                Ended::NothingSubmitted(Reason { why, hint: DISAGREE })
            }
            Err(error) => Ended::NoEndpoint(Reason::of_endpoints(error.to_string())),
        };
        let Some(pause) = patience.pause(back_off) else { return Ok(Some(ended)) };
        let why = ended.why();
        tracing::warn!(why, "the journal cannot be used yet");
        reporter.ready(why);
        turning(tokio::time::sleep(pause), reporter).await;
        back_off = (back_off * 2).min(BACK_OFF.1);
    }
}

/// The topic; `None` when the chain has none of this number. What the topic does not say is found out by the
/// chain's refusals.
pub async fn topic(client: &Client, topic_id: u64, reporter: &mut Reporter) -> Option<Topic> {
    match turning(client.topic(topic_id), reporter).await {
        Ok(topic) => Some(topic),
        Err(error) => {
            // The first look at the chain says so of one that is not there.
            if !error.is_unknown_topic() {
                tracing::warn!(topic_id, %error, "the topic cannot be read");
            }
            None
        }
    }
}

/// Turns while `work` takes its time.
async fn turning<F: Future>(work: F, reporter: &mut Reporter) -> F::Output {
    let mut work = pin!(work);
    loop {
        reporter.phase(Phase::Starting, None);
        reporter.turn().await;
        tokio::select! {
            output = &mut work => return output,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}
