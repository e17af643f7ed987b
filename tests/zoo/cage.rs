//! One worker whose model is, from window to window, whatever animal the test names.

use std::fs;
use std::io::Write;

use bootstrap::devnet::Options;
use serde_json::Value;

use crate::mark::{self, Mark};
use crate::support::{Bench, Worker, manual};

/// What every bundle of the zoo ends with: the model reads beside itself which animal it is, and with
/// which argument.
///
/// An animal whose name begins with `import_` shows itself while the module is imported. The process
/// that is told to be one has been imported already, so it leaves.
const KEEPER: &str = r"
import os, pathlib

def order():
    return pathlib.Path(__file__).with_name('animal').read_text()

if order().startswith('import_'):
    globals()[order()]()

def predict(context):
    animal, *argument = order().split(' ', 1)
    if animal.startswith('import_'):
        os._exit(0)
    return globals()[animal](context, *argument) if animal else 1
";

/// Blocks from one window to the next.
pub const EPOCH: i64 = 150;

/// A worker, and the model in it.
pub struct Cage {
    pub bench: Bench,
    worker: Worker,
    mark: Mark,
    at_rest: Option<Rest>,
}

/// What there is when all is well.
struct Rest {
    processes: usize,
    /// Of the worker, in kB.
    resident: u64,
}

/// What the worker may hold of all its animals: some lines, their windows, and what its allocator keeps. In kB.
pub const GROWTH: u64 = 8 * 1024;

/// What a worker is started with.
#[derive(Default)]
pub struct Habitat<'a> {
    /// Python: functions of the context and, where they are ordered with one, an argument; of nothing when
    /// they are met at the import.
    pub animals: &'a str,
    /// The inside of that section of `model.yaml`.
    pub runtime: &'a str,
    /// Which animal the model is from the start; none: it behaves.
    pub order: &'a str,
    /// Outputs of the topic; none: it takes one number.
    pub labels: &'a [&'a str],
    /// Further variables of the worker's environment.
    pub settings: &'a [(&'a str, &'a str)],
}

impl Cage {
    /// Starts a worker with a model that behaves, and waits until it is ready.
    pub fn new(animals: &str, runtime: &str) -> Self {
        Self::start(&Habitat { animals, runtime, ..Habitat::default() }).ready()
    }

    /// Waits until the worker is ready, and looks what there is then.
    pub fn ready(mut self) -> Self {
        self.bench.until("ready", |bench| (bench.heartbeat()["ready"] == true).then_some(()));
        self.at_rest = Some(Rest { processes: self.mark.processes().len(), resident: self.memory("VmRSS") });
        self
    }

    /// Starts a worker.
    pub fn start(habitat: &Habitat<'_>) -> Self {
        let Habitat { animals, runtime, order: animal, labels, settings } = habitat;
        // Windows open when the test says so, and leave time for many tries.
        let epoch = EPOCH.unsigned_abs();
        let options = Options {
            epoch_length: epoch,
            worker_submission_window: epoch - 10,
            ground_truth_lag: epoch,
            labels: labels.iter().map(ToString::to_string).collect(),
            ..manual()
        };
        let code = format!("{animals}{KEEPER}");
        let bench = Bench::with_manifest(options, &code, &format!("runtime: {{{runtime}}}\n"));
        let mark = Mark(bench.folder.path().display().to_string());
        let bench = settings
            .iter()
            .fold(bench.set(mark::NAME, &mark.0), |bench, (name, value)| bench.set(name, value));
        order(&bench, animal);
        // Between two windows.
        bench.devnet.mine(epoch - 2).unwrap();
        bench.devnet.set_registered(1, &bench.address(), true).unwrap();
        let worker = bench.run(&[]);
        Self { bench, worker, mark, at_rest: None }
    }

    /// A window in which the model is this animal: it fails with this kind and these words, and the
    /// worker takes no harm and answers as soon as the model behaves. Gives the nonce.
    pub fn fails(&self, animal: &str, kind: &str, says: &str) -> i64 {
        let before = self.last_turn();
        let nonce = self.open(animal);
        self.names_the_failure(nonce, kind, says);
        self.is_live_after(before);
        self.answers_when_it_behaves(nonce);
        self.nothing_is_left();
        nonce
    }

    /// A window in which the model is this animal, which is none of the bad ones: it answers `value`.
    pub fn answers(&self, animal: &str, value: &str) {
        let nonce = self.open(animal);
        self.admits(nonce, value);
        let round = self.bench.round(nonce).unwrap();
        assert_eq!(round["attempts"], 1, "{animal}: {round}");
    }

    /// Turns the model into an animal; none: it behaves.
    pub fn order(&self, animal: &str) {
        order(&self.bench, animal);
    }

    /// Turns the model into an animal and opens a window.
    pub fn open(&self, animal: &str) -> i64 {
        self.order(animal);
        self.bench.mine_to_opening()
    }

    /// The failure has its name in the journal, in `status` and in the log.
    pub fn names_the_failure(&self, nonce: i64, kind: &str, says: &str) {
        let round = self.has_reason(nonce, kind, says);
        assert_eq!(round["state"], "predicting", "{round}");
        let status = self.status();
        assert!(is_named(&status["last_round"]["reason"], kind, says), "{status}");
        self.bench.until("a line of the log", |bench| {
            let lines = log_lines(bench).into_iter();
            let mut of_window = lines.filter(|line| line["nonce"] == nonce);
            of_window.any(|line| is_named(&line["message"], kind, says)).then_some(())
        });
    }

    /// The failure has its name in the journal. Gives the round.
    pub fn has_reason(&self, nonce: i64, kind: &str, says: &str) -> Value {
        self.bench.until(&format!("{kind} that says {says:?} of {nonce}"), |bench| {
            bench.round(nonce).filter(|round| is_named(&round["reason"], kind, says))
        })
    }

    /// When the worker's loop completed a turn, in seconds of the clock that probes go by.
    pub fn last_turn(&self) -> f64 {
        self.bench.heartbeat()["instant"]["seconds"].as_f64().unwrap()
    }

    /// The loop has turned since, and the probe says so.
    pub fn is_live_after(&self, before: f64) {
        self.bench.until("another turn", |_| (self.last_turn() > before).then_some(()));
        let live = self.bench.bootstrap().args(["probe", "live"]).output().unwrap();
        assert!(live.status.success(), "{live:?}");
        assert_eq!(self.status()["live"], true);
    }

    /// From now on the model behaves, and the window, which is still open, gets its answer.
    pub fn answers_when_it_behaves(&self, nonce: i64) {
        self.order("");
        self.admits(nonce, "1");
        let round = self.bench.round(nonce).unwrap();
        assert!(round["attempts"].as_u64() >= Some(2), "{round}");
    }

    /// The transaction that is on its way is admitted, with this value.
    pub fn admits(&self, nonce: i64, value: &str) {
        self.bench.until_sent();
        self.bench.devnet.mine(1).unwrap();
        let round = self.bench.until("the end of the round", |bench| {
            bench.round(nonce).filter(|round| !round["finished_at"].is_null())
        });
        assert_eq!((&round["state"], &round["value"]), (&"admitted".into(), &value.into()), "{round}");
    }

    /// What the animal started, and its own process, are gone.
    fn nothing_is_left(&self) {
        let Some(rest) = &self.at_rest else { return };
        self.bench.until("the end of what the model started", |_| {
            (self.mark.processes().len() <= rest.processes).then_some(())
        });
    }

    /// Stops the worker: in order, not grown, and with everything that there was.
    pub fn close(self) {
        if let Some(rest) = &self.at_rest {
            let grown = self.memory("VmRSS").saturating_sub(rest.resident);
            assert!(grown < GROWTH, "the worker has grown by {grown} kB");
        }
        let Self { bench, worker, mark, .. } = self;
        assert_eq!(worker.stop(), Some(0), "{}", bench.log());
        bench.until("the end of every process", |_| mark.processes().is_empty().then_some(()));
    }

    /// A line of the worker's `/proc/PID/status`, in kB.
    pub fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.worker.pid())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        value.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// What `bootstrap status --json` prints.
    pub fn status(&self) -> Value {
        let output = self.bench.bootstrap().args(["status", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn order(bench: &Bench, animal: &str) {
    let source = bench.folder.path().join("bundle/src");
    // Never half a name.
    fs::write(source.join("next"), animal).unwrap();
    fs::rename(source.join("next"), source.join("animal")).unwrap();
}

/// Says that a test shows nothing here. Past the test runner, which keeps what a passing test prints.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED {test}: {why}").unwrap();
}

/// Whether a text names a failure of this kind in these words.
fn is_named(text: &Value, kind: &str, says: &str) -> bool {
    text.as_str().is_some_and(|text| text.contains(&format!("{kind}: ")) && text.contains(says))
}

/// The lines of the worker's log. One that is being written is no line yet.
pub fn log_lines(bench: &Bench) -> Vec<Value> {
    bench.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
