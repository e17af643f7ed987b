//! The loop that joins everything: events, looks, rounds, the model, the heartbeat.
//!
//! Nothing in it waits for anything but the next thing to happen: whatever takes time is a task, so that a
//! turn is completed at least every [`TICK`], whatever chain, model and disk do.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::clock::Clock;
use super::context::{Context, Options};
use super::onboarding::{self, Connection};
use super::prediction::Arity;
use super::registration::{self, RegistrationError};
use super::reporter::Reporter;
use super::round::{self, Finished, Progress, Round};
use super::schedule::{Schedule, Subscribed};
use super::transact::Obstacle;
use crate::chain::events::{self, ChainEvent, Interest};
use crate::chain::outcome::Verdict;
use crate::chain::pool::{Pool, PoolError};
use crate::chain::query::{Client, QueryError, Window, WindowStatus};
use crate::health::{HeartbeatFile, LastResult, Phase};
use crate::journal::{JournalError, JournalHandle, OpenError, RoundState};
use crate::model::{Model, ModelState, ModelStatus};
use crate::wallet::Wallet;

/// The longest pause between two turns.
const TICK: Duration = Duration::from_secs(2);
/// One query in the background, all endpoints together.
const QUERY_LIMIT: Duration = Duration::from_secs(10);
/// Pauses between looks while the chain does not let us.
const BLOCKED_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The chain is not fresh when its newest block is older than this many block times.
const STALE_BLOCKS: u32 = 10;
/// A chain with short blocks is not called stale before this.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// Blocks before an opening at which the price of gas is asked for.
const PRICE_AHEAD: u32 = 2;
/// What a transaction that is on its way is given when the worker is asked to stop.
const SETTLE_LIMIT: Duration = Duration::from_secs(6);

/// When the worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Never.
    Forever,
    /// After this many finished rounds.
    Windows(u64),
    /// After one window; waits for it at most this long, or for the topic's epoch.
    Once {
        /// How long to wait for the window.
        wait: Option<Duration>,
    },
}

/// What the loop is made of.
pub struct Setup {
    /// Endpoints.
    pub pool: Arc<Pool>,
    /// The key.
    pub wallet: Wallet,
    /// The model, loading.
    pub model: Model,
    /// What the user asked for.
    pub options: Options,
    /// The longest pause between two looks at the chain.
    pub polling_interval: Duration,
    /// Folder of the journal.
    pub state_dir: PathBuf,
    /// The heartbeat.
    pub heartbeat: HeartbeatFile,
    /// When to end.
    pub goal: Goal,
    /// When to end, on the clock.
    pub until: Option<OffsetDateTime>,
    /// Cancelled when the worker is asked to stop.
    pub stopping: CancellationToken,
}

/// How the worker ended in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Asked to, or the time was over.
    Stopped,
    /// The goal is reached.
    Done,
    /// Once: nothing was submitted this time.
    NothingSubmitted(String),
    /// Once: the chain does not let this wallet submit.
    NotPermitted(String),
    /// Once: no endpoint could be used.
    NoEndpoint(String),
}

/// Why the worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// All endpoints are of another chain.
    #[error("the endpoints are not of the chain that was asked for")]
    WrongChain(#[source] PoolError),
    /// The journal cannot be opened.
    #[error("the journal cannot be opened")]
    Open(#[source] OpenError),
    /// The journal cannot be written.
    #[error("the journal cannot be written")]
    Journal(#[from] JournalError),
    /// The system gives no thread.
    #[error("the system gives no thread for the journal")]
    Thread(#[source] std::io::Error),
}

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
        Connection::Made(client, clock) => (client, clock),
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

/// What stands between us and a submission, by the chain's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Not asked yet.
    Unknown,
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
        let interest = Interest {
            topic_id: options.topic_id,
            address: wallet.address().clone(),
            version: client.version(),
        };
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
                Some(done) = self.tasks.join_next() => match done {
                    Ok(done) => self.done(done, reporter)?,
                    Err(error) => self.panicked(&error),
                },
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
            self.tasks.spawn(async move { Done::Looked(look(&context).await) });
        }
        if self.price_at().is_some_and(|at| at <= now) {
            self.priced_for = self.schedule.next_start();
            let context = Arc::clone(&self.context);
            self.tasks.spawn(async move { Done::Priced(context.prepare_ahead(QUERY_LIMIT).await) });
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
        self.tasks.spawn(async move { Done::Round(round.run().await) }.instrument(span));
    }

    /// A window is over, and there was no round for it.
    fn missed(&mut self, window: Window) {
        let context = Arc::clone(&self.context);
        if self.standby {
            self.tasks.spawn(async move {
                let client = context.client().within(QUERY_LIMIT);
                let answered =
                    client.has_inference_at(context.options.topic_id, context.address(), window.nonce).await;
                Done::Witnessed { nonce: window.nonce, answered }
            });
            return;
        }
        let (why, obstacle) = match &self.standing {
            Standing::Blocked(why) => (why.clone(), Some(Obstacle::Chain(Verdict::NotPermitted))),
            Standing::Unknown | Standing::Good => {
                ("the worker was busy with another window".to_owned(), None)
            }
        };
        self.tasks.spawn(async move { Done::Round(round::missed(&context, window, why, obstacle).await) });
    }

    fn register(&mut self) {
        if self.registering || self.register_after > Instant::now() {
            return;
        }
        self.registering = true;
        let context = Arc::clone(&self.context);
        self.tasks.spawn(async move { Done::Registered(registration::register(&context).await) });
    }

    /// The chain told us something.
    fn heard(&mut self, event: ChainEvent) {
        match event {
            ChainEvent::Connected { endpoint } => {
                tracing::debug!(endpoint, "events come in");
                self.subscribed = Subscribed::Yes;
                // What opened in the gap is not told again.
                self.schedule.look_now();
            }
            ChainEvent::Disconnected { endpoint, cause } => {
                if self.subscribed == Subscribed::Yes {
                    tracing::warn!(endpoint, cause, "no events, the chain is polled until they come again");
                } else {
                    tracing::debug!(endpoint, cause, "still no events");
                }
                self.subscribed = Subscribed::No;
                self.schedule.look_now();
            }
            ChainEvent::Block { height, .. } => self.context.clock.observe(height),
            ChainEvent::WindowOpened { nonce, window_end, height } => {
                self.context.clock.observe(height);
                // A node that catches up tells of windows long closed.
                if window_end > self.context.clock.head().height {
                    self.schedule.opened(Window { nonce, end: window_end });
                }
            }
            ChainEvent::Tx(tx) => {
                self.context.clock.observe(tx.height);
                // Nobody listens when no round waits for it.
                let _ = self.context.delivered.send(Arc::from(tx));
            }
        }
    }

    fn done(&mut self, done: Done, reporter: &mut Reporter) -> Result<(), WorkerError> {
        match done {
            Done::Looked(looked) => self.looked(looked),
            Done::Registered(registered) => self.registered(registered),
            Done::Priced(Ok(())) => {}
            Done::Priced(Err(error)) => tracing::debug!(%error, "the price of gas is not known beforehand"),
            Done::Round(Ok(round::Ended::Interrupted)) => self.round = None,
            Done::Round(Ok(round::Ended::Finished(finished))) => self.finished(finished, reporter),
            Done::Round(Err(error)) => return Err(error.into()),
            Done::Witnessed { nonce, answered: Ok(false) } => {
                tracing::warn!(nonce, "nobody answered for this wallet: taking over");
                self.standby = false;
            }
            Done::Witnessed { .. } => {}
        }
        Ok(())
    }

    fn looked(&mut self, looked: Result<WindowStatus, QueryError>) {
        self.looking = false;
        let status = match looked {
            Ok(status) => status,
            Err(error) => {
                tracing::warn!(%error, "cannot look at the chain");
                self.schedule.look_failed(Instant::now());
                if !error.is_endpoint_fault() {
                    self.block(format!("the chain refuses to be asked: {error}"));
                }
                return;
            }
        };
        self.context.clock.observe(status.height);
        self.schedule.looked(&status, Instant::now());
        self.is_topic_active = status.is_topic_active;
        let address = self.context.address();
        let topic_id = self.context.options.topic_id;
        if !status.is_registered {
            let why = format!("{address} is not registered in topic {topic_id} yet");
            if !matches!(&self.standing, Standing::Blocked(_)) {
                self.block(why);
            }
            self.register();
        } else if !status.is_whitelisted {
            self.block(format!(
                "the whitelist of topic {topic_id} does not have {address}: ask the topic's owner"
            ));
        } else {
            self.standing = Standing::Good;
            self.blocked_pause = BLOCKED_PAUSE.0;
        }
    }

    fn block(&mut self, why: String) {
        let blocked = Standing::Blocked(why);
        if self.standing == blocked {
            self.blocked_pause = (self.blocked_pause * 2).min(BLOCKED_PAUSE.1);
        } else {
            self.blocked_pause = BLOCKED_PAUSE.0;
            self.standing = blocked;
        }
    }

    fn registered(&mut self, registered: Result<(), RegistrationError>) {
        self.registering = false;
        match registered {
            Ok(()) => {
                tracing::info!(topic_id = self.context.options.topic_id, "registered");
                self.schedule.look_now();
            }
            Err(RegistrationError::Interrupted) => {}
            Err(error) => {
                tracing::warn!(%error, "not registered");
                self.block(error.to_string());
                self.register_after = Instant::now() + self.blocked_pause;
            }
        }
    }

    fn finished(&mut self, finished: Finished, reporter: &mut Reporter) {
        self.round = None;
        self.finished_rounds += 1;
        let Finished { nonce, state, reason, value, obstacle } = &finished;
        let (topic_id, value) = (self.context.options.topic_id, value.as_deref());
        match (state, reason.as_deref()) {
            (RoundState::Admitted, _) => tracing::info!(topic_id, nonce, value, "window {nonce}: {state}"),
            (RoundState::DryRun | RoundState::Skipped, reason) => {
                tracing::info!(topic_id, nonce, value, reason, "window {nonce}: {state}");
            }
            (_, reason) => tracing::warn!(topic_id, nonce, value, reason, "window {nonce}: {state}"),
        }
        let failed = matches!(state, RoundState::Refused | RoundState::Expired);
        reporter
            .finished(LastResult { nonce: *nonce, state: state.to_string(), reason: reason.clone() }, failed);
        if *obstacle == Some(Obstacle::Chain(Verdict::NotPermitted)) {
            self.block(reason.clone().unwrap_or_default());
            self.schedule.look_now();
        }
        if *state == RoundState::AnsweredElsewhere && *nonce > self.started_at_height {
            tracing::warn!(nonce, "another instance answers for this wallet: standing by");
            self.standby = true;
        }
        self.last = Some(finished);
    }

    /// A task of ours panicked: a fault of this program, and no reason to stop answering.
    fn panicked(&mut self, error: &tokio::task::JoinError) {
        tracing::error!(%error, "a task of the worker failed; this is a fault of this program");
        (self.looking, self.registering, self.round) = (false, false, None);
        self.schedule.look_failed(Instant::now());
    }

    /// What a reader of the heartbeat should know by now.
    fn report(&mut self, reporter: &mut Reporter) {
        let head = self.context.clock.head();
        reporter.head(head);
        reporter.next_window(head, self.schedule.next_start());
        let model = self.models.borrow_and_update().clone();
        reporter.model(&model);
        let is_stale = head.age() > (head.block_time * STALE_BLOCKS).max(STALE_AFTER);
        let why_not = match (&self.standing, &model.state) {
            _ if is_stale => Some(format!("no new block for {} s", head.age().as_secs())),
            (Standing::Unknown, _) => Some("the chain was not asked yet".to_owned()),
            (Standing::Blocked(why), _) => Some(why.clone()),
            _ if self.standby => Some("another instance answers for this wallet".to_owned()),
            (Standing::Good, ModelState::Loading) => Some("the model is loading".to_owned()),
            (Standing::Good, ModelState::Failed(failure)) => {
                Some(format!("the model cannot be loaded: {failure}"))
            }
            (Standing::Good, ModelState::Stopped) => Some("the model has stopped".to_owned()),
            (Standing::Good, ModelState::Ready | ModelState::Busy) => None,
        };
        let progress = self.progress.borrow_and_update().clone().filter(|_| self.round.is_some());
        let held = match &progress {
            Some(Progress::Held { why }) => Some(why.clone()),
            _ => None,
        };
        match (progress, &self.standing) {
            (Some(progress), _) => reporter.progress(progress),
            (None, Standing::Blocked(_)) => reporter.phase(Phase::Blocked, None),
            (None, _) if self.standby => reporter.phase(Phase::Standby, None),
            (None, Standing::Unknown) => reporter.phase(Phase::Starting, None),
            (None, Standing::Good) if model.state == ModelState::Loading => {
                reporter.phase(Phase::Loading, None)
            }
            (None, Standing::Good) => reporter.phase(Phase::Waiting, None),
        }
        if !self.is_topic_active && why_not.is_none() {
            return reporter.ready(Some(format!("topic {} is not active", self.context.options.topic_id)));
        }
        reporter.ready(why_not.or(held));
    }

    fn look_at(&self) -> Instant {
        let head = self.context.clock.head();
        let look = self.schedule.next_look(head, self.subscribed);
        match self.standing {
            Standing::Blocked(_) => look.min(self.schedule.last_look() + self.blocked_pause),
            Standing::Unknown | Standing::Good => look,
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

    /// Whether the goal is reached.
    fn ended(&self) -> Option<Ended> {
        match self.goal {
            Goal::Forever => None,
            Goal::Windows(wanted) => (self.finished_rounds >= wanted).then_some(Ended::Done),
            Goal::Once { .. } => match &self.last {
                Some(finished) => Some(once(finished)),
                None if self.round.is_some()
                    || self.deadline.is_none_or(|deadline| deadline > Instant::now()) =>
                {
                    None
                }
                None => Some(match &self.standing {
                    Standing::Blocked(why) => Ended::NotPermitted(why.clone()),
                    Standing::Unknown => {
                        Ended::NoEndpoint("the chain did not say whether a window is open".to_owned())
                    }
                    Standing::Good => Ended::NothingSubmitted("no window opened in time".to_owned()),
                }),
            },
        }
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
                done = self.tasks.join_next() => match done {
                    Some(Ok(done)) => {
                        if let Err(error) = self.done(done, reporter) {
                            tracing::error!(%error, "while stopping");
                        }
                    }
                    Some(Err(error)) => self.panicked(&error),
                    None => break,
                },
                () = tokio::time::sleep_until(end) => break,
            }
        }
        self.context.leaving.cancel();
        self.tasks.shutdown().await;
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

/// What one round means for `--once`.
fn once(finished: &Finished) -> Ended {
    let reason = finished.reason.clone().unwrap_or_else(|| finished.state.to_string());
    match (finished.state, finished.obstacle) {
        (
            RoundState::Admitted
            | RoundState::NotAdmitted
            | RoundState::DryRun
            | RoundState::AnsweredElsewhere,
            _,
        ) => Ended::Done,
        (_, Some(Obstacle::Chain(Verdict::NotPermitted))) => Ended::NotPermitted(reason),
        _ => Ended::NothingSubmitted(reason),
    }
}
