//! What the log file costs: `cargo bench --bench logs`.
//!
//! A rotation of 100 MB while lines go on being written, and the disk of a simulated month whose lines are those of a
//! real worker. Prints a table in Markdown; takes some two minutes.
#![allow(clippy::print_stdout)] // the result

mod month;
mod rotation;
#[path = "../support/mod.rs"]
mod support;

use support::figures::Table;

fn main() -> anyhow::Result<()> {
    let mut table = Table::default();
    rotation::measure(&mut table)?;
    month::measure(&mut table)?;
    println!("{table}");
    Ok(())
}
