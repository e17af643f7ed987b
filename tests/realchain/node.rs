//! The chain that the tests run against: a node that somebody gives, or `bootstrap devnet` in a process of its own.

use std::cell::Cell;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bootstrap::chain::messages::query::{
    GetTopicRequest, GetWorkerSubmissionWindowStatusRequest, GetWorkerSubmissionWindowStatusResponse,
};
use bootstrap::chain::messages::{Topic, TopicOutputArity};
use cosmrs::proto::cosmos::tx::v1beta1::GetTxRequest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::account::{self, Account};
use crate::bench::{self, PATIENCE};
use crate::commands::{Commands, Ending, Running, Services};
use crate::rpc::Rpc;

/// Topics that are looked through for one with labels.
const MOST_TOPICS: u64 = 128;

/// One test at a time has the given node.
static ALONE: Mutex<()> = Mutex::new(());

/// Transactions that an account must be able to pay for.
const TRANSACTIONS: u128 = 50;

/// A start that is asked to leave services out has done so by then.
const HEEDED: Duration = Duration::from_secs(20);

enum Kind {
    Given { commands: Option<Commands>, services: Cell<Services>, _alone: MutexGuard<'static, ()> },
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
        let phrases = mnemonics.split([';', ',', '\n']).map(str::trim).filter(|phrase| !phrase.is_empty());
        let commands = variable("REALCHAIN_STOP").zip(variable("REALCHAIN_START"));
        let commands = commands.map(|(stop, start)| Commands { stop, start });
        let kind = Kind::Given { commands, services: Cell::new(Services::AsConfigured), _alone: alone };
        let topic_id = needed("REALCHAIN_TOPIC").parse().expect("REALCHAIN_TOPIC is a number");
        let node = Self::of(rpc, topic_id, phrases.map(Account::new).collect(), kind);
        node.assert_usable();
        node
    }

    /// What would otherwise show after many windows, as a worker that is never ready.
    fn assert_usable(&self) {
        let index = self.rpc.call("tx", &json!({"hash": account::base64(&[0; 32])})).unwrap_err();
        let words = index["data"].as_str().unwrap_or_default();
        assert!(!words.contains("indexing is disabled"), "REALCHAIN_RPC: {words}");
        let (topic_id, worker) = (self.topic_id, self.accounts[0].address());
        let topic = self.topic(topic_id);
        let topic = topic.unwrap_or_else(|| panic!("REALCHAIN_TOPIC: there is no topic {topic_id}"));
        // One that has just got its stake is active with its next epoch.
        let what = format!("REALCHAIN_TOPIC: that topic {topic_id} is active");
        let window = self.rpc.until(&what, self.patience(2 * topic.epoch_length), || {
            Some(self.window(topic_id, &worker)).filter(|window| window.is_topic_active)
        });
        assert!(window.is_whitelisted, "REALCHAIN_TOPIC: topic {topic_id} does not let {worker} submit");
        let least = TRANSACTIONS * account::fee(&self.rpc).amount;
        for account in &self.accounts {
            let (address, balance) = (account.address(), account.balance(&self.rpc));
            assert!(
                balance >= least,
                "REALCHAIN_MNEMONICS: {address} has {balance} uallo; it needs {least}. A test that failed may have \
                 left its money with another of them"
            );
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
        rpc.ask_the_furthest();
        let from = rpc.until("a block", PATIENCE, || Some(rpc.height()).filter(|height| *height > 0));
        let begun = Instant::now();
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
        !matches!(&self.kind, Kind::Given { commands: None, .. })
    }

    /// Stops the node and starts it again.
    pub fn restart(&self, ending: Ending) {
        match &self.kind {
            Kind::Given { commands, services, .. } => {
                let commands = commands.as_ref().expect("a node that can be stopped and started");
                commands.restart(&self.rpc, ending, services.get(), self.patience(10));
            }
            Kind::Devnet { .. } => {
                let kind = if ending == Ending::InOrder { "restart" } else { "crash" };
                self.steer("devnet_fault", &json!({"kind": kind}));
                let is_back = || (!self.rpc.heads().is_empty()).then_some(());
                self.rpc.until("the node's return", self.patience(10), is_back);
            }
        }
    }

    /// Whether the node has gRPC and REST, without which there is no Simulate. One that has just started says so with
    /// its first block.
    pub fn has_services(&self) -> bool {
        let missing = self.rpc.query(&GetTxRequest { hash: "0".repeat(64) }).unwrap_err();
        !missing.contains("unknown query path")
    }

    /// Takes gRPC and REST from the node, where they can be taken, until the end of the test.
    pub fn take_services(&self) {
        match &self.kind {
            Kind::Given { commands: Some(_), services, .. } if self.has_services() => {
                services.set(Services::Off);
                self.restart(Ending::InOrder);
                self.wait_for(self.rpc.height() + 2);
                // The command that does it may still run.
                let end = Instant::now() + HEEDED;
                let is_decided = || !self.has_services() || Instant::now() > end;
                self.rpc.until("a node without services", PATIENCE, || is_decided().then_some(()));
            }
            Kind::Given { .. } => {}
            Kind::Devnet { .. } => {
                self.steer("devnet_fault", &json!({"method": "*", "kind": "no_grpc"}));
            }
        }
    }

    /// The URL of a node that syncs, and what ends it. `None` where there is none.
    pub fn syncing(&self) -> Option<(String, Option<Running>)> {
        if self.is_local() {
            self.steer("devnet_fault", &json!({"method": "*", "kind": "catching_up"}));
            return Some((self.rpc.urls()[0].clone(), None));
        }
        let other = Running::new(&std::env::var("REALCHAIN_SYNC").ok()?);
        Some((other.first_line.clone(), Some(other)))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Kind::Given { services, .. } = &self.kind
            && services.replace(Services::AsConfigured) == Services::Off
        {
            // A second panic would end the process.
            let restart = std::panic::AssertUnwindSafe(|| self.restart(Ending::InOrder));
            let is_back = std::panic::catch_unwind(restart).is_ok();
            assert!(is_back || std::thread::panicking(), "the node did not come back with its services");
        }
        if let Kind::Devnet { process, .. } = &mut self.kind {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
