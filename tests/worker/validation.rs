//! What a prediction must satisfy: each verdict in the log and in the journal, and no value is ever replaced.

use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::chain::payload::Inference;
use bootstrap::devnet::{Fault, FaultKind, Options};
use serde_json::{Value, json};

use crate::support::{Bench, manual};

const CONSENSUS: &str = "/emissions.v10.QueryService/GetLatestNetworkInferences";

/// A model that gives these expressions in turn, and the last of them for ever.
fn gives(values: &[&str]) -> String {
    format!(
        "values = [{}]\ndef predict():\n    return values.pop(0) if len(values) > 1 else values[0]\n",
        values.join(", ")
    )
}

fn bench(options: Options, code: &str, validation: &str) -> Bench {
    let bench = Bench::with_manifest(options, code, &format!("validation: {{{validation}}}\n"));
    bench.devnet.mine(12).unwrap();
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    bench
}

/// Other workers answer the next window, which is then closed.
fn others_say(bench: &Bench, values: &[Inference]) {
    let nonce = bench.mine_to_opening();
    for (account, value) in bench.devnet.accounts().iter().skip(1).zip(values) {
        bench.devnet.set_registered(1, &account.address, true).unwrap();
        bench.devnet.submit_as(&account.address, 1, nonce, value.clone()).unwrap();
    }
    bench.devnet.mine(11).unwrap();
}

fn numbers(values: &[&str]) -> Vec<Inference> {
    values.iter().map(|value| Inference::Single(value.parse().unwrap())).collect()
}

/// Verdict and limits of the next window's round, once its model has answered.
fn judged(bench: &Bench) -> (i64, Value) {
    let nonce = bench.mine_to_opening();
    let round =
        bench.until("a verdict", |bench| bench.round(nonce).filter(|round| !round["verdict"].is_null()));
    (nonce, json!([round["verdict"], round["limits"]]))
}

/// The round's end, when its window is over.
fn ended(bench: &Bench, nonce: i64) -> Value {
    bench.devnet.mine(11).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| !round["finished_at"].is_null()))
}

#[test]
fn every_verdict_is_in_the_journal_and_in_the_log_with_its_limits() {
    let rules = "warn_below: -5, warn_above: 5, reject_below: -50, reject_above: 50, reject_zero: true, max_repeats: 2";
    let cases = [
        ("1", json!(["accepted", []])),
        ("6", json!(["warned", ["validation.warn_above"]])),
        ("6", json!(["warned", ["validation.warn_above", "validation.max_repeats"]])),
        ("-5.01", json!(["warned", ["validation.warn_below"]])),
        ("50.5", json!(["rejected", ["validation.reject_above"]])),
        ("-51", json!(["rejected", ["validation.reject_below"]])),
        ("0", json!(["rejected", ["validation.reject_zero"]])),
    ];
    // Each call of the model is another process, and another window.
    let code = "import os\ndef predict(nonce):\n    return os.environ['VALUES'].split()[nonce // 12 - 1]\n";
    let values: Vec<_> = cases.iter().map(|(value, _)| *value).collect();
    let bench = bench(manual(), code, rules).set("VALUES", &values.join(" "));
    let worker = bench.run(&[]);
    bench.until_ready();
    for (value, wanted) in &cases {
        let (nonce, judged) = judged(&bench);
        assert_eq!(judged, *wanted, "{value}: {}", bench.log());
        let is_rejected = wanted[0] == "rejected";
        if !is_rejected {
            bench.until_sent();
        }
        let round = ended(&bench, nonce);
        assert_eq!(round["state"], if is_rejected { "expired" } else { "admitted" }, "{round}");
        if is_rejected {
            let reason = round["reason"].as_str().unwrap();
            assert!(reason.starts_with(&format!("rejected: {value} is ")), "{reason}");
        } else {
            assert_eq!(round["value"], *value, "as the model gave it");
        }
        let lines = bench.log();
        let of_round = |line: &Value| line["nonce"] == nonce && line["verdict"] == wanted[0];
        let line = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).find(of_round);
        let limits = line.unwrap_or_else(|| panic!("no verdict of {nonce} in {lines}"))["limits"].clone();
        let wanted: Vec<_> = wanted[1].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(limits.as_str().unwrap_or_default(), wanted.join(","));
    }
    assert_eq!(bench.paid().len(), 4, "what was rejected cost nothing");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_rejected_value_is_asked_for_again_in_the_same_window() {
    let bench = bench(manual(), &gives(&["51", "0", "1.5"]), "reject_above: 50, reject_zero: true");
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    let round = ended(&bench, nonce);
    assert_eq!(
        (&round["state"], &round["value"], &round["attempts"], &round["verdict"]),
        (&"admitted".into(), &"1.5".into(), &3.into(), &"accepted".into()),
        "{round}"
    );
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn repeats_are_counted_from_life_to_life() {
    let bench = bench(manual(), &gives(&["1.5"]), "max_repeats: 2, reject_repeats: true");
    for (verdict, state) in [("accepted", "admitted"), ("rejected", "expired")] {
        let worker = bench.run(&[]);
        bench.until_ready();
        let (nonce, judged) = judged(&bench);
        assert_eq!(judged[0], verdict, "{}", bench.log());
        if state == "admitted" {
            bench.until_sent();
        }
        let round = ended(&bench, nonce);
        assert_eq!(round["state"], state, "{round}");
        assert_eq!(worker.stop(), Some(0));
    }
    let last = bench.rounds().pop().unwrap();
    assert!(last["reason"].as_str().unwrap().starts_with("rejected: the same value came 2 times"), "{last}");
    // Submissions of it stop at one: what is refused counts.
    let alerts = std::fs::read_to_string(bench.folder.path().join("state/alerts.log")).unwrap();
    assert!(alerts.contains(" BEGIN values_repeating "), "{alerts}");
}

#[test]
fn what_is_far_from_three_other_inferers_is_rejected_unless_nobody_can_say_what_they_said() {
    for emissions in [EmissionsVersion::V9, EmissionsVersion::V10] {
        let options = Options { emissions, ..manual() };
        let bench = bench(options, &gives(&["9"]), "consensus: {reject_sigma: 4.5}");
        // Two others are no measure.
        others_say(&bench, &numbers(&["1", "2"]));
        let worker = bench.run(&[]);
        bench.until_ready();
        let (nonce, verdict) = judged(&bench);
        assert_eq!(verdict, json!(["accepted", []]), "{}", bench.log());
        bench.until_sent();
        assert_eq!(ended(&bench, nonce)["state"], "admitted");
        assert_eq!(worker.stop(), Some(0));

        others_say(&bench, &numbers(&["1", "2", "3"]));
        let worker = bench.run(&[]);
        bench.until_ready();
        let (nonce, verdict) = judged(&bench);
        assert_eq!(verdict, json!(["rejected", ["validation.consensus.reject_sigma"]]), "{}", bench.log());
        let round = ended(&bench, nonce);
        let reason = round["reason"].as_str().unwrap();
        let wanted =
            "rejected: 9 is more than 4.5 standard deviations of 1 from 2, the mean of 3 other inferers";
        assert!(reason.starts_with(wanted), "{reason}");
        assert_eq!(bench.paid().len(), 1);
        assert_eq!(worker.stop(), Some(0));
    }
}

#[test]
fn a_look_up_that_fails_or_hangs_holds_no_prediction_back() {
    for kind in [FaultKind::Error, FaultKind::HalfOpen] {
        let bench = bench(manual(), &gives(&["9"]), "consensus: {reject_sigma: 4.5}");
        others_say(&bench, &numbers(&["1", "2", "3"]));
        bench.devnet.fault(Fault { method: CONSENSUS.into(), kind, times: None }).unwrap();
        let worker = bench.run(&[]);
        bench.until_ready();
        let (nonce, verdict) = judged(&bench);
        assert_eq!(verdict, json!(["accepted", []]));
        bench.until_sent();
        assert_eq!(ended(&bench, nonce)["state"], "admitted");
        assert_eq!(worker.stop(), Some(0));
    }
}

#[test]
fn each_of_several_outputs_is_compared_with_its_own_kind() {
    let options = Options { labels: vec!["up".into(), "down".into()], ..manual() };
    let bench = bench(options, "def predict():\n    return {'up': 2, 'down': 0.5}\n", "warn_below: 0.6");
    let of = |up: &str, down: &str| {
        Inference::Labeled(vec![("up".into(), up.parse().unwrap()), ("down".into(), down.parse().unwrap())])
    };
    others_say(&bench, &[of("1", "10"), of("2", "20"), of("3", "30")]);
    let worker = bench.run(&[]);
    bench.until_ready();
    let (nonce, verdict) = judged(&bench);
    // `down` alone is beyond; 0.5 is within three deviations of 10 from 20.
    assert_eq!(verdict, json!(["warned", ["validation.warn_below"]]), "{}", bench.log());
    bench.until_sent();
    assert_eq!(ended(&bench, nonce)["state"], "admitted");
    assert_eq!(worker.stop(), Some(0));

    let far = "def predict():\n    return {'up': 2, 'down': 60}\n";
    std::fs::write(bench.folder.path().join("bundle/src/runner.py"), far).unwrap();
    others_say(&bench, &[of("1", "10"), of("2", "20"), of("3", "30")]);
    let worker = bench.run(&[]);
    bench.until_ready();
    let (_, verdict) = judged(&bench);
    assert_eq!(verdict, json!(["warned", ["validation.consensus.warn_sigma"]]), "{}", bench.log());
    assert!(
        bench.log().contains("down = 60 is more than 3 standard deviations of 10 from 20"),
        "{}",
        bench.log()
    );
    assert_eq!(worker.stop(), Some(0));
}
