//! The command line: one file for each command, no logic of its own.
//!
//! | beside the commands | noun |
//! |---|---|
//! | `exit` | the exit codes |
//! | `report`, `problems`, `hint` | what a failed command tells its user |
//! | `output` | what a command prints |
//! | `logging` | the worker's log, for people and for programs |
//! | `progress` | what takes long, on a terminal |
//! | `state_dir` | the folder of journals, for the commands that read them |
//! | `number` | numbers of the command line, in words of our own |
//! | `model`, `trial` | the model of a bundle, and one call of it without chain and wallet |
//! | `host` | the model process, which is no command for people |
//!
//! Stdout is the result, stderr is everything else; `--json` changes the form only.
#![allow(clippy::print_stdout, clippy::print_stderr)] // the one place that may

mod check;
mod devnet;
mod doctor;
mod exit;
mod hint;
mod host;
mod image;
mod init;
mod install;
mod journal;
mod logging;
mod model;
mod number;
mod output;
mod pack;
mod predict;
mod probe;
mod problems;
mod progress;
mod render;
mod report;
mod run;
mod service;
mod state_dir;
mod status;
mod trial;
mod wallet;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::settings::{EnvFile, Environment};
pub use exit::Exit;
pub use report::Report;

/// What a command comes to.
pub type Outcome = Result<Exit, Report>;

/// Runs a Python model as an Allora worker.
#[derive(Debug, Parser)]
#[command(name = "bootstrap", version, max_term_width = 100)]
pub struct Cli {
    /// Read variables from FILE that the environment does not set: lines of NAME=value
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Devnet(devnet::Args),
    Predict(predict::Args),
    Init(init::Args),
    Install(install::Args),
    Check(check::Args),
    Pack(pack::Args),
    Doctor(doctor::Args),
    Probe(probe::Args),
    Status(status::Args),
    Journal(journal::Args),
    Wallet(wallet::Args),
    Image(image::Args),
    Render(render::Args),
    Service(service::Args),
}

/// The environment as the process was started with it; the secrets of it are nowhere else.
static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

/// The variables that settings are read from.
fn environment() -> &'static Environment {
    ENVIRONMENT.get_or_init(Environment::default)
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    // The model process starts often and needs no table of settings to read its one argument.
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|command| command == "host") {
        return end(host::run(&arguments.next().unwrap_or_default().to_string_lossy()));
    }
    crate::model::forbid_dumps();
    crate::model::keep_descriptors();
    // SAFETY: no thread was started yet.
    let environment = unsafe { Environment::take() };
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe while help is printed is nobody's mistake.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let environment = match cli.env_file.as_deref().map(EnvFile::read).transpose() {
        // SAFETY: no thread was started yet.
        Ok(Some(file)) => unsafe { environment.with_file(file) },
        Ok(None) => environment,
        Err(problems) => return end(Err(problems.into())),
    };
    ENVIRONMENT.get_or_init(|| environment);
    let outcome = match cli.command {
        Command::Run(args) => args.run(),
        Command::Devnet(args) => args.run(),
        Command::Predict(args) => args.run(),
        Command::Init(args) => args.run(),
        Command::Install(args) => args.run(),
        Command::Check(args) => args.run(),
        Command::Pack(args) => args.run(),
        Command::Doctor(args) => args.run(),
        Command::Probe(args) => args.run(),
        Command::Status(args) => args.run(),
        Command::Journal(args) => args.run(),
        Command::Wallet(args) => args.run(),
        Command::Image(args) => args.run(),
        Command::Render(args) => args.run(),
        Command::Service(args) => args.run(),
    };
    end(outcome)
}

fn end(outcome: Outcome) -> ExitCode {
    // So that a report is the last thing said.
    logging::flush(Duration::from_secs(1));
    outcome
        .unwrap_or_else(|report| {
            // Where it cannot be written, as on a full disk, the exit code still says it.
            let _ = writeln!(std::io::stderr(), "{report}");
            report.exit()
        })
        .into()
}
