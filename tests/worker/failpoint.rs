//! SIGKILL before, in and after every write of the journal and every call of the chain: the next life answers
//! the same window, and it is paid for once.
#![cfg(debug_assertions)] // a release build has no failpoints

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use bootstrap::devnet::{BlockTime, Fault, FaultKind, Options};
use bootstrap::failpoint::{Failpoint, Step};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, quick};

/// Fails when it is asked for the first time.
const CODE: &str = "calls = 0\ndef predict(nonce):\n    global calls\n    calls += 1\n    \
    if calls == 1:\n        raise ValueError('not yet')\n    return nonce / 8\n";

/// The window that is open from the first block.
const NONCE: i64 = 1;

/// Workers that run at a time.
const AT_A_TIME: usize = 6;

/// A window that stays open for as long as a slow machine needs.
fn long() -> Options {
    Options {
        block_time: BlockTime::Every(Duration::from_millis(150)),
        epoch_length: 3_000,
        worker_submission_window: 2_900,
        ground_truth_lag: 3_000,
        accounts: Failpoint::all().count(),
        ..quick()
    }
}

fn at(steps: impl Fn(Step) -> bool) -> Vec<Failpoint> {
    Failpoint::all().filter(|point| steps(point.0)).collect()
}

/// Lets a worker die at `point`, and starts another until it is `state`. Gives its round.
fn die_and_go_on(bench: &Bench, point: Failpoint, state: &str) -> Value {
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    let died = bench.run_with(&[(Failpoint::VARIABLE, &point.to_string())]).exit();
    assert_eq!(died.signal(), Some(Signal::SIGKILL as i32), "{point} was not reached: {}", bench.log());
    let worker = bench.run(&[]);
    // The last life may have got as far as that.
    let pid = worker.pid().as_raw();
    bench.until("a heartbeat", |bench| (bench.heartbeat()["pid"] == pid).then_some(()));
    let round = bench.until(&format!("a round that is {state} after {point}"), |bench| {
        bench.round(NONCE).filter(|round| round["state"] == state)
    });
    assert_eq!(worker.stop(), Some(0));
    round
}

fn assert_paid_once(bench: &Bench, round: &Value, point: Failpoint) {
    assert_eq!(bench.inferences(NONCE), 1, "{point}");
    assert_eq!(bench.paid(), [round["tx_hash"].as_str().unwrap()], "{point}: {round}");
}

#[test]
fn at_every_step_of_an_ordinary_window() {
    let chain = Bench::new(long(), CODE);
    // A worker that starts within a window offers the least price, and is refused once.
    chain.devnet.set_gas_price("7".parse().unwrap()).unwrap();
    let points = Mutex::new(at(|step| !matches!(step, Step::Locate | Step::Dead)).into_iter().enumerate());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((account, point)) = { points.lock().unwrap().next() } {
                    let bench = chain.another(account);
                    let round = die_and_go_on(&bench, point, "admitted");
                    assert_paid_once(&bench, &round, point);
                }
            });
        }
    });
}

#[test]
fn while_the_fate_of_a_transaction_is_looked_up() {
    for point in at(|step| step == Step::Locate) {
        let bench = Bench::new(long(), CODE);
        let lost = Fault { method: "broadcast_tx_sync".into(), kind: FaultKind::DropReply, times: Some(4) };
        bench.devnet.fault(lost).unwrap();
        let round = die_and_go_on(&bench, point, "admitted");
        assert_paid_once(&bench, &round, point);
    }
}

#[test]
fn while_a_transaction_is_given_up() {
    for point in at(|step| step == Step::Dead) {
        let bench = Bench::new(Options { epoch_length: 60, worker_submission_window: 50, ..long() }, CODE);
        let lost = Fault { method: "broadcast_tx_sync".into(), kind: FaultKind::DropRequest, times: None };
        bench.devnet.fault(lost).unwrap();
        die_and_go_on(&bench, point, "expired");
        assert!(bench.paid().is_empty(), "{point}");
    }
}
