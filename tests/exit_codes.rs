//! Each exit code, as a script or a scheduler meets it.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

#[path = "support/bench.rs"]
mod bench;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use bench::{Bench, manual, quick, write_bundle};
use bootstrap::cli::Exit;
use bootstrap::devnet::{Options, Whitelist};
use nix::sys::signal::Signal;

const ONE: &str = "def predict():\n    return 1\n";
const NOBODY: &str = "http://127.0.0.1:1";

/// `bootstrap` with these arguments and the bench's settings.
fn command(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = bench.bootstrap();
    command.args(arguments).stdin(Stdio::null());
    command
}

fn with(mut command: Command, name: &str, value: &str) -> Command {
    command.env(name, value);
    command
}

/// A second signal while the worker follows a transaction that no block takes.
fn stopped_by_force(signal: Signal) -> Option<i32> {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.mine_to_opening();
    bench.until_sent();
    worker.signal(signal);
    bench.until("the stop", |bench| {
        bench.log().contains("another Ctrl-C or signal stops at once").then_some(())
    });
    worker.signal(signal);
    worker.exit().code()
}

#[test]
fn every_code_is_given_for_its_reason_and_no_other() {
    let good = Bench::new(manual(), ONE);
    let wrong = Bench::new(manual(), "def predict():\n    raise ValueError\n");
    let spoilt = wrong.folder.path().join("spoilt");
    write_bundle(&spoilt, ONE, "surprise: 1\n");
    let spoilt = spoilt.to_str().unwrap();
    let idle = Bench::registered(manual(), ONE);
    idle.devnet.set_topic_active(1, false).unwrap();
    idle.devnet.mine(30).unwrap();
    let barred = Bench::new(Options { whitelist: Whitelist::On, ..quick() }, ONE);
    barred.devnet.set_registered(1, &barred.address(), true).unwrap();
    let registered = Bench::registered(manual(), ONE);
    let mut full = command(&good, &["wallet", "new"]);
    full.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());

    let cases = [
        (Exit::Done, command(&good, &["run", "--until", "2020-01-01"])),
        (Exit::Done, command(&good, &["check"])),
        (Exit::Done, command(&good, &["status"])),
        (Exit::Done, command(&registered, &["doctor"])),
        (Exit::No, command(&good, &["probe", "live"])),
        (Exit::No, command(&good, &["check", spoilt])),
        (Exit::No, command(&wrong, &["predict"])),
        (Exit::No, with(command(&registered, &["doctor"]), "ALLORA_TOPIC_ID", "99")),
        (Exit::Usage, command(&good, &["probe", "alive"])),
        (Exit::Usage, command(&good, &["run", "--wait", "1"])),
        (Exit::BadBundle, command(&good, &["run", spoilt])),
        (Exit::BadBundle, command(&good, &["predict", spoilt])),
        (Exit::NoBundle, command(&good, &["run", "/nowhere"])),
        (Exit::NoBundle, command(&good, &["check", "/nowhere"])),
        (Exit::NoEndpoint, with(command(&good, &["run", "--once", "--wait", "1"]), "ALLORA_NETWORK", NOBODY)),
        (Exit::NoEndpoint, with(command(&good, &["doctor"]), "ALLORA_NETWORK", NOBODY)),
        (Exit::Internal, full),
        (Exit::TryLater, command(&idle, &["run", "--once", "--wait", "1"])),
        (Exit::NotPermitted, command(&barred, &["run", "--once", "--wait", "2"])),
        (Exit::Config, with(command(&good, &["run"]), "ALLORA_PRIVATE_KEY", "c0ffee")),
        (Exit::Config, with(command(&good, &["run"]), "ALLORA_TOPIC_ID", "one")),
        (Exit::Config, with(command(&good, &["predict"]), "ALLORA_PYTHON", "/nowhere/python")),
        (Exit::Config, with(command(&good, &["doctor"]), "ALLORA_TOPIC_ID", "one")),
    ];
    let mut met = BTreeSet::new();
    for (exit, mut command) in cases {
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit.code().into()), "{command:?}: {said}");
        met.insert(exit.code());
    }
    for (exit, signal) in [(Exit::Interrupted, Signal::SIGINT), (Exit::Terminated, Signal::SIGTERM)] {
        assert_eq!(stopped_by_force(signal), Some(exit.code().into()), "{signal}");
        met.insert(exit.code());
    }
    assert_eq!(met, Exit::ALL.iter().map(|(exit, _)| exit.code()).collect());
}
