//! Two columns of figures.

use std::fmt::{self, Display};
use std::time::Duration;

use super::chain::Outcome;
use super::support::figures::percentile;

/// What a figure of this worker is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Goal {
    /// At most so much, in the unit of the figure.
    pub most: Option<f64>,
    /// The SDK's is to be so many times more, at least.
    pub times: Option<f64>,
}

/// One figure of both workers, in the same unit.
#[derive(Debug)]
struct Row {
    name: String,
    unit: &'static str,
    values: [f64; 2],
    goal: Goal,
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

/// What stands where a goal is not reached.
const MISSED: &str = "**missed**";

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

/// The table that the bench prints: this worker, the SDK's, how many times more the SDK's is, and whether that is what it
/// is to be. Below it stands every time that was measured.
#[derive(Debug, Default)]
pub struct Table {
    figures: Vec<Row>,
    scores: Vec<(String, [Option<Score>; 2])>,
    samples: Vec<(&'static str, [Vec<Duration>; 2])>,
}

impl Table {
    /// The median of several times, with their spread.
    pub fn times(&mut self, name: &'static str, goal: Goal, times: [Vec<Duration>; 2]) {
        let at = |times: &[Duration], percent: f64| milliseconds(percentile(times, percent));
        let spread = times.each_ref().map(|times| Spread {
            least: at(times, 0.0),
            p99: at(times, 99.0),
            count: times.len(),
        });
        let values = times.each_ref().map(|times| at(times, 50.0));
        self.figures.push(Row {
            name: format!("{name}, p50"),
            unit: "ms",
            values,
            goal,
            spread: Some(spread),
        });
        self.samples.push((name, times));
    }

    /// Any other figures.
    pub fn figures(&mut self, name: impl Into<String>, unit: &'static str, goal: Goal, values: [f64; 2]) {
        self.figures.push(Row { name: name.into(), unit, values, goal, spread: None });
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
        format!("{} {unit}{}", number(values[column]), spread.unwrap_or_default())
    }

    /// How many times more the SDK's is, where that says something.
    fn times(&self) -> Option<f64> {
        let [ours, theirs] = self.values;
        (ours > 0.0).then(|| theirs / ours)
    }

    fn goal(&self) -> String {
        let Goal { most, times } = self.goal;
        let most = most.map(|most| format!("{most} {}", self.unit).trim_end().to_owned());
        let times = times.map(|times| format!("{times} times"));
        most.into_iter().chain(times).collect::<Vec<_>>().join(", ")
    }

    fn verdict(&self) -> &'static str {
        let Goal { most, times } = self.goal;
        let is_within = most.is_none_or(|most| self.values[0] <= most);
        let is_ahead = times.is_none_or(|wanted| self.times().is_none_or(|times| times >= wanted));
        match (most, times) {
            (None, None) => "",
            _ if is_within && is_ahead => "ok",
            _ => MISSED,
        }
    }
}

impl Score {
    fn verdict(self) -> &'static str {
        if self.answered == self.opened && self.paid_again == 0 { "ok" } else { MISSED }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | bootstrap | allora-sdk | times | goal | |\n|---|---|---|---|---|---|")?;
        for row in &self.figures {
            let times = row.times().map(|times| format!("{times:.1}")).unwrap_or_default();
            let (ours, theirs) = (row.cell(0), row.cell(1));
            let (goal, verdict) = (row.goal(), row.verdict());
            writeln!(f, "| {} | {ours} | {theirs} | {times} | {goal} | {verdict} |", row.name)?;
        }
        for (name, [ours, theirs]) in &self.scores {
            let cell = |score: &Option<Score>| match score {
                Some(Score { answered, opened, paid_again: 0 }) => {
                    format!("{answered} of {opened}, none paid twice")
                }
                Some(Score { answered, opened, paid_again }) => {
                    format!("{answered} of {opened}, **{paid_again} paid again**")
                }
                None => "-".into(),
            };
            let verdict = ours.map(Score::verdict).unwrap_or_default();
            writeln!(
                f,
                "| windows answered, {name} | {} | {} | | all, once | {verdict} |",
                cell(ours),
                cell(theirs)
            )?;
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

/// With as many places as say something.
fn number(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
