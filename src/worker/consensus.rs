//! How far a prediction is from what the network's inferers said last.

use std::collections::BTreeMap;

use bigdecimal::BigDecimal;

use crate::chain::decimal::Decimal;
use crate::chain::inferers::LatestInferences;

/// Fewer than these say nothing of what is usual.
const MIN_INFERERS: u64 = 3;
/// Significant digits of mean and deviation as people read them.
const SHOWN_DIGITS: u64 = 6;

/// What other inferers said in the last window that was closed.
#[derive(Debug, Clone, PartialEq)]
pub struct Consensus {
    nonce: i64,
    samples: BTreeMap<String, Sample>,
}

/// The sums of one output over all inferers.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sample {
    count: u64,
    sum: BigDecimal,
    sum_of_squares: BigDecimal,
}

impl Consensus {
    /// Of these inferences without those of `own_address`: who is alone must not confirm himself.
    #[must_use]
    pub fn new(latest: &LatestInferences, own_address: &str) -> Self {
        let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
        let others = latest.inferers.iter().filter(|inferer| inferer.address != own_address);
        for (label, value) in others.flat_map(|inferer| &inferer.values) {
            samples.entry(label.clone()).or_default().add(&BigDecimal::from(value));
        }
        samples.retain(|_, sample| sample.count >= MIN_INFERERS);
        Self { nonce: latest.nonce, samples }
    }

    /// Why `value` is further than `sigmas` standard deviations from the mean of `label`; `None` when it is not,
    /// or when too few inferers have that label.
    #[must_use]
    pub fn objection(&self, label: &str, value: &Decimal, sigmas: &BigDecimal) -> Option<String> {
        let sample = self.samples.get(label)?;
        sample.is_beyond(&BigDecimal::from(value), sigmas).then(|| {
            format!(
                "is more than {sigmas} standard deviations of {} from {}, the mean of {} other inferers at nonce {}",
                shown(sample.deviation()),
                shown(sample.mean()),
                sample.count,
                self.nonce,
            )
        })
    }
}

impl Sample {
    fn add(&mut self, value: &BigDecimal) {
        self.count += 1;
        self.sum += value;
        self.sum_of_squares += value.square();
    }

    /// Whether |value - mean| > sigmas x deviation. Squared, and multiplied by what is divided by, this is exact:
    /// neither a root nor a rounding decides what is submitted, and values of 1e-40 count as those of 1e40 do.
    /// Where all inferers agree the deviation is 0, and every other value is beyond.
    fn is_beyond(&self, value: &BigDecimal, sigmas: &BigDecimal) -> bool {
        let count = BigDecimal::from(self.count);
        let distance = (&count * value - &self.sum).square();
        distance * (&count - 1) > sigmas.square() * count * self.spread()
    }

    /// The sum of squares around the mean, times the count.
    fn spread(&self) -> BigDecimal {
        BigDecimal::from(self.count) * &self.sum_of_squares - self.sum.square()
    }

    fn mean(&self) -> BigDecimal {
        &self.sum / BigDecimal::from(self.count)
    }

    /// The standard deviation of a sample, which is divided by one less than the count: inferers are few.
    fn deviation(&self) -> BigDecimal {
        let pairs = BigDecimal::from(self.count * (self.count - 1));
        (self.spread() / pairs).sqrt().unwrap_or_default()
    }
}

fn shown(number: BigDecimal) -> BigDecimal {
    number.with_prec(SHOWN_DIGITS).normalized()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chain::inferers::Inferer;

    fn latest(values: &[&str]) -> LatestInferences {
        let inferer = |(number, value): (usize, &&str)| Inferer {
            address: format!("allo{number}"),
            values: vec![("y".to_owned(), value.parse().unwrap())],
        };
        LatestInferences { nonce: 120, inferers: values.iter().enumerate().map(inferer).collect() }
    }

    fn objection(values: &[&str], value: &str, sigmas: &str) -> Option<String> {
        let consensus = Consensus::new(&latest(values), "allo9");
        consensus.objection("y", &value.parse().unwrap(), &sigmas.parse().unwrap())
    }

    #[test]
    fn a_distance_is_in_deviations_and_its_limit_belongs_to_it() {
        // Mean 2, standard deviation 1.
        for (value, is_beyond) in
            [("2", false), ("5", false), ("-1", false), ("5.0000000001", true), ("-1.1", true)]
        {
            assert_eq!(objection(&["1", "2", "3"], value, "3").is_some(), is_beyond, "{value}");
        }
        assert_eq!(
            objection(&["1", "2", "3"], "9", "3").unwrap(),
            "is more than 3 standard deviations of 1 from 2, the mean of 3 other inferers at nonce 120"
        );
    }

    #[test]
    fn fewer_than_three_others_object_to_nothing() {
        assert_eq!(objection(&["1", "1"], "1e40", "0.1"), None);
        assert_eq!(objection(&[], "1", "0.1"), None);
        let consensus = Consensus::new(&latest(&["1", "1", "1"]), "allo1");
        assert_eq!(
            consensus.objection("y", &"5".parse().unwrap(), &1.into()),
            None,
            "we are one of the three"
        );
        assert_eq!(consensus.objection("up", &"5".parse().unwrap(), &1.into()), None, "no such label");
    }

    #[test]
    fn where_all_agree_only_their_value_is_near() {
        assert_eq!(objection(&["1.5", "1.50", "15e-1"], "1.5", "3"), None);
        assert!(objection(&["1.5", "1.5", "1.5"], "1.6", "3").is_some());
    }

    proptest! {
        /// Neither the unit nor the origin of the values matters, however large or small they are.
        #[test]
        fn the_distance_has_no_unit(
            values in proptest::collection::vec(-1_000_i64..1_000, 3..8),
            value in -5_000_i64..5_000,
            tenths in 1_u32..60,
            exponent in -34_i32..34,
            shift in -1_000_i64..1_000,
        ) {
            let is_beyond = |of: &dyn Fn(i64) -> String| {
                let texts: Vec<_> = values.iter().map(|value| of(*value)).collect();
                let texts: Vec<_> = texts.iter().map(String::as_str).collect();
                objection(&texts, &of(value), &format!("{}.{}", tenths / 10, tenths % 10)).is_some()
            };
            let plain = is_beyond(&|value| value.to_string());
            prop_assert_eq!(plain, is_beyond(&|value| format!("{}e{exponent}", value + shift)));
            // The textbook's formula, in floats: equal wherever rounding does not decide.
            let float = |value: i64| f64::from(i32::try_from(value).unwrap());
            let count = float(i64::try_from(values.len()).unwrap());
            let mean = values.iter().map(|value| float(*value)).sum::<f64>() / count;
            let variance = values.iter().map(|value| (float(*value) - mean).powi(2)).sum::<f64>() / (count - 1.0);
            let (distance, limit) = ((float(value) - mean).abs(), variance.sqrt() * f64::from(tenths) / 10.0);
            if (distance - limit).abs() > 1e-6 {
                prop_assert_eq!(plain, distance > limit);
            }
        }
    }
}
