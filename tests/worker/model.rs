//! Models that fail, hang, refuse and return nonsense: the window is answered once they behave.

use bootstrap::devnet::Options;

use crate::support::{Bench, quick};

/// Fails as `how` says when it is called for the first time, then answers.
fn fails_once(how: &str) -> String {
    format!(
        "import os, sys, time\ndef predict(context):\n    mark = os.path.join(os.environ['MARKS'], 'called')\n    \
         if not os.path.exists(mark):\n        open(mark, 'w').close()\n        {how}\n    return 1\n"
    )
}

/// Windows that leave time for a second try.
fn long() -> Options {
    Options { epoch_length: 60, worker_submission_window: 50, ground_truth_lag: 60, ..quick() }
}

fn bench(code: &str, manifest: &str) -> Bench {
    let marks = tempfile::TempDir::new().unwrap().keep();
    let manifest = format!("{manifest}\nruntime:\n  max_seconds: 1\n  writable: [{}]\n", marks.display());
    Bench::with_manifest(long(), code, &manifest).set("MARKS", &marks.display().to_string())
}

#[test]
fn a_failure_is_recorded_and_the_model_asked_again() {
    for how in
        ["raise ValueError('no data')", "time.sleep(3600)", "os._exit(3)", "sys.exit('bye')", "return None"]
    {
        let bench = bench(&fails_once(how), "");
        bench.devnet.set_registered(1, &bench.address(), true).unwrap();
        assert_eq!(bench.run(&["--once"]).exit().code(), Some(0), "{how}: {}", bench.log());
        let round = &bench.rounds()[0];
        assert_eq!((&round["state"], &round["attempts"]), (&"admitted".into(), &2.into()), "{how}: {round}");
    }
}

#[test]
fn what_the_limits_reject_is_not_submitted() {
    let code = "def predict():\n    return 51\n";
    let bench = Bench::with_manifest(quick(), code, "validation:\n  reject_above: 50\n");
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--once"]).exit().code(), Some(75), "{}", bench.log());
    let round = &bench.rounds()[0];
    assert_eq!(round["state"], "expired", "{round}");
    assert!(round["reason"].as_str().unwrap().starts_with("rejected:"), "{round}");
    assert!(bench.paid().is_empty());
}

#[test]
fn a_skip_is_no_failure() {
    let code = "from bootstrap_host import Skip\ndef predict():\n    raise Skip('market closed')\n";
    let bench = Bench::new(quick(), code);
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--windows", "1"]).exit().code(), Some(0));
    let round = &bench.rounds()[0];
    assert_eq!((&round["state"], &round["reason"]), (&"skipped".into(), &"market closed".into()), "{round}");
    assert!(bench.paid().is_empty());
}

#[test]
fn the_key_does_not_reach_the_model_under_any_name() {
    let code = "import os\ndef predict():\n    held = [name for name, value in os.environ.items() if os.environ['HALF'] in \
                value]\n    return len(held)\n";
    let bench = Bench::new(quick(), code);
    let key = bench.devnet.accounts()[0].private_key.clone();
    // Half of the key is no secret that we know of; the whole of it is, wherever it stands.
    let bench = bench.set("HALF", &key[..32]).set("BACKUP", &format!("key={key}"));
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--once"]).exit().code(), Some(0), "{}", bench.log());
    assert_eq!(bench.rounds()[0]["value"], "1", "HALF alone");
}

/// The last try is killed for the window's end, which says nothing of the model.
#[test]
fn a_try_that_the_windows_end_cuts_short_hides_no_failure() {
    let code = "import time\nTRIES = []\ndef predict():\n    TRIES.append(1)\n    if len(TRIES) < 2:\n        raise ValueError('no data')\n    time.sleep(3600)\n";
    let bench = Bench::registered(quick(), code);
    let worker = bench.run(&[]);
    let round = bench.until("an end", |bench| {
        bench.rounds().into_iter().find(|round| {
            round["state"] == "expired" && bench.log().contains("since the window was about to close")
        })
    });
    assert!(round["reason"].as_str().unwrap().starts_with("exception: ValueError: no data"), "{round}");
    assert_eq!(worker.stop(), Some(0));
}
