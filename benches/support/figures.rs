//! Figures beside their goals.

use std::fmt;
use std::time::Duration;

/// One line of the table: measured and goal in the same unit.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    most: Option<f64>,
    measured: f64,
    unit: &'static str,
}

/// The table that the bench prints.
#[derive(Debug, Default)]
pub struct Table(Vec<Figure>);

impl Table {
    /// A time, at most so many milliseconds.
    pub fn time(&mut self, name: &'static str, most: impl Into<Option<f64>>, measured: Duration) {
        self.add(name, most, measured.as_secs_f64() * 1e3, "ms");
    }

    /// A short time, at most so many microseconds.
    pub fn short_time(&mut self, name: &'static str, most: impl Into<Option<f64>>, measured: Duration) {
        self.add(name, most, measured.as_secs_f64() * 1e6, "µs");
    }

    /// Memory in bytes, at most so many MiB.
    pub fn memory(&mut self, name: &'static str, most: impl Into<Option<f64>>, measured: u64) {
        self.add(name, most, measured as f64 / f64::from(1 << 20), "MiB");
    }

    /// A plain number.
    pub fn count(&mut self, name: &'static str, most: impl Into<Option<f64>>, measured: f64) {
        self.add(name, most, measured, "");
    }

    /// A part of 1, at most so many hundredths.
    pub fn share(&mut self, name: &'static str, most: impl Into<Option<f64>>, measured: f64) {
        self.add(name, most, measured * 1e2, "%");
    }

    fn add(&mut self, name: &'static str, most: impl Into<Option<f64>>, measured: f64, unit: &'static str) {
        self.0.push(Figure { name, most: most.into(), measured, unit });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | at most | measured | |\n|---|---|---|---|")?;
        for Figure { name, most, measured, unit } in &self.0 {
            let goal = most.map(|most| format!("{most} {unit}")).unwrap_or_default();
            let verdict = match most {
                Some(most) if measured > most => "**over**",
                Some(_) => "ok",
                None => "",
            };
            writeln!(f, "| {name} | {goal} | {measured:.1} {unit} | {verdict} |")?;
        }
        Ok(())
    }
}

/// The value below which so many hundredths of the others lie, by nearest rank.
pub fn percentile(values: &[Duration], percent: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() as f64 * percent / 100.0).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
