//! What all processes of a model share, and how one of them begins.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use bootstrap_frames::{Confinement, FromHost, Load, PROTOCOL, ToHost, cut};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::conversation::{broke, hear, killed, say, unexpected};
use super::environment::Environment;
use super::failure::{Failure, FailureKind};
use super::host::Plan;
use super::memory::MemoryLimit;
use super::process::{Launch, Process};
use super::replica::Replica;
use super::sandbox::Sandbox;
use super::scratch::Scratch;
use super::spawner::Spawner;
use super::spec::{ModelSpec, StartError};

/// How long a process may take from its start to its greeting.
const GREETING_LIMIT: Duration = Duration::from_secs(20);

/// Longest name of a build or version in it, in bytes: the model could speak first.
const MAX_VERSION: usize = 64;

/// Where processes come from.
#[derive(Debug)]
pub struct Nursery {
    /// What they are to run.
    pub spec: ModelSpec,
    load: Load,
    sandbox: Sandbox,
    scratch: Scratch,
    spawner: Spawner,
}

impl Nursery {
    /// Prepares what they share.
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
        for path in spec.writable.iter().chain(&spec.private.paths) {
            text(path)?;
        }
        let scratch = Scratch::new().map_err(|error| StartError::Scratch(std::env::temp_dir(), error))?;
        let sandbox = Sandbox::of(&spec, &scratch.path())?;
        let spawner = Spawner::start().map_err(StartError::Thread)?;
        Ok(Self { spec, load, sandbox, scratch, spawner })
    }

    /// What each of them may use.
    pub fn memory_limit(&self) -> Option<MemoryLimit> {
        self.spec.memory_mb.map(MemoryLimit::of_mib)
    }

    /// Spawns a process, and waits until its walls stand.
    pub async fn spawn(&self) -> Result<Newborn, Failure> {
        let spawned = Process::spawn(&self.spawner, self.launch()).await;
        let cannot =
            |error| Failure::new(FailureKind::Crash, format!("the model process cannot be started: {error}"));
        let mut process = Some(spawned.map_err(cannot)?);
        let greeted = Instant::now() + GREETING_LIMIT;
        let pid = match hear(&mut process, greeted, "did not start").await? {
            FromHost::Started { pid } => pid,
            _ => return Err(unexpected(process).await),
        };
        if let Some(Err(error)) = process.as_mut().map(|process| process.started(pid)) {
            return Err(broke(process, &format!("it is not there: {error}")).await);
        }
        match (hear(&mut process, greeted, "did not start").await?, process) {
            (FromHost::Confined(walls), Some(process)) => Ok(Newborn { process, pid, walls }),
            (_, process) => Err(unexpected(process).await),
        }
    }

    /// Has a process import the module. `stop` ends it before.
    pub async fn load(&self, newborn: Newborn, stop: CancellationToken) -> Result<Replica, Failure> {
        let (pid, mut process) = (newborn.pid, Some(newborn.process));
        tokio::select! {
            loaded = self.bring_up(&mut process, pid) => loaded,
            () = stop.cancelled() => Err(killed(process, FailureKind::Crash, "the model was stopped".into()).await),
        }
    }

    async fn bring_up(&self, process: &mut Option<Process>, pid: u32) -> Result<Replica, Failure> {
        let greeted = Instant::now() + GREETING_LIMIT;
        let python = match hear(process, greeted, "did not start").await? {
            FromHost::Hello { protocol: PROTOCOL, build, python } => {
                let (build, python) = (cut(build, MAX_VERSION), cut(python, MAX_VERSION));
                tracing::debug!(build, python, "the model process speaks");
                python
            }
            FromHost::Hello { protocol, build, .. } => {
                let build = cut(build, MAX_VERSION);
                let message = format!("build {build} of it speaks protocol {protocol}, this is {PROTOCOL}");
                return Err(broke(process.take(), &message).await);
            }
            _ => return Err(unexpected(process.take()).await),
        };
        say(process, &ToHost::Load(self.load.clone())).await?;
        let deadline = Instant::now() + self.spec.load_limit;
        match hear(process, deadline, "was not imported").await? {
            FromHost::Loaded { is_async, seconds, .. } => {
                let function = format!("{}:{}", self.spec.module, self.spec.function);
                tracing::info!(function, is_async, python, seconds, "the model is loaded");
                let facts = Facts { pid, python, load_seconds: seconds };
                Ok(Replica::new(process.take(), facts, self).await)
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

    fn launch(&self) -> Launch {
        let spec = &self.spec;
        let environment = Environment {
            private: &spec.private,
            scratch: &self.scratch.path(),
            python_path: &self.scratch.python_path(),
            cpu_cores: spec.cpu_cores,
            topic_id: spec.topic_id,
            network: &spec.network,
        };
        let plan = Plan {
            wire: -1,
            python: spec.python.executable.clone(),
            libpython: spec.python.libpython.clone(),
            sandbox: self.sandbox.protecting(&spec.private.paths),
        };
        let environment: Vec<(OsString, OsString)> = environment.build(std::env::vars_os());
        Launch { program: spec.program.clone(), plan, environment, memory_limit: self.memory_limit() }
    }
}

/// A process that is about to become an interpreter.
#[derive(Debug)]
pub struct Newborn {
    process: Process,
    /// Its number.
    pub pid: u32,
    /// The walls that it could put up.
    pub walls: Confinement,
}

impl Newborn {
    /// Kills it.
    pub async fn end(self) {
        self.process.end().await;
    }
}

/// What became known of a process while it was loaded.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Its number.
    pub pid: u32,
    /// Version of its interpreter.
    pub python: String,
    /// How long importing took.
    pub load_seconds: f64,
}
