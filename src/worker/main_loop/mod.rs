//! The loop that joins everything: events, looks, rounds, the model, the heartbeat.
//!
//! Nothing in it waits for anything but the next thing to happen: whatever takes time is a task, so that a
//! turn is completed at least every [`TICK`], whatever chain, model and disk do.
//!
//! | file | noun |
//! |---|---|
//! | `life` | from the start of a worker to what it gives back |
//! | `past` | what the journal knows of the lives before |
//! | `work`, `news` | what takes time: when it is due, and what came of it |
//! | `look` | one look at the chain |
//! | `ranking` | when the endpoints are measured |
//! | `events` | what a subscription tells |
//! | `rounds` | the rounds that run, and the windows that have none |
//! | `money` | whether the next transaction can be paid |
//! | `report` | what all that means for the heartbeat |
//! | `goal` | when the worker is done |
//! | `pause` | pauses that grow |

mod events;
mod goal;
mod life;
mod look;
mod money;
mod news;
mod past;
mod pause;
mod ranking;
mod report;
mod rounds;
mod work;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

pub use self::life::run;
use self::look::LookError;
use self::past::Past;
pub use self::pause::Pause;
use super::clock::{Clock, Head};
use super::context::Context;
use super::means::{Means, MeansError, Unaffordable};
use super::onboarding;
use super::registration::RegistrationError;
use super::repeats::Repeats;
use super::reporter::Reporter;
use super::round::{self, Finished, Progress};
use super::schedule::{Schedule, Subscribed};
use super::setup::{Ended, Goal, Setup, WorkerError};
use super::shutdown::Budget;
use super::transact::Obstacle;
use crate::chain::events::{ChainEvent, Interest, subscribe};
use crate::chain::faucet::{Faucet, FaucetError};
use crate::chain::messages::{EmissionsVersion, Topic};
use crate::chain::pool::PoolError;
use crate::chain::query::{Client, QueryError, Window, WindowStatus};
use crate::chain::rpc::NodeStatus;
use crate::health::Phase;
use crate::journal::{JournalError, JournalHandle};
use crate::model::{Model, ModelStatus};

/// The longest pause between two turns.
const TICK: Duration = Duration::from_secs(2);
/// Pauses between looks while the chain does not let us.
const BLOCKED_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Pauses between questions for a topic that nobody could tell.
const TOPIC_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Pauses between looks at a wallet that cannot pay.
const POOR_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Pauses between requests to a faucet.
const FAUCET_PAUSE: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// Pauses between tries of a journal that cannot be written.
pub(super) const UNWRITABLE_PAUSE: (Duration, Duration) =
    (Duration::from_millis(250), Duration::from_secs(5));

/// Something that took time is done.
#[derive(Debug)]
enum Done {
    Looked(Result<WindowStatus, LookError>),
    Topic(Result<Box<Topic>, QueryError>),
    Registered(Result<(), RegistrationError>),
    Means(Result<Means, MeansError>),
    Consensus(Result<(), QueryError>),
    Funded(Result<u128, FaucetError>),
    Round(Result<round::Ended, JournalError>),
    Witnessed { nonce: i64, answered: Option<bool> },
    WentBy { opened: Result<Option<Window>, QueryError>, why: Missed },
    JournalChecked(Result<(), JournalError>),
    Heights(Option<u64>),
    Ranked(Result<NodeStatus, PoolError>),
}

/// What a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Look,
    Topic,
    Register,
    /// Whether the next transaction can be paid.
    Means,
    /// What other inferers said last.
    Consensus,
    /// Asks the faucet.
    Faucet,
    /// Has the model, or settles what was sent.
    Round(Window),
    /// Writes down that a window went by.
    Missed(Window),
    /// Whether one went by.
    WentBy,
    Witness,
    /// Whether the journal can be written again.
    Journal,
    /// Where the chain is, by every node.
    Heights,
    /// Which endpoint is asked first.
    Ranking,
}

/// Why a window was not taken up, and what stood in the way.
type Missed = (String, Option<Obstacle>);

/// A task that runs.
#[derive(Debug)]
struct Task {
    work: Work,
    handle: AbortHandle,
}

/// What stands between us and a submission, by the chain's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Not asked yet.
    Unknown,
    /// We are not registered in the topic, and will be.
    Unregistered,
    /// We may submit.
    Good,
    /// We are not registered: the last try came to nothing, and the next one may. Why, and by what.
    Refused(String, Option<Obstacle>),
    /// We may not; why.
    Blocked(String),
}

/// Something that is wrong, and looked at again with growing pauses.
#[derive(Debug)]
struct Trouble<T> {
    why: T,
    pause: Pause,
}

struct MainLoop {
    context: Arc<Context>,
    model: Model,
    models: watch::Receiver<ModelStatus>,
    events: mpsc::Receiver<ChainEvent>,
    /// The endpoint whose events come in, without credentials.
    source: Option<String>,
    /// Whether they are believed: a look has shown since they began that their source does not catch up.
    subscribed: Subscribed,
    /// Of the emissions module, when the topic was read.
    version: EmissionsVersion,
    schedule: Schedule,
    standing: Standing,
    /// Another instance answers for our wallet: we watch.
    standby: bool,
    is_topic_active: bool,
    /// The chain has no topic of this number yet.
    is_topic_missing: bool,
    /// No node could say of the last window that went by whether it opened.
    is_past_unknown: bool,
    /// Between looks while the chain does not let us.
    blocked: Pause,
    /// The last look failed.
    unseen: Option<String>,
    tasks: JoinSet<Done>,
    /// What the running tasks are for.
    works: HashMap<tokio::task::Id, Task>,
    /// Between questions for the topic, until it is known.
    topic_pause: Pause,
    /// Between questions for the means, until they are known for the first time.
    means_unknown: Option<Pause>,
    /// The opening for which they were asked for.
    means_for: Option<i64>,
    /// When the endpoints were ranked, and for which opening.
    ranked_at: Instant,
    ranked_for: Option<i64>,
    /// The opening for which other inferers were asked for; 0 when none was known.
    consensus_for: Option<i64>,
    /// The next transaction cannot be paid.
    unaffordable: Option<Trouble<Unaffordable>>,
    faucet: Option<Arc<Faucet>>,
    faucet_after: Instant,
    faucet_pause: Pause,
    /// The journal cannot be written: nothing may leave.
    unwritable: Option<Trouble<String>>,
    /// Why it could not be written last, for the windows that went by meanwhile.
    last_unwritten: String,
    /// The same for each window whose round stands still for it.
    unwritten: BTreeMap<i64, String>,
    progress: watch::Receiver<Option<Progress>>,
    progress_sender: watch::Sender<Option<Progress>>,
    goal: Goal,
    started_at_height: i64,
    deadline: Option<Instant>,
    finished_rounds: u64,
    last: Option<Finished>,
}

impl MainLoop {
    async fn new(
        setup: Setup,
        client: Client,
        clock: Clock,
        journal: JournalHandle,
        reporter: &mut Reporter,
    ) -> Result<Self, WorkerError> {
        let Setup {
            wallet, model, options, polling_interval, goal, stopping, pool, api_key, metrics, ..
        } = setup;
        let topic = onboarding::topic(&client, options.topic_id, reporter).await;
        let chain_id = pool.chain_id().unwrap_or_default().to_owned();
        reporter.beat().chain_id = Some(chain_id.clone());
        let interest = Interest { topic_id: options.topic_id, address: wallet.address().clone() };
        let events = subscribe(Arc::clone(&pool), interest);
        let faucet = Faucet::of_chain(&chain_id, api_key).map(Arc::new);
        let version = client.version();
        let context = Arc::new(Context::new(
            options,
            wallet,
            chain_id,
            client,
            clock,
            journal.clone(),
            metrics,
            stopping,
        ));
        let topic_id = context.options.topic_id;
        let past = Past::read(&journal, topic_id).await?;
        *context.repeats() = Repeats::resume(past.repeated);
        reporter.resume(&past.endings, past.failures, past.last_success);
        let mut schedule = Schedule::new(polling_interval);
        past.unfinished.into_iter().for_each(|window| schedule.resume(window));
        let progress_sender = watch::Sender::new(None);
        let deadline = deadline(goal, topic.as_ref(), context.clock.head());
        let mut main_loop = Self {
            models: model.watch(),
            started_at_height: context.clock.head().height,
            events,
            source: None,
            subscribed: Subscribed::No,
            version,
            context,
            model,
            schedule,
            standing: Standing::Unknown,
            standby: false,
            is_topic_active: true,
            is_topic_missing: false,
            is_past_unknown: false,
            blocked: Pause::new(BLOCKED_PAUSE),
            unseen: None,
            tasks: JoinSet::new(),
            works: HashMap::new(),
            topic_pause: Pause::new(TOPIC_PAUSE),
            means_unknown: Some(Pause::new(POOR_PAUSE)),
            means_for: None,
            ranked_at: Instant::now(),
            ranked_for: None,
            consensus_for: None,
            unaffordable: None,
            faucet,
            faucet_after: Instant::now(),
            faucet_pause: Pause::new(FAUCET_PAUSE),
            unwritable: None,
            last_unwritten: String::new(),
            unwritten: BTreeMap::new(),
            progress: progress_sender.subscribe(),
            progress_sender,
            goal,
            deadline,
            finished_rounds: 0,
            last: None,
        };
        if let Some(topic) = topic {
            main_loop.learn(&topic);
        }
        Ok(main_loop)
    }

    /// Turns until the goal is reached.
    async fn turns(&mut self, reporter: &mut Reporter) -> Result<Ended, WorkerError> {
        loop {
            self.start_work();
            self.report(reporter);
            reporter.turn().await;
            if let Some(ended) = self.ended() {
                return Ok(ended);
            }
            let wake_at = reporter.in_hurry_until().into_iter().fold(self.wake_at(), Instant::min);
            tokio::select! {
                Some(event) = self.events.recv() => self.heard(event),
                Some(joined) = self.tasks.join_next_with_id() => self.joined(joined, reporter)?,
                Ok(()) = self.progress.changed() => {}
                Ok(()) = self.models.changed() => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    /// Gives a transaction that is on its way some time, then drops everything; the journal knows how to go on.
    async fn shut_down(&mut self, budget: Budget, reporter: &mut Reporter) {
        self.context.stopping.cancel();
        reporter.phase(Phase::Stopping, Some(budget.settled));
        // Over in time, or not: either way the rest is left to the next life.
        let _ = tokio::time::timeout_at(budget.settled, self.settle(reporter)).await;
        self.context.leaving.cancel();
        self.tasks.shutdown().await;
    }

    /// Until nothing of ours is on its way.
    async fn settle(&mut self, reporter: &mut Reporter) {
        while self.rounds().next().is_some() || self.is_at(Work::Register) {
            reporter.turn().await;
            tokio::select! {
                Some(event) = self.events.recv() => self.heard(event),
                Some(joined) = self.tasks.join_next_with_id() => {
                    if let Err(error) = self.joined(joined, reporter) {
                        tracing::error!(%error, "while stopping");
                    }
                }
            }
        }
    }
}

/// Until when `--once` waits for a window to open: an epoch, unless it was told, and the blocks around it.
fn deadline(goal: Goal, topic: Option<&Topic>, head: Head) -> Option<Instant> {
    let Goal::Once { until } = goal else { return None };
    let epoch = topic.map(|topic| topic.epoch_length).unwrap_or_default();
    let epoch = u32::try_from(epoch).unwrap_or_default();
    Some(until.unwrap_or_else(|| Instant::now() + head.block_time * (epoch + 2)))
}
