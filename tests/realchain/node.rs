//! The chain that the tests run against: a node that somebody gives, or `bootstrap devnet` in a process of its own.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bootstrap::chain::messages::query::{
    GetTopicRequest, GetWorkerSubmissionWindowStatusRequest, GetWorkerSubmissionWindowStatusResponse,
};
use bootstrap::chain::messages::{Topic, TopicOutputArity};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::account::Account;
use crate::bench::{self, PATIENCE};
use crate::rpc::Rpc;

/// Topics that are looked through for one with labels.
const MOST_TOPICS: u64 = 32;

/// One test at a time has the given node.
static ALONE: Mutex<()> = Mutex::new(());

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// SIGTERM: it tells its subscribers.
    InOrder,
    /// SIGKILL.
    Killed,
}

enum Kind {
    Given { stop: Option<String>, start: Option<String>, _alone: MutexGuard<'static, ()> },
    Devnet { process: Child, _folder: TempDir },
}

/// A chain with a topic and funded accounts.
pub struct Node {
    pub rpc: Rpc,
    pub topic_id: u64,
    pub accounts: Vec<Account>,
    /// Mean time from block to block.
    block_time: Duration,
    kind: Kind,
}

impl Node {
    /// The node of the environment, or else a local chain.
    pub fn new() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let Some(urls) = variable("REALCHAIN_RPC") else { return Self::local() };
        let needed = |name| variable(name).unwrap_or_else(|| panic!("REALCHAIN_RPC needs {name} too"));
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let rpc = Rpc::new(urls.split(',').map(|url| url.trim().to_owned()).collect());
        let mnemonics = needed("REALCHAIN_MNEMONICS");
        let phrases = mnemonics.split([';', '\n']).map(str::trim).filter(|phrase| !phrase.is_empty());
        let kind = Kind::Given {
            stop: variable("REALCHAIN_STOP"),
            start: variable("REALCHAIN_START"),
            _alone: alone,
        };
        let topic_id = needed("REALCHAIN_TOPIC").parse().expect("REALCHAIN_TOPIC is a number");
        let node = Self::of(rpc, topic_id, phrases.map(Account::new).collect(), kind);
        node.assert_usable();
        node
    }

    /// What would otherwise show after many windows, as a worker that is never ready.
    fn assert_usable(&self) {
        let (topic_id, worker) = (self.topic_id, self.accounts[0].address());
        assert!(self.topic(topic_id).is_some(), "REALCHAIN_TOPIC: there is no topic {topic_id}");
        let window = self.window(topic_id, &worker);
        assert!(window.is_topic_active, "REALCHAIN_TOPIC: topic {topic_id} is not active");
        assert!(window.is_whitelisted, "REALCHAIN_TOPIC: topic {topic_id} does not let {worker} submit");
        for account in &self.accounts {
            let address = account.address();
            assert!(account.balance(&self.rpc) > 0, "REALCHAIN_MNEMONICS: {address} has no money");
        }
    }

    /// A local chain. Its second topic takes one number, its first one a number for each label.
    pub fn local() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("chain.json");
        let arguments = "devnet --listen 127.0.0.1:0 --grpc off --block-time 300ms --epoch 12 --window 8 \
                         --topics 2 --labels up,down --accounts 3";
        let process = bench::bare()
            .args(arguments.split_whitespace())
            .arg("--config-out")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let kind = Kind::Devnet { process, _folder: folder };
        let nowhere = Rpc::new(vec![]);
        let config: Value = nowhere
            .until("a local chain", PATIENCE, || serde_json::from_slice(&std::fs::read(&file).ok()?).ok());
        let accounts = config["accounts"].as_array().unwrap().iter();
        let accounts = accounts.map(|account| Account::new(account["mnemonic"].as_str().unwrap())).collect();
        Self::of(Rpc::new(vec![config["rpc"].as_str().unwrap().to_owned()]), 2, accounts, kind)
    }

    fn of(rpc: Rpc, topic_id: u64, accounts: Vec<Account>, kind: Kind) -> Self {
        assert!(!accounts.is_empty(), "no funded account");
        let from = rpc.until("a block", PATIENCE, || Some(rpc.height()).filter(|height| *height > 0));
        let begun = std::time::Instant::now();
        let blocks = rpc.until("two more blocks", Duration::from_secs(120), || {
            Some(rpc.height() - from).filter(|blocks| *blocks >= 2)
        });
        let block_time = begun.elapsed() / u32::try_from(blocks).unwrap();
        Self { rpc, topic_id, accounts, block_time, kind }
    }

    /// Says that this node cannot show something, past the capture of the test's output.
    pub fn skip(&self, what: &str) {
        let _ = writeln!(std::io::stderr(), "SKIPPED on {}: {what}", self.rpc.urls().join(", "));
    }

    /// Steers a local chain. `None` on any other, which is not asked.
    pub fn steer(&self, method: &str, params: &Value) -> Option<Value> {
        match self.kind {
            Kind::Given { .. } => None,
            Kind::Devnet { .. } => Some(self.rpc.call(method, params).unwrap()),
        }
    }

    /// Whether this is a local chain of the test's own.
    pub fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Devnet { .. })
    }

    /// A generous limit for something that takes so many blocks.
    pub fn patience(&self, blocks: i64) -> Duration {
        PATIENCE + self.block_time * 4 * u32::try_from(blocks).unwrap()
    }

    /// A topic, if there is one with this id.
    pub fn topic(&self, topic_id: u64) -> Option<Topic> {
        self.rpc.query(&GetTopicRequest { topic_id }).ok()?.topic
    }

    /// An active topic that takes a number for each label, and lets the first account submit.
    pub fn topic_of_labels(&self) -> Option<u64> {
        let mut topics = (1..=MOST_TOPICS).map_while(|topic_id| self.topic(topic_id));
        let is_wanted = |topic: &Topic| {
            let window = self.window(topic.id, &self.accounts[0].address());
            let is_open = window.is_topic_active && window.is_whitelisted;
            topic.output_arity() == TopicOutputArity::Multi && is_open
        };
        topics.find(is_wanted).map(|topic| topic.id)
    }

    /// The topic's window as a worker sees it.
    pub fn window(&self, topic_id: u64, address: &str) -> GetWorkerSubmissionWindowStatusResponse {
        let request = GetWorkerSubmissionWindowStatusRequest { topic_id, address: address.to_owned() };
        self.rpc.query(&request).expect("the topic is there")
    }

    /// Waits until a block of this height or a later one is committed.
    pub fn wait_for(&self, height: i64) -> i64 {
        let blocks = (height - self.rpc.height()).max(0);
        let reached = || Some(self.rpc.height()).filter(|now| *now >= height);
        self.rpc.until(&format!("block {height}"), self.patience(blocks), reached)
    }

    /// Whether the node can be stopped and started.
    pub fn can_restart(&self) -> bool {
        !matches!(&self.kind, Kind::Given { stop, start, .. } if stop.is_none() || start.is_none())
    }

    /// Stops the node and starts it again.
    pub fn restart(&self, ending: Ending) {
        match &self.kind {
            Kind::Given { stop, start, .. } => {
                let signal = if ending == Ending::InOrder { "TERM" } else { "KILL" };
                let (stop, start) = (stop.as_deref().unwrap(), start.as_deref().unwrap());
                let mut stopping = shell(stop).env("REALCHAIN_SIGNAL", signal).spawn().unwrap();
                self.rpc.until("the end of the node", PATIENCE, || (!self.rpc.is_whole()).then_some(()));
                assert!(stopping.wait().unwrap().success(), "REALCHAIN_STOP failed: {stop}");
                // It may be the node itself, so that nobody waits for its end.
                assert!(shell(&format!("({start}) &")).status().unwrap().success());
            }
            Kind::Devnet { .. } => {
                let kind = if ending == Ending::InOrder { "restart" } else { "crash" };
                self.steer("devnet_fault", &json!({"kind": kind}));
            }
        }
        self.rpc.until("the node's return", self.patience(10), || self.rpc.is_whole().then_some(()));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Kind::Devnet { process, .. } = &mut self.kind {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}
