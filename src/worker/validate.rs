//! What a prediction must satisfy before it is signed.
//!
//! A value is submitted as the model gave it, or not at all: nothing here changes one.

use bigdecimal::BigDecimal;

use crate::bundle::Validation;
use crate::chain::decimal::Decimal;

/// The verdict on one prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Submit it, with these warnings.
    Submit {
        /// One sentence each; empty for an ordinary value.
        warnings: Vec<String>,
    },
    /// Do not submit it; ask the model again.
    Reject {
        /// Why, in one sentence.
        why: String,
    },
}

/// The bundle's `validation`, and what was submitted before.
#[derive(Debug)]
pub struct Rules {
    limits: Validation,
}

/// The last value and how often in a row it came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Repeats {
    value: Option<String>,
    times: u64,
}

impl Repeats {
    /// How often in a row `value` would have come with this time.
    #[must_use]
    pub fn with(&self, value: &str) -> u64 {
        if self.value.as_deref() == Some(value) { self.times.saturating_add(1) } else { 1 }
    }

    /// `value` was submitted.
    pub fn submitted(&mut self, value: &str) {
        self.times = self.with(value);
        self.value = Some(value.to_owned());
    }
}

impl Rules {
    /// The rules of a bundle.
    #[must_use]
    pub const fn new(limits: Validation) -> Self {
        Self { limits }
    }

    /// Judges the values of one prediction, each with its label. `times` is how often in a row the whole
    /// prediction would have come with this time.
    #[must_use]
    pub fn judge(&self, values: &[(String, Decimal)], times: u64) -> Verdict {
        let mut warnings = Vec::new();
        for (label, value) in values {
            let name = if values.len() == 1 { value.to_string() } else { format!("{label} = {value}") };
            if let Some(why) = self.reject(value) {
                return Verdict::Reject { why: format!("{name} {why}") };
            }
            warnings.extend(self.warn(value).map(|why| format!("{name} {why}")));
        }
        if let Some(most) = self.limits.max_repeats.filter(|most| times >= *most) {
            let said =
                format!("the same value came {times} times in a row (validation.max_repeats is {most})");
            if self.limits.reject_repeats {
                return Verdict::Reject { why: said };
            }
            warnings.push(said);
        }
        Verdict::Submit { warnings }
    }

    fn reject(&self, value: &Decimal) -> Option<String> {
        let limits = &self.limits;
        if limits.reject_zero && value.is_zero() {
            return Some("is zero (validation.reject_zero)".to_owned());
        }
        outside(value, limits.reject_below.as_ref(), limits.reject_above.as_ref(), "reject")
    }

    fn warn(&self, value: &Decimal) -> Option<String> {
        outside(value, self.limits.warn_below.as_ref(), self.limits.warn_above.as_ref(), "warn")
    }
}

fn outside(
    value: &Decimal,
    below: Option<&BigDecimal>,
    above: Option<&BigDecimal>,
    kind: &str,
) -> Option<String> {
    // A value that the chain takes is no larger than 1e40: comparing it is cheap.
    let value = BigDecimal::from(value);
    if let Some(limit) = below.filter(|limit| value < **limit) {
        return Some(format!("is below {limit} (validation.{kind}_below)"));
    }
    let limit = above.filter(|limit| value > **limit)?;
    Some(format!("is above {limit} (validation.{kind}_above)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules::new(Validation {
            warn_below: Some("-5".parse().unwrap()),
            warn_above: Some("5".parse().unwrap()),
            reject_below: Some("-50".parse().unwrap()),
            reject_above: Some("50".parse().unwrap()),
            reject_zero: true,
            max_repeats: Some(3),
            reject_repeats: false,
            warn_sigma: 3.0,
            reject_sigma: None,
        })
    }

    fn judge(value: &str) -> Verdict {
        rules().judge(&[("y".to_owned(), value.parse().unwrap())], 1)
    }

    fn is_rejected(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Reject { .. })
    }

    #[test]
    fn limits_are_inclusive() {
        for value in ["5", "-5", "5.000", "0.0000001", "-5E+0"] {
            assert_eq!(judge(value), Verdict::Submit { warnings: vec![] }, "{value}");
        }
        for value in ["50", "-50", "5.0000000000000000000000000000000000001"] {
            assert!(matches!(judge(value), Verdict::Submit { warnings } if warnings.len() == 1), "{value}");
        }
        for value in ["50.0000000000000000000000000001", "-51", "1E+2", "0", "-0.000"] {
            assert!(is_rejected(&judge(value)), "{value}");
        }
    }

    #[test]
    fn repeats_are_counted_in_a_row() {
        let mut repeats = Repeats::default();
        for _ in 0..2 {
            repeats.submitted("1.5");
        }
        assert_eq!(repeats.with("1.5"), 3);
        assert_eq!(repeats.with("1.6"), 1);
        let verdict = rules().judge(&[("y".to_owned(), "1.5".parse().unwrap())], 3);
        assert!(matches!(verdict, Verdict::Submit { warnings } if warnings.len() == 1));
    }
}
