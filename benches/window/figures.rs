//! Figures beside their goals.

use std::fmt;
use std::time::Duration;

/// One line of the table: measured and goal in the same unit.
#[derive(Debug)]
struct Figure {
    name: &'static str,
    most: f64,
    measured: f64,
    unit: &'static str,
}

/// The table that the bench prints.
#[derive(Debug, Default)]
pub struct Table(Vec<Figure>);

impl Table {
    /// A time, at most so many milliseconds.
    pub fn time(&mut self, name: &'static str, most: f64, measured: Duration) {
        self.0.push(Figure { name, most, measured: measured.as_secs_f64() * 1e3, unit: "ms" });
    }

    /// Memory in bytes, at most so many MiB.
    pub fn memory(&mut self, name: &'static str, most: f64, measured: u64) {
        self.0.push(Figure { name, most, measured: measured as f64 / f64::from(1 << 20), unit: "MiB" });
    }

    /// A part of 1, at most so many hundredths.
    pub fn share(&mut self, name: &'static str, most: f64, measured: f64) {
        self.0.push(Figure { name, most, measured: measured * 1e2, unit: "%" });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | at most | measured | |\n|---|---|---|---|")?;
        for Figure { name, most, measured, unit } in &self.0 {
            let verdict = if measured <= most { "ok" } else { "**over**" };
            writeln!(f, "| {name} | {most} {unit} | {measured:.1} {unit} | {verdict} |")?;
        }
        Ok(())
    }
}

/// The value below which so many hundredths of the others lie, by nearest rank.
pub fn percentile(values: &[Duration], percent: usize) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}
