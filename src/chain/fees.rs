//! Gas limits and fees. Every uallo that is offered is spent, so what is needed is offered.
//!
//! Whole numbers only: a fee in uallo has more digits than a float keeps.

use super::{gas_price::GasPrice, messages::Params, tx::Fee};
use crate::bundle::FeeTier;

/// What a simulation leaves out. It pays no real fee, so the transfer of the fee is not counted:
/// 14,000 to 16,000 less than the same transaction uses in a block.
const SIMULATION_SHORTFALL: u64 = 16_000;

/// Per cent, for factors on gas and price.
const PERCENT: u128 = 100;

/// A kind of transaction, as far as its use of gas goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GasKind {
    /// A worker's payload.
    Payload,
    /// A registration.
    Register,
}

/// What the emissions module takes for a transaction that succeeds, beside its fee, in uallo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charges {
    /// `data_sending_fee`.
    pub payload: u128,
    /// `registration_fee`.
    pub registration: u128,
}

impl Charges {
    /// That of one kind.
    #[must_use]
    pub const fn of(self, kind: GasKind) -> u128 {
        match kind {
            GasKind::Payload => self.payload,
            GasKind::Register => self.registration,
        }
    }
}

impl Default for Charges {
    /// Those of a fresh chain.
    fn default() -> Self {
        Self { payload: 10, registration: 200 }
    }
}

impl From<&Params> for Charges {
    fn from(params: &Params) -> Self {
        let fresh = Self::default();
        Self {
            payload: params.data_sending_fee.parse().unwrap_or(fresh.payload),
            registration: params.registration_fee.parse().unwrap_or(fresh.registration),
        }
    }
}

impl GasKind {
    /// Gas limit when nothing is known of the real use.
    const fn default_limit(self) -> u64 {
        match self {
            Self::Payload => 250_000,
            Self::Register => 200_000,
        }
    }
}

/// What is known of the gas that a transaction will use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GasEvidence {
    /// What a simulation of it used.
    pub simulated: Option<u64>,
    /// What the last one of its kind used in a block.
    pub last_used: Option<u64>,
}

/// The gas limit that is enough by all that is known.
///
/// | known | limit |
/// |---|---|
/// | both | last use + 8 %, at least the simulation + 16,000 |
/// | simulation | (simulation + 16,000) + 15 % |
/// | last use | + 15 %: a payload that evicts another one needs up to 14 % more |
/// | nothing | the kind's default |
#[must_use]
pub fn gas_limit(kind: GasKind, evidence: GasEvidence) -> u64 {
    let corrected = evidence.simulated.map(|gas| gas.saturating_add(SIMULATION_SHORTFALL));
    match (evidence.last_used, corrected) {
        (Some(last), Some(corrected)) => scaled(last, 108).max(corrected),
        (Some(gas), None) | (None, Some(gas)) => scaled(gas, 115),
        (None, None) => kind.default_limit(),
    }
}

/// The limit after `used` was not enough.
#[must_use]
pub fn gas_limit_after_out_of_gas(limit: u64, used: u64) -> u64 {
    scaled(limit.max(used), 120)
}

fn scaled(gas: u64, percent: u64) -> u64 {
    let gas = (u128::from(gas) * u128::from(percent)).div_ceil(PERCENT);
    u64::try_from(gas).unwrap_or(u64::MAX)
}

/// What the user allows to be spent, in uallo. Both are hard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeeCaps {
    /// For one transaction.
    pub per_transaction: Option<u128>,
    /// From midnight to midnight, UTC.
    pub per_day: Option<u128>,
}

/// The day's money, in uallo, as far as it is spoken for beside a transaction's fee.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Spent since midnight, UTC.
    pub spent: u128,
    /// What the module will take for the transaction itself.
    pub charge: u128,
}

/// A fee that is not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeeError {
    /// One transaction costs more than the user allows.
    #[error("the transaction costs {needed} uallo, more than the {cap} that `max_fee` allows")]
    PerTransaction {
        /// uallo.
        needed: u128,
        /// uallo.
        cap: u128,
    },
    /// The day's money is used up.
    #[error("the transaction costs {needed} uallo, but only {left} of `max_fee_per_day` are left today")]
    PerDay {
        /// uallo, with what the module takes.
        needed: u128,
        /// uallo.
        left: u128,
    },
    /// The price is no price.
    #[error("the fee does not fit 128 bits")]
    Overflow,
}

impl FeeCaps {
    /// The fee of a tier, or less where a cap leaves less but still what the chain asks for.
    ///
    /// # Errors
    /// [`FeeError`] when not even that is allowed.
    pub fn fee(&self, gas_limit: u64, price: GasPrice, tier: FeeTier, day: Day) -> Result<Fee, FeeError> {
        let needed = price.cost(gas_limit).ok_or(FeeError::Overflow)?;
        self.check(needed, day)?;
        let offer = price.offer(gas_limit, tier).ok_or(FeeError::Overflow)?;
        let amount = offer
            .min(self.per_transaction.unwrap_or(u128::MAX))
            .min(self.left(day).map_or(u128::MAX, |left| left.saturating_sub(day.charge)));
        Ok(Fee { amount, gas_limit })
    }

    /// Whether a fee that the chain named may be paid.
    ///
    /// # Errors
    /// [`FeeError`] that names the cap in the way.
    pub fn check(&self, fee: u128, day: Day) -> Result<(), FeeError> {
        let needed = fee.saturating_add(day.charge);
        match (self.per_transaction, self.left(day)) {
            (Some(cap), _) if fee > cap => Err(FeeError::PerTransaction { needed: fee, cap }),
            (_, Some(left)) if needed > left => Err(FeeError::PerDay { needed, left }),
            _ => Ok(()),
        }
    }

    fn left(&self, day: Day) -> Option<u128> {
        self.per_day.map(|cap| cap.saturating_sub(day.spent))
    }
}

/// What the next value costs, in uallo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpectedCost {
    /// With the registration, where that comes first: less than this is spent for nothing.
    pub total: u128,
    /// The submission alone.
    pub submission: u128,
}

/// What the transactions up to a submission, which is the last of `kinds`, will take from the wallet, their fees and
/// what the module takes, as far as one can tell before they are simulated: the one estimate that people are told,
/// whoever tells it. With each kind goes the gas that the last one of it used.
///
/// # Errors
/// [`FeeError`] when the caps do not allow one of them on a day on which `spent` is gone.
pub fn expected_cost(
    caps: FeeCaps,
    kinds: &[(GasKind, Option<u64>)],
    price: GasPrice,
    tier: FeeTier,
    (spent, charges): (u128, Charges),
) -> Result<ExpectedCost, FeeError> {
    let mut cost = ExpectedCost::default();
    for &(kind, last_used) in kinds {
        let gas_limit = gas_limit(kind, GasEvidence { simulated: None, last_used });
        let day = Day { spent, charge: charges.of(kind) };
        cost.submission = caps.fee(gas_limit, price, tier, day)?.amount.saturating_add(day.charge);
        cost.total = cost.total.saturating_add(cost.submission);
    }
    Ok(cost)
}

/// The fee that feemarket asks for, from the text of its refusal:
/// `got: 1uallo required: 200000uallo, minGasPrice: ...`.
#[must_use]
pub fn required_fee(text: &str) -> Option<u128> {
    let (_, rest) = text.split_once("required: ")?;
    let (amount, _) = rest.split_once(super::tx::DENOM)?;
    amount.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(simulated: Option<u64>, last_used: Option<u64>) -> u64 {
        gas_limit(GasKind::Payload, GasEvidence { simulated, last_used })
    }

    #[test]
    fn limits_hold_for_what_a_real_node_used() {
        // Simulated 131,648, used 145,537.
        assert_eq!(limit(Some(131_648), None), 169_796);
        assert_eq!(limit(Some(131_648), Some(145_537)), 157_180);
        // A simulation that sees an eviction wins over a last use that saw none.
        assert_eq!(limit(Some(144_000), Some(139_105)), 160_000);
        // The lowest use seen must still be enough for an eviction, 157,936.
        assert_eq!(limit(None, Some(139_105)), 159_971);
        assert_eq!(limit(None, None), 250_000);
        assert_eq!(gas_limit(GasKind::Register, GasEvidence::default()), 200_000);
        assert_eq!(limit(Some(u64::MAX), Some(u64::MAX)), u64::MAX);
        assert_eq!(gas_limit_after_out_of_gas(100_000, 100_036), 120_044);
    }

    /// The vectors' fees are those of the Python SDK: triple the price, and other tiers.
    #[test]
    fn every_fee_vector() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/tx.json")).unwrap();
        let mut seen = 0;
        for tx in vectors["txs"].as_array().unwrap() {
            let inputs = &tx["fee_inputs"];
            if inputs.is_null() {
                continue;
            }
            seen += 1;
            let (price, dynamic) = match inputs["feemarket_price_amount"].as_str() {
                Some(text) => (GasPrice::from_scaled(text.parse().unwrap()), 3),
                None => (GasPrice::from_uallo(inputs["fee_minimum_gas_price"].as_f64().unwrap() as u64), 1),
            };
            let tenths = match inputs["tier"].as_str().unwrap() {
                "eco" => 10,
                "standard" => 15,
                _ => 25,
            };
            let gas = tx["gas_limit"].as_u64().unwrap();
            let cost = price.cost(gas).unwrap();
            let theirs: u128 = tx["fee"]["amount"].as_str().unwrap().parse().unwrap();
            // They round down at the end, we round up at the start: a few uallo apart.
            assert!((cost * dynamic * tenths / 10).abs_diff(theirs) < 5, "{}", tx["name"]);
            assert!(price.offer(gas, FeeTier::Standard).unwrap() <= theirs * 105 / 100);
        }
        assert_eq!(seen, 6);
    }

    #[test]
    fn caps_are_hard_but_do_not_stop_what_is_affordable() {
        let price = GasPrice::from_uallo(10);
        let day = |spent| Day { spent, charge: 10 };
        let fee =
            |caps: FeeCaps, spent| caps.fee(1000, price, FeeTier::Priority, day(spent)).map(|fee| fee.amount);
        assert_eq!(fee(FeeCaps::default(), u128::MAX), Ok(15_000));
        let caps = FeeCaps { per_transaction: Some(12_000), per_day: Some(30_000) };
        assert_eq!(fee(caps, 0), Ok(12_000));
        assert_eq!(fee(caps, 18_990), Ok(11_000), "the module's own charge counts");
        assert_eq!(fee(caps, 19_990), Ok(10_000));
        assert_eq!(fee(caps, 19_991), Err(FeeError::PerDay { needed: 10_010, left: 10_009 }));
        assert_eq!(fee(caps, u128::MAX), Err(FeeError::PerDay { needed: 10_010, left: 0 }));
        let caps = FeeCaps { per_transaction: Some(9_999), per_day: None };
        assert_eq!(fee(caps, 0), Err(FeeError::PerTransaction { needed: 10_000, cap: 9_999 }));
    }

    #[test]
    fn a_registration_is_of_use_with_a_submission_after_it() {
        let cost = |kinds: &[(GasKind, Option<u64>)], per_day| {
            let caps = FeeCaps { per_transaction: None, per_day };
            let day = (5, Charges::default());
            expected_cost(caps, kinds, GasPrice::from_uallo(1), FeeTier::Eco, day)
        };
        let (register, payload) = ((GasKind::Register, None), (GasKind::Payload, Some(100_000)));
        let submission = cost(&[payload], None).unwrap().submission;
        let both = cost(&[register, payload], None).unwrap();
        assert_eq!(both.submission, submission);
        assert_eq!(both.total, cost(&[register], None).unwrap().total + submission);
        assert_eq!(
            cost(&[register, payload], Some(both.total)),
            Ok(both),
            "the submission may come on another day"
        );
        assert!(cost(&[register, payload], Some(100)).is_err());
    }

    #[test]
    fn the_chain_names_the_fee_that_it_asks_for() {
        let text = "error checking fee: got: 199999uallo required: 200000uallo, minGasPrice: \
                    1.000000000000000000uallo, gas: 33513: insufficient fee";
        assert_eq!(required_fee(text), Some(200_000));
        for text in ["", "required: ", "required: uallo", "required: 1.5uallo", "insufficient fees"] {
            assert_eq!(required_fee(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_fee_is_never_below_the_cost_nor_above_a_cap(
            gas in 1_u64..1 << 40,
            price in 0_u64..1 << 40,
            per_transaction in prop::option::of(0_u128..1 << 80),
            per_day in prop::option::of(0_u128..1 << 80),
            spent in 0_u128..1 << 80,
            charge in 0_u128..1 << 20,
        ) {
            let price = GasPrice::from_uallo(price);
            let caps = FeeCaps { per_transaction, per_day };
            if let Ok(fee) = caps.fee(gas, price, FeeTier::Standard, Day { spent, charge }) {
                prop_assert!(fee.amount >= price.cost(gas).unwrap());
                prop_assert!(per_transaction.is_none_or(|cap| fee.amount <= cap));
                prop_assert!(per_day.is_none_or(|cap| spent + charge + fee.amount <= cap));
            }
        }
    }
}
