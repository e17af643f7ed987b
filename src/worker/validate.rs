//! What a prediction must satisfy before it is signed.
//!
//! A value is submitted as the model gave it, or not at all: nothing here changes one.

use std::fmt;

use bigdecimal::BigDecimal;

use super::consensus::Consensus;
use crate::bundle::Validation;
use crate::chain::decimal::Decimal;
use crate::journal::{Limits, Verdict};

/// What is said of one prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it may be submitted.
    pub verdict: Verdict,
    /// The limits that it is beyond: those that reject, where there are any, otherwise those that warn.
    pub objections: Vec<Objection>,
}

/// A limit that a prediction is beyond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The key of `model.yaml`, such as `validation.warn_above`.
    pub limit: String,
    /// What it finds wrong, in one sentence.
    pub text: String,
}

impl Judgement {
    /// Whether the value came too often in a row.
    #[must_use]
    pub fn is_repetition(&self) -> bool {
        self.objections.iter().any(|objection| objection.limit == MAX_REPEATS)
    }

    /// The keys of the limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits(self.objections.iter().map(|objection| objection.limit.clone()).collect())
    }
}

/// The sentences of all objections.
impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Objection { limit, text }) in self.objections.iter().enumerate() {
            write!(f, "{}{text} ({limit})", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// What a prediction is measured by, beside the bundle's own limits.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// How often in a row the whole prediction would have come with this time.
    pub times: u64,
    /// What other inferers said last, where that is known.
    pub consensus: Option<&'a Consensus>,
}

impl Circumstances<'_> {
    /// Of a prediction that nothing is known around.
    pub const ALONE: Self = Self { times: 1, consensus: None };
}

/// The key of the limit to repetitions.
const MAX_REPEATS: &str = "validation.max_repeats";

/// The bundle's `validation`.
#[derive(Debug)]
pub struct Rules {
    warn: Bounds,
    reject: Bounds,
}

/// Limits of one kind.
#[derive(Debug)]
struct Bounds {
    /// `warn` or `reject`, with which their keys begin.
    kind: &'static str,
    below: Option<BigDecimal>,
    above: Option<BigDecimal>,
    zero: bool,
    repeats: Option<u64>,
    sigmas: Option<BigDecimal>,
}

impl Rules {
    /// The rules of a bundle.
    #[must_use]
    pub fn new(limits: Validation) -> Self {
        let repeats = |rejects| limits.max_repeats.filter(|_| limits.reject_repeats == rejects);
        Self {
            warn: Bounds {
                kind: "warn",
                repeats: repeats(false),
                below: limits.warn_below,
                above: limits.warn_above,
                zero: false,
                sigmas: Some(limits.warn_sigma),
            },
            reject: Bounds {
                kind: "reject",
                repeats: repeats(true),
                below: limits.reject_below,
                above: limits.reject_above,
                zero: limits.reject_zero,
                sigmas: limits.reject_sigma,
            },
        }
    }

    /// Submissions of the same value in a row that are as many as the bundle takes, where it says so.
    #[must_use]
    pub fn max_repeats(&self) -> Option<u64> {
        // What would be one more is not submitted.
        let refused = self.reject.repeats.map(|most| most.saturating_sub(1).max(2));
        self.warn.repeats.or(refused)
    }

    /// Judges the values of one prediction, each with its label.
    #[must_use]
    pub fn judge(&self, values: &[(String, Decimal)], circumstances: Circumstances<'_>) -> Judgement {
        let rejections = self.reject.objections(values, circumstances);
        if !rejections.is_empty() {
            return Judgement { verdict: Verdict::Rejected, objections: rejections };
        }
        let warnings = self.warn.objections(values, circumstances);
        let verdict = if warnings.is_empty() { Verdict::Accepted } else { Verdict::Warned };
        Judgement { verdict, objections: warnings }
    }
}

impl Bounds {
    fn objections(&self, values: &[(String, Decimal)], circumstances: Circumstances<'_>) -> Vec<Objection> {
        let mut objections = Vec::new();
        for (label, value) in values {
            let name = if values.len() == 1 { value.to_string() } else { format!("{label} = {value}") };
            let by_itself = self.of_value(value);
            let among_others = self.far_off(label, value, circumstances.consensus);
            let beyond = by_itself.into_iter().flatten().chain(among_others);
            objections
                .extend(beyond.map(|(limit, text)| Objection { limit, text: format!("{name} {text}") }));
        }
        let times = circumstances.times;
        if let Some(most) = self.repeats.filter(|most| times >= *most) {
            objections.push(Objection {
                limit: MAX_REPEATS.to_owned(),
                text: format!("the same value came {times} times in a row, the limit is {most}"),
            });
        }
        objections
    }

    /// Keys of the limits that a value is beyond by itself, and why.
    fn of_value(&self, value: &Decimal) -> [Option<(String, String)>; 3] {
        // A value that the chain takes is no larger than 1e40: comparing it is cheap.
        let number = BigDecimal::from(value);
        let key = |name: &str| format!("validation.{}_{name}", self.kind);
        let zero = (self.zero && value.is_zero()).then(|| (key("zero"), "is zero".to_owned()));
        let below = self.below.as_ref().filter(|limit| number < **limit);
        let above = self.above.as_ref().filter(|limit| number > **limit);
        let below = below.map(|limit| (key("below"), format!("is below {limit}")));
        let above = above.map(|limit| (key("above"), format!("is above {limit}")));
        [zero, below, above]
    }

    fn far_off(
        &self,
        label: &str,
        value: &Decimal,
        consensus: Option<&Consensus>,
    ) -> Option<(String, String)> {
        let text = consensus?.objection(label, value, self.sigmas.as_ref()?)?;
        Some((format!("validation.consensus.{}_sigma", self.kind), text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::inferers::{Inferer, LatestInferences};

    fn limits() -> Validation {
        Validation {
            warn_below: Some("-5".parse().unwrap()),
            warn_above: Some("5".parse().unwrap()),
            reject_below: Some("-50".parse().unwrap()),
            reject_above: Some("50".parse().unwrap()),
            reject_zero: true,
            max_repeats: Some(3),
            reject_repeats: false,
            warn_sigma: 3.into(),
            reject_sigma: None,
        }
    }

    fn judge(limits: Validation, values: &[(&str, &str)], circumstances: Circumstances<'_>) -> Judgement {
        let values: Vec<_> =
            values.iter().map(|(label, value)| ((*label).to_owned(), value.parse().unwrap())).collect();
        Rules::new(limits).judge(&values, circumstances)
    }

    const ALONE: Circumstances<'_> = Circumstances::ALONE;

    /// The verdict on one value, and the limits behind it.
    fn verdict(limits: Validation, value: &str, circumstances: Circumstances<'_>) -> (Verdict, Vec<String>) {
        let judgement = judge(limits, &[("y", value)], circumstances);
        (judgement.verdict, judgement.limits().0)
    }

    #[test]
    fn limits_are_inclusive() {
        for value in ["5", "-5", "5.000", "0.0000001", "-5E+0"] {
            assert_eq!(verdict(limits(), value, ALONE), (Verdict::Accepted, vec![]), "{value}");
        }
        for (value, limit) in [
            ("50", "warn_above"),
            ("-50", "warn_below"),
            ("5.0000000000000000000000000000000000001", "warn_above"),
        ] {
            let expected = (Verdict::Warned, vec![format!("validation.{limit}")]);
            assert_eq!(verdict(limits(), value, ALONE), expected, "{value}");
        }
        for (value, limit) in [
            ("50.0000000000000000000000000001", "reject_above"),
            ("1E+2", "reject_above"),
            ("-51", "reject_below"),
            ("0", "reject_zero"),
            ("-0.000", "reject_zero"),
        ] {
            let expected = (Verdict::Rejected, vec![format!("validation.{limit}")]);
            assert_eq!(verdict(limits(), value, ALONE), expected, "{value}");
        }
    }

    #[test]
    fn each_label_is_judged_and_each_limit_is_named() {
        let judgement = judge(limits(), &[("up", "51"), ("flat", "7"), ("down", "0")], ALONE);
        assert_eq!(judgement.verdict, Verdict::Rejected);
        assert_eq!(
            judgement.to_string(),
            "up = 51 is above 50 (validation.reject_above); down = 0 is zero (validation.reject_zero)"
        );
        let judgement = judge(limits(), &[("up", "6"), ("down", "-6")], ALONE);
        assert_eq!(judgement.limits().0, ["validation.warn_above", "validation.warn_below"]);
    }

    #[test]
    fn repeats_warn_or_reject_from_their_limit_on() {
        for (rejects, wanted) in [(false, Verdict::Warned), (true, Verdict::Rejected)] {
            let limits = || Validation { reject_repeats: rejects, ..limits() };
            let times = |times| Circumstances { times, ..ALONE };
            assert_eq!(verdict(limits(), "1", times(2)), (Verdict::Accepted, vec![]));
            assert_eq!(verdict(limits(), "1", times(3)), (wanted, vec!["validation.max_repeats".to_owned()]));
        }
    }

    #[test]
    fn what_is_far_from_other_inferers_warns_then_rejects() {
        let inferer = |value: &str| Inferer {
            address: format!("allo{value}"),
            values: vec![("y".to_owned(), value.parse().unwrap())],
        };
        let latest = LatestInferences { nonce: 1, inferers: ["1", "2", "3"].map(inferer).into() };
        let consensus = Consensus::new(&latest, "allo9");
        let among = Circumstances { consensus: Some(&consensus), ..ALONE };
        let limits = || Validation { reject_sigma: Some("4.5".parse().unwrap()), ..limits() };
        assert_eq!(verdict(limits(), "4.9", among), (Verdict::Accepted, vec![]));
        let key = |kind: &str| format!("validation.consensus.{kind}_sigma");
        assert_eq!(verdict(limits(), "-1.5", among), (Verdict::Warned, vec![key("warn")]));
        assert_eq!(verdict(limits(), "-2.6", among), (Verdict::Rejected, vec![key("reject")]));
    }
}
