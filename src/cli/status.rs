//! `bootstrap status`.

use std::fmt::{self, Display};

use anyhow::Context as _;

use super::state_dir::{self, StateDir};
use super::{Exit, Outcome, Report, environment, output};
use crate::health::{EndpointHealth, ModelHealth, Status};
use crate::model::Isolation;
use crate::settings::{self, Flags};

/// What the worker does and why
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags<settings::Local>,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let heartbeat = settings::heartbeat_file(&self.flags, environment())?;
        let StateDir { path, is_named } = state_dir::of_reader(&self.flags)?;
        let status = Status::read(&heartbeat, &path, is_named).map_err(|error| {
            let hint = error.hint();
            Report::new(Exit::Config, anyhow::Error::new(error).context("the journal cannot be read"))
                .hint(hint)
        })?;
        if self.json {
            output::line(serde_json::to_string(&status).context("the status has no JSON form")?)?;
        } else {
            output::print(Screen(&status))?;
        }
        Ok(Exit::Done)
    }
}

/// A status for people: one screen, one fact a line.
struct Screen<'s>(&'s Status);

impl Display for Screen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0;
        let health = match (status.live, status.ready) {
            (true, true) => "live, ready",
            (true, false) => "live, not ready",
            (false, _) => "not live",
        };
        line(f, "phase", format_args!("{} ({health})", status.phase.as_str()))?;
        optional(f, "why", status.why.as_ref())?;
        optional(f, "network", status.network.as_ref())?;
        optional(f, "chain id", status.chain_id.as_ref())?;
        for endpoint in &status.endpoints {
            line(f, "endpoint", Endpoint(endpoint))?;
        }
        if status.unknown_answers > 0 {
            line(
                f,
                "unknown",
                format_args!("{} answers of the chain; the log has them", status.unknown_answers),
            )?;
        }
        optional(f, "wallet", status.address.as_ref())?;
        optional(f, "topic", status.topic_id)?;
        if let (Some(height), Some(age)) = (status.height, status.height_age_seconds) {
            line(f, "height", format_args!("{height}, seen {age:.1} s ago"))?;
        }
        if let Some(window) = &status.next_window {
            line(f, "next window", format_args!("{} in {:.0} s", window.nonce, window.opens_in_seconds))?;
        }
        if let Some(round) = &status.last_round {
            let value = round.value.as_deref().unwrap_or("no value");
            line(f, "last round", format_args!("{} {}, {value}", round.nonce, round.state))?;
            optional(f, "", round.reason.as_ref())?;
        }
        let counts: Vec<_> = status.counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
        line(f, "rounds", if counts.is_empty() { "none yet".into() } else { counts.join(", ") })?;
        line(f, "spent today", format_args!("{} uallo", status.spent_today))?;
        if let Some(model) = &status.model {
            line(f, "model", Model(model))?;
        }
        optional(f, "isolation", status.isolation.map(isolation))?;
        for journal in &status.journals {
            line(f, "journal", journal.display())?;
        }
        Ok(())
    }
}

/// The model process on one line.
struct Model<'m>(&'m ModelHealth);

impl Display for Model<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ModelHealth { pid: _, state, restarts, rss_bytes, spare } = self.0;
        write!(f, "{state}, {restarts} restarts")?;
        if let Some(bytes) = rss_bytes {
            write!(f, ", {} MiB", bytes / 1024 / 1024)?;
        }
        spare.map_or(Ok(()), |pid| write!(f, ", process {pid} is loaded to take over"))
    }
}

/// An endpoint on one line.
struct Endpoint<'e>(&'e EndpointHealth);

impl Display for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EndpointHealth { endpoint, standing, height, same_as } = self.0;
        write!(f, "{endpoint}, {standing}")?;
        if let Some(height) = height {
            write!(f, ", at {height}")?;
        }
        same_as.as_ref().map_or(Ok(()), |other| write!(f, ", the same node as {other}"))
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    let value = value.to_string().replace(char::is_control, " ");
    writeln!(f, "{name:<12} {value}")
}

fn optional(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| line(f, name, value))
}

fn isolation(walls: Isolation) -> String {
    let missing = walls.missing();
    if missing.is_empty() { "complete".into() } else { format!("without {}", missing.join(", ")) }
}
