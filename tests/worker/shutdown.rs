//! SIGTERM and SIGINT in every state of a round: the worker stops in order, leaves no process behind, and its
//! next life pays for nothing twice.
#![allow(clippy::print_stdout)] // how long each took, for who asks for it

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use bootstrap::chain::payload::Inference;
use bootstrap::devnet::{Fault, FaultKind, Options, Whitelist};
use bootstrap::failpoint::{Failpoint, Moment, Step};
use nix::sys::signal::Signal;

use crate::support::{Bench, Worker, manual};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";
const LOADS_FOR_EVER: &str = "import time\ntime.sleep(3600)\n";
/// Its child has a session of its own, as a daemon.
const PREDICTS_FOR_EVER: &str = "import subprocess, time\ndef predict():\n    \
    subprocess.Popen(['sleep', '3600'], start_new_session=True)\n    time.sleep(3600)\n";
const FAILS: &str = "def predict():\n    raise ValueError('no data')\n";

/// What is promised is 10 s, by the worker's own clock; to see it gone, a machine that is busy with other tests gets
/// more.
const PROMISE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(15);

/// Workers that run at a time.
const AT_A_TIME: usize = 4;

/// In the environment of the worker, and so of all that it starts.
const MARK: &str = "SHUTDOWN_TEST";

/// Something that a worker does when it is asked to stop.
struct State {
    name: &'static str,
    signal: Signal,
    code: &'static str,
    options: fn() -> Options,
    /// Brings a worker there. Gives the window that its next life has to answer.
    reach: fn(&Bench) -> (Worker, Option<i64>),
}

impl State {
    const fn new(name: &'static str, reach: fn(&Bench) -> (Worker, Option<i64>)) -> Self {
        Self { name, signal: Signal::SIGTERM, code: ONE, options: long, reach }
    }
}

/// A window that stays open while the worker stops and starts again.
fn long() -> Options {
    Options { epoch_length: 40, worker_submission_window: 36, ground_truth_lag: 40, ..manual() }
}

fn states() -> Vec<State> {
    vec![
        State::new("at the very start", |bench| {
            let worker = bench.run(&[]);
            bench.until("a process that listens to signals", |_| catches_sigterm(&worker).then_some(()));
            (worker, None)
        }),
        State::new("an interpreter is looked for", |bench| {
            let python = silent_python(bench);
            let worker = bench.run_with(&[("ALLORA_PYTHON", &python)]);
            bench.until("a candidate that is asked", |_| is_running(&python).then_some(()));
            (worker, None)
        }),
        State::new("the chain is not there", |bench| {
            let worker = bench.run_with(&[("ALLORA_NETWORK", "http://127.0.0.1:1")]);
            bench.until_why("127.0.0.1:1");
            (worker, None)
        }),
        State {
            code: LOADS_FOR_EVER,
            ..State::new("the model is loading", |bench| {
                let worker = bench.run(&[]);
                bench.until_why("loading");
                (worker, None)
            })
        },
        State::new("waiting", |bench| {
            let worker = bench.run(&[]);
            bench.until_ready();
            (worker, None)
        }),
        State {
            signal: Signal::SIGINT,
            code: PREDICTS_FOR_EVER,
            ..State::new("predicting", |bench| {
                let worker = ready(bench);
                bench.mine_to_opening();
                until_phase(bench, "predicting");
                (worker, None)
            })
        },
        State {
            code: FAILS,
            ..State::new("between two attempts", |bench| {
                let worker = ready(bench);
                let nonce = bench.mine_to_opening();
                bench.until("attempts", |bench| {
                    bench.round(nonce).filter(|round| round["attempts"].as_u64() > Some(2))
                });
                (worker, None)
            })
        },
        State::new("simulating", |bench| {
            let worker = ready(bench);
            fault(bench, "/cosmos.tx.v1beta1.Service/Simulate", late());
            let nonce = bench.mine_to_opening();
            until_phase(bench, "submitting");
            (worker, Some(nonce))
        }),
        State::new("prepared by an earlier life", |bench| {
            let point = Failpoint(Step::Broadcasting, Moment::Before).to_string();
            let dies = bench.run_with(&[(Failpoint::VARIABLE, &point)]);
            bench.until_ready();
            let nonce = bench.mine_to_opening();
            dies.exit();
            assert_eq!(bench.round(nonce).unwrap()["state"], "prepared");
            fault(bench, "tx", late());
            fault(bench, "broadcast_tx_sync", late());
            let worker = bench.run(&[]);
            // The heartbeat of the one that died says so too.
            let pid = worker.pid().as_raw();
            bench.until("a heartbeat", |bench| {
                let heartbeat = bench.heartbeat();
                (heartbeat["pid"] == pid && heartbeat["phase"] == "submitting").then_some(())
            });
            (worker, Some(nonce))
        }),
        State::new("a broadcast is late", |bench| broadcasting(bench, late())),
        State::new("a broadcast is half-open", |bench| broadcasting(bench, FaultKind::HalfOpen)),
        State::new("the answer to a broadcast is lost", |bench| broadcasting(bench, FaultKind::DropReply)),
        State {
            signal: Signal::SIGINT,
            ..State::new("in a mempool", |bench| {
                let (worker, nonce) = in_mempool(bench);
                (worker, Some(nonce))
            })
        },
        State::new("the chain falls silent", |bench| {
            let (worker, nonce) = in_mempool(bench);
            fault(bench, "*", FaultKind::HalfOpen);
            (worker, Some(nonce))
        }),
        State::new("the disk is full", |bench| {
            let worker = bench.start_on_full_disk(bench.bootstrap().arg("run"));
            bench.until_why("the journal cannot be opened");
            (worker, None)
        }),
        State::new("the disk fills up", |bench| {
            let (worker, nonce) = in_mempool(bench);
            worker.set_disk_full(true);
            bench.devnet.mine(1).unwrap();
            bench.until_why("the journal cannot be written");
            (worker, Some(nonce))
        }),
        State::new("the disk hangs", |bench| {
            let point = Failpoint(Step::Prepare, Moment::Before).to_string();
            let worker = bench.run_with(&[(Failpoint::HANGS, &point)]);
            bench.until_ready();
            let nonce = bench.mine_to_opening();
            bench.until("a prediction", |bench| {
                bench.round(nonce).filter(|round| round["state"] == "predicted")
            });
            until_phase(bench, "submitting");
            (worker, Some(nonce))
        }),
        State {
            options: || Options { whitelist: Whitelist::On, ..long() },
            ..State::new("blocked", |bench| {
                let worker = bench.run(&[]);
                until_phase(bench, "blocked");
                (worker, None)
            })
        },
        State::new("standing by", |bench| {
            let worker = ready(bench);
            worker.signal(Signal::SIGSTOP);
            let nonce = bench.mine_to_opening();
            let value = Inference::Single("9".parse().unwrap());
            bench.devnet.submit_as(&bench.address(), 1, nonce, value).unwrap();
            bench.devnet.mine(1).unwrap();
            worker.signal(Signal::SIGCONT);
            until_phase(bench, "standby");
            (worker, None)
        }),
    ]
}

/// An interpreter that never says what it is. Written by a shell: what this process writes itself may be open for
/// writing in a process that another test starts at the same time.
fn silent_python(bench: &Bench) -> String {
    let path = bench.folder.path().join("silent-python").display().to_string();
    let write = r#"printf '#!/bin/sh\nsleep 3600\n' >"$0" && chmod +x "$0""#;
    assert!(Command::new("sh").args(["-c", write, &path]).status().unwrap().success());
    path
}

/// Whether a process has this in its command line.
fn is_running(path: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|argument| argument == path.as_bytes()))
}

fn catches_sigterm(worker: &Worker) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", worker.pid())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or_default();
    u64::from_str_radix(caught.trim(), 16)
        .is_ok_and(|caught| (caught >> (Signal::SIGTERM as u32 - 1)) & 1 == 1)
}

fn late() -> FaultKind {
    FaultKind::Delay { time: Duration::from_secs(3_600) }
}

fn fault(bench: &Bench, method: &str, kind: FaultKind) {
    bench.devnet.fault(Fault { method: method.into(), kind, times: None }).unwrap();
}

fn until_phase(bench: &Bench, phase: &str) {
    bench.until(phase, |bench| (bench.heartbeat()["phase"] == phase).then_some(()));
}

fn ready(bench: &Bench) -> Worker {
    let worker = bench.run(&[]);
    bench.until_ready();
    worker
}

/// A worker whose bytes leave and are not answered.
fn broadcasting(bench: &Bench, kind: FaultKind) -> (Worker, Option<i64>) {
    let worker = ready(bench);
    fault(bench, "broadcast_tx_sync", kind);
    let nonce = bench.mine_to_opening();
    bench.until("a broadcast", |bench| bench.round(nonce).filter(|round| round["state"] == "broadcast"));
    (worker, Some(nonce))
}

/// A worker whose transaction waits for a block, and the window.
fn in_mempool(bench: &Bench) -> (Worker, i64) {
    let worker = ready(bench);
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    (worker, nonce)
}

/// Processes that the bench's worker has started, and theirs.
fn descendants(bench: &Bench) -> usize {
    let mark = format!("{MARK}={}", bench.folder.path().display());
    let has_mark = |pid: &fs::DirEntry| {
        let environment = fs::read(pid.path().join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    // The worker keeps its own from all readers but root.
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(has_mark).count()
}

fn marked(bench: Bench) -> Bench {
    let mark = bench.folder.path().display().to_string();
    bench.set(MARK, &mark)
}

fn assert_nothing_is_left(bench: &Bench) {
    assert_eq!(descendants(bench), 0, "processes are left: {}", bench.log());
    assert_eq!(bench.heartbeat()["phase"], "stopped", "{}", bench.log());
    assert_eq!(bench.probe("ready"), Some(1));
}

/// In order, and in the time that is promised.
fn assert_stops(bench: &Bench, worker: Worker, signal: Signal, name: &str) {
    let asked = Instant::now();
    worker.signal(signal);
    let exit = worker.exit();
    let took = asked.elapsed();
    println!("{name}: stopped within {took:.1?}");
    assert_eq!(exit.code(), Some(0), "{name}: {}", bench.log());
    assert!(took < LIMIT, "{name}: {took:?}: {}", bench.log());
    let lines = bench.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    for line in lines.filter(|line| line["message"] == "stopped") {
        let seconds = line["seconds"].as_f64().unwrap();
        assert!(seconds < PROMISE.as_secs_f64(), "{name}: {line}");
    }
}

/// The next life answers the window, and it is paid for once.
fn assert_answered_once(bench: &Bench, nonce: i64) {
    bench.devnet.clear_faults();
    let worker = bench.run(&[]);
    bench.until("an answer", |bench| {
        if bench.mempool() > 0 {
            bench.devnet.mine(1).unwrap();
        }
        bench.round(nonce).filter(|round| round["state"] == "admitted")
    });
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1));
    assert_eq!(worker.stop(), Some(0));
}

fn assert_stops_in_order(state: &State) {
    let bench = marked(Bench::registered((state.options)(), state.code));
    let (worker, unanswered) = (state.reach)(&bench);
    assert_stops(&bench, worker, state.signal, state.name);
    assert_nothing_is_left(&bench);
    if let Some(nonce) = unanswered {
        assert_answered_once(&bench, nonce);
    }
}

#[test]
fn a_signal_in_every_state_stops_in_order() {
    let states = Mutex::new(states().into_iter());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(state) = { states.lock().unwrap().next() } {
                    assert_stops_in_order(&state);
                }
            });
        }
    });
}

#[test]
fn what_was_sent_is_settled_before_the_worker_ends() {
    let bench = marked(Bench::registered(long(), ONE));
    let (worker, nonce) = in_mempool(&bench);
    worker.signal(Signal::SIGTERM);
    until_phase(&bench, "stopping");
    bench.devnet.mine(1).unwrap();
    assert_eq!(worker.exit().code(), Some(0), "{}", bench.log());
    assert_eq!(bench.round(nonce).unwrap()["state"], "admitted", "{}", bench.log());
    assert_nothing_is_left(&bench);
}

#[test]
fn a_disk_that_hangs_under_journal_heartbeat_and_metrics_holds_nobody_up() {
    let bench = marked(Bench::registered(long(), ONE));
    let metrics = bench.folder.path().join("worker.prom").display().to_string();
    let bench = bench.set("ALLORA_METRICS_FILE", &metrics);
    let points = [Step::Prepare, Step::Replace].map(|step| Failpoint(step, Moment::Before).to_string());
    let worker = bench.run_with(&[(Failpoint::HANGS, &points.join(" "))]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    let words = "the heartbeat cannot be written";
    bench.until(words, |bench| bench.log().contains(words).then_some(()));
    assert_stops(&bench, worker, Signal::SIGTERM, "all disks hang");
    assert_eq!(descendants(&bench), 0, "processes are left: {}", bench.log());
    assert_eq!(bench.probe("ready"), Some(1));
    assert_answered_once(&bench, nonce);
}

#[test]
fn a_registration_that_waits_for_a_block_is_paid_once() {
    let bench = marked(Bench::new(long(), ONE));
    bench.devnet.mine(2).unwrap();
    let worker = bench.run(&[]);
    bench.until("a registration", |bench| (bench.mempool() > 0).then_some(()));
    assert_eq!(worker.stop(), Some(0), "{}", bench.log());
    assert_nothing_is_left(&bench);

    let worker = bench.run(&[]);
    bench.devnet.mine(1).unwrap();
    let round = bench.until("an answer", |bench| {
        if bench.mempool() > 0 {
            bench.devnet.mine(1).unwrap();
        }
        bench.rounds().into_iter().find(|round| round["state"] == "admitted")
    });
    assert_eq!(bench.paid().len(), 2, "the registration and {round}");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_second_signal_ends_the_worker_at_once() {
    for (second, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let bench = marked(Bench::registered(long(), ONE));
        let (worker, nonce) = in_mempool(&bench);
        assert_ne!(descendants(&bench), 0, "the model has the mark");
        worker.signal(Signal::SIGTERM);
        // Until its transaction is in a block, or there is no more time.
        until_phase(&bench, "stopping");
        // The same wish, told twice.
        worker.signal(Signal::SIGTERM);
        bench.until("the wait for another", |bench| {
            bench.log().contains("another Ctrl-C or signal stops at once").then_some(())
        });
        worker.signal(second);
        assert_eq!(worker.exit().code(), Some(code), "{}", bench.log());
        bench.until("the end of the model", |bench| (descendants(bench) == 0).then_some(()));
        assert_answered_once(&bench, nonce);
    }
}

#[test]
fn with_a_devnet_inside_the_process() {
    let bench = marked(Bench::new(manual(), ONE)).set("ALLORA_NETWORK", "devnet");
    let worker = ready(&bench);
    assert_eq!(worker.stop(), Some(0), "{}", bench.log());
    assert_nothing_is_left(&bench);
}
