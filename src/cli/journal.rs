//! `bootstrap journal`.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, BufWriter, Write};
use std::iter;
use std::path::Path;

use anyhow::Context as _;

use super::{Exit, Outcome, Report, output, state_dir};
use crate::journal::{self, Reader, RoundRow};
use crate::settings::{self, Flags};

/// Bytes that are written at a time.
const BUFFER: usize = 64 * 1024;

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
        let rounds = read(&state_dir::of_reader(flags)?.path)?;
        let mut out = BufWriter::with_capacity(BUFFER, io::stdout().lock());
        let written = match self.command {
            Command::List { json: false, .. } => table(&rounds, &mut out),
            Command::Export { form: Form { csv: true, .. }, .. } => journal::write_csv(&rounds, &mut out),
            Command::List { .. } | Command::Export { .. } => journal::write_json(&rounds, &mut out),
        };
        output::written(written.and_then(|()| out.flush()))?;
        // The process ends now: its memory goes at once, and not text by text.
        std::mem::forget(rounds);
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

/// The cells of a table, line by line, in one text: a hundred thousand lines are to be there at once.
#[derive(Default)]
struct Cells {
    text: String,
    /// Where each cell ends.
    ends: Vec<usize>,
}

impl Cells {
    fn push(&mut self, cell: impl fmt::Display) {
        // Text in memory takes whatever is written to it.
        let _ = write!(self.text, "{cell}");
        self.ends.push(self.text.len());
    }

    fn push_or_none(&mut self, cell: Option<impl fmt::Display>) {
        match cell {
            Some(cell) => self.push(cell),
            None => self.push("-"),
        }
    }

    fn push_round(&mut self, round: &RoundRow) {
        self.push(short(&round.chain_id, 40));
        self.push(round.topic_id);
        self.push(round.nonce);
        self.push(round.state.as_str());
        self.push_or_none(round.value.as_deref().map(|value| short(value, 40)));
        self.push(round.attempts);
        self.push_or_none(round.height);
        self.push_or_none(round.fee);
        self.push(format_args!("{}Z", &round.opened_at.as_str()[..19]));
        self.push_or_none(round.reason.as_deref().map(|reason| short(reason, 120)));
    }

    fn lines(&self) -> impl Iterator<Item = [&str; HEADER.len()]> {
        let mut begin = 0;
        self.ends.chunks_exact(HEADER.len()).map(move |ends| {
            std::array::from_fn(|column| {
                &self.text[std::mem::replace(&mut begin, ends[column])..ends[column]]
            })
        })
    }
}

fn table(rounds: &[RoundRow], out: &mut impl Write) -> io::Result<()> {
    if rounds.is_empty() {
        return writeln!(out, "no rounds yet");
    }
    let mut cells = Cells::default();
    HEADER.iter().for_each(|title| cells.push(title));
    rounds.iter().for_each(|round| cells.push_round(round));
    // Nearly always all of it is ASCII, of which no character has to be counted.
    let width_of: fn(&str) -> usize =
        if cells.text.is_ascii() { str::len } else { |cell| cell.chars().count() };
    let mut widths = [0; HEADER.len()];
    for line in cells.lines() {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = width_of(cell).max(*width);
        }
    }
    let mut text = String::new();
    for line in cells.lines() {
        text.clear();
        for (cell, width) in line.into_iter().zip(widths) {
            text.push_str(cell);
            text.extend(iter::repeat_n(' ', width - width_of(cell) + 2));
        }
        out.write_all(text.trim_end().as_bytes())?;
        out.write_all(b"\n")?;
    }
    Ok(())
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
