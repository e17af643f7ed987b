//! Whether the wallet can pay for its next transaction.

use std::time::Duration;

use super::context::Context;
use super::transact::gas_kind;
use crate::chain::fees::{self, ExpectedCost, FeeError, GasKind};
use crate::chain::networks::how_to_fund;
use crate::chain::query::QueryError;
use crate::journal::{JournalError, Purpose, Reader, RoundKey, Timestamp};

/// A wallet that can pay so many transactions is not looked at before each: those of a week, at five minutes' pace.
const PLENTY: u128 = 2_000;

/// What stands between the wallet and its next transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unaffordable {
    /// Too little money.
    #[error("{address} needs funds: it has {balance} uallo and {wanted} about {needed}, so {} are missing; {how}", .needed - .balance)]
    Funds {
        /// The wallet.
        address: String,
        /// uallo.
        balance: u128,
        /// What for, with its verb.
        wanted: &'static str,
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
    /// What it takes until the next value is submitted, as far as one can tell, or why that cannot be paid.
    pub next_cost: Result<ExpectedCost, Unaffordable>,
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

/// What a balance must be enough for, with its verb.
#[must_use]
pub const fn wanted(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Payload(_) => "its next transaction takes",
        Purpose::Registration { .. } => "its registration and the first submission after it take",
    }
}

/// Asks the chain for what a transaction for `purpose` will need, and judges by the last ones of their kinds whether
/// all can be paid up to a submission.
///
/// # Errors
/// See [`MeansError`].
pub async fn check(context: &Context, purpose: Purpose, limit: Duration) -> Result<Means, MeansError> {
    context.prepare_ahead(limit).await?;
    let now = Timestamp::now();
    let (kinds, spent) = context
        .journal
        .call(move |journal| {
            let reader = journal.reader();
            Ok::<_, JournalError>((
                gas_up_to_submission(Some(reader), purpose)?,
                reader.spent_on_day_of(now)?,
            ))
        })
        .await?;
    let options = &context.options;
    let day = (spent.0, context.client().charges());
    let expected = fees::expected_cost(options.fee_caps, &kinds, context.price(), options.fee_tier, day);
    let balance = balance(context, expected.unwrap_or_default().submission, limit).await?;
    let next_cost = match expected {
        Err(cap @ FeeError::PerDay { .. }) => Err(Unaffordable::Today(cap)),
        Err(cap) => Err(Unaffordable::Fee(cap)),
        Ok(cost) if balance < cost.total => {
            let address = context.address().to_string();
            let how = how_to_fund(&context.chain_id, &address, cost.total - balance);
            Err(Unaffordable::Funds { address, balance, wanted: wanted(purpose), needed: cost.total, how })
        }
        Ok(cost) => Ok(cost),
    };
    Ok(Means { balance, next_cost })
}

/// The kinds of transaction from `purpose` up to a submission, each with the gas that the last one of it used, as far
/// as there is a journal.
///
/// # Errors
/// When the journal cannot be read.
pub fn gas_up_to_submission(
    reader: Option<&Reader>,
    purpose: Purpose,
) -> Result<Vec<(GasKind, Option<u64>)>, JournalError> {
    let purposes = match purpose {
        Purpose::Payload(_) => vec![purpose],
        Purpose::Registration { topic_id } => {
            vec![purpose, Purpose::Payload(RoundKey { topic_id, nonce: 0 })]
        }
    };
    let last_used = |purpose| reader.map_or(Ok(None), |reader| reader.last_gas_used(purpose));
    purposes.into_iter().map(|purpose| Ok((gas_kind(purpose), last_used(purpose)?))).collect()
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
