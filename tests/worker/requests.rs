//! What a window costs the chain's nodes.

use std::collections::BTreeMap;

use bootstrap::devnet::{Endpoint, Options};

use crate::support::{Bench, quick};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// Blocks from one opening to the next, and those of a window.
const EPOCH: u64 = 30;
const WINDOW: u64 = 8;
/// So long after an opening its transaction is in a block, and the next window is not prepared for yet.
const QUIET: std::ops::Range<u64> = 5..25;

/// Windows that are looked at.
const SAMPLE: usize = 3;

/// One for what gas costs and one for what others said, before the opening; then the simulation and the transaction.
const NEEDED: [(&str, u64); 4] = [
    ("/cosmos.tx.v1beta1.Service/Simulate", 1),
    ("/emissions.v10.QueryService/GetLatestNetworkInferences", 1),
    ("/feemarket.feemarket.v1.Query/GasPrice", 1),
    ("broadcast_tx_sync", 1),
];

/// Calls of the worker so far, by name, on all `endpoints` together, read in a quiet part of the epoch. Gives how many
/// windows there were, too.
fn quiet(bench: &Bench, endpoints: &[&Endpoint]) -> Option<(u64, BTreeMap<String, u64>)> {
    let since_opening = |height: u64| (height - 1) % EPOCH;
    let before = bench.devnet.height().unwrap();
    let mut calls = BTreeMap::new();
    for (name, count) in endpoints.iter().flat_map(|endpoint| endpoint.calls()) {
        *calls.entry(name).or_default() += count;
    }
    let after = bench.devnet.height().unwrap();
    let is_quiet = before == after && QUIET.contains(&since_opening(after));
    is_quiet.then_some((after / EPOCH, calls))
}

/// A worker that is told of so many endpoints makes these calls for an ordinary window, from the end of the last to
/// admission. Between two openings it might look at the chain several times, by the least polling interval that there is.
fn takes(endpoints: usize, needed: &[(&str, u64)]) {
    let chain =
        Options { epoch_length: EPOCH, worker_submission_window: WINDOW, ground_truth_lag: EPOCH, ..quick() };
    let bench = Bench::registered(chain, ONE);
    let further: Vec<_> = (1..endpoints).map(|_| bench.devnet.open_endpoint().unwrap()).collect();
    let urls: Vec<_> =
        [bench.devnet.rpc_url()].into_iter().chain(further.iter().map(Endpoint::rpc_url)).collect();
    let chain_id = bench.devnet.chain_id().to_owned();
    let bench = bench
        .set("ALLORA_NETWORK", &urls.join(","))
        .set("ALLORA_CHAIN_ID", &chain_id)
        .set("ALLORA_POLLING_INTERVAL", "1");
    let endpoints: Vec<_> = [bench.devnet.endpoint()].into_iter().chain(&further).collect();
    let worker = bench.run(&[]);
    bench.until_a_round_is("admitted");
    let mut last: Option<(u64, BTreeMap<String, u64>)> = None;
    let mut windows = Vec::new();
    bench.until("the calls of some windows", |bench| {
        let now = quiet(bench, &endpoints)?;
        let Some((earlier, before)) = last.clone() else {
            last = Some(now);
            return None;
        };
        let (window, mut calls) = now.clone();
        if window == earlier {
            return None;
        }
        last = Some(now);
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
    let needed = needed.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(median, &needed, "{windows:#?}\n{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn an_ordinary_window_takes_four_calls() {
    takes(1, &NEEDED);
}

/// All of them are measured before the opening, and given the transaction.
#[test]
fn with_three_endpoints_it_takes_nine() {
    let [simulate, inferences, price, (broadcast, _)] = NEEDED;
    takes(3, &[simulate, inferences, price, (broadcast, 3), ("status", 3)]);
}
