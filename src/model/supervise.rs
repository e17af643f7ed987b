//! A model that is always there: loads, asks, kills at the deadline, replaces.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bootstrap_frames::{Confinement, Context, FrameError, FromHost, Load, PROTOCOL, ToHost};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::environment::Environment;
use super::host::Plan;
use super::landlock::real;
use super::process::{Event, Launch, Process, describe};
use super::sandbox::Sandbox;
use super::spawner::Spawner;
use super::spec::{
    Answer, Call, Failure, FailureKind, Isolation, ModelSpec, ModelState, ModelStatus, StartError,
};

/// How long a process may take from its start to its greeting.
const GREETING_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to leave in order.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);
/// How often its memory is looked at while it works.
const MEMORY_PERIOD: Duration = Duration::from_millis(50);
/// Calls that may wait for the one that runs.
const QUEUE: usize = 16;

/// A handle of a model. All clones speak to the same one; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Model {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<ModelStatus>,
    stop: CancellationToken,
}

/// A call on its way.
#[derive(Debug)]
struct Order {
    call: Call,
    deadline: Instant,
    claim: Claim,
    reply: oneshot::Sender<Result<Answer, Failure>>,
}

impl Order {
    fn refuse(self, failure: &Failure) {
        if self.claim.take() {
            // The asking side may have left.
            let _ = self.reply.send(Err(failure.clone()));
        }
    }
}

/// Whose it is to say how a call ended: the first to take it.
#[derive(Debug, Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Model {
    /// Starts loading at once. To be called within a runtime.
    ///
    /// # Errors
    /// [`StartError`]: this system or these paths cannot have a model at all.
    pub fn start(spec: ModelSpec) -> Result<Self, StartError> {
        let supervisor = Supervisor::new(spec)?;
        let (orders, queue) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let status = supervisor.status.subscribe();
        tokio::spawn(supervisor.run(queue, stop.clone()));
        Ok(Self { orders, status, stop })
    }

    /// Asks the model, once it is loaded. The call's limit is kept by killing.
    ///
    /// # Errors
    /// [`Failure`]: why there is no answer. The model is or will be there again for the next call.
    pub async fn predict(&self, call: Call) -> Result<Answer, Failure> {
        let stopped = |_| Failure::new(FailureKind::Crash, "the model was stopped");
        let deadline = Instant::now() + call.limit;
        let (reply, mut answer) = oneshot::channel();
        let claim = Claim::default();
        let late = |claim: &Claim, limit: Duration| {
            claim.take().then(|| {
                let message = format!("the model was not ready within {} s", limit.as_secs_f64());
                Failure::new(FailureKind::Timeout, message)
            })
        };
        let limit = call.limit;
        let order = Order { call, deadline, claim: claim.clone(), reply };
        let mut waited = std::pin::pin!(sleep_until(deadline));
        tokio::select! {
            sent = self.orders.send(order) => {
                sent.map_err(|_| Failure::new(FailureKind::Crash, "the model was stopped"))?;
            }
            () = &mut waited => {
                return Err(Failure::new(FailureKind::Timeout, "too many calls wait for the model"));
            }
        }
        tokio::select! {
            answer = &mut answer => return answer.map_err(stopped)?,
            () = waited => if let Some(failure) = late(&claim, limit) { return Err(failure) },
        }
        // The call has begun: it ends with the kill that is due now.
        answer.await.map_err(stopped)?
    }

    /// Where the model is in its life, and every change of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ModelStatus> {
        self.status.clone()
    }

    /// Ends the process: a goodbye, a short wait, a kill.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // An error means that the supervisor is gone, which is what is waited for.
        let _ = self.status.wait_for(|status| status.state == ModelState::Stopped).await;
    }
}

/// How the life of one process ended.
enum End {
    /// We asked for it.
    Stopped,
    /// It died, or had to, before it could be asked anything.
    NotLoaded(Failure),
    /// It died, or had to, later.
    Died(Failure),
}

struct Supervisor {
    spec: ModelSpec,
    load: Load,
    scratch: TempDir,
    spawner: Spawner,
    status: watch::Sender<ModelStatus>,
    backoff: Backoff,
    calls: u64,
    /// What cannot be enforced is said once.
    isolation_told: bool,
}

impl Supervisor {
    fn new(spec: ModelSpec) -> Result<Self, StartError> {
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| StartError::NotUtf8(path.to_owned()))
        };
        let load = Load {
            bundle_root: text(&spec.bundle_root)?,
            workdir: text(&spec.workdir)?,
            artifacts_dir: text(&spec.artifacts_dir)?,
            module: spec.module.clone(),
            function: spec.function.clone(),
        };
        for path in spec.writable.iter().chain(&spec.protected) {
            text(path)?;
        }
        let scratch = tempfile::Builder::new().prefix("bootstrap-model-").tempdir();
        let scratch = scratch.map_err(|error| StartError::Scratch(std::env::temp_dir(), error))?;
        let folders = [&*spec.bundle_root, scratch.path()];
        for folder in folders.into_iter().chain(spec.writable.iter().map(PathBuf::as_path)) {
            let real_folder = real(folder);
            if let Some(exposed) = spec.protected.iter().find(|path| real(path).starts_with(&real_folder)) {
                let (protected, folder) = (exposed.clone(), folder.to_owned());
                return Err(StartError::Exposed { protected, folder });
            }
        }
        let spawner = Spawner::start().map_err(StartError::Thread)?;
        let isolation = Isolation {
            undumpable: nix::sys::prctl::get_dumpable().is_ok_and(|dumpable| !dumpable),
            session: true,
            environment: true,
            ..Isolation::default()
        };
        let status = watch::Sender::new(ModelStatus {
            state: ModelState::Loading,
            pid: None,
            restarts: 0,
            rss_bytes: None,
            python: None,
            load_seconds: None,
            isolation,
        });
        Ok(Self {
            spec,
            load,
            scratch,
            spawner,
            status,
            backoff: Backoff::default(),
            calls: 0,
            isolation_told: false,
        })
    }

    /// One process after the other, until it is asked to stop or nobody is left to ask.
    async fn run(mut self, mut queue: mpsc::Receiver<Order>, stop: CancellationToken) {
        loop {
            self.status.send_modify(|status| status.state = ModelState::Loading);
            let mut process = None;
            let end = tokio::select! {
                end = self.life(&mut process, &mut queue) => end,
                () = stop.cancelled() => End::Stopped,
            };
            let failure = match end {
                End::Stopped => {
                    if let Some(process) = process {
                        leave(process).await;
                    }
                    break;
                }
                End::NotLoaded(failure) => {
                    // Who waited for the loading learns at once what became of it.
                    while let Ok(order) = queue.try_recv() {
                        order.refuse(&failure);
                    }
                    failure
                }
                End::Died(failure) => failure,
            };
            tokio::select! {
                closed = self.pause(&mut queue, &failure) => if closed { break },
                () = stop.cancelled() => break,
            }
        }
        self.status.send_modify(|status| {
            status.state = ModelState::Stopped;
            status.pid = None;
            status.rss_bytes = None;
        });
    }

    /// Notes that there is no process any more, before anybody is answered on account of it.
    fn note_death(&self, failure: &Failure) {
        tracing::warn!(kind = %failure.kind, "the model process is replaced: {failure}");
        self.status.send_modify(|status| {
            status.state = ModelState::Failed(failure.clone());
            status.pid = None;
            status.rss_bytes = None;
            status.restarts += 1;
        });
    }

    /// Waits for the back-off to pass; calls that arrive meanwhile get the reason at once. True when
    /// nobody is left to ask.
    async fn pause(&mut self, queue: &mut mpsc::Receiver<Order>, failure: &Failure) -> bool {
        let delay = self.backoff.after_death();
        if delay.is_zero() {
            return queue.is_closed() && queue.is_empty();
        }
        let until = Instant::now() + delay;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(until) => return false,
                order = queue.recv() => match order {
                    Some(order) => order.refuse(failure),
                    None => return true,
                },
            }
        }
    }

    /// The life of one process. It is left in `process` when this is interrupted.
    async fn life(&mut self, process: &mut Option<Process>, queue: &mut mpsc::Receiver<Order>) -> End {
        if let Err(failure) = self.begin(process).await {
            self.note_death(&failure);
            return End::NotLoaded(failure);
        }
        self.status.send_modify(|status| status.state = ModelState::Ready);
        loop {
            let Some(running) = process.as_mut() else {
                return End::Died(Failure::new(FailureKind::Crash, "the process is gone"));
            };
            let order = tokio::select! {
                order = queue.recv() => order,
                event = running.next() => {
                    let failure = match event {
                        Event::Said(_) => broke(process.take(), "it spoke unasked").await,
                        Event::Ended | Event::Closed => died(process.take()).await,
                        Event::Garbage(error) => garbage(process.take(), &error).await,
                    };
                    self.note_death(&failure);
                    return End::Died(failure);
                }
            };
            let Some(order) = order else { return End::Stopped };
            // Nobody waits for it any more, or its time passed in the queue.
            if !order.claim.take() {
                continue;
            }
            self.status.send_modify(|status| status.state = ModelState::Busy);
            let answer = self.answer(process, &order).await;
            let rss_bytes = process.as_ref().and_then(Process::rss_bytes);
            let dead = process.is_none().then(|| answer.as_ref().err().cloned()).flatten();
            match &dead {
                Some(failure) => self.note_death(failure),
                None => {
                    self.backoff.reset();
                    self.status.send_modify(|status| {
                        status.state = ModelState::Ready;
                        status.rss_bytes = rss_bytes;
                    });
                }
            }
            let _ = order.reply.send(answer);
            if let Some(failure) = dead {
                return End::Died(failure);
            }
        }
    }

    /// Spawns a process and has it import the module.
    async fn begin(&mut self, process: &mut Option<Process>) -> Result<(), Failure> {
        let spawned = Process::spawn(&self.spawner, self.launch()).await;
        let spawned = spawned.map_err(|error| {
            Failure::new(FailureKind::Crash, format!("the model process cannot be started: {error}"))
        })?;
        self.status.send_modify(|status| status.pid = Some(spawned.pid()));
        *process = Some(spawned);
        let greeted = Instant::now() + GREETING_LIMIT;
        loop {
            match hear(process, greeted, None, "did not start").await? {
                FromHost::Confined(confinement) => self.confined(confinement),
                FromHost::Hello { protocol: PROTOCOL, build, python } => {
                    tracing::debug!(build, python, "the model process speaks");
                    self.status.send_modify(|status| status.python = Some(python));
                    break;
                }
                FromHost::Hello { protocol, build, .. } => {
                    let message =
                        format!("build {build} of it speaks protocol {protocol}, this is {PROTOCOL}");
                    return Err(broke(process.take(), &message).await);
                }
                _ => return Err(unexpected(process.take()).await),
            }
        }
        say(process, &ToHost::Load(self.load.clone())).await?;
        let deadline = Instant::now() + self.spec.load_limit;
        match hear(process, deadline, self.spec.memory_mb, "was not imported").await? {
            FromHost::Loaded { function, is_async, seconds } => {
                tracing::info!(function, is_async, seconds, "the model is loaded");
                let rss_bytes = process.as_ref().and_then(Process::rss_bytes);
                self.status.send_modify(|status| {
                    status.load_seconds = Some(seconds);
                    status.rss_bytes = rss_bytes;
                });
                Ok(())
            }
            FromHost::LoadFailed { fault } => {
                if let Some(process) = process.take() {
                    process.end().await;
                }
                Err(fault.into())
            }
            _ => Err(unexpected(process.take()).await),
        }
    }

    /// One call. `process` is empty afterwards when it had to be killed.
    async fn answer(&mut self, process: &mut Option<Process>, order: &Order) -> Result<Answer, Failure> {
        self.calls += 1;
        let id = self.calls;
        let Call { nonce, topic_id, window_closes_at, ref network, .. } = order.call;
        if let Some(running) = process {
            running.output.begin(topic_id, nonce);
        }
        let seconds_left = order.deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        let context = Context { topic_id, window_closes_at, network: network.clone(), seconds_left };
        say(process, &ToHost::Predict { id, nonce, context }).await?;
        match hear(process, order.deadline, self.spec.memory_mb, "did not answer").await? {
            FromHost::Done { id: of, prediction } if of == id => Ok(Answer::Value(prediction)),
            FromHost::Skipped { id: of, why } if of == id => Ok(Answer::Skipped { why }),
            FromHost::Failed { id: of, fault } if of == id => Err(fault.into()),
            _ => Err(unexpected(process.take()).await),
        }
    }

    fn confined(&mut self, confinement: Confinement) {
        let Confinement { no_new_privs, capabilities_dropped, landlock, signals } = confinement;
        let before = self.status.borrow().isolation;
        let isolation = Isolation { no_new_privs, capabilities_dropped, landlock, signals, ..before };
        self.status.send_modify(|status| status.isolation = isolation);
        let missing = isolation.missing();
        if !missing.is_empty() && !std::mem::replace(&mut self.isolation_told, true) {
            tracing::warn!("this system does not keep the model apart by: {}", missing.join(", "));
        }
    }

    fn launch(&self) -> Launch {
        let spec = &self.spec;
        let environment = Environment {
            withheld: &spec.withheld,
            scratch: self.scratch.path(),
            cpu_cores: spec.cpu_cores,
            topic_id: spec.topic_id,
            network: &spec.network,
        };
        let writable = std::iter::once(self.scratch.path().to_owned()).chain(spec.writable.iter().cloned());
        let sandbox = Sandbox { writable: writable.collect(), protected: spec.protected.clone() };
        let plan = Plan {
            wire: -1,
            python: spec.python.executable.clone(),
            libpython: spec.python.libpython.clone(),
            sandbox,
        };
        let environment: Vec<(OsString, OsString)> = environment.build(std::env::vars_os());
        Launch { program: spec.program.clone(), plan, environment }
    }
}

/// Sends a message to a process; an error means that the process is gone.
async fn say(process: &mut Option<Process>, message: &ToHost) -> Result<(), Failure> {
    let Some(running) = process.as_mut() else {
        return Err(Failure::new(FailureKind::Crash, "the process is gone"));
    };
    match timeout(GREETING_LIMIT, running.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(died(process.take()).await),
        Err(_) => Err(broke(process.take(), "it reads no messages").await),
    }
}

/// The next message of a process, unless its time or memory runs out or it ends: then it is killed
/// and gone.
async fn hear(
    process: &mut Option<Process>,
    deadline: Instant,
    memory_mb: Option<u64>,
    what: &str,
) -> Result<FromHost, Failure> {
    let start = Instant::now();
    let Some(running) = process.as_mut() else {
        return Err(Failure::new(FailureKind::Crash, "the process is gone"));
    };
    let most = memory_mb.map(|limit| limit.saturating_mul(1024 * 1024));
    loop {
        let look = Instant::now() + MEMORY_PERIOD;
        tokio::select! {
            biased;
            event = running.next() => return match event {
                Event::Said(message) => Ok(message),
                Event::Ended | Event::Closed => Err(died(process.take()).await),
                Event::Garbage(error) => Err(garbage(process.take(), &error).await),
            },
            () = sleep_until(deadline) => {
                let seconds = start.elapsed().as_secs_f64();
                let message = format!("the model {what} within {seconds:.1} s and was killed");
                return Err(killed(process.take(), FailureKind::Timeout, message).await);
            }
            () = sleep_until(look), if most.is_some() => {
                let most = most.unwrap_or(u64::MAX);
                if let Some(used) = running.rss_bytes().filter(|&used| used > most) {
                    let used = used / (1024 * 1024);
                    let message = format!("the model used {used} MiB of memory, more than runtime.memory_mb, and was killed");
                    return Err(killed(process.take(), FailureKind::Memory, message).await);
                }
            }
        }
    }
}

/// Kills a process for a reason of ours.
async fn killed(process: Option<Process>, kind: FailureKind, message: String) -> Failure {
    if let Some(process) = process {
        process.end().await;
    }
    Failure::new(kind, message)
}

/// The evidence of a process that ended by itself.
async fn died(process: Option<Process>) -> Failure {
    let Some(process) = process else { return Failure::new(FailureKind::Crash, "the process is gone") };
    // A connection closes a moment before its process ends; the status tells why, so wait for it.
    if timeout(GOODBYE_LIMIT, process.ended()).await.is_err() {
        return broke(Some(process), "it closed its connection to the worker").await;
    }
    let (status, last_lines) = process.end().await;
    let message = format!("the model process died: {}", describe(status));
    Failure { kind: FailureKind::Crash, message, traceback: last_lines }
}

/// A process that does not keep to the protocol is not to be trusted with another call.
async fn broke(process: Option<Process>, problem: &str) -> Failure {
    let last_lines = match process {
        Some(process) => process.end().await.1,
        None => None,
    };
    let message = format!("the model process was killed: {problem}");
    Failure { kind: FailureKind::Crash, message, traceback: last_lines }
}

async fn garbage(process: Option<Process>, error: &FrameError) -> Failure {
    broke(process, &format!("it sent what is no message: {error}")).await
}

async fn unexpected(process: Option<Process>) -> Failure {
    broke(process, "it answered what was not asked").await
}

/// Says goodbye, and kills what does not leave.
async fn leave(mut process: Process) {
    let _ = timeout(GOODBYE_LIMIT, async {
        if process.send(&ToHost::Bye).await.is_ok() {
            process.ended().await;
        }
    })
    .await;
    process.end().await;
}
