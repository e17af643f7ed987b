//! What the targets that read the chain's answers share.

use std::hint::black_box;

use bootstrap::chain::delivered::DeliveredTx;
use bootstrap::chain::outcome::{Refusal, Stage};
use bootstrap::wallet::Address;

/// The worker of the seeds.
///
/// # Panics
/// Never: the text is an address.
#[must_use]
#[expect(clippy::expect_used, reason = "a constant")]
pub fn address() -> Address {
    "allo1ccfm7s68za7shlzfdquma7f4gpxl89mk4ppwm9".parse().expect("an address")
}

/// Does with a transaction what a worker does once it knows it.
pub fn look_at(tx: &DeliveredTx) {
    let address = address();
    black_box((tx.admission(&address), tx.spent_by(&address)));
    verdicts(&tx.codespace, i64::from(tx.code), &tx.log);
}

/// Looks a refusal up in every table.
pub fn verdicts(codespace: &str, code: i64, text: &str) {
    let check = Stage::Check { account_number: 1 };
    for stage in [check, Stage::Block, Stage::Simulate, Stage::Query, Stage::Rpc] {
        black_box(Refusal { stage, codespace, code, text }.verdict());
    }
}
