//! What all runs together came to.

use std::collections::BTreeMap;
use std::fmt;

use crate::script::Script;
use crate::verdict::{Verdict, Wrong};

#[derive(Debug, Default)]
pub struct Tally {
    pub runs: usize,
    pub windows: usize,
    answered: usize,
    /// Those that the limit of a day left unanswered.
    pub limited: usize,
    /// Windows that could not be asked for, by reason.
    excused: BTreeMap<&'static str, usize>,
    troubles: BTreeMap<&'static str, usize>,
    wrongs: BTreeMap<&'static str, usize>,
}

impl Tally {
    pub fn add(&mut self, script: &Script, verdict: &Verdict) {
        self.runs += 1;
        self.windows += verdict.windows.len();
        self.answered += verdict.answered;
        self.limited += verdict.limited;
        for excuse in verdict.windows.values().filter_map(|window| window.excuse) {
            *self.excused.entry(excuse).or_default() += 1;
        }
        for kind in script.acts.iter().flat_map(|act| act.trouble.kinds()) {
            *self.troubles.entry(kind).or_default() += 1;
        }
        for (_, wrong) in &verdict.findings {
            *self.wrongs.entry(wrong.name()).or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, windows, answered, limited, excused, troubles, wrongs } = self;
        let asked_for = windows - excused.values().sum::<usize>();
        writeln!(
            f,
            "{windows} windows in {runs} runs, {asked_for} asked for, {answered} answered, {limited} left by the limit of a day"
        )?;
        writeln!(f, "not asked for: {excused:?}")?;
        writeln!(f, "troubles: {troubles:?}")?;
        let wrongs: Vec<String> =
            Wrong::NAMES.iter().map(|name| format!("{name}: {}", wrongs.get(name).unwrap_or(&0))).collect();
        writeln!(f, "{}", wrongs.join(" · "))
    }
}
