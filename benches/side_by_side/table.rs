//! Two columns of figures.

use std::fmt::{self, Display};
use std::time::Duration;

/// One figure of both workers, in the same unit.
#[derive(Debug)]
struct Row {
    name: String,
    unit: &'static str,
    values: [f64; 2],
}

/// Windows that a worker answered, of those that opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Score {
    /// Stored by the chain.
    pub answered: usize,
    /// All.
    pub opened: usize,
}

/// The table that the bench prints: this worker, the SDK's, and how many times more the SDK's is.
#[derive(Debug, Default)]
pub struct Table {
    figures: Vec<Row>,
    scores: Vec<(String, [Option<Score>; 2])>,
}

impl Table {
    /// Times in milliseconds.
    pub fn times(&mut self, name: impl Into<String>, values: [Duration; 2]) {
        self.figures(name, "ms", values.map(|value| value.as_secs_f64() * 1e3));
    }

    /// Any other figures.
    pub fn figures(&mut self, name: impl Into<String>, unit: &'static str, values: [f64; 2]) {
        self.figures.push(Row { name: name.into(), unit, values });
    }

    /// How many windows were answered; `None` for a worker that cannot be put into this state.
    pub fn scores(&mut self, name: impl Into<String>, scores: [Option<Score>; 2]) {
        self.scores.push((name.into(), scores));
    }
}

impl Score {
    /// Counts a window.
    pub fn add(&mut self, answered: bool) {
        self.opened += 1;
        self.answered += usize::from(answered);
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | bootstrap | allora-sdk | times |\n|---|---|---|---|")?;
        for Row { name, unit, values: [ours, theirs] } in &self.figures {
            let times = if *ours > 0.0 { format!("{:.1}", theirs / ours) } else { String::new() };
            writeln!(f, "| {name} | {ours:.1} {unit} | {theirs:.1} {unit} | {times} |")?;
        }
        for (name, [ours, theirs]) in &self.scores {
            let cell = |score: &Option<Score>| match score {
                Some(Score { answered, opened }) => format!("{answered} of {opened}"),
                None => "-".into(),
            };
            writeln!(f, "| windows answered, {name} | {} | {} | |", cell(ours), cell(theirs))?;
        }
        Ok(())
    }
}
