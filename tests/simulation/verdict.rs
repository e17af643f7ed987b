//! Holds the worker's journal, and what it did, against the chain.

use std::collections::BTreeMap;
use std::fmt;

use bootstrap::devnet::Submission;
use bootstrap::journal::{RoundRow, RoundState};
use time::OffsetDateTime;

use crate::payload::Payload;
use crate::play::{Played, Window};
use crate::record::{self, Paid};
use crate::script::Script;
use crate::stage::{Stage, TOPIC};
use crate::trouble::Trouble;

/// What must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The window could be answered, and was not.
    Lost,
    /// More than one fee for one nonce.
    PaidTwice,
    /// A fee for a transaction that failed for no reason that the script made.
    PaidForNothing,
    /// The journal says something else than the chain.
    Disagrees(String),
    /// The round has no end though all was well for a long time.
    Unfinished,
    /// More was taken in a day than it may.
    OverLimit,
    /// The worker ended though nobody asked it to, or not in order.
    Died(String),
}

/// A wrong, with the nonce where it has one.
pub type Finding = (Option<i64>, Wrong);

/// What came of a script.
pub struct Verdict {
    pub windows: BTreeMap<i64, Window>,
    pub answered: usize,
    /// Windows that the limit of a day left unanswered.
    pub limited: usize,
    pub findings: Vec<Finding>,
    paid: Vec<Paid>,
    rounds: Vec<RoundRow>,
    log: String,
}

/// Transactions that fail in their blocks after which no third fee is risked for a window.
const LOST_FEES: usize = 2;

pub fn judge(script: &Script, played: Played) -> Verdict {
    let Played { stage, windows, exit } = played;
    let (paid, submissions, rounds) = (record::paid(&stage), stage.submissions(), stage.rounds());
    let mut findings: Vec<Finding> = stage.died.iter().map(|how| (None, Wrong::Died(how.clone()))).collect();
    if exit != Some(0) {
        findings.push((None, Wrong::Died(format!("exit code {exit:?}"))));
    }
    if is_over_limit(script, &stage, &windows) {
        findings.push((None, Wrong::OverLimit));
    }
    let mut limited = 0;
    let is_ours = |hash: &String| !stage.elsewhere.contains(hash);
    for window in windows.values() {
        let on_chain = submissions.iter().find(|row| i64::try_from(row.nonce) == Ok(window.nonce));
        let paid: Vec<&Paid> = paid_for(&paid, window.nonce).filter(|paid| is_ours(&paid.hash)).collect();
        let mut wrongs = payment_wrongs(script, window, &paid);
        let round = rounds.iter().find(|round| round.nonce == window.nonce);
        if on_chain.is_none() && window.excuse.is_none() && paid.len() < LOST_FEES {
            wrongs.push(Wrong::Lost);
        }
        limited += usize::from(on_chain.is_none() && round.is_some_and(ended_by_limit));
        if let Some(round) = round {
            let is_elsewhere = on_chain.is_some_and(|row| window.is_forgotten || !is_ours(&row.tx_hash));
            wrongs.extend(disagreement(round, window, on_chain, is_elsewhere, &paid));
        } else if !paid.is_empty() && !window.is_forgotten {
            wrongs.push(Wrong::Disagrees("it knows nothing of what was paid for".to_owned()));
        }
        findings.extend(wrongs.into_iter().map(|wrong| (Some(window.nonce), wrong)));
    }
    for nonce in rounds.iter().map(|round| round.nonce).filter(|nonce| !windows.contains_key(nonce)) {
        findings.push((Some(nonce), Wrong::Disagrees("there is no such window".to_owned())));
    }
    let answered = submissions.len();
    Verdict { answered, limited, windows, findings, paid, rounds, log: stage.bench.log() }
}

/// Whether more was taken than the limit of a day allows. A journal that is lost begins a new day, and so does
/// midnight; one that is torn may have lost a fee.
fn is_over_limit(script: &Script, stage: &Stage, windows: &BTreeMap<i64, Window>) -> bool {
    let began = windows.values().map(|window| window.opened_at.date()).min();
    let is_past_midnight = began.is_some_and(|date| date < OffsetDateTime::now_utc().date());
    let days = 1 + stage.journals_lost + u128::from(is_past_midnight);
    script.max_fee_per_day.is_some_and(|most| stage.taken() > most * days + stage.torn_off)
}

fn ended_by_limit(round: &RoundRow) -> bool {
    let reason = round.reason.as_deref().unwrap_or_default();
    round.state == RoundState::Expired && reason.contains("max_fee_per_day")
}

fn paid_for(paid: &[Paid], nonce: i64) -> impl Iterator<Item = &Paid> {
    paid.iter().filter(move |paid| paid.payload == Some(Payload { topic: TOPIC, nonce }))
}

fn payment_wrongs(script: &Script, window: &Window, paid: &[&Paid]) -> Vec<Wrong> {
    let is_excused = |paid: &&&Paid| is_made_by_script(script, window, paid);
    let mut wrongs = vec![];
    let is_duplicate = |paid: &&Paid| {
        paid.log.contains("already submitted") || (paid.codespace == "emissions" && paid.code == 78)
    };
    // The last one may be good. Each before it must have failed, and not by our fault.
    if paid.iter().rev().skip(1).any(|earlier| !is_excused(&earlier)) || paid.iter().any(is_duplicate) {
        wrongs.push(Wrong::PaidTwice);
    } else if paid.last().is_some_and(|last| last.code != 0 && !is_made_by_script(script, window, last)) {
        wrongs.push(Wrong::PaidForNothing);
    }
    wrongs
}

/// Whether a transaction failed in its block for a reason that the script made.
fn is_made_by_script(script: &Script, window: &Window, paid: &Paid) -> bool {
    // From the block before the opening: what the worker knows may be a block old.
    let acts = script.acts.iter().filter(|act| act.overlaps(window.nonce - 1, paid.height));
    let mut troubles = acts.map(|act| &act.trouble);
    match (paid.codespace.as_str(), paid.code) {
        ("emissions", 13) => troubles.any(|trouble| *trouble == Trouble::Unregistered),
        ("emissions", 83) => troubles.any(|trouble| *trouble == Trouble::NotWhitelisted),
        ("sdk", 5) => troubles.any(|trouble| *trouble == Trouble::Drained),
        _ => false,
    }
}

/// What the journal says otherwise than the chain. The row on the chain `is_elsewhere` where the journal cannot know
/// its transaction.
fn disagreement(
    round: &RoundRow,
    window: &Window,
    on_chain: Option<&Submission>,
    is_elsewhere: bool,
    paid: &[&Paid],
) -> Option<Wrong> {
    if round.finished_at.is_none() {
        return Some(Wrong::Unfinished);
    }
    let fee: u128 = paid.iter().map(|paid| paid.fee).sum();
    let noted = round.fee.unwrap_or_default().0;
    let mut differs = vec![];
    // What an earlier life paid is not known to this one.
    if fee != noted && !window.is_forgotten {
        differs.push(format!("fee {noted}, the chain took {fee}"));
    }
    let in_journal = paid.iter().find(|paid| round.tx_hash.as_deref() == Some(&paid.hash));
    // Where no node finds transactions, the journal knows of no block.
    let is_in = |height: i64| round.height.is_none_or(|noted| i64::try_from(noted) == Ok(height));
    if let Some(paid) = in_journal.filter(|paid| !is_in(paid.height)) {
        differs.push(format!("height {:?}, its transaction is in block {}", round.height, paid.height));
    }
    match (round.state, on_chain) {
        (RoundState::Admitted, Some(row)) => {
            if round.tx_hash.as_deref() != Some(&row.tx_hash) {
                differs.push(format!("transaction {:?}, on the chain {}", round.tx_hash, row.tx_hash));
            }
            if round.height.is_some_and(|height| height != row.height) {
                differs.push(format!("height {:?}, on the chain {}", round.height, row.height));
            }
            if round.value != row.value {
                differs.push(format!("value {:?}, on the chain {:?}", round.value, row.value));
            }
        }
        (RoundState::Admitted, None) => differs.push("admitted, the chain has no inference".to_owned()),
        (RoundState::AnsweredElsewhere, _) if !is_elsewhere => {
            differs.push("answered by somebody else, and there is nobody".to_owned())
        }
        (_, Some(_)) if is_elsewhere => {}
        (state, Some(row)) => {
            differs.push(format!("{state}, the chain has the inference of {}", row.tx_hash))
        }
        (_, None) => {}
    }
    (!differs.is_empty()).then(|| Wrong::Disagrees(differs.join("; ")))
}

impl Verdict {
    /// What one needs to find the fault: the script, and of each wrong window the chain's rows, the journal's, and
    /// the worker's log.
    pub fn report(&self, script: &Script) -> String {
        let mut text = format!("{script}\n");
        let mut by_nonce = BTreeMap::<Option<i64>, Vec<String>>::new();
        for (nonce, wrong) in &self.findings {
            by_nonce.entry(*nonce).or_default().push(wrong.to_string());
        }
        for (nonce, wrongs) in &by_nonce {
            let name = nonce.map_or("worker".to_owned(), |nonce| format!("window {nonce}"));
            text += &format!("\n=== {name}: {}\n", wrongs.join(", "));
            let Some(nonce) = *nonce else { continue };
            for paid in paid_for(&self.paid, nonce) {
                text += &format!("chain:   {paid:?}\n");
            }
            for round in self.rounds.iter().filter(|round| round.nonce == nonce) {
                text += &format!("journal: {round:?}\n");
            }
            if let Some(window) = self.windows.get(&nonce) {
                text += &format!("window:  {window:?}\n{}", self.log_during(window));
            }
        }
        if by_nonce.contains_key(&None) {
            text += &self.log;
        }
        text
    }

    fn log_during(&self, window: &Window) -> String {
        let during = |line: &&str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
            let at = line["timestamp"].as_str().unwrap_or_default();
            let at = time::OffsetDateTime::parse(at, &time::format_description::well_known::Rfc3339);
            at.is_ok_and(|at| window.opened_at <= at && at <= window.closed_at + time::Duration::seconds(1))
        };
        self.log.lines().filter(during).map(|line| format!("log:     {line}\n")).collect()
    }
}

impl Wrong {
    /// Every kind, as the tally has them.
    pub const NAMES: [&'static str; 7] = [
        "lost",
        "paid twice",
        "paid for nothing",
        "journal disagrees",
        "without an end",
        "over the day's limit",
        "died",
    ];

    pub fn name(&self) -> &'static str {
        Self::NAMES[match self {
            Self::Lost => 0,
            Self::PaidTwice => 1,
            Self::PaidForNothing => 2,
            Self::Disagrees(_) => 3,
            Self::Unfinished => 4,
            Self::OverLimit => 5,
            Self::Died(_) => 6,
        }]
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Disagrees(what) | Self::Died(what) => write!(f, ": {what}"),
            _ => Ok(()),
        }
    }
}
