//! Whether the wallet can pay for its next transaction.

use std::time::Duration;

use super::context::Context;
use super::transact::gas_kind;
use crate::chain::fees::{self, Day, FeeError};
use crate::chain::networks::how_to_fund;
use crate::chain::query::QueryError;
use crate::journal::{JournalError, Purpose, Timestamp};

/// A wallet that can pay so many transactions is not looked at before each: those of a week, at five minutes' pace.
const PLENTY: u128 = 2_000;

/// What stands between the wallet and its next transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unaffordable {
    /// Too little money.
    #[error("{address} needs funds: it has {balance} uallo and its next transaction takes about {needed}, so {} are missing; {how}", .needed - .balance)]
    Funds {
        /// The wallet.
        address: String,
        /// uallo.
        balance: u128,
        /// uallo, more than the balance.
        needed: u128,
        /// How it gets the rest.
        how: String,
    },
    /// The user allows no such fee today.
    #[error("{0}; it goes on at 00:00 UTC")]
    Today(FeeError),
    /// The user allows no such fee.
    #[error("{0}")]
    Fee(FeeError),
}

/// What the wallet has.
#[derive(Debug, Clone)]
pub struct Means {
    /// uallo.
    pub balance: u128,
    /// What its next transaction takes, in uallo, as far as one can tell, or why it cannot be paid.
    pub next_cost: Result<u128, Unaffordable>,
}

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum MeansError {
    /// The chain did not say.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The journal did not say.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Asks the chain for what a transaction for `purpose` will need, and judges by the last one of its kind whether
/// it can be paid.
///
/// # Errors
/// See [`MeansError`].
pub async fn check(context: &Context, purpose: Purpose, limit: Duration) -> Result<Means, MeansError> {
    context.prepare_ahead(limit).await?;
    let now = Timestamp::now();
    let (last_used, spent) = context
        .journal
        .call(move |journal| {
            let reader = journal.reader();
            Ok::<_, JournalError>((reader.last_gas_used(purpose)?, reader.spent_on_day_of(now)?))
        })
        .await?;
    let kind = gas_kind(purpose);
    let day = Day { spent: spent.0, charge: context.client().charges().of(kind) };
    let options = &context.options;
    let expected =
        fees::expected_cost(options.fee_caps, (kind, last_used), context.price(), options.fee_tier, day);
    let balance = balance(context, expected.unwrap_or_default(), limit).await?;
    let next_cost = match expected {
        Err(cap @ FeeError::PerDay { .. }) => Err(Unaffordable::Today(cap)),
        Err(cap) => Err(Unaffordable::Fee(cap)),
        Ok(cost) if balance < cost => {
            let address = context.address().to_string();
            let how = how_to_fund(&context.chain_id, &address, cost - balance);
            Err(Unaffordable::Funds { address, balance, needed: cost, how })
        }
        Ok(cost) => Ok(cost),
    };
    Ok(Means { balance, next_cost })
}

/// The balance in uallo: of a wallet with plenty by what it has spent, otherwise by the chain, so that people see
/// at once what they have sent.
async fn balance(context: &Context, cost: u128, limit: Duration) -> Result<u128, QueryError> {
    let known = context.funds().balance();
    if let Some(balance) = known.filter(|balance| *balance >= cost.saturating_mul(PLENTY)) {
        return Ok(balance);
    }
    let balance = context.client().within(limit).balance(context.address()).await?;
    context.funds().told(balance);
    Ok(balance)
}
