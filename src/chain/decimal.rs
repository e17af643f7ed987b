//! The chain's decimal: any number of digits, and one text for each.
//!
//! The chain writes numbers as `apd` (v3) does with `Text('G')`, and checks a payload's signature
//! over its own writing, so what we sign must be a fixed point of that function. Nothing is rounded
//! and trailing zeros stay: `1.50` and `1.5` are equal numbers with different texts.

use std::{cmp::Ordering, fmt, str::FromStr};

use bigdecimal::{BigDecimal, num_bigint::BigInt};

/// Longest text that is read, in bytes. Far above what a model has reason to print.
const MAX_TEXT: usize = 4096;

/// Largest power of ten either way, `apd`'s own limit.
const MAX_EXPONENT: i32 = 100_000;

/// Numbers of larger magnitude than 10^40, or smaller than 10^-40 and not zero, are refused by the chain.
const MAX_MAGNITUDE: i32 = 40;

/// From this exponent down, zero is written with an exponent rather than with zeros.
const MIN_PLAIN_ZERO: i32 = -2000;

/// A finite decimal number. Comparison is by value, [`Display`](fmt::Display) is canonical.
#[derive(Debug, Clone)]
pub struct Decimal {
    /// Zero has a sign too: `-0` stays `-0`.
    negative: bool,
    /// The coefficient: ASCII digits without leading zeros, `0` for zero.
    digits: String,
    /// The number is coefficient x 10^exponent.
    exponent: i32,
}

/// Text that is no decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseDecimalError {
    /// Neither a number nor a name of something that is not finite.
    #[error("not a decimal number")]
    NotANumber,
    /// NaN or an infinity.
    #[error("not a finite number")]
    NotFinite,
    /// More than 4096 bytes.
    #[error("a number of more than {MAX_TEXT} characters")]
    TooLong,
    /// The exponent is beyond 100,000 either way.
    #[error("an exponent beyond {MAX_EXPONENT}")]
    Exponent,
}

/// A number that the chain does not take in a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Above 10^40 or below -10^40.
    #[error("the chain takes no magnitude above 1e40")]
    TooLarge,
    /// Not zero, but nearer to it than 10^-40.
    #[error("the chain takes no magnitude below 1e-40 other than zero")]
    TooSmall,
}

impl Decimal {
    /// Zero, the text `0`: what the chain reads where a number is absent.
    #[must_use]
    pub fn zero() -> Self {
        Self { negative: false, digits: "0".into(), exponent: 0 }
    }

    /// Whether the value is zero, of either sign and any scale.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    /// Whether a submission may hold the number: zero, or 1e-40 to 1e40 in magnitude, bounds included.
    ///
    /// # Errors
    /// [`RangeError`] when the chain would not decode it.
    pub fn check_range(&self) -> Result<(), RangeError> {
        if self.is_zero() {
            return Ok(());
        }
        let magnitude = self.magnitude();
        let is_power_of_ten = self.digits.trim_end_matches('0') == "1";
        if magnitude > MAX_MAGNITUDE || magnitude == MAX_MAGNITUDE && !is_power_of_ten {
            Err(RangeError::TooLarge)
        } else if magnitude < -MAX_MAGNITUDE {
            Err(RangeError::TooSmall)
        } else {
            Ok(())
        }
    }

    /// Number of digits of the coefficient; the parser bounds it.
    fn precision(&self) -> i32 {
        i32::try_from(self.digits.len()).unwrap_or(i32::MAX)
    }

    /// Power of ten of the first digit.
    fn magnitude(&self) -> i32 {
        self.exponent + self.precision() - 1
    }

    /// How the absolute values compare; neither is zero.
    fn cmp_absolute(&self, other: &Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let (a, b) = (self.digits.trim_end_matches('0'), other.digits.trim_end_matches('0'));
            a.cmp(b)
        })
    }
}

impl FromStr for Decimal {
    type Err = ParseDecimalError;

    /// Reads `[+-]digits[.digits][(e|E)[+-]digits]` with at least one digit before the exponent;
    /// no blanks, no underscores, no other digits than ASCII's.
    fn from_str(text: &str) -> Result<Self, ParseDecimalError> {
        use ParseDecimalError::{Exponent, NotANumber, NotFinite, TooLong};

        if text.len() > MAX_TEXT {
            return Err(TooLong);
        }
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let name = unsigned.to_ascii_lowercase();
        if matches!(name.as_str(), "inf" | "infinity") || name.starts_with("nan") || name.starts_with("snan")
        {
            return Err(NotFinite);
        }
        let (mantissa, power) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
            None => (unsigned, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
            return Err(NotANumber);
        }
        let power: i32 = match power {
            None => 0,
            Some(power) => {
                let unsigned = power.strip_prefix(['+', '-']).unwrap_or(power);
                if unsigned.is_empty() || !all_digits(unsigned) {
                    return Err(NotANumber);
                }
                power.parse().map_err(|_| Exponent)?
            }
        };
        let scale = i32::try_from(fraction.len()).map_err(|_| TooLong)?;
        let exponent = power.checked_sub(scale).ok_or(Exponent)?;
        let digits = format!("{whole}{fraction}");
        let digits = match digits.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        };
        let number = Self { negative, digits: digits.into(), exponent };
        let allowed = -MAX_EXPONENT..=MAX_EXPONENT;
        if !allowed.contains(&exponent) || !allowed.contains(&number.magnitude()) {
            return Err(Exponent);
        }
        Ok(number)
    }
}

impl TryFrom<f64> for Decimal {
    type Error = ParseDecimalError;

    /// The shortest text that gives the same float again, as Python's `repr` has it: a whole number
    /// below 10^16 ends in `.0`.
    fn try_from(float: f64) -> Result<Self, ParseDecimalError> {
        if !float.is_finite() {
            return Err(ParseDecimalError::NotFinite);
        }
        let plain = float.abs() < 1e16 && float.trunc().to_bits() == float.to_bits();
        if plain { format!("{float:.1}").parse() } else { format!("{float:e}").parse() }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let plain_zero = self.is_zero() && (MIN_PLAIN_ZERO..0).contains(&self.exponent);
        let adjusted = if plain_zero { 0 } else { self.magnitude() };
        if self.exponent <= 0 && adjusted >= -6 {
            let scale = self.exponent.unsigned_abs() as usize;
            return match self.digits.len().checked_sub(scale) {
                _ if scale == 0 => f.write_str(&self.digits),
                Some(whole) if whole > 0 => write!(f, "{}.{}", &self.digits[..whole], &self.digits[whole..]),
                _ => write!(f, "0.{:0>scale$}", self.digits),
            };
        }
        f.write_str(&self.digits[..1])?;
        if self.digits.len() > 1 {
            write!(f, ".{}", &self.digits[1..])?;
        }
        write!(f, "E{:+}", self.magnitude())
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            1 => self.cmp_absolute(other),
            -1 => other.cmp_absolute(self),
            _ => Ordering::Equal,
        })
    }
}

impl From<&Decimal> for BigDecimal {
    /// For sums. The cost of adding grows with the distance of the exponents: check the range first.
    fn from(number: &Decimal) -> Self {
        let digits = number.digits.bytes().map(|digit| digit - b'0').collect::<Vec<_>>();
        let sign = if number.negative {
            bigdecimal::num_bigint::Sign::Minus
        } else {
            bigdecimal::num_bigint::Sign::Plus
        };
        let coefficient = BigInt::from_radix_be(sign, &digits, 10).unwrap_or_default();
        Self::new(coefficient, -i64::from(number.exponent))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        count: usize,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        kind: String,
        input: serde_json::Value,
        bits: Option<String>,
        output: Option<String>,
        error: Option<String>,
        chain_in_range: Option<bool>,
        #[serde(default)]
        lenient_parse: bool,
    }

    #[test]
    fn every_vector() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../tests/vectors/canonical_dec.json")).unwrap();
        assert_eq!(vectors.cases.len(), vectors.count);
        for case in vectors.cases {
            let input = case.input.as_str().map_or_else(|| case.input.to_string(), str::to_owned);
            let read = match &case.bits {
                Some(bits) => Decimal::try_from(f64::from_bits(u64::from_str_radix(bits, 16).unwrap())),
                None => input.parse(),
            };
            if case.lenient_parse {
                assert_eq!(read.unwrap_err(), ParseDecimalError::NotANumber, "{input:?}");
                continue;
            }
            let Some(output) = &case.output else {
                let expected = match case.error.as_deref() {
                    Some("non-finite") => ParseDecimalError::NotFinite,
                    _ => ParseDecimalError::NotANumber,
                };
                assert_eq!(read.unwrap_err(), expected, "{} {input:?}", case.kind);
                continue;
            };
            let number = read.unwrap_or_else(|error| panic!("{} {input:?}: {error}", case.kind));
            assert_eq!(&number.to_string(), output, "{} {input:?}", case.kind);
            assert_eq!(output.parse::<Decimal>().unwrap().to_string(), *output, "fixed point {output}");
            assert_eq!(number.check_range().is_ok(), case.chain_in_range.unwrap(), "{input:?}");
        }
    }

    #[test]
    fn hostile_texts_are_bounded() {
        assert_eq!("9".repeat(MAX_TEXT + 1).parse::<Decimal>(), Err(ParseDecimalError::TooLong));
        for text in ["1e100001", "1e-100001", "1e99999999999999999999", "-1e-2147483648"] {
            assert_eq!(text.parse::<Decimal>(), Err(ParseDecimalError::Exponent), "{text}");
        }
        assert_eq!("0e-100000".parse::<Decimal>().unwrap().to_string(), "0E-100000");
    }

    #[test]
    fn order_is_by_value() {
        let number = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(number("-0"), number("0.00"));
        assert_eq!(number("1.50"), number("15e-1"));
        assert!(number("-1e40") < number("-1"));
        assert!(number("0.1") > number("0.09999999999999999999999999"));
    }

    proptest! {
        #[test]
        fn writing_is_a_fixed_point(text in r"[+-]?[0-9]{0,50}(\.[0-9]{0,50})?([eE][+-]?[0-9]{1,4})?") {
            if let Ok(number) = text.parse::<Decimal>() {
                let canonical = number.to_string();
                let again: Decimal = canonical.parse().unwrap();
                prop_assert_eq!(again.to_string(), canonical);
                prop_assert_eq!(again, number);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = text.parse::<Decimal>();
        }

        #[test]
        fn order_agrees_with_bigdecimal(
            a in r"-?[0-9]{1,30}(\.[0-9]{1,30})?(e-?[0-9]{1,2})?",
            b in r"-?[0-9]{1,30}(\.[0-9]{1,30})?(e-?[0-9]{1,2})?",
        ) {
            let (left, right): (Decimal, Decimal) = (a.parse().unwrap(), b.parse().unwrap());
            let (exact_left, exact_right) = (BigDecimal::from_str(&a).unwrap(), BigDecimal::from_str(&b).unwrap());
            prop_assert_eq!(left.cmp(&right), exact_left.cmp(&exact_right));
            prop_assert_eq!(BigDecimal::from(&left), exact_left);
        }

        #[test]
        fn a_float_comes_back(float in any::<f64>().prop_filter("finite", |float| float.is_finite())) {
            let text = Decimal::try_from(float).unwrap().to_string();
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), float.to_bits());
        }
    }
}
