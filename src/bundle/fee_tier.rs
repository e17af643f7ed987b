//! How much more than the going price a transaction offers.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::value::{BadValue, one_of};

/// `allora.fee_tier`: the factor on the chain's gas price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FeeTier {
    /// 1.0 of the price.
    Eco,
    /// 1.05 of the price.
    Standard,
    /// 1.5 of the price.
    Priority,
}

impl FeeTier {
    /// The names that a setting may have, in the order of their price.
    const ALL: [Self; 3] = [Self::Eco, Self::Standard, Self::Priority];

    /// The name as settings spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eco => "ECO",
            Self::Standard => "STANDARD",
            Self::Priority => "PRIORITY",
        }
    }
}

impl FromStr for FeeTier {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| BadValue::new(text, "a fee tier", one_of(text, Self::ALL.map(Self::name))))
    }
}

impl fmt::Display for FeeTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
