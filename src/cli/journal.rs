//! `bootstrap journal`.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;

use super::{Exit, Outcome, Report, environment};
use crate::journal::{self, Reader, RoundRow};
use crate::settings::{self, Flags};

/// What happened, round by round
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Shows every round as a table
    List {
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        flags: Flags<settings::Journal>,
    },
    /// Writes every round, with all columns, to standard output
    Export {
        #[command(flatten)]
        form: Form,
        #[command(flatten)]
        flags: Flags<settings::Journal>,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Form {
    /// As CSV (RFC 4180) with a header
    #[arg(long)]
    csv: bool,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let flags = match &self.command {
            Command::List { flags, .. } | Command::Export { flags, .. } => flags,
        };
        let rounds = read(&settings::state_dir_of(flags, environment())?)?;
        let mut out = BufWriter::new(io::stdout().lock());
        let written = match self.command {
            Command::List { json: false, .. } => table(&rounds, &mut out),
            Command::Export { form: Form { csv: true, .. }, .. } => journal::write_csv(&rounds, &mut out),
            Command::List { .. } | Command::Export { .. } => journal::write_json(&rounds, &mut out),
        };
        match written.and_then(|()| out.flush()) {
            // The reader of a pipe has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
            Err(error) => Err(Report::new(Exit::Internal, error)),
            Ok(()) => Ok(Exit::Done),
        }
    }
}

/// The rounds of every journal in the folder, ordered by topic and nonce.
fn read(state_dir: &Path) -> Result<Vec<RoundRow>, Report> {
    let unreadable = |error: anyhow::Error| Report::new(Exit::Config, error);
    let files = journal::files(state_dir)
        .with_context(|| format!("the state folder {} cannot be read", state_dir.display()))
        .map_err(|error| unreadable(error).hint("name another folder with --state-dir"))?;
    let mut rounds = Vec::new();
    for path in &files {
        let journal = Reader::open(path).and_then(|journal| journal.rounds()).map_err(|error| {
            let hint = error.hint();
            let context = format!("the journal {} cannot be read", path.display());
            unreadable(anyhow::Error::new(error).context(context)).hint(hint)
        })?;
        rounds.extend(journal);
    }
    if files.len() > 1 {
        rounds.sort_by_key(RoundRow::key);
    }
    Ok(rounds)
}

const HEADER: [&str; 10] =
    ["CHAIN", "TOPIC", "NONCE", "STATE", "VALUE", "TRIES", "HEIGHT", "FEE", "OPENED", "REASON"];

fn table(rounds: &[RoundRow], out: &mut impl Write) -> io::Result<()> {
    if rounds.is_empty() {
        return writeln!(out, "no rounds yet");
    }
    let rows: Vec<[String; 10]> = rounds.iter().map(cells).collect();
    let mut widths = HEADER.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut line = String::new();
    let header = HEADER.map(ToOwned::to_owned);
    for row in std::iter::once(&header).chain(&rows) {
        line.clear();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a string cannot fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn cells(round: &RoundRow) -> [String; 10] {
    let text = |cell: Option<String>| cell.unwrap_or_else(|| "-".into());
    [
        short(&round.chain_id, 40),
        round.topic_id.to_string(),
        round.nonce.to_string(),
        round.state.as_str().to_owned(),
        text(round.value.as_deref().map(|value| short(value, 40))),
        round.attempts.to_string(),
        text(round.height.map(|height| height.to_string())),
        text(round.fee.map(|fee| fee.to_string())),
        round.opened_at.as_str()[..19].to_owned() + "Z",
        text(round.reason.as_deref().map(|reason| short(reason, 120))),
    ]
}

/// At most `limit` characters, none of which moves the cursor.
fn short(text: &str, limit: usize) -> String {
    let mut short: String = text
        .chars()
        .take(limit)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short
}
