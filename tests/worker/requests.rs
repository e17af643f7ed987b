//! What a window costs the chain's nodes.

use std::collections::BTreeMap;

use bootstrap::devnet::Options;

use crate::support::{Bench, quick};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// Blocks from one opening to the next, and those of a window.
const EPOCH: u64 = 14;
const WINDOW: u64 = 8;
/// So long after an opening its transaction is in a block, and the next window is not prepared for yet.
const QUIET: std::ops::Range<u64> = 5..9;

/// Windows that are looked at.
const SAMPLE: usize = 5;

/// One for what gas costs and one for what others said, before the opening; then the simulation and the transaction.
const NEEDED: [&str; 4] = [
    "/cosmos.tx.v1beta1.Service/Simulate",
    "/emissions.v10.QueryService/GetLatestNetworkInferences",
    "/feemarket.feemarket.v1.Query/GasPrice",
    "broadcast_tx_sync",
];

/// Calls of the worker so far, by name, read in a quiet part of the epoch. Gives how many windows there were, too.
fn quiet(bench: &Bench) -> Option<(u64, BTreeMap<String, u64>)> {
    let since_opening = |height: u64| (height - 1) % EPOCH;
    let before = bench.devnet.height().unwrap();
    let calls = bench.devnet.endpoint().calls();
    let after = bench.devnet.height().unwrap();
    let is_quiet = before == after && QUIET.contains(&since_opening(after));
    is_quiet.then_some((after / EPOCH, calls))
}

#[test]
fn an_ordinary_window_takes_four_calls() {
    let chain =
        Options { epoch_length: EPOCH, worker_submission_window: WINDOW, ground_truth_lag: EPOCH, ..quick() };
    let bench = Bench::registered(chain, ONE);
    let worker = bench.run(&[]);
    bench.until_a_round_is("admitted");
    let mut last: Option<(u64, BTreeMap<String, u64>)> = None;
    let mut windows = Vec::new();
    bench.until("the calls of some windows", |bench| {
        let now = quiet(bench)?;
        let (earlier, before) = last.replace(now.clone())?;
        let (window, mut calls) = now;
        if window == earlier + 1 {
            calls.retain(|name, count| {
                *count -= before.get(name).unwrap_or(&0);
                *count > 0
            });
            windows.push(calls);
        }
        (windows.len() == SAMPLE).then_some(())
    });
    // On a busy machine an event may be late, and the worker looks for itself.
    windows.sort_by_key(|calls| calls.values().sum::<u64>());
    let median = &windows[SAMPLE / 2];
    assert_eq!(median, &NEEDED.map(|name| (name.to_owned(), 1)).into(), "{windows:#?}\n{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}
