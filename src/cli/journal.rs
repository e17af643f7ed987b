//! `bootstrap journal`.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::iter;
use std::path::Path;

use anyhow::Context as _;

use super::{Exit, Outcome, Report, environment, output};
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
        /// Print one JSON document
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
        output::written(written.and_then(|()| out.flush()))?;
        Ok(Exit::Done)
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
        let mut journal = Reader::open(path).and_then(|journal| journal.rounds()).map_err(|error| {
            let hint = error.hint();
            let context = format!("the journal {} cannot be read", path.display());
            unreadable(anyhow::Error::new(error).context(context)).hint(hint)
        })?;
        // One journal is the rule, and is not copied.
        if rounds.is_empty() {
            rounds = journal;
        } else {
            rounds.append(&mut journal);
        }
    }
    if files.len() > 1 {
        rounds.sort_by_cached_key(RoundRow::key);
    }
    Ok(rounds)
}

const HEADER: [&str; 10] =
    ["CHAIN", "TOPIC", "NONCE", "STATE", "VALUE", "TRIES", "HEIGHT", "FEE", "OPENED", "REASON"];

/// The cells of a line. Most are parts of the round: a hundred thousand lines are to be there at once.
type Cells<'r> = [Cow<'r, str>; HEADER.len()];

fn table(rounds: &[RoundRow], out: &mut impl Write) -> io::Result<()> {
    if rounds.is_empty() {
        return writeln!(out, "no rounds yet");
    }
    let mut lines = Vec::with_capacity(rounds.len() + 1);
    lines.push(HEADER.map(Cow::Borrowed));
    lines.extend(rounds.iter().map(cells));
    let mut widths = [0; HEADER.len()];
    for cells in &lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut line = String::new();
    for cells in &lines {
        line.clear();
        for (cell, width) in cells.iter().zip(widths) {
            line.push_str(cell);
            line.extend(iter::repeat_n(' ', width - cell.chars().count() + 2));
        }
        out.write_all(line.trim_end().as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn cells(round: &RoundRow) -> Cells<'_> {
    const NONE: Cow<'_, str> = Cow::Borrowed("-");
    [
        short(&round.chain_id, 40),
        round.topic_id.to_string().into(),
        round.nonce.to_string().into(),
        round.state.as_str().into(),
        round.value.as_deref().map_or(NONE, |value| short(value, 40)),
        round.attempts.to_string().into(),
        round.height.map_or(NONE, |height| height.to_string().into()),
        round.fee.map_or(NONE, |fee| fee.to_string().into()),
        (round.opened_at.as_str()[..19].to_owned() + "Z").into(),
        round.reason.as_deref().map_or(NONE, |reason| short(reason, 120)),
    ]
}

/// At most `limit` characters, none of which moves the cursor.
fn short(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit && !text.contains(char::is_control) {
        return text.into();
    }
    let mut short: String = text
        .chars()
        .take(limit)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if text.chars().nth(limit).is_some() {
        short.push('…');
    }
    short.into()
}
