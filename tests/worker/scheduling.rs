//! Runs that end by themselves, as cron starts them: what their exit codes say, and what two of them at a time do.

use std::process::Output;

use bootstrap::devnet::{Fault, FaultKind, Options};

use crate::support::{Bench, manual};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";
const SKIPS: &str = "from bootstrap_host import Skip\ndef predict():\n    raise Skip('market closed')\n";

/// A chain in whose first window a test has all the time that it needs.
fn open(code: &str) -> Bench {
    let options =
        Options { epoch_length: 40, worker_submission_window: 36, ground_truth_lag: 40, ..manual() };
    let bench = Bench::registered(options, code);
    bench.mine_to_opening();
    bench
}

fn output(bench: &Bench, arguments: &[&str]) -> Output {
    bench.bootstrap().arg("run").args(arguments).output().unwrap()
}

#[test]
fn two_runs_at_a_time_do_no_harm() {
    let bench = Bench::registered(manual(), ONE);
    let first = bench.run(&["--once", "--wait", "600"]);
    bench.until_ready();
    let second = output(&bench, &["--once", "--wait", "1"]);
    let text = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(78), "{text}");
    assert!(text.contains(&first.pid().to_string()), "it names the first one: {text}");
    // The file that both write is the first one's again.
    bench.until("the heartbeat of the first", |bench| {
        let heartbeat = bench.heartbeat();
        (heartbeat["pid"] == first.pid().as_raw() && heartbeat["ready"] == true).then_some(())
    });
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    assert_eq!(first.exit().code(), Some(0), "{}", bench.log());
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
}

#[test]
fn a_window_that_is_answered_is_answered_once_however_often_cron_asks() {
    let bench = open(ONE);
    let worker = bench.run(&["--once", "--wait", "0"]);
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    assert_eq!(worker.exit().code(), Some(0), "{}", bench.log());
    for arguments in [&["--once"][..], &["--once", "--dry-run"], &["--windows", "1"]] {
        let again = output(&bench, arguments);
        assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
    }
    assert_eq!((bench.rounds().len(), bench.paid().len()), (1, 1));
}

#[test]
fn a_wallet_that_cannot_pay_is_not_permitted() {
    let bench = open(ONE);
    bench.devnet.set_balance(&bench.address(), 0).unwrap();
    let worker = bench.run(&["--once"]);
    bench.until_why("needs funds");
    bench.devnet.mine(36).unwrap();
    assert_eq!(worker.exit().code(), Some(77), "{}", bench.log());
}

#[test]
fn a_model_that_skips_has_nothing_submitted_this_time() {
    let bench = open(SKIPS);
    let skipped = output(&bench, &["--once"]);
    let text = String::from_utf8_lossy(&skipped.stderr);
    assert_eq!(skipped.status.code(), Some(75), "{text}");
    assert!(text.contains("market closed"), "{text}");
}

#[test]
fn a_window_that_an_earlier_run_ended_is_counted_once() {
    let bench = open(ONE);
    let refused = FaultKind::CheckCode { code: 6, codespace: "emissions".to_owned() };
    bench.devnet.fault(Fault::new(refused).on("broadcast_tx_sync")).unwrap();
    for _ in 0..2 {
        let run = output(&bench, &["--once", "--wait", "1"]);
        assert_ne!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let rounds = bench.rounds();
    assert_eq!((rounds.len(), &rounds[0]["state"]), (1, &"refused".into()), "{rounds:?}");
    assert_eq!(bench.heartbeat()["consecutive_failures"], 1);
}

#[test]
fn a_chain_that_never_says_whether_a_window_is_open_is_no_endpoint() {
    let bench = open(ONE);
    let path = "/emissions.v10.QueryService/GetWorkerSubmissionWindowStatus";
    bench.devnet.fault(Fault::new(FaultKind::DropRequest).on(path)).unwrap();
    let unseen = output(&bench, &["--once", "--wait", "1"]);
    assert_eq!(unseen.status.code(), Some(69), "{}", String::from_utf8_lossy(&unseen.stderr));
}

#[test]
fn asked_to_stop_while_it_waits_for_its_window_it_stops_in_order() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&["--once", "--wait", "600"]);
    bench.until_ready();
    assert_eq!(worker.stop(), Some(0), "{}", bench.log());
}

#[test]
fn what_cannot_be_meant_is_a_wrong_command_line() {
    let bench = Bench::new(manual(), ONE);
    for arguments in [
        &["--until", "yesterday"][..],
        &["--until", "2030-13-01"],
        &["--windows", "0"],
        &["--wait", "5"],
        &["--once", "--windows", "2"],
        &["--once", "--wait", "-1"],
    ] {
        assert_eq!(output(&bench, arguments).status.code(), Some(64), "{arguments:?}");
    }
}
