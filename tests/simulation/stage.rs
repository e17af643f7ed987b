//! The real chain and the real worker of a run, and what each trouble does to them.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::chain::payload::Inference;
use bootstrap::devnet::{Payment, Submission};
use bootstrap::journal::{self, JournalError, RoundRow};
use nix::sys::signal::Signal;

use crate::bench::{Bench, Worker};
use crate::endpoints::Endpoints;
use crate::model;
use crate::payload::Payload;
use crate::script::{Script, most_of_one};
use crate::trouble::Trouble;

/// The topic that the worker answers, and the one in which another program uses its key.
pub const TOPIC: u64 = 1;
const FOREIGN_TOPIC: u64 = 2;

const RICH: u128 = 1_000_000_000_000_000_000_000;

/// The worker's process.
enum Process {
    Running(Worker),
    Stopped(Worker),
    /// Asked to stop.
    Leaving(Worker),
    Down,
}

/// The same worker once more: the journal is not its own, so it must leave at once.
enum SecondProcess {
    None,
    /// To be started as soon as the first one has the journal.
    Wanted,
    Running(Worker),
}

/// What a process leaves with whose wallet is in use.
const IN_USE: Option<i32> = Some(78);

pub struct Stage {
    pub bench: Bench,
    address: String,
    process: Process,
    /// To be started as soon as the one before has left.
    start_wanted: bool,
    second: SecondProcess,
    /// Sequences that were used without a transaction.
    bumps: u64,
    pub is_disk_full: bool,
    pub is_funded: bool,
    pub is_registered: bool,
    pub is_whitelisted: bool,
    pub is_topic_active: bool,
    /// What the price of gas makes a transaction cost is allowed.
    pub is_affordable: bool,
    max_fee_per_day: Option<u128>,
    /// The price of gas, and the highest so far, in uallo.
    price: (u64, u64),
    /// How often the journal was lost, and what our transactions had taken by the last time, in uallo.
    pub journals_lost: u128,
    forgotten: u128,
    /// What the journal may not know of because it was torn, in uallo.
    pub torn_off: u128,
    /// Hashes of what another machine sent for windows of ours.
    pub elsewhere: Vec<String>,
    /// Hashes of what another program sent for another topic.
    foreign: Vec<String>,
    pub endpoints: Endpoints,
    pub pace: Duration,
    /// A worker that ended though nobody asked it to.
    pub died: Vec<String>,
}

impl Stage {
    pub fn new(script: &Script) -> Self {
        let bench = Bench::with_manifest(script.options(), &model::code(script), "");
        let marks = bench.folder.path().join("marks");
        std::fs::create_dir(&marks).unwrap();
        let manifest = format!("runtime:\n  max_seconds: 1\n  writable: [{}]\n", marks.display());
        bench.extend_manifest(&manifest);
        let endpoints = Endpoints::open(&bench.devnet, script.endpoints);
        let (urls, chain_id) = (endpoints.urls(script.has_alias), bench.devnet.chain_id().to_owned());
        let bench = bench.set("ALLORA_NETWORK", &urls).set("ALLORA_CHAIN_ID", &chain_id);
        let bench = bench.set("MARKS", marks.to_str().unwrap()).set("ALLORA_LOG_LEVEL", "bootstrap=debug");
        let caps = [("ALLORA_MAX_FEE", script.max_fee), ("ALLORA_MAX_FEE_PER_DAY", script.max_fee_per_day)];
        let caps = caps.into_iter().filter_map(|(name, cap)| Some((name, cap?)));
        let bench = caps.fold(bench, |bench, (name, cap)| bench.set(name, &cap.to_string()));
        let address = bench.address();
        bench.devnet.mine(2).unwrap();
        for topic in [TOPIC, FOREIGN_TOPIC] {
            bench.devnet.set_registered(topic, &address, true).unwrap();
            bench.devnet.set_whitelisted(topic, &address, true).unwrap();
        }
        let process = Process::Running(bench.run(&[]));
        Self {
            bench,
            address,
            process,
            start_wanted: false,
            second: SecondProcess::None,
            bumps: 0,
            is_disk_full: false,
            is_funded: true,
            is_registered: true,
            is_whitelisted: true,
            is_topic_active: true,
            is_affordable: true,
            max_fee_per_day: script.max_fee_per_day,
            price: (1, 1),
            journals_lost: 0,
            forgotten: 0,
            torn_off: 0,
            elsewhere: vec![],
            foreign: vec![],
            endpoints,
            pace: script.pace,
            died: vec![],
        }
    }

    pub fn begin(&mut self, trouble: &Trouble, script: &Script) {
        let (devnet, address) = (&self.bench.devnet, &self.address);
        match trouble {
            Trouble::Killed { after } => self.kill(*after),
            Trouble::JournalLost { after } => {
                self.kill(*after);
                let _ = std::fs::remove_dir_all(self.state());
                self.journals_lost += 1;
                self.forgotten = self.taken();
            }
            Trouble::JournalTorn { after, bytes } => {
                self.kill(*after);
                self.tear(*bytes);
            }
            Trouble::SecondProcess => self.second = SecondProcess::Wanted,
            Trouble::Terminated => self.signal(Signal::SIGTERM, Process::Leaving),
            Trouble::Stopped => self.signal(Signal::SIGSTOP, Process::Stopped),
            Trouble::DiskFull => self.set_disk_full(true),
            Trouble::Drained => {
                devnet.set_balance(address, 0).unwrap();
                self.is_funded = false;
            }
            Trouble::Unregistered => {
                devnet.set_registered(TOPIC, address, false).unwrap();
                self.is_registered = false;
            }
            Trouble::NotWhitelisted => {
                devnet.set_whitelisted(TOPIC, address, false).unwrap();
                self.is_whitelisted = false;
            }
            Trouble::GasPrice(price) => {
                devnet.set_gas_price(price.to_string().parse().unwrap()).unwrap();
                self.is_affordable = script.is_affordable(*price);
                self.price = (*price, self.price.1.max(*price));
            }
            Trouble::TopicInactive => {
                devnet.set_topic_active(TOPIC, false).unwrap();
                self.is_topic_active = false;
            }
            Trouble::Halt(time) => std::thread::sleep(*time),
            Trouble::Pace(pace) => self.pace = *pace,
            Trouble::Foreign => {
                let nonce = i64::try_from(devnet.height().unwrap()).unwrap();
                let value = Inference::Single("9".parse().unwrap());
                // A drained account sends nothing.
                if let Ok(sent) = devnet.submit_as(address, FOREIGN_TOPIC, nonce, value) {
                    self.foreign.push(sent.tx_hash.to_string());
                }
            }
            Trouble::SequenceUsed => {
                let used = u64::try_from(self.payments().len()).unwrap();
                self.bumps += 1;
                devnet.set_sequence(address, used + self.bumps).unwrap();
            }
            // Told by the nonce.
            Trouble::Model { .. } | Trouble::OtherMachine => {}
            Trouble::Endpoint { index, faults } => self.endpoints.fault(*index, faults),
            Trouble::Closed { index } => self.endpoints.close(*index),
            Trouble::Restarted { index, how } => self.endpoints.restart(*index, *how),
            Trouble::Upgraded => {
                devnet.upgrade(EmissionsVersion::V10).unwrap();
                self.endpoints.have_restarted();
            }
        }
    }

    pub fn end(&mut self, trouble: &Trouble, script: &Script) {
        let (devnet, address) = (&self.bench.devnet, &self.address);
        match trouble {
            Trouble::Killed { .. }
            | Trouble::JournalLost { .. }
            | Trouble::JournalTorn { .. }
            | Trouble::Terminated => self.start_wanted = true,
            Trouble::Stopped => match std::mem::replace(&mut self.process, Process::Down) {
                Process::Stopped(worker) => {
                    worker.signal(Signal::SIGCONT);
                    self.process = Process::Running(worker);
                }
                // It was leaving when it should have stood still, and another runs by now.
                other => self.process = other,
            },
            Trouble::DiskFull => self.set_disk_full(false),
            Trouble::Drained => {
                devnet.set_balance(address, RICH).unwrap();
                self.is_funded = true;
            }
            Trouble::Unregistered => {
                devnet.set_registered(TOPIC, address, true).unwrap();
                self.is_registered = true;
            }
            Trouble::NotWhitelisted => {
                devnet.set_whitelisted(TOPIC, address, true).unwrap();
                self.is_whitelisted = true;
            }
            Trouble::GasPrice(_) => {
                devnet.set_gas_price("1".parse().unwrap()).unwrap();
                self.is_affordable = true;
                self.price.0 = 1;
            }
            Trouble::TopicInactive => {
                devnet.set_topic_active(TOPIC, true).unwrap();
                self.is_topic_active = true;
            }
            Trouble::Pace(_) => self.pace = script.pace,
            Trouble::Endpoint { index, faults } => self.endpoints.clear(*index, faults),
            Trouble::Closed { index } => self.endpoints.reopen(*index),
            Trouble::Restarted { .. }
            | Trouble::Halt(_)
            | Trouble::Foreign
            | Trouble::OtherMachine
            | Trouble::SequenceUsed
            | Trouble::SecondProcess
            | Trouble::Upgraded
            | Trouble::Model { .. } => {}
        }
    }

    /// Another machine with our key answers this window.
    pub fn answer_elsewhere(&mut self, nonce: i64) {
        let value = Inference::Single("9".parse().unwrap());
        // A drained account sends nothing.
        if let Ok(sent) = self.bench.devnet.submit_as(&self.address, TOPIC, nonce, value) {
            self.elsewhere.push(sent.tx_hash.to_string());
        }
    }

    /// Whether the worker has left the windows to another machine.
    pub fn is_standing_by(&self) -> bool {
        self.bench.heartbeat()["phase"] == "standby"
    }

    fn kill(&mut self, after: Duration) {
        std::thread::sleep(after);
        // It would find the journal free.
        self.second = SecondProcess::None;
        if let Process::Running(worker) = std::mem::replace(&mut self.process, Process::Down) {
            worker.kill();
        }
    }

    /// Cuts the end off the journal of a worker that is down: the last that was written is in its log.
    fn tear(&mut self, bytes: u64) {
        self.torn_off += most_of_one(self.price.1);
        for journal in journal::files(&self.state()).unwrap() {
            let mut log = journal.into_os_string();
            log.push("-wal");
            if let Ok(log) = OpenOptions::new().write(true).open(log) {
                let length = log.metadata().unwrap().len();
                log.set_len(length.saturating_sub(bytes)).unwrap();
            }
        }
    }

    /// Nonces whose rounds the journal has as ended.
    pub fn ended(&self) -> Vec<i64> {
        let ended = |round: RoundRow| round.finished_at.is_some().then_some(round.nonce);
        self.read_rounds().unwrap_or_default().into_iter().filter_map(ended).collect()
    }

    fn set_disk_full(&mut self, is_full: bool) {
        if let Process::Running(worker) = &self.process {
            worker.set_disk_full(is_full);
            self.is_disk_full = is_full;
        }
    }

    /// What our own transactions have taken so far, in uallo.
    pub fn taken(&self) -> u128 {
        let is_ours =
            |row: &Payment| !self.elsewhere.contains(&row.tx_hash) && !self.foreign.contains(&row.tx_hash);
        self.payments().into_iter().filter(is_ours).map(|row| row.fee).sum()
    }

    /// Whether the day's limit allows a transaction, beside those for windows up to `over` whose end is not known yet.
    pub fn is_within_the_day(&self, over: i64) -> bool {
        let Some(most) = self.max_fee_per_day else { return true };
        // The journal may be just being made.
        let Ok(rounds) = self.read_rounds() else { return false };
        let in_flight = rounds.iter().filter(|round| round.nonce <= over && round.finished_at.is_none());
        let (price, highest) = (most_of_one(self.price.0), most_of_one(self.price.1));
        let reserved = in_flight.fold(price, |sum, _| sum + highest);
        self.taken() - self.forgotten + reserved <= most
    }

    fn signal(&mut self, signal: Signal, then: impl FnOnce(Worker) -> Process) {
        self.second = SecondProcess::None;
        match std::mem::replace(&mut self.process, Process::Down) {
            Process::Running(worker) => {
                worker.signal(signal);
                self.process = then(worker);
            }
            other => self.process = other,
        }
    }

    /// Starts a worker that is to be started, and notices one that ended.
    pub fn tend(&mut self) {
        if let Process::Running(worker) = &mut self.process
            && let Some(status) = worker.has_ended()
        {
            self.died.push(status.to_string());
            (self.process, self.start_wanted) = (Process::Down, true);
        }
        if let Process::Leaving(worker) = &mut self.process
            && worker.has_ended().is_some()
        {
            self.process = Process::Down;
        }
        if self.start_wanted && matches!(self.process, Process::Down) {
            self.process = Process::Running(self.bench.run(&[]));
            self.start_wanted = false;
        }
        self.tend_second();
    }

    fn tend_second(&mut self) {
        self.second = match std::mem::replace(&mut self.second, SecondProcess::None) {
            SecondProcess::Wanted if self.has_journal() => SecondProcess::Running(self.bench.run(&[])),
            SecondProcess::Running(mut worker) => match worker.has_ended() {
                Some(status) => {
                    self.second_ended(status);
                    SecondProcess::None
                }
                None => SecondProcess::Running(worker),
            },
            other => other,
        };
    }

    fn second_ended(&mut self, status: ExitStatus) {
        if status.code() != IN_USE {
            self.died.push(format!("{status}, of the second process"));
        }
    }

    /// Whether the worker's process has its journal.
    fn has_journal(&self) -> bool {
        self.is_turning() && self.bench.heartbeat()["journal"].is_string()
    }

    /// Whether the worker's process runs, and its model was not loaded yet.
    pub fn is_starting(&self) -> bool {
        self.is_running() && !(self.has_journal() && self.bench.heartbeat()["started"] == true)
    }

    pub fn is_running(&self) -> bool {
        matches!(self.process, Process::Running(_))
    }

    /// Whether the worker's process runs, and its loop turns.
    pub fn is_turning(&self) -> bool {
        matches!(&self.process, Process::Running(worker) if self.bench.heartbeat()["pid"] == worker.pid().as_raw())
    }

    /// Asks the worker to stop and waits for it.
    pub fn close(&mut self) -> Option<i32> {
        if let SecondProcess::Running(worker) = std::mem::replace(&mut self.second, SecondProcess::None) {
            self.second_ended(worker.exit());
        }
        match std::mem::replace(&mut self.process, Process::Down) {
            Process::Running(worker) => worker.stop(),
            _ => None,
        }
    }

    /// Whether an answer to `nonce` waits for a block, or is in one.
    pub fn is_answered(&self, nonce: i64) -> bool {
        let waiting = self.bench.devnet.unconfirmed_txs().unwrap();
        let waits = waiting
            .iter()
            .filter_map(|tx| Payload::of_tx(tx))
            .any(|payload| payload == Payload { topic: TOPIC, nonce });
        waits || self.submissions().iter().any(|row| i64::try_from(row.nonce) == Ok(nonce))
    }

    /// Our inferences on the chain.
    pub fn submissions(&self) -> Vec<Submission> {
        let mut rows = self.bench.devnet.submissions(TOPIC).unwrap();
        rows.retain(|row| row.inferer == self.address);
        rows
    }

    /// The worker's journal, read as anybody may read it.
    pub fn rounds(&self) -> Vec<RoundRow> {
        self.read_rounds().unwrap()
    }

    fn read_rounds(&self) -> Result<Vec<RoundRow>, JournalError> {
        let files = journal::files(&self.state()).unwrap();
        let rounds = files.iter().map(|file| journal::Reader::open(file)?.rounds());
        let mut rounds = rounds.collect::<Result<Vec<_>, _>>()?.concat();
        rounds.retain(|round| round.topic_id == TOPIC);
        Ok(rounds)
    }

    fn state(&self) -> PathBuf {
        self.bench.folder.path().join("state")
    }

    pub fn has_unfinished_rounds(&self) -> bool {
        self.rounds().iter().any(|round| round.finished_at.is_none())
    }

    pub fn payments(&self) -> Vec<Payment> {
        self.bench.devnet.payments(&self.address).unwrap()
    }
}
