//! docker or podman, found on `PATH`.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::stop_signals::StopSignals;
use crate::subprocess;

/// How long an engine may take to say that it is there.
const LOOK_LIMIT: Duration = Duration::from_secs(30);
/// How long a build may take. Base images and large packages come over slow lines.
const BUILD_LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

/// Engines by the names of their programs, the first one that answers is taken.
const ENGINES: [&str; 2] = ["docker", "podman"];

/// An engine that answers.
#[derive(Debug)]
pub struct Engine {
    name: &'static str,
    program: PathBuf,
}

/// What to build.
#[derive(Debug)]
pub struct Build<'b> {
    /// The folder with the Dockerfile and all that it copies.
    pub context: &'b Path,
    /// `NAME:VERSION`.
    pub tag: &'b str,
    /// Labels of the image, `NAME=value`, of which later ones win.
    pub labels: &'b [String],
    /// Build arguments: `NAME=value`, or `NAME` for one of the environment.
    pub arguments: &'b [String],
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such program.
    #[error("there is neither docker nor podman on PATH")]
    Missing,
    /// It is there and does not answer.
    #[error("{engine} cannot be reached")]
    Unreachable {
        /// Its name.
        engine: &'static str,
        /// Its own words.
        source: io::Error,
    },
    /// The build went wrong, or was ended.
    #[error("{engine} could not build the image")]
    Failed {
        /// Its name.
        engine: &'static str,
        /// How it ended.
        source: io::Error,
    },
    /// Somebody asked to stop.
    #[error("interrupted while the image was built")]
    Interrupted,
}

impl Engine {
    /// The first engine in the folders of `path`, a list as in `PATH`, that answers.
    ///
    /// # Errors
    /// [`EngineError::Missing`], or what the first one says: [`EngineError::Unreachable`].
    pub async fn find(path: &OsStr) -> Result<Self, EngineError> {
        let mut refused = None;
        for name in ENGINES {
            let Some(program) = subprocess::which(name, path) else { continue };
            match answer(&program).await {
                Ok(()) => return Ok(Self { name, program }),
                Err(source) => {
                    // The first one is what its user has in mind.
                    refused.get_or_insert(EngineError::Unreachable { engine: name, source });
                }
            }
        }
        Err(refused.unwrap_or(EngineError::Missing))
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The digest by which an image that it has, such as `docker.io/library/python:3.12-slim`, is known to its registry:
    /// `sha256:...`. Nothing, where it does not have the image, or not from there.
    pub async fn digest_of(&self, image: &str) -> Option<String> {
        let mut command = Command::new(&self.program);
        command.args(["image", "inspect", "--format={{json .RepoDigests}}", image]);
        let digests: Vec<String> = serde_json::from_slice(&said(&mut command).await.ok()?).ok()?;
        let (repository, _) = image.rsplit_once(':')?;
        // docker leaves out what stands for itself.
        let short = repository.trim_start_matches("docker.io/").trim_start_matches("library/");
        digests.iter().find_map(|known| {
            let (from, digest) = known.split_once('@')?;
            [repository, short].contains(&from).then(|| digest.to_owned())
        })
    }

    /// Builds an image. What the engine prints is progress. Ended with this process, and in order by a signal, also by one
    /// that came before.
    ///
    /// # Errors
    /// [`EngineError::Failed`], [`EngineError::Interrupted`].
    pub async fn build(&self, build: &Build<'_>, signals: &mut StopSignals) -> Result<(), EngineError> {
        let failed = |source| EngineError::Failed { engine: self.name, source };
        let mut child = self.start(build).map_err(failed)?;
        let ended = tokio::select! {
            ended = timeout(BUILD_LIMIT, child.wait()) => ended,
            _ = signals.recv() => return Err(EngineError::Interrupted),
        };
        let status: ExitStatus = ended.map_err(io::Error::from).and_then(|status| status).map_err(failed)?;
        if status.success() {
            Ok(())
        } else {
            Err(failed(io::Error::other(format!("it ended with {status}"))))
        }
    }

    fn start(&self, build: &Build<'_>) -> io::Result<Child> {
        let progress: OwnedFd = io::stderr().as_fd().try_clone_to_owned()?;
        let mut command = Command::new(&self.program);
        // Indexes and proxies of the host may be on its loopback.
        command.args(["build", "--network=host", "--tag", build.tag]);
        command.args(build.labels.iter().map(|label| format!("--label={label}")));
        command.args(build.arguments.iter().map(|argument| format!("--build-arg={argument}")));
        if self.name == "podman" {
            // The other format has no health check.
            command.arg("--format=docker");
        }
        command.arg(build.context).stdin(Stdio::null()).stdout(progress);
        spawn(&mut command)
    }
}

/// Whether an engine is there, its daemon included.
async fn answer(program: &Path) -> io::Result<()> {
    said(Command::new(program).arg("version")).await.map(|_| ())
}

/// What a program prints; when it fails, the last line of its own words.
pub(super) async fn said(command: &mut Command) -> io::Result<Vec<u8>> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = timeout(LOOK_LIMIT, spawn(command)?.wait_with_output()).await??;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().map(str::trim).rfind(|line| !line.is_empty());
    Err(io::Error::other(last.map_or_else(|| format!("it ended with {}", output.status), str::to_owned)))
}

/// A program that ends with this process.
fn spawn(command: &mut Command) -> io::Result<Child> {
    subprocess::tie_to_this_thread(command.as_std_mut());
    command.kill_on_drop(true).spawn()
}
