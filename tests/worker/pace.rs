//! A chain whose pace is not what its past says, for a worker that no event reaches.

use std::time::Duration;

use bootstrap::devnet::{BlockTime, Fault, FaultKind, Options};

use crate::support::{Bench, manual};

const ONE: &str = "def predict():\n    return 1\n";

const EPOCH: u64 = 12;
const BLOCK: Duration = Duration::from_millis(300);

/// The mean of the history is some seconds, for blocks of 0.3 s: by that a window is over before the next look. One of
/// four windows is for a machine that is late.
#[test]
fn after_a_halt_windows_are_answered_by_looking_too() {
    let bench = Bench::new(Options { epoch_length: EPOCH, ground_truth_lag: EPOCH, ..manual() }, ONE);
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on("websocket")).unwrap();
    bench.devnet.mine(1).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    bench.devnet.mine(1).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.devnet.set_block_time(BlockTime::Every(BLOCK)).unwrap();
    bench.until("four windows", |bench| (bench.devnet.height().unwrap() > 5 * EPOCH).then_some(()));
    let nonces = (1..5).map(|epoch| i64::try_from(epoch * EPOCH + 1).unwrap());
    let answered: Vec<i64> = nonces.filter(|nonce| bench.inferences(*nonce) == 1).collect();
    assert!(answered.len() >= 3, "{answered:?}\n{}", bench.log());
    assert_eq!(worker.stop(), Some(0));
}
