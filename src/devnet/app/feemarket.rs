//! The price of gas.

use std::{fmt, str::FromStr};

/// Digits after the point in a `LegacyDec`.
const SCALE: u128 = 1_000_000_000_000_000_000;

/// uallo for one unit of gas, with 18 digits after the point (the SDK's `LegacyDec`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GasPrice(u128);

/// Text that is no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no gas price: expected a decimal with at most 18 digits after the point")]
pub struct InvalidGasPrice(String);

impl GasPrice {
    /// One uallo for one unit of gas, the local chain's default.
    pub const ONE: Self = Self(SCALE);

    /// The number scaled by 10^18, as feemarket's messages carry it.
    pub fn scaled(self) -> u128 {
        self.0
    }

    /// What `gas` costs in uallo, rounded up. `None` when it does not fit 128 bits.
    pub fn fee(self, gas: u64) -> Option<u128> {
        Some(self.0.checked_mul(u128::from(gas))?.div_ceil(SCALE))
    }
}

impl fmt::Display for GasPrice {
    /// With all 18 digits after the point, as in the chain's texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:018}", self.0 / SCALE, self.0 % SCALE)
    }
}

impl FromStr for GasPrice {
    type Err = InvalidGasPrice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
            if !digits(whole) || !digits(fraction) || fraction.len() > 18 {
                return None;
            }
            let whole: u128 = whole.parse().ok()?;
            let fraction: u128 = format!("{fraction:0<18}").parse().ok()?;
            whole.checked_mul(SCALE)?.checked_add(fraction).map(Self)
        };
        parse().ok_or_else(|| InvalidGasPrice(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_keeps_all_digits_and_the_fee_is_rounded_up() {
        let price: GasPrice = "1.5".parse().unwrap();
        assert_eq!(price.to_string(), "1.500000000000000000");
        assert_eq!(price.fee(3), Some(5));
        assert_eq!(GasPrice::ONE.fee(200_000), Some(200_000));
        for wrong in ["", "-1", "1.", ".5", "1e3", "1.0000000000000000001", "x"] {
            assert!(wrong.parse::<GasPrice>().is_err(), "{wrong}");
        }
    }
}
