//! Arithmetic on the chain's decimals, with its 34 digits.

use std::{num::NonZeroU64, str::FromStr};

use bigdecimal::{BigDecimal, Zero};

use crate::chain::decimal::Decimal;

/// Digits of a computed number.
const PRECISION: NonZeroU64 = NonZeroU64::new(34).unwrap();

/// A number that was decoded from a message, which has made sure that it is one.
pub fn parse(text: &str) -> BigDecimal {
    BigDecimal::from_str(text).unwrap_or_default()
}

/// The text that the chain stores and answers.
pub fn canonical(number: &BigDecimal) -> String {
    let plain = number.to_plain_string();
    plain.parse::<Decimal>().map_or(plain, |number| number.to_string())
}

/// The text in events: no exponent.
pub fn plain(text: &str) -> String {
    parse(text).to_plain_string()
}

/// The mean, with 34 digits; zero of nothing.
pub fn mean<'a>(numbers: impl IntoIterator<Item = &'a BigDecimal>) -> BigDecimal {
    let (sum, count) = numbers
        .into_iter()
        .fold((BigDecimal::zero(), 0u64), |(sum, count), number| (sum + number, count + 1));
    (sum / BigDecimal::from(count.max(1))).with_precision_round(PRECISION, ROUNDING)
}

/// How apd rounds.
const ROUNDING: bigdecimal::RoundingMode = bigdecimal::RoundingMode::HalfUp;

/// Exponential moving average: `alpha` x new + (1 - `alpha`) x previous.
pub fn ema(alpha: &BigDecimal, new: &BigDecimal, previous: &BigDecimal) -> BigDecimal {
    (alpha * new + (BigDecimal::from(1) - alpha) * previous).with_precision_round(PRECISION, ROUNDING)
}

/// The value below which the part `quantile` (0 to 1) of the sorted numbers lies, interpolated.
pub fn quantile(mut numbers: Vec<BigDecimal>, quantile: &BigDecimal) -> BigDecimal {
    numbers.sort();
    let Some(last) = numbers.len().checked_sub(1) else { return BigDecimal::zero() };
    let position = BigDecimal::from(last as u64) * quantile;
    let below = position.with_scale_round(0, bigdecimal::RoundingMode::Floor);
    let index = below.to_string().parse::<usize>().unwrap_or(0).min(last);
    let step = &numbers[(index + 1).min(last)] - &numbers[index];
    (&numbers[index] + step * (position - below)).with_precision_round(PRECISION, ROUNDING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_chain_writes_them() {
        let mean = mean([&parse("1.5"), &parse("2")]);
        assert_eq!(canonical(&mean), "1.750000000000000000000000000000000");
        assert_eq!(plain("1E-7"), "0.0000001");
        assert_eq!(canonical(&parse("0.0000001")), "1E-7");
        let quarter = quantile(vec![parse("3"), parse("1"), parse("2")], &parse("0.25"));
        assert_eq!(quarter, parse("1.5"));
    }
}
