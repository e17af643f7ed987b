//! What Prometheus and node_exporter read of a running worker.
#![allow(clippy::float_cmp)] // counts are exact in a double

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use bootstrap::devnet::{BlockTime, Fault, FaultKind, Options};
use bootstrap::health::metrics::{Kind, TABLE};
use bootstrap::journal::Timestamp;

use crate::support::{Bench, http, manual, quick};

const ONE: &str = "def predict(nonce):\n    return 1.5\n";

/// A bench whose worker serves metrics on a free port.
fn serving(bench: Bench) -> Bench {
    bench.set("ALLORA_METRICS_ADDR", "127.0.0.1:0")
}

/// Where the worker serves them, by its log.
pub fn address(bench: &Bench) -> String {
    bench.until("the address of the metrics", |bench| {
        let log = bench.log();
        let line = log.lines().rev().find(|line| line.contains("metrics are served"))?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line["address"].as_str()?.to_owned())
    })
}

pub fn scrape(address: &str) -> String {
    let (status, text) = http("GET", address, "/metrics");
    assert_eq!(status, 200, "{text}");
    text
}

/// The value of the series of `name` whose labels hold all of `labels`.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let mut lines = text.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    });
    lines.next()?.rsplit_once(' ')?.1.parse().ok()
}

/// The page and the alert rules are made from the table; this holds the table against a worker.
#[test]
fn a_scrape_tells_what_the_worker_did() {
    let bench = serving(Bench::registered(manual(), ONE)).set("BUNDLE_ID", "b-1");
    let worker = bench.run(&[]);
    let address = address(&bench);
    bench.until_ready();
    assert_eq!(value(&scrape(&address), "bootstrap_rounds_total", &["outcome=\"admitted\""]), Some(0.0));
    // A proxy in front of the node, for a moment.
    bench.devnet.fault(Fault::new(FaultKind::Html).on("abci_query").times(1)).unwrap();
    bench.until("a fault", |_| {
        value(&scrape(&address), "bootstrap_endpoint_errors_total", &["kind=\"not_rpc\""])
    });
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    let text = bench.until("the round and the balance", |_| {
        let text = scrape(&address);
        value(&text, "bootstrap_balance_uallo", &[])?;
        let admitted = value(&text, "bootstrap_rounds_total", &["outcome=\"admitted\"", "reason=\"\""]);
        (admitted == Some(1.0)).then_some(text)
    });

    // For a checker that not every machine has.
    if let Some(path) = std::env::var_os("BOOTSTRAP_SCRAPE") {
        fs::write(path, &text).unwrap();
    }
    let named: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let known: BTreeSet<_> = TABLE.iter().map(|row| (row.name, row.kind.as_str())).collect();
    assert_eq!(named, known, "of a worker that did everything once");
    for row in TABLE.iter().filter(|row| row.kind != Kind::Histogram) {
        let line = text.lines().find(|line| line.starts_with(&format!("{}{{", row.name))).unwrap();
        for label in row.labels.iter().chain(&["topic_id", "bundle_id"]) {
            assert!(line.contains(&format!("{label}=\"")), "{line}");
        }
    }

    let of = |name| value(&text, name, &[]).unwrap_or_else(|| panic!("no {name} in\n{text}"));
    let round = bench.round(nonce).unwrap();
    assert_eq!(of("bootstrap_fees_uallo_total"), round["fee"].as_str().unwrap().parse::<f64>().unwrap());
    assert_eq!(of("bootstrap_gas_used_total"), round["gas_used"].as_f64().unwrap());
    assert_eq!(of("bootstrap_prediction_duration_seconds_count"), 1.0);
    assert_eq!(of("bootstrap_broadcast_delay_seconds_count"), 1.0);
    assert_eq!(of("bootstrap_inclusion_delay_seconds_count"), 1.0);
    assert!(of("bootstrap_balance_uallo") > 1e12);
    assert_eq!(of("bootstrap_account_sequence"), 1.0);
    assert_eq!(of("bootstrap_ready"), 1.0);
    let height = f64::from(u32::try_from(nonce).unwrap() + 1);
    assert_eq!((of("bootstrap_head_height"), of("bootstrap_endpoint_head_height")), (height, height));
    for process in ["process=\"worker\"", "process=\"model\""] {
        let bytes = value(&text, "bootstrap_resident_memory_bytes", &[process]).unwrap();
        assert!((1e6..1e10).contains(&bytes), "{process} {bytes}");
    }
    let endpoint = format!("endpoint=\"{}\"", bench.devnet.address());
    assert_eq!(value(&text, "bootstrap_endpoint_fresh", &[&endpoint]), Some(1.0), "host and port");
    assert_eq!(worker.stop(), Some(0));

    // Counters begin anew, as Prometheus expects; states are true at once.
    let success = of("bootstrap_last_success_timestamp_seconds");
    let worker = bench.run(&[]);
    bench.until_ready();
    let address = self::address(&bench);
    let text = bench.until("a balance", |_| {
        let text = scrape(&address);
        value(&text, "bootstrap_balance_uallo", &[]).map(|_| text)
    });
    assert_eq!(value(&text, "bootstrap_rounds_total", &["outcome=\"admitted\""]), Some(0.0));
    assert_eq!(value(&text, "bootstrap_last_success_timestamp_seconds", &[]), Some(success));
    assert_eq!(value(&text, "bootstrap_account_sequence", &[]), Some(1.0));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn probes_over_http_say_what_the_command_says() {
    let bench = serving(Bench::registered(manual(), ONE));
    let worker = bench.run(&[]);
    let address = address(&bench);
    bench.until_ready();
    let asked = |kind: &str| {
        let said = bench.bootstrap().args(["probe", kind]).output().unwrap().stdout;
        (http("GET", &address, &format!("/{kind}z")), String::from_utf8(said).unwrap())
    };
    for kind in ["live", "ready"] {
        let (answer, said) = asked(kind);
        assert_eq!(answer, (200, said));
    }
    bench.devnet.set_topic_active(1, false).unwrap();
    for _ in 0..2 {
        bench.mine_to_opening();
    }
    bench.until_why("is not active");
    let (answer, said) = asked("ready");
    assert_eq!(answer, (503, said));
    assert_eq!(http("GET", &address, "/livez").0, 200);

    assert_eq!(http("POST", &address, "/metrics").0, 405);
    assert_eq!(http("GET", &address, "/secrets").0, 404);
    // Clients that connect and never ask do not keep others away.
    let silent: Vec<_> = (0..40).map(|_| TcpStream::connect(&address).unwrap()).collect();
    assert_eq!(http("GET", &address, "/livez").0, 200);
    drop(silent);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn the_delay_of_a_broadcast_counts_from_the_opening_of_its_window() {
    let options = Options {
        block_time: BlockTime::Every(Duration::from_millis(100)),
        epoch_length: 3_000,
        worker_submission_window: 2_900,
        ground_truth_lag: 3_000,
        ..quick()
    };
    let bench = serving(Bench::new(options, ONE));
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    bench.until("a window that is open for some time", |bench| {
        (bench.devnet.height().unwrap() > 30).then_some(())
    });
    let start = Timestamp::now();
    let worker = bench.run(&[]);
    let round = bench.until_a_round_is("admitted");
    let opened = Timestamp::parse(round["opened_at"].as_str().unwrap()).unwrap();
    let before = start.seconds_since(opened);
    assert!(before > 1.0, "{round}: the worker was started at {start}");
    let text = scrape(&address(&bench));
    let delay = value(&text, "bootstrap_broadcast_delay_seconds_sum", &[]).unwrap();
    assert!(delay > before, "{delay} s from {opened}");
    assert_eq!(worker.stop(), Some(0));
}

/// As a cron job leaves it.
#[test]
fn a_file_for_node_exporter_is_left_by_a_worker_that_ends_by_itself() {
    let bench = Bench::registered(quick(), ONE);
    let path = bench.folder.path().join("worker.prom");
    let bench = bench.set("ALLORA_METRICS_FILE", path.to_str().unwrap());
    let worker = bench.run(&["--once"]);
    assert_eq!(worker.exit().code(), Some(0));
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(value(&text, "bootstrap_rounds_total", &["outcome=\"admitted\""]), Some(1.0));
    for of_one_that_runs in ["bootstrap_ready", "bootstrap_turn_timestamp_seconds", "bootstrap_model_up"] {
        assert_eq!(value(&text, of_one_that_runs, &[]), None, "it has stopped");
    }
    assert!(value(&text, "bootstrap_last_success_timestamp_seconds", &[]).is_some());
    let names = fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with(".bootstrap-")));

    for (given, said) in [("/nowhere/worker.prom", "metrics cannot be written to"), ("metrics.txt", ".prom")]
    {
        let worker = bench.run_with(&[("ALLORA_METRICS_FILE", given)]);
        assert_eq!(worker.exit().code(), Some(78));
        assert!(bench.log().contains(said) && bench.log().contains(given), "{}", bench.log());
    }
}

#[test]
fn an_address_that_cannot_be_used_stops_the_start() {
    let bench = Bench::new(manual(), ONE);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (given, said) in [(&*address, "metrics cannot be served on"), ("9090", "ALLORA_METRICS_ADDR")] {
        let worker = bench.run_with(&[("ALLORA_METRICS_ADDR", given)]);
        assert_eq!(worker.exit().code(), Some(78));
        assert!(bench.log().contains(said) && bench.log().contains(given), "{}", bench.log());
    }
}
