//! `bootstrap image`.

use std::ffi::OsStr;
use std::path::PathBuf;

use super::{Exit, Outcome, Report, environment, output, pack, render};
use crate::image::{self, Build, Context, ContextError, Engine, EngineError, Host, Origin, UnpackError};
use crate::render::{base_image, image_tag};
use crate::settings::{self, Flags, Source as _};
use crate::stop_signals::StopSignals;

/// The container image of a bundle
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Build(BuildArgs),
    Unpack(UnpackArgs),
}

/// Build it, with docker or podman
#[derive(Debug, clap::Args)]
struct BuildArgs {
    #[command(flatten)]
    flags: Flags<settings::Check>,
    /// Name of the image; by default that of the bundle, with its version
    #[arg(short, long)]
    tag: Option<String>,
    /// A further label of the image, such as org.opencontainers.image.licenses=...; may be given several times
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<String>,
}

/// What the Dockerfile does first: unpack an archive, and apart from it what pip reads of it
#[derive(Debug, clap::Args)]
#[command(hide = true)]
struct UnpackArgs {
    archive: PathBuf,
    into: PathBuf,
    requirements: PathBuf,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self.verb {
            Verb::Build(args) => args.run(),
            Verb::Unpack(args) => {
                image::unpack(&args.archive, &args.into, &args.requirements)?;
                Ok(Exit::Done)
            }
        }
    }
}

impl BuildArgs {
    fn run(self) -> Outcome {
        let internal = |error| Report::new(Exit::Internal, error);
        let bundle = pack::inspected(&self.flags)?;
        let manifest = &bundle.manifest;
        let python = render::python_of_image(manifest, &self.flags)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(internal)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let engine = runtime.block_on(Engine::find(&path))?;
        let mut host = Host::of(|name| std::env::var_os(name));
        let base = runtime.block_on(engine.digest_of(&base_image(&python)));
        // What the label says is what it is built on, whatever a registry has by that name.
        host.arguments.extend(base.iter().map(|digest| format!("BASE_DIGEST={digest}")));
        let epoch = environment().get("SOURCE_DATE_EPOCH").and_then(OsStr::to_str);
        let origin = runtime.block_on(Origin::of(&manifest.root, &path));
        if origin.as_ref().is_some_and(|origin| origin.revision.is_none()) {
            output::note("git has no commit of the bundle as it is: no label says its revision");
        }
        let mut labels = image::labels(&manifest.version, origin.as_ref(), base.as_deref(), epoch);
        labels.extend(self.labels);
        let program = std::env::current_exe().map_err(internal)?;
        // A context, with the model in it, is not to be left behind.
        let mut signals = runtime.block_on(async { StopSignals::listen() }).map_err(internal)?;
        let context = Context::new(&bundle, &python, &program, &host)?;
        let tag = self.tag.unwrap_or_else(|| image_tag(&manifest.name, &manifest.version));
        output::note(format_args!("{tag}, by {}, on Python {python}", engine.name()));
        let build = Build { context: context.path(), tag: &tag, labels: &labels, arguments: &host.arguments };
        runtime.block_on(engine.build(&build, &mut signals))?;
        output::line(tag)?;
        Ok(Exit::Done)
    }
}

impl From<EngineError> for Report {
    fn from(error: EngineError) -> Self {
        let (exit, hint) = match &error {
            EngineError::Missing => {
                (Exit::Config, "install Docker or Podman; `bootstrap render dockerfile` needs neither")
            }
            EngineError::Unreachable { .. } => (
                Exit::Config,
                "start its daemon, and see that this user may use it; DOCKER_HOST names another one",
            ),
            EngineError::Failed { .. } => (Exit::No, "what it said stands above"),
            EngineError::Interrupted => return Self::new(Exit::Interrupted, error),
        };
        Self::new(exit, error).hint(hint)
    }
}

impl From<ContextError> for Report {
    fn from(error: ContextError) -> Self {
        match error {
            ContextError::Pack(error) => error.into(),
            ContextError::Write(error) => error.into(),
            ContextError::Copy { .. } => {
                Self::new(Exit::Config, error).hint("TMPDIR names a folder with more room")
            }
        }
    }
}

impl From<UnpackError> for Report {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::Archive(_) => {
                Self::new(Exit::BadBundle, error).hint("make it with `bootstrap pack`")
            }
            UnpackError::Bundle(error) => error.into(),
            UnpackError::Unwritable { .. } => Self::new(Exit::Config, error),
        }
    }
}
