//! Runs that end by themselves, as cron starts them: what their exit codes say, and what two of them at a time do.

use std::fs;
use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

use bootstrap::devnet::{Fault, FaultKind, Options, Whitelist};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::support::{Bench, manual, quick};

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

/// An address of this machine that nobody listens on.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The last lines of a run that answered nothing, and what is left of it for probes.
fn assert_says(bench: &Bench, stderr: &str, headline: &str, cause: &str) {
    let mut last: Vec<&str> = stderr.trim_end().rsplit('\n').take(3).collect();
    last.reverse();
    let is_report = last[0] == format!("error: {headline}")
        && last[1].starts_with("  caused by: ")
        && last[1].contains(cause)
        && last[2].starts_with("hint: ");
    assert!(is_report, "{stderr}");
    let why = bench.heartbeat()["why"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains(cause), "{why}");
    let probed = bench.bootstrap().args(["probe", "live"]).output().unwrap().stdout;
    assert_eq!(String::from_utf8(probed).unwrap(), format!("no: the worker has stopped: {why}\n"));
}

const NOTHING: &str = "nothing was submitted this time";
const NOT_PERMITTED: &str = "the chain does not let this wallet submit";

#[test]
fn two_runs_at_a_time_do_no_harm() {
    let bench = Bench::registered(manual(), ONE);
    let metrics = bench.folder.path().join("worker.prom");
    let log_file = bench.folder.path().join("worker.log");
    let address = free_address();
    let bench = bench
        .set("ALLORA_METRICS_FILE", metrics.to_str().unwrap())
        .set("ALLORA_METRICS_ADDR", &address)
        .set("ALLORA_LOG_FILE", log_file.to_str().unwrap());
    let start = |bench: &Bench| {
        bench.until("metrics", |_| {
            let text = fs::read_to_string(&metrics).ok()?;
            text.lines().find(|line| line.starts_with("bootstrap_start_timestamp_seconds")).map(str::to_owned)
        })
    };
    let first = bench.run(&["--once", "--wait", "600"]);
    bench.until_ready();
    let of_first = start(&bench);
    // Whatever is found first to be taken, the log file, the address of metrics or the journal.
    for shared in [&["ALLORA_LOG_FILE", "ALLORA_METRICS_ADDR"][..], &["ALLORA_METRICS_ADDR"], &[]] {
        let mut second = bench.bootstrap();
        second.args(["run", "--once", "--wait", "1"]);
        for name in ["ALLORA_LOG_FILE", "ALLORA_METRICS_ADDR"].iter().filter(|name| !shared.contains(name)) {
            second.env(name, "");
        }
        let second = second.output().unwrap();
        let text = String::from_utf8_lossy(&second.stderr);
        assert_eq!(second.status.code(), Some(78), "{text}");
        let named = format!("this wallet is in use on this chain by process {}", first.pid());
        assert!(text.contains(&named), "it names the first one: {text}");
    }
    // The files that both would write are those of the first one.
    assert_eq!(start(&bench), of_first);
    let heartbeat = bench.heartbeat();
    assert_eq!((&heartbeat["pid"], &heartbeat["ready"]), (&first.pid().as_raw().into(), &true.into()));
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
    for arguments in [&["--once"][..], &["--once", "--dry-run"]] {
        let again = output(&bench, arguments);
        let text = String::from_utf8_lossy(&again.stderr);
        assert_eq!(again.status.code(), Some(0), "{text}");
        assert!(text.contains(": already admitted, in an earlier run"), "{text}");
    }
    assert_eq!((bench.rounds().len(), bench.paid().len()), (1, 1));
}

#[test]
fn a_dry_run_leaves_the_window_to_the_runs_after_it() {
    let bench = open(ONE);
    for _ in 0..2 {
        let dry = output(&bench, &["--once", "--dry-run"]);
        let text = String::from_utf8_lossy(&dry.stderr);
        assert_eq!(dry.status.code(), Some(0), "{text}");
        assert!(text.contains(": dry_run"), "each does all of it: {text}");
    }
    assert!(bench.paid().is_empty());
    let worker = bench.run(&["--once"]);
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    assert_eq!(worker.exit().code(), Some(0), "{}", bench.log());
    let rounds = bench.rounds();
    assert_eq!((rounds.len(), &rounds[0]["state"], bench.paid().len()), (1, &"admitted".into(), 1));
}

#[test]
fn windows_that_an_earlier_run_answered_are_not_counted() {
    let bench = open(ONE);
    let answered = |bench: &Bench| {
        bench.until_sent();
        bench.devnet.mine(1).unwrap();
    };
    let once = bench.run(&["--once"]);
    answered(&bench);
    assert_eq!(once.exit().code(), Some(0), "{}", bench.log());
    let mut worker = bench.run(&["--windows", "1"]);
    let pid = worker.pid().as_raw();
    bench.until("the window to be looked at", |bench| {
        let heartbeat = bench.heartbeat();
        (heartbeat["pid"] == pid && !heartbeat["last_result"].is_null()).then_some(())
    });
    bench.until_ready();
    assert_eq!(worker.has_ended(), None, "{}", bench.log());
    bench.mine_to_opening();
    answered(&bench);
    assert_eq!(worker.exit().code(), Some(0), "{}", bench.log());
    assert_eq!((bench.rounds().len(), bench.paid().len()), (2, 2));
}

#[test]
fn a_run_without_an_answer_ends_with_the_reason_and_what_to_do() {
    let idle = Bench::registered(manual(), ONE);
    idle.devnet.set_topic_active(1, false).unwrap();
    idle.devnet.mine(30).unwrap();
    let new = Bench::new(manual(), "import time\ntime.sleep(3600)\n");
    new.devnet.mine(2).unwrap();
    let barred = Bench::new(Options { whitelist: Whitelist::On, ..quick() }, ONE);
    barred.devnet.set_registered(1, &barred.address(), true).unwrap();
    let poor = Bench::registered(manual(), ONE);
    poor.devnet.set_balance(&poor.address(), 0).unwrap();
    for (bench, code, headline, cause) in [
        (&idle, 75, NOTHING, "topic 1 is not active"),
        (&new, 75, NOTHING, "the worker was not registered in time"),
        (&barred, 77, NOT_PERMITTED, "the whitelist of topic 1 does not have"),
        (&poor, 77, NOT_PERMITTED, "needs funds"),
    ] {
        let run = output(bench, &["--once", "--wait", "4"]);
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{said}");
        assert_says(bench, &said, headline, cause);
    }
    // A dry run pays nothing.
    let dry = output(&poor, &["--once", "--dry-run", "--wait", "4"]);
    assert_eq!(dry.status.code(), Some(75), "{}", String::from_utf8_lossy(&dry.stderr));
}

#[test]
fn a_wallet_that_cannot_pay_is_not_permitted() {
    let bench = open(ONE);
    bench.devnet.set_balance(&bench.address(), 0).unwrap();
    let worker = bench.run(&["--once"]);
    bench.until_why("needs funds");
    bench.devnet.mine(36).unwrap();
    assert_eq!(worker.exit().code(), Some(77), "{}", bench.log());
    assert_says(&bench, &bench.log(), NOT_PERMITTED, "needs funds");
}

#[test]
fn a_model_that_skips_has_nothing_submitted_this_time() {
    let bench = open(SKIPS);
    let skipped = output(&bench, &["--once"]);
    let text = String::from_utf8_lossy(&skipped.stderr);
    assert_eq!(skipped.status.code(), Some(75), "{text}");
    assert_says(&bench, &text, NOTHING, "market closed");
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
    let text = String::from_utf8_lossy(&unseen.stderr);
    assert_eq!(unseen.status.code(), Some(69), "{text}");
    assert_says(&bench, &text, "no endpoint of the chain can be used", "the chain");
}

#[test]
fn asked_to_stop_while_it_waits_for_its_window_it_stops_in_order() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&["--once", "--wait", "600"]);
    bench.until_ready();
    assert_eq!(worker.stop(), Some(0), "{}", bench.log());
}

#[test]
fn a_time_that_comes_before_the_window_stops_in_order_too() {
    let bench = Bench::registered(manual(), ONE);
    let until = (OffsetDateTime::now_utc() + Duration::from_secs(3)).format(&Rfc3339).unwrap();
    let run = output(&bench, &["--once", "--wait", "600", "--until", &until]);
    let text = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{text}");
    assert!(bench.rounds().is_empty() && !text.contains("error: "), "{text}");
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

/// The messages of the log, in their order.
fn messages(bench: &Bench) -> Vec<String> {
    let log = bench.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| Some(line["message"].as_str()?.to_owned())).collect()
}

#[test]
fn a_first_run_tells_its_story_in_order_and_how_it_goes_from_then_on() {
    let bench = Bench::new(quick(), ONE).set("BOOTSTRAP_PULSE_SECONDS", "1");
    let worker = bench.run(&[]);
    bench.until("a pulse after the first answer and the first look at the balance", |bench| {
        messages(bench).into_iter().find(|line| {
            line.starts_with("HEARTBEAT uptime 0 h ")
                && line.contains(" admitted")
                && line.contains("last success: 2")
                && line.ends_with(" uallo")
        })
    });
    assert_eq!(worker.stop(), Some(0));
    let messages = messages(&bench);
    let at = |words: &str| {
        let found = messages.iter().position(|message| message.starts_with(words));
        found.unwrap_or_else(|| panic!("no {words} in {messages:#?}"))
    };
    let (registering, registered, ready) = (at("not ready: registering"), at("registered"), at("ready"));
    assert!(registering < registered && registered < ready, "{messages:#?}");
    let after = &messages[registered..ready];
    assert!(after.iter().all(|message| !message.ends_with("is starting")), "{after:#?}");
}

#[test]
fn a_run_without_a_chain_uses_the_time_that_it_was_given_and_raises_its_alert() {
    let bench = open(ONE).set("ALLORA_NETWORK", "http://127.0.0.1:1");
    let begun = Instant::now();
    let unseen = output(&bench, &["--once", "--wait", "3"]);
    assert_eq!(unseen.status.code(), Some(69), "{}", String::from_utf8_lossy(&unseen.stderr));
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    let alerts =
        |bench: &Bench| std::fs::read_to_string(bench.folder.path().join("state/alerts.log")).unwrap();
    let told = alerts(&bench);
    assert!(told.lines().count() == 1 && told.contains(" BEGIN chain_unreachable "), "{told}");

    let url = bench.devnet.rpc_url();
    let bench = bench.set("ALLORA_NETWORK", &url);
    let seen = output(&bench, &["--once", "--dry-run"]);
    assert_eq!(seen.status.code(), Some(0), "{}", String::from_utf8_lossy(&seen.stderr));
    assert!(alerts(&bench).contains(" END chain_unreachable "), "{}", alerts(&bench));
}

#[test]
fn a_dry_run_needs_neither_registration_nor_money_and_says_what_is_missing() {
    for is_registered in [false, true] {
        let bench = open(ONE);
        bench.devnet.set_registered(1, &bench.address(), is_registered).unwrap();
        bench
            .devnet
            .set_balance(&bench.address(), if is_registered { 0 } else { 1_000_000_000_000 })
            .unwrap();
        bench.devnet.mine(1).unwrap();
        let dry = output(&bench, &["--once", "--dry-run"]);
        let text = String::from_utf8_lossy(&dry.stderr);
        assert_eq!(dry.status.code(), Some(0), "{text}");
        assert_eq!(text.contains("`run` without --dry-run registers it first"), !is_registered, "{text}");
        assert!(!text.contains("rpc error") && !text.contains(".go:"), "for people: {text}");
        let rounds = bench.rounds();
        assert_eq!((rounds.len(), &rounds[0]["state"]), (1, &"dry_run".into()), "{text}");
        assert!(rounds[0]["value"].is_string() && bench.paid().is_empty(), "{text}");
    }
}

#[test]
fn a_topic_that_does_not_exist_is_named_and_shows_no_rounds_of_another() {
    let bench = open(ONE);
    let worker = bench.run(&["--once"]);
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    assert_eq!(worker.exit().code(), Some(0), "{}", bench.log());
    let bench = bench.set("ALLORA_TOPIC_ID", "99");
    let worker = bench.run(&[]);
    let why = bench.until_why("topic 99 does not exist on this chain");
    assert!(why.contains("ALLORA_TOPIC_ID"), "{why}");
    let status = bench.bootstrap().args(["status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        (&status["topic_id"], &status["last_round"], &status["counts"]),
        (&99.into(), &Value::Null, &Value::Object(Default::default())),
        "{status}"
    );
    assert_eq!(worker.stop(), Some(0));
    let once = output(&bench, &["--once", "--wait", "1"]);
    let text = String::from_utf8_lossy(&once.stderr);
    assert_eq!(once.status.code(), Some(75), "{text}");
    assert!(
        text.contains("\nerror: topic 99 does not exist on this chain\nhint: correct --topic-id"),
        "{text}"
    );
    assert!(!text.contains("not compared"), "nobody has said anything in it: {text}");
}
