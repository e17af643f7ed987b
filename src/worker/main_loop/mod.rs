//! The loop that joins everything: events, looks, rounds, the model, the heartbeat.
//!
//! Nothing in it waits for anything but the next thing to happen: whatever takes time is a task, so that a
//! turn is completed at least every [`TICK`], whatever chain, model and disk do.

mod goal;
mod news;
mod report;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument;

use super::clock::Clock;
use super::context::Context;
use super::onboarding::{self, Connection};
use super::prediction::Arity;
use super::registration::{self, RegistrationError};
use super::reporter::Reporter;
use super::round::{self, Finished, Progress, Round};
use super::schedule::{Schedule, Subscribed};
use super::setup::{Ended, Goal, Setup, WorkerError};
use super::transact::Obstacle;
use crate::chain::events::{self, ChainEvent, Interest};
use crate::chain::outcome::Verdict;
use crate::chain::query::{Client, QueryError, Window, WindowStatus};
use crate::health::Phase;
use crate::journal::{JournalError, JournalHandle};
use crate::model::{Model, ModelStatus};

/// The longest pause between two turns.
const TICK: Duration = Duration::from_secs(2);
/// One query in the background, all endpoints together.
const QUERY_LIMIT: Duration = Duration::from_secs(10);
/// Pauses between looks while the chain does not let us.
const BLOCKED_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Blocks before an opening at which the price of gas is asked for.
const PRICE_AHEAD: u32 = 2;
/// How often the chain is asked whether somebody else answered.
const WITNESS_TRIES: u32 = 5;
/// What a transaction that is on its way is given when the worker is asked to stop.
const SETTLE_LIMIT: Duration = Duration::from_secs(6);

/// Runs a worker until it is asked to stop or its goal is reached.
///
/// # Errors
/// See [`WorkerError`].
pub async fn run(setup: Setup) -> Result<Ended, WorkerError> {
    let mut reporter = Reporter::new(setup.heartbeat.clone(), setup.options.network.clone());
    reporter.beat().topic_id = Some(setup.options.topic_id);
    reporter.beat().address = Some(setup.wallet.address().to_string());
    let (model, stopping) = (setup.model.clone(), setup.stopping.clone());
    if let Some(until) = setup.until {
        let left = until - OffsetDateTime::now_utc();
        tokio::spawn(async move {
            tokio::time::sleep(left.try_into().unwrap_or_default()).await;
            stopping.cancel();
        });
    }
    let ended = drive(setup, &mut reporter).await;
    reporter.stopping().await;
    model.stop().await;
    reporter.stopped().await;
    ended
}

async fn drive(setup: Setup, reporter: &mut Reporter) -> Result<Ended, WorkerError> {
    let (client, clock) = match onboarding::connect(&setup, reporter).await? {
        Connection::Made(client, clock) => {
            client.pool().keep_ranked();
            (client, clock)
        }
        Connection::Stopped => return Ok(Ended::Stopped),
        Connection::None(why) => return Ok(Ended::NoEndpoint(why)),
    };
    let journal = onboarding::open_journal(&setup, client.pool(), reporter).await?;
    if onboarding::agree(&setup, &client, &journal, reporter).await?.is_none() {
        journal.close().await?;
        return Ok(Ended::Stopped);
    }
    let mut main_loop = MainLoop::new(setup, client, clock, journal.clone(), reporter).await?;
    let ended = main_loop.turns(reporter).await;
    main_loop.shut_down(reporter).await;
    journal.close().await?;
    ended
}

/// Something that took time is done.
#[derive(Debug)]
enum Done {
    Looked(Result<WindowStatus, QueryError>),
    Registered(Result<(), RegistrationError>),
    Priced(Result<(), QueryError>),
    Round(Result<round::Ended, JournalError>),
    Witnessed { nonce: i64, answered: Result<bool, QueryError> },
}

/// What a task is for.
#[derive(Debug, Clone, Copy)]
enum Work {
    Look,
    Register,
    Price,
    /// Has the model, or settles what an earlier life sent.
    Round(Window),
    /// Writes down that a window went by.
    Missed(Window),
    Witness,
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
    /// We may not; why.
    Blocked(String),
}

struct MainLoop {
    context: Arc<Context>,
    model: Model,
    models: watch::Receiver<ModelStatus>,
    events: mpsc::Receiver<ChainEvent>,
    subscribed: Subscribed,
    schedule: Schedule,
    standing: Standing,
    /// Another instance answers for our wallet: we watch.
    standby: bool,
    is_topic_active: bool,
    blocked_pause: Duration,
    tasks: JoinSet<Done>,
    /// What the running tasks are for.
    works: HashMap<tokio::task::Id, Work>,
    looking: bool,
    registering: bool,
    register_after: Instant,
    /// The opening for which the price of gas was asked.
    priced_for: Option<i64>,
    /// The nonce whose round has the model.
    round: Option<i64>,
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
        let Setup { wallet, model, options, polling_interval, goal, stopping, pool, .. } = setup;
        let topic = onboarding::topic(&client, options.topic_id, &stopping, reporter).await;
        let epoch_length = topic.as_ref().map(|topic| topic.epoch_length);
        let arity = topic.as_ref().map_or(Arity::Single, Arity::of);
        let interest = Interest { topic_id: options.topic_id, address: wallet.address().clone() };
        let events = events::subscribe(Arc::clone(&pool), interest);
        let chain_id = pool.chain_id().unwrap_or_default().to_owned();
        reporter.beat().chain_id = Some(chain_id.clone());
        let context = Arc::new(Context::new(
            options,
            wallet,
            chain_id,
            client,
            clock,
            journal.clone(),
            arity,
            stopping,
        ));
        let unfinished = journal.call(|journal| journal.reader().unfinished()).await?;
        let mut schedule = Schedule::new(polling_interval, epoch_length);
        let topic_id = context.options.topic_id;
        for round in unfinished.iter().filter(|round| round.row.topic_id == topic_id) {
            schedule.resume(Window {
                nonce: round.row.nonce,
                end: i64::try_from(round.window_end).unwrap_or(i64::MAX),
            });
        }
        let progress_sender = watch::Sender::new(None);
        let deadline = match goal {
            Goal::Once { wait } => {
                let epoch = u32::try_from(epoch_length.unwrap_or_default()).unwrap_or_default();
                let head = context.clock.head();
                Some(Instant::now() + wait.unwrap_or(head.block_time * (epoch + 2)))
            }
            _ => None,
        };
        Ok(Self {
            models: model.watch(),
            started_at_height: context.clock.head().height,
            context,
            model,
            events,
            subscribed: Subscribed::No,
            schedule,
            standing: Standing::Unknown,
            standby: false,
            is_topic_active: true,
            blocked_pause: BLOCKED_PAUSE.0,
            tasks: JoinSet::new(),
            works: HashMap::new(),
            looking: false,
            registering: false,
            register_after: Instant::now(),
            priced_for: None,
            round: None,
            progress: progress_sender.subscribe(),
            progress_sender,
            goal,
            deadline,
            finished_rounds: 0,
            last: None,
        })
    }

    /// Turns until the goal is reached or the worker is asked to stop.
    async fn turns(&mut self, reporter: &mut Reporter) -> Result<Ended, WorkerError> {
        let stopping = self.context.stopping.clone();
        loop {
            self.start_work();
            self.report(reporter);
            reporter.turn().await;
            if let Some(ended) = self.ended() {
                return Ok(ended);
            }
            let wake_at = self.wake_at();
            tokio::select! {
                () = stopping.cancelled() => return Ok(Ended::Stopped),
                Some(event) = self.events.recv() => self.heard(event),
                Some(joined) = self.tasks.join_next_with_id() => self.joined(joined, reporter)?,
                Ok(()) = self.progress.changed() => {}
                Ok(()) = self.models.changed() => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
    }

    /// Starts whatever is due.
    fn start_work(&mut self) {
        let head = self.context.clock.head();
        let now = Instant::now();
        if !self.looking && self.look_at() <= now {
            self.looking = true;
            let context = Arc::clone(&self.context);
            self.spawn(Work::Look, async move { Done::Looked(look(&context).await) });
        }
        if self.price_at().is_some_and(|at| at <= now) {
            self.priced_for = self.schedule.next_start();
            let context = Arc::clone(&self.context);
            self.spawn(Work::Price, async move { Done::Priced(context.prepare_ahead(QUERY_LIMIT).await) });
        }
        for window in self.schedule.missed(head.height) {
            self.missed(window);
        }
        // A transaction of an earlier life may be on its way, whatever the chain thinks of us now.
        if self.round.is_none()
            && let Some(window) = self.schedule.resumed()
        {
            self.start_round(window);
        }
        if self.standing == Standing::Unregistered {
            self.register();
        }
        if self.standing != Standing::Good || self.standby {
            return;
        }
        if self.round.is_none()
            && let Some(window) = self.schedule.take(head.height)
        {
            self.start_round(window);
        }
    }

    fn start_round(&mut self, window: Window) {
        self.round = Some(window.nonce);
        let round = Round {
            context: Arc::clone(&self.context),
            model: self.model.clone(),
            window,
            progress: self.progress_sender.clone(),
        };
        let topic_id = self.context.options.topic_id;
        let span = tracing::info_span!("round", topic_id, nonce = window.nonce);
        self.spawn(Work::Round(window), async move { Done::Round(round.run().await) }.instrument(span));
    }

    fn spawn(&mut self, work: Work, task: impl Future<Output = Done> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.works.insert(id, work);
    }

    /// A window is over, and there was no round for it.
    fn missed(&mut self, window: Window) {
        let context = Arc::clone(&self.context);
        if self.standby {
            self.spawn(Work::Witness, async move {
                let answered = witness(&context, window.nonce).await;
                Done::Witnessed { nonce: window.nonce, answered }
            });
            return;
        }
        let (why, obstacle) = match &self.standing {
            Standing::Blocked(why) => (why.clone(), Some(Obstacle::Chain(Verdict::NotPermitted))),
            Standing::Unregistered => ("the worker was not registered yet".to_owned(), None),
            Standing::Unknown | Standing::Good => {
                ("the worker was busy with another window".to_owned(), None)
            }
        };
        self.spawn(Work::Missed(window), async move {
            Done::Round(round::missed(&context, window, why, obstacle).await)
        });
    }

    fn register(&mut self) {
        // A registration costs money: not for a model that was never loaded.
        let has_loaded = self.models.borrow().load_seconds.is_some();
        if self.registering || !has_loaded {
            return;
        }
        self.registering = true;
        let context = Arc::clone(&self.context);
        self.spawn(Work::Register, async move { Done::Registered(registration::register(&context).await) });
    }

    fn look_at(&self) -> Instant {
        let head = self.context.clock.head();
        let look = self.schedule.next_look(head, self.subscribed);
        match self.standing {
            Standing::Blocked(_) => look.min(self.schedule.last_look() + self.blocked_pause),
            Standing::Unknown | Standing::Unregistered | Standing::Good => look,
        }
    }

    /// When to ask for the price of gas: shortly before the opening, once.
    fn price_at(&self) -> Option<Instant> {
        let start = self.schedule.next_start().filter(|start| self.priced_for != Some(*start))?;
        let head = self.context.clock.head();
        Some(head.eta(start).checked_sub(head.block_time * PRICE_AHEAD).unwrap_or(head.seen))
    }

    fn wake_at(&self) -> Instant {
        let tick = Instant::now() + TICK;
        let look = if self.looking { tick } else { self.look_at() };
        look.min(self.price_at().unwrap_or(tick)).min(self.deadline.unwrap_or(tick)).min(tick)
    }

    /// Gives a transaction that is on its way some time, then drops everything; the journal knows how to go on.
    async fn shut_down(&mut self, reporter: &mut Reporter) {
        self.context.stopping.cancel();
        reporter.phase(Phase::Stopping, Some(Instant::now() + SETTLE_LIMIT));
        let end = Instant::now() + SETTLE_LIMIT;
        while self.round.is_some() || self.registering {
            reporter.turn().await;
            tokio::select! {
                Some(event) = self.events.recv() => self.heard(event),
                Some(joined) = self.tasks.join_next_with_id() => {
                    if let Err(error) = self.joined(joined, reporter) {
                        tracing::error!(%error, "while stopping");
                    }
                }
                () = tokio::time::sleep_until(end) => break,
            }
        }
        self.context.leaving.cancel();
        self.tasks.shutdown().await;
    }
}

/// Whether the chain has an inference of this wallet for a window that is over. Asked again while no node
/// answers: until it is known, nobody may be answering.
async fn witness(context: &Context, nonce: i64) -> Result<bool, QueryError> {
    let client = context.client().within(QUERY_LIMIT);
    let mut tries = 1;
    loop {
        match client.has_inference_at(context.options.topic_id, context.address(), nonce).await {
            Err(_) if tries < WITNESS_TRIES => {
                tries += 1;
                context.clock.next_block().await;
            }
            answered => return answered,
        }
    }
}

/// One look. A chain that was upgraded meanwhile speaks another version: it is found out and asked again.
async fn look(context: &Context) -> Result<WindowStatus, QueryError> {
    let client = context.client().within(QUERY_LIMIT);
    let (topic_id, address) = (context.options.topic_id, context.address());
    match client.window_status(topic_id, address).await {
        Err(error) if error.is_unknown_path() => {
            let client = Client::probe(Arc::clone(client.pool()), QUERY_LIMIT).await?;
            context.replace_client(client.clone());
            client.window_status(topic_id, address).await
        }
        looked => looked,
    }
}
