//! A model that is always there: one process after the other, each loaded, asked and replaced.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootstrap_frames::{Confinement, Context, FromHost, Load, PROTOCOL, ToHost};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::conversation::{broke, died, garbage, hear, leave, say, unexpected};
use super::environment::Environment;
use super::handle::Order;
use super::host::Plan;
use super::landlock::real;
use super::process::{Event, Launch, Process};
use super::sandbox::Sandbox;
use super::scratch::Scratch;
use super::spawner::Spawner;
use super::spec::{
    Answer, Call, Failure, FailureKind, Isolation, ModelSpec, ModelState, ModelStatus, StartError,
};

/// How long a process may take from its start to its greeting.
const GREETING_LIMIT: Duration = Duration::from_secs(20);

/// How the life of one process ended.
enum End {
    /// We asked for it.
    Stopped,
    /// It died, or had to, before it could be asked anything.
    NotLoaded(Failure),
    /// It died, or had to, later.
    Died(Failure),
}

/// Owner of the processes of one model, one at a time.
pub struct Supervisor {
    spec: ModelSpec,
    load: Load,
    scratch: Scratch,
    spawner: Spawner,
    status: watch::Sender<ModelStatus>,
    backoff: Backoff,
    calls: u64,
    /// Why the module could not be imported the last time.
    last_import: Option<Failure>,
    /// What cannot be enforced is said once.
    isolation_told: bool,
}

impl Supervisor {
    /// Prepares what all of its processes share.
    pub fn new(spec: ModelSpec) -> Result<Self, StartError> {
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
        let scratch = Scratch::new().map_err(|error| StartError::Scratch(std::env::temp_dir(), error))?;
        let folders = [&*spec.bundle_root, scratch.path()];
        for folder in folders.into_iter().chain(spec.writable.iter().map(PathBuf::as_path)) {
            let real_folder = real(folder);
            if let Some(exposed) = spec.protected.iter().find(|path| real(path).starts_with(&real_folder)) {
                let (protected, folder) = (exposed.clone(), folder.to_owned());
                return Err(StartError::Exposed { protected, folder });
            }
        }
        if spec.spare {
            tracing::warn!("runtime.spare has no effect in this version: one process is kept");
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
            last_import: None,
            calls: 0,
            isolation_told: false,
        })
    }

    /// Where the model is in its life.
    pub fn status(&self) -> watch::Receiver<ModelStatus> {
        self.status.subscribe()
    }

    /// One process after the other, until it is asked to stop or nobody is left to ask.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Order>, stop: CancellationToken) {
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
    fn note_death(&mut self, failure: &Failure) {
        match &failure.traceback {
            // Nobody asks a model that cannot be loaded, so nobody else would show why. Once is enough.
            Some(traceback) if failure.kind == FailureKind::Import => {
                let is_new = self.last_import.replace(failure.clone()).as_ref() != Some(failure);
                let details = if is_new { format!("\n{}", traceback.trim_end()) } else { String::new() };
                tracing::warn!("the model cannot be loaded, and is tried again: {failure}{details}");
            }
            _ => tracing::warn!(kind = %failure.kind, "the model process is replaced: {failure}"),
        }
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
                let python = self.status.borrow().python.clone();
                tracing::info!(function, is_async, python, seconds, "the model is loaded");
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
            python_path: &self.scratch.python_path(),
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
