//! What people are told of, and by what it is judged.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Rounds in a row that must fail.
const FAILURES: u64 = 3;
/// Windows of the last [`WINDOWS`] that must be missed.
const MISSED: usize = 2;
/// Windows in a row that must then be met.
const MET: usize = 3;
/// Windows that are looked back on.
pub const WINDOWS: usize = 10;
/// Days for which the balance must last, and for how many it must last to be enough again.
const DAYS: (f64, f64) = (3.0, 4.0);
/// Bytes that are too much, and those that are few enough again.
const BYTES: (u64, u64) = (100_000_000, 90_000_000);
/// Equal values in a row, where the bundle's `validation.max_repeats` does not say otherwise.
const REPEATS: u64 = 10;

/// Something that people should know of, from its beginning to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Rounds in a row were refused or expired.
    FailuresInARow,
    /// Windows went by unanswered.
    WindowsMissed,
    /// The wallet lasts for few days more, or not for one transaction.
    BalanceLow,
    /// The model cannot be loaded, or does not stay.
    ModelDown,
    /// No endpoint answers, or no new block comes.
    ChainUnreachable,
    /// State folder or log files have grown large, or the journal cannot be written.
    Disk,
    /// The same value again and again.
    ValuesRepeating,
}

/// What conditions are judged by. What is `None` is not known, and changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    /// Rounds in a row that ended as refused or expired, and the last reason.
    pub failures: Option<(u64, String)>,
    /// Whether each of the last [`WINDOWS`] windows was met with an answer, the newest last. Empty: unknown.
    pub windows: Vec<bool>,
    /// What the wallet has.
    pub balance: Option<Balance>,
    /// Whether the model is loaded, or why it cannot be.
    pub model: Option<Result<(), String>>,
    /// Whether the chain can be seen, or why not.
    pub chain: Option<Result<(), String>>,
    /// What is on the disk.
    pub disk: Option<DiskUse>,
    /// Why the journal cannot be written.
    pub unwritable: Option<String>,
    /// How often in a row the last value was submitted, or refused since it came again.
    pub repeats: Option<u64>,
    /// How often is too often, where the bundle says so.
    pub max_repeats: Option<u64>,
}

/// A balance and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Balance {
    /// uallo.
    pub uallo: u128,
    /// At what a window costs now; `None` while that is not known.
    pub days_left: Option<f64>,
    /// Whether the next transaction can be paid.
    pub is_enough: bool,
}

/// What is on the disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskUse {
    /// All files of the state folder and of the folders in it.
    pub state: u64,
    /// The log file and those that were rotated.
    pub log: u64,
}

/// What one look at a condition says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// It holds; what exactly.
    Bad(String),
    /// It does not hold.
    Good,
    /// Neither, or nobody knows: it stays as it was. What keeps conditions from flapping.
    Unclear,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 7] = [
        Self::FailuresInARow,
        Self::WindowsMissed,
        Self::BalanceLow,
        Self::ModelDown,
        Self::ChainUnreachable,
        Self::Disk,
        Self::ValuesRepeating,
    ];

    /// The word for it in `alerts.log`, metrics and posts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailuresInARow => "failures_in_a_row",
            Self::WindowsMissed => "windows_missed",
            Self::BalanceLow => "balance_low",
            Self::ModelDown => "model_down",
            Self::ChainUnreachable => "chain_unreachable",
            Self::Disk => "disk",
            Self::ValuesRepeating => "values_repeating",
        }
    }

    /// The condition of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.as_str() == word)
    }

    /// How long it must hold before it is told of, and how long it must be over. A model that is replaced and a
    /// node that restarts are nobody's business.
    #[must_use]
    pub const fn patience(self) -> Duration {
        match self {
            Self::ModelDown | Self::ChainUnreachable => Duration::from_secs(5),
            _ => Duration::ZERO,
        }
    }

    /// Judges it.
    #[must_use]
    pub fn read(self, seen: &Observations) -> Reading {
        match self {
            Self::FailuresInARow => failures_in_a_row(seen),
            Self::WindowsMissed => windows_missed(seen),
            Self::BalanceLow => balance_low(seen),
            Self::ModelDown => broken(seen.model.as_ref()),
            Self::ChainUnreachable => broken(seen.chain.as_ref()),
            Self::Disk => disk(seen),
            Self::ValuesRepeating => values_repeating(seen),
        }
    }
}

fn failures_in_a_row(seen: &Observations) -> Reading {
    match &seen.failures {
        Some((times, reason)) if *times >= FAILURES => {
            Reading::Bad(format!("{times} rounds in a row came to nothing, the last for: {reason}"))
        }
        Some((0, _)) => Reading::Good,
        _ => Reading::Unclear,
    }
}

fn windows_missed(seen: &Observations) -> Reading {
    let all = seen.windows.len();
    let missed = seen.windows.iter().filter(|met| !**met).count();
    let met_in_a_row = seen.windows.iter().rev().take_while(|met| **met).count();
    if met_in_a_row >= MET {
        Reading::Good
    } else if missed >= MISSED {
        Reading::Bad(format!("{missed} of the last {all} windows went by unanswered"))
    } else {
        Reading::Unclear
    }
}

fn balance_low(seen: &Observations) -> Reading {
    match seen.balance {
        Some(Balance { uallo, is_enough: false, .. }) => {
            Reading::Bad(format!("{uallo} uallo, 0 days left: the next transaction cannot be paid"))
        }
        Some(Balance { uallo, days_left: Some(days), .. }) if days < DAYS.0 => {
            Reading::Bad(format!("{uallo} uallo, {days:.1} days left at what a window costs now"))
        }
        Some(Balance { days_left: Some(days), .. }) if days >= DAYS.1 => Reading::Good,
        _ => Reading::Unclear,
    }
}

fn broken(state: Option<&Result<(), String>>) -> Reading {
    match state {
        Some(Err(why)) => Reading::Bad(why.clone()),
        Some(Ok(())) => Reading::Good,
        None => Reading::Unclear,
    }
}

fn disk(seen: &Observations) -> Reading {
    if let Some(why) = &seen.unwritable {
        return Reading::Bad(why.clone());
    }
    let Some(DiskUse { state, log }) = seen.disk else { return Reading::Unclear };
    let megabytes = |bytes: u64| bytes / 1_000_000;
    if state > BYTES.0 {
        Reading::Bad(format!("the state folder has {} MB", megabytes(state)))
    } else if log > BYTES.0 {
        Reading::Bad(format!("the log file and the rotated ones have {} MB", megabytes(log)))
    } else if state.max(log) < BYTES.1 {
        Reading::Good
    } else {
        Reading::Unclear
    }
}

fn values_repeating(seen: &Observations) -> Reading {
    match seen.repeats {
        Some(times) if times >= seen.max_repeats.unwrap_or(REPEATS) => {
            Reading::Bad(format!("the same value came {times} times in a row"))
        }
        Some(_) => Reading::Good,
        None => Reading::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_bad(condition: Condition, seen: Observations) -> Option<bool> {
        match condition.read(&seen) {
            Reading::Bad(_) => Some(true),
            Reading::Good => Some(false),
            Reading::Unclear => None,
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known() {
        for condition in Condition::ALL {
            assert_eq!(condition.read(&Observations::default()), Reading::Unclear, "{condition:?}");
            assert_eq!(Condition::named(condition.as_str()), Some(condition));
            assert_eq!(serde_json::to_value(condition).unwrap(), condition.as_str());
        }
    }

    #[test]
    fn failures_begin_at_three_and_end_with_a_success() {
        let of = |times| {
            let failures = Some((times, "timeout".to_owned()));
            is_bad(Condition::FailuresInARow, Observations { failures, ..Observations::default() })
        };
        assert_eq!([0, 1, 2, 3, 9].map(of), [Some(false), None, None, Some(true), Some(true)]);
    }

    #[test]
    fn missed_windows_are_over_when_three_in_a_row_are_met() {
        let of = |text: &str| {
            let windows = text.bytes().map(|met| met == b'1').collect();
            is_bad(Condition::WindowsMissed, Observations { windows, ..Observations::default() })
        };
        assert_eq!(["1", "0", "10", "00", "1010"].map(of), [None, None, None, Some(true), Some(true)]);
        assert_eq!(
            ["001", "0011", "00111", "001110"].map(of),
            [Some(true), Some(true), Some(false), Some(true)]
        );
    }

    #[test]
    fn a_balance_is_low_by_the_days_that_it_lasts() {
        let of = |days_left: Option<f64>, is_enough: bool| {
            let balance = Some(Balance { uallo: 7, days_left, is_enough });
            is_bad(Condition::BalanceLow, Observations { balance, ..Observations::default() })
        };
        assert_eq!(
            [2.9, 3.0, 3.9, 4.0].map(|days| of(Some(days), true)),
            [Some(true), None, None, Some(false)]
        );
        assert_eq!([of(None, true), of(None, false)], [None, Some(true)]);
    }

    #[test]
    fn a_disk_is_full_at_100_mb_or_when_nothing_can_be_written() {
        let of = |state: u64, log: u64, unwritable: Option<&str>| {
            let disk = Some(DiskUse { state: state * 1_000_000, log: log * 1_000_000 });
            let unwritable = unwritable.map(ToOwned::to_owned);
            is_bad(Condition::Disk, Observations { disk, unwritable, ..Observations::default() })
        };
        assert_eq!([of(101, 0, None), of(0, 101, None), of(0, 0, Some("full"))], [Some(true); 3]);
        assert_eq!([of(95, 0, None), of(0, 95, None), of(89, 89, None)], [None, None, Some(false)]);
    }

    #[test]
    fn values_repeat_as_often_as_the_bundle_says() {
        let of = |times: u64, max_repeats: Option<u64>| {
            let seen = Observations { repeats: Some(times), max_repeats, ..Observations::default() };
            is_bad(Condition::ValuesRepeating, seen)
        };
        assert_eq!([of(9, None), of(10, None)], [Some(false), Some(true)]);
        assert_eq!([of(3, Some(4)), of(4, Some(4))], [Some(false), Some(true)]);
    }
}
