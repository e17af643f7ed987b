//! A worker of ours on a chain, and the verdict on what it did.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::process::Command;

use bootstrap::chain::messages::{Topic, TopicOutputArity};
use bootstrap::journal::{self, RoundRow, RoundState};
use serde_json::Value;
use tempfile::TempDir;

use crate::account::Account;
use crate::bench::{self, Worker};
use crate::node::Node;
use crate::record::{self, Paid, Record};

/// Blocks after its last one in which a window's round must have its end.
const SETTLED_AFTER: i64 = 3;

/// A bundle, an account and a state folder, on a chain.
pub struct Deployment<'a> {
    pub node: &'a Node,
    pub topic: Topic,
    folder: TempDir,
    /// The last block before the worker could do anything, and what the account had then.
    begun: (i64, u128),
}

impl<'a> Deployment<'a> {
    /// On the topic of the node, with its first account.
    pub fn new(node: &'a Node) -> Self {
        Self::on_topic(node, node.topic_id)
    }

    /// On another topic.
    pub fn on_topic(node: &'a Node, topic_id: u64) -> Self {
        let topic = node.topic(topic_id).expect("the topic is there");
        let folder = TempDir::new().unwrap();
        bench::write_bundle(&folder.path().join("bundle"), &model(&topic), "");
        let begun = node.accounts[0].balance_with_height(&node.rpc);
        Self { node, topic, folder, begun }
    }

    pub fn account(&self) -> &'a Account {
        &self.node.accounts[0]
    }

    pub fn address(&self) -> String {
        self.account().address()
    }

    fn command(&self) -> Command {
        let in_folder = |name| self.folder.path().join(name);
        let mut command = bench::bare();
        command
            .env("BUNDLE_ROOT", in_folder("bundle"))
            .env("ALLORA_NETWORK", self.node.rpc.urls().join(","))
            .env("ALLORA_CHAIN_ID", self.node.rpc.chain_id())
            .env("ALLORA_TOPIC_ID", self.topic.id.to_string())
            .env("ALLORA_MNEMONIC", &self.account().mnemonic)
            .env("ALLORA_STATE_DIR", in_folder("state"))
            .env("ALLORA_HEARTBEAT_FILE", in_folder("heartbeat"))
            .env("ALLORA_LOG_FORMAT", "json")
            .arg("run");
        command
    }

    /// Starts `bootstrap run`.
    pub fn run(&self) -> Worker {
        self.run_with(&[])
    }

    /// The same with these environment variables.
    pub fn run_with(&self, environment: &[(&str, &str)]) -> Worker {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let mut command = self.command();
        command.envs(environment.iter().copied());
        Worker::start(self.folder.path(), log, &mut command, std::iter::once(self.account().mnemonic.clone()))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn heartbeat(&self) -> Value {
        let text = fs::read(self.folder.path().join("heartbeat")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Waits until `found` gives something, for as long as so many blocks may take.
    pub fn until<T>(&self, what: &str, blocks: i64, found: impl FnMut() -> Option<T>) -> T {
        let wait = || self.node.rpc.until(what, self.node.patience(blocks), found);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait))
            .unwrap_or_else(|_| panic!("{what} did not come: {}\n{}", self.heartbeat(), self.log()))
    }

    /// Waits until the worker that runs now says that it is ready.
    pub fn until_ready(&self, worker: &Worker) {
        let pid = worker.pid().as_raw();
        self.until("ready", 3 * self.topic.epoch_length, || {
            let heartbeat = self.heartbeat();
            (heartbeat["pid"] == pid && heartbeat["ready"] == true).then_some(())
        });
    }

    /// Whether the worker says that it is ready.
    pub fn is_ready(&self) -> bool {
        self.heartbeat()["ready"] == true
    }

    /// Height at which the next window opens.
    pub fn next_opening(&self) -> i64 {
        self.node.window(self.topic.id, "").next_window_start_block
    }

    /// Rows of the journal, by their nonces.
    pub fn rounds(&self) -> BTreeMap<i64, RoundRow> {
        let files = journal::files(&self.folder.path().join("state")).unwrap_or_default();
        let rounds = files.iter().filter_map(|file| journal::Reader::open(file).ok()?.rounds().ok());
        rounds.flatten().map(|round| (round.nonce, round)).collect()
    }

    /// Waits until the journal has so many answers. Gives their nonces.
    pub fn until_answered(&self, count: usize) -> Vec<i64> {
        let epochs = i64::try_from(count).unwrap() + 3;
        self.until(&format!("{count} answers"), epochs * self.topic.epoch_length, || {
            let nonces: Vec<i64> =
                self.rounds().into_values().filter(is_answered).map(|row| row.nonce).collect();
            (nonces.len() >= count).then_some(nonces)
        })
    }

    /// Waits until the window of `nonce` is over and every round that was begun has an end.
    pub fn until_settled(&self, nonce: i64) {
        self.node.wait_for(nonce + self.topic.worker_submission_window + SETTLED_AFTER);
        self.until_all_ended();
    }

    /// Waits until every round that was begun has an end.
    pub fn until_all_ended(&self) {
        self.until("the ends of all rounds", self.topic.epoch_length, || {
            self.rounds().values().all(|round| round.finished_at.is_some()).then_some(())
        });
    }

    /// Stops the worker in order when the window of `last` is over. Of those from `from` on none is lost or paid twice,
    /// and there are `least` at least. What the test itself did with the account is in `own`.
    pub fn conclude(&self, worker: Worker, (from, last): (i64, i64), own: &[String], least: usize) {
        self.until_settled(last);
        self.stop(worker);
        let answered = self.assert_none_lost_and_none_paid_twice(from, own);
        assert!(answered >= least, "{answered} windows");
    }

    /// Stops the worker in order.
    pub fn stop(&self, worker: Worker) {
        assert_eq!(worker.stop(), Some(0), "{}", self.log());
    }

    /// What was paid for since the deployment began, in the order of the blocks and thus of the sequences.
    pub fn paid(&self) -> Vec<Paid> {
        let heights = self.begun.0 + 1..=self.node.rpc.height();
        Record::read(self.node, self.topic.id, &self.address(), heights).paid
    }

    /// The answers to windows among that.
    pub fn paid_answers(&self) -> Vec<Paid> {
        self.paid().into_iter().filter(|paid| paid.payload.is_some()).collect()
    }

    /// Holds the journal, the payments and the balance against the chain, and asks for an answer to each window that
    /// opened from block `from` on and is over. What the test itself did with the account is in `own`. Gives how many
    /// windows were answered.
    fn assert_none_lost_and_none_paid_twice(&self, from: i64, own: &[String]) -> usize {
        let (begun, before) = self.begun;
        let head = self.node.rpc.height();
        let (rounds, address) = (self.rounds(), self.address());
        let record = Record::read(self.node, self.topic.id, &address, begun + 1..=head);
        let tell = || format!("{record:#?}\n{rounds:#?}\nThe worker's log:\n{}", self.log());
        let over = record.windows.iter().filter(|(_, end)| **end + SETTLED_AFTER <= head);
        let over: Vec<i64> = over.map(|(nonce, _)| *nonce).filter(|nonce| *nonce >= from).collect();
        for nonce in &over {
            let paid = record.paid_for(self.topic.id, *nonce);
            assert_eq!(paid.len(), 1, "payments for window {nonce}: {}", tell());
            assert_eq!((paid[0].code, paid[0].log.as_str()), (0, ""), "window {nonce}: {}", tell());
            let round = rounds.get(nonce).unwrap_or_else(|| panic!("no round of window {nonce}: {}", tell()));
            assert!(is_answered(round), "round of window {nonce}: {}", tell());
            // A chain forgets the inferences of epochs that it has paid for.
            if *nonce > record.pruned {
                let is_kept = record::has_inference(self.node, self.topic.id, *nonce, &address);
                assert_eq!(
                    is_kept,
                    !record.outside.contains(nonce),
                    "inference of window {nonce}: {}",
                    tell()
                );
            }
        }
        let is_read = |round: &&RoundRow| round.height.is_some_and(|height| height.cast_signed() <= head);
        for round in rounds.values().filter(is_read) {
            self.assert_agrees(round, &record, &tell);
        }
        let ours = |hash: &String| rounds.values().any(|round| round.tx_hash.as_ref() == Some(hash));
        let mut registrations = 0;
        for paid in record.paid.iter().filter(|paid| !ours(&paid.hash) && !own.contains(&paid.hash)) {
            assert_eq!((paid.payload, paid.code), (None, 0), "the journal knows nothing of it: {}", tell());
            registrations += 1;
        }
        assert!(registrations <= 1, "{registrations} registrations: {}", tell());
        let (height, balance) = self.account().balance_with_height(&self.node.rpc);
        let record = Record::read(self.node, self.topic.id, &address, begun + 1..=height);
        let after = balance + record.spent() - record.received;
        assert_eq!(after, before, "the balance, without what was spent and received: {}", tell());
        over.len()
    }

    /// The journal says of a round what the chain says.
    fn assert_agrees(&self, round: &RoundRow, record: &Record, tell: &dyn Fn() -> String) {
        let paid = record.paid_for(self.topic.id, round.nonce);
        let [paid] = paid.as_slice() else { panic!("payments for window {}: {}", round.nonce, tell()) };
        assert_eq!(round.tx_hash.as_deref(), Some(paid.hash.as_str()), "{}", tell());
        assert_eq!(round.height.map(u64::cast_signed), Some(paid.height), "{}", tell());
        assert_eq!(round.fee.map(|fee| fee.0), Some(paid.spent), "{}", tell());
        assert_eq!(round.state == RoundState::Admitted, paid.admitted.is_some(), "{}", tell());
        let Some(values) = &paid.admitted else { return };
        let ours: Value = round.value.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap();
        assert_eq!(numbers(&ours), numbers(values), "values of window {}: {}", round.nonce, tell());
    }
}

/// The chain took the transaction. `NotAdmitted`: with other workers whose scores are higher.
fn is_answered(round: &RoundRow) -> bool {
    matches!(round.state, RoundState::Admitted | RoundState::NotAdmitted)
}

/// The numbers of a value by their labels, whether as the journal or as the chain has them.
fn numbers(value: &Value) -> BTreeMap<String, f64> {
    let number = |value: &Value| match value {
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    };
    match value {
        Value::Object(labels) => labels.iter().map(|(label, value)| (label.clone(), number(value))).collect(),
        Value::Array(rows) => rows
            .iter()
            .map(|row| (row["label"].as_str().unwrap().to_owned(), number(&row["value"])))
            .collect(),
        single => BTreeMap::from([("y".to_owned(), number(single))]),
    }
}

/// A model that answers at once: a number that tells the nonce, or one for each of some labels.
fn model(topic: &Topic) -> String {
    if topic.output_arity() != TopicOutputArity::Multi {
        return "def predict(nonce):\n    return nonce / 8\n".to_owned();
    }
    let most = usize::try_from(topic.max_labels_per_submission).unwrap().clamp(1, 2);
    let own = ["up".to_owned(), "down".to_owned()];
    let labels = if topic.label_whitelist.is_empty() { &own[..] } else { &topic.label_whitelist };
    // They sum up to 1, as some topics want it, and are not all what a topic may have for a default.
    let shares = if labels.len().min(most) == 1 { &[1.0][..] } else { &[0.25, 0.75] };
    let answer: BTreeMap<&String, &f64> = labels.iter().zip(shares).collect();
    format!("def predict(nonce):\n    return {}\n", serde_json::to_string(&answer).unwrap())
}
