//! Two columns of figures.

use std::fmt::{self, Display};
use std::time::Duration;

use super::chain::Outcome;
use super::support::figures::percentile;

/// One figure of both workers, in the same unit.
#[derive(Debug)]
struct Row {
    name: String,
    unit: &'static str,
    values: [f64; 2],
    /// How far what was measured is spread.
    spread: Option<[Spread; 2]>,
}

/// The least and the 99th percentile of so many times, in milliseconds.
#[derive(Debug)]
struct Spread {
    least: f64,
    p99: f64,
    count: usize,
}

/// Windows that a worker answered, of those that opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Score {
    /// Stored by the chain.
    pub answered: usize,
    /// All.
    pub opened: usize,
    /// Payloads that cost a fee beside the first of their window.
    pub paid_again: usize,
}

/// The table that the bench prints: this worker, the SDK's, and how many times more the SDK's is. Below it stands every
/// time that was measured.
#[derive(Debug, Default)]
pub struct Table {
    figures: Vec<Row>,
    scores: Vec<(String, [Option<Score>; 2])>,
    samples: Vec<(&'static str, [Vec<Duration>; 2])>,
}

impl Table {
    /// The median of several times, with their spread.
    pub fn times(&mut self, name: &'static str, times: [Vec<Duration>; 2]) {
        let at = |times: &[Duration], percent: f64| milliseconds(percentile(times, percent));
        let spread = times.each_ref().map(|times| Spread {
            least: at(times, 0.0),
            p99: at(times, 99.0),
            count: times.len(),
        });
        let values = times.each_ref().map(|times| at(times, 50.0));
        self.figures.push(Row { name: format!("{name}, p50"), unit: "ms", values, spread: Some(spread) });
        self.samples.push((name, times));
    }

    /// Any other figures.
    pub fn figures(&mut self, name: impl Into<String>, unit: &'static str, values: [f64; 2]) {
        self.figures.push(Row { name: name.into(), unit, values, spread: None });
    }

    /// How many windows were answered; `None` for a worker that cannot be put into this state.
    pub fn scores(&mut self, name: impl Into<String>, scores: [Option<Score>; 2]) {
        self.scores.push((name.into(), scores));
    }
}

impl Score {
    /// Counts a window.
    pub fn add(&mut self, outcome: Outcome) {
        self.opened += 1;
        self.answered += usize::from(outcome.answered);
        self.paid_again += outcome.paid.saturating_sub(1);
    }
}

impl Row {
    fn cell(&self, column: usize) -> String {
        let Self { unit, values, spread, .. } = self;
        let spread = spread.as_ref().map(|spread| {
            let Spread { least, p99, count } = &spread[column];
            format!(" (least {least:.1}, p99 {p99:.1}, n {count})")
        });
        format!("{:.1} {unit}{}", values[column], spread.unwrap_or_default())
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | bootstrap | allora-sdk | times |\n|---|---|---|---|")?;
        for row in &self.figures {
            let [ours, theirs] = row.values;
            let times = if ours > 0.0 { format!("{:.1}", theirs / ours) } else { String::new() };
            writeln!(f, "| {} | {} | {} | {times} |", row.name, row.cell(0), row.cell(1))?;
        }
        for (name, [ours, theirs]) in &self.scores {
            let cell = |score: &Option<Score>| match score {
                Some(Score { answered, opened, paid_again: 0 }) => {
                    format!("{answered} of {opened}, paid once each")
                }
                Some(Score { answered, opened, paid_again }) => {
                    format!("{answered} of {opened}, **{paid_again} paid again**")
                }
                None => "-".into(),
            };
            writeln!(f, "| windows answered, {name} | {} | {} | |", cell(ours), cell(theirs))?;
        }
        writeln!(f, "\nAll times, in ms:\n")?;
        for (name, times) in &self.samples {
            for (worker, times) in ["bootstrap", "allora-sdk"].iter().zip(times) {
                let times: Vec<_> = times.iter().map(|time| format!("{:.1}", milliseconds(*time))).collect();
                writeln!(f, "- {name}, {worker}: {}", times.join(" "))?;
            }
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
