//! The price of gas, and what it makes of a gas limit.
//!
//! Whole numbers only: a fee in uallo has more digits than a float keeps.

use std::{fmt, str::FromStr};

use crate::bundle::FeeTier;

/// Digits after the point in the SDK's `LegacyDec`.
const DIGITS: usize = 18;

/// One, as a `LegacyDec` writes it.
const SCALE: u128 = 10_u128.pow(DIGITS as u32);

/// Per cent, for factors on the price.
const PERCENT: u128 = 100;

/// uallo for one unit of gas, with 18 digits after the point (the SDK's `LegacyDec`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GasPrice(u128);

/// Text that is no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a gas price: expected a decimal with at most {DIGITS} digits after the point")]
pub struct InvalidGasPrice(String);

impl GasPrice {
    /// A whole number of uallo per gas.
    #[must_use]
    pub const fn from_uallo(price: u64) -> Self {
        Self(price as u128 * SCALE)
    }

    /// From the number scaled by 10^18, as feemarket's messages carry it.
    #[must_use]
    pub const fn from_scaled(price: u128) -> Self {
        Self(price)
    }

    /// The number scaled by 10^18, as feemarket's messages carry it.
    #[must_use]
    pub const fn scaled(self) -> u128 {
        self.0
    }

    /// What `gas` costs, in uallo, rounded up as the chain does: exactly what it asks for. `None`
    /// beyond 128 bits.
    #[must_use]
    pub fn cost(self, gas: u64) -> Option<u128> {
        Some(self.0.checked_mul(gas.into())?.div_ceil(SCALE))
    }

    /// What a tier offers for `gas`, in uallo, rounded up. `None` beyond 128 bits.
    #[must_use]
    pub fn offer(self, gas: u64, tier: FeeTier) -> Option<u128> {
        let percent = match tier {
            FeeTier::Eco => 100,
            FeeTier::Standard => 105,
            FeeTier::Priority => 150,
        };
        Some(self.0.checked_mul(gas.into())?.checked_mul(percent)?.div_ceil(SCALE * PERCENT))
    }
}

impl fmt::Display for GasPrice {
    /// With all 18 digits after the point, as in the chain's texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:0DIGITS$}", self.0 / SCALE, self.0 % SCALE)
    }
}

impl FromStr for GasPrice {
    type Err = InvalidGasPrice;

    /// Reads uallo per gas: `7`, `2.5`.
    fn from_str(text: &str) -> Result<Self, InvalidGasPrice> {
        let parse = || {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
            let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
            if !digits(whole) || !digits(fraction) || fraction.len() > DIGITS {
                return None;
            }
            let whole: u128 = whole.parse().ok()?;
            let fraction: u128 = format!("{fraction:0<DIGITS$}").parse().ok()?;
            whole.checked_mul(SCALE)?.checked_add(fraction).map(Self)
        };
        parse().ok_or_else(|| InvalidGasPrice(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tiers_are_factors_on_the_chains_price() {
        let price = GasPrice::from_scaled(12_345_678_901_234_567_890);
        assert_eq!(price.to_string(), "12.345678901234567890");
        let offer = |tier| price.offer(200_000, tier).unwrap();
        assert_eq!(offer(FeeTier::Eco), 2_469_136);
        assert_eq!(offer(FeeTier::Eco), price.cost(200_000).unwrap());
        assert_eq!(offer(FeeTier::Standard), 2_592_593);
        assert_eq!(offer(FeeTier::Priority), 3_703_704);
        let free = GasPrice::from_uallo(0);
        assert_eq!(free.offer(200_000, FeeTier::Priority), Some(0));
        assert_eq!(GasPrice::from_scaled(u128::MAX).offer(2, FeeTier::Eco), None);
    }

    #[test]
    fn what_is_no_decimal_of_uallo_is_no_price() {
        assert_eq!("7".parse(), Ok(GasPrice::from_uallo(7)));
        assert_eq!("1.5".parse::<GasPrice>().unwrap().cost(3), Some(5));
        let beyond_128_bits = format!("{}0", u128::MAX);
        for wrong in ["", "-1", "1.", ".5", "1e3", "1.0000000000000000001", "x", &beyond_128_bits] {
            assert!(wrong.parse::<GasPrice>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_price_is_read_as_it_is_written(scaled: u128) {
            let price = GasPrice::from_scaled(scaled);
            prop_assert_eq!(price.to_string().parse(), Ok(price));
        }
    }
}
