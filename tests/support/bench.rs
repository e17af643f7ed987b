//! A real devnet, a real worker beside it, and a bundle that the test writes. Each test target compiles it for
//! itself and uses a part.
#![allow(dead_code)]

#[path = "secrets.rs"]
pub mod secrets;
#[path = "wait.rs"]
pub mod wait;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bootstrap::devnet::{BlockTime, Devnet, Options};
use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use rustix::process::{Resource, Rlimit, prlimit, setrlimit};
use serde_json::Value;
use tempfile::TempDir;

/// Nothing here takes this long on a machine that is not stuck.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The most that a file may have on a full disk, in bytes: no page of the journal fits below it, and the heartbeat
/// does.
const FULL: u64 = 4_000;

/// Options of a chain whose windows come quickly.
pub fn quick() -> Options {
    Options {
        block_time: BlockTime::Every(Duration::from_millis(200)),
        epoch_length: 12,
        worker_submission_window: 10,
        ground_truth_lag: 12,
        ..Options::on_free_port()
    }
}

/// A chain that makes blocks only when the test says so.
pub fn manual() -> Options {
    Options { block_time: BlockTime::Manual, ..quick() }
}

/// A chain, and a folder for everything that a worker needs.
pub struct Bench {
    pub devnet: Arc<Devnet>,
    pub folder: TempDir,
    /// Which of the chain's accounts the worker has.
    account: usize,
    epoch_length: u64,
    settings: Vec<(String, String)>,
}

impl Bench {
    pub fn new(options: Options, code: &str) -> Self {
        Self::with_manifest(options, code, "")
    }

    /// `manifest` is appended to `model.yaml`.
    pub fn with_manifest(options: Options, code: &str, manifest: &str) -> Self {
        let folder = TempDir::new().unwrap();
        write_bundle(&folder.path().join("bundle"), code, manifest);
        let epoch_length = options.epoch_length;
        let devnet = Arc::new(Devnet::start(options).unwrap());
        Self { devnet, folder, account: 0, epoch_length, settings: Vec::new() }
    }

    /// A worker that is registered, some blocks before a window.
    pub fn registered(options: Options, code: &str) -> Self {
        let bench = Self::new(options, code);
        bench.devnet.mine(bench.epoch_length).unwrap();
        bench.devnet.set_registered(1, &bench.address(), true).unwrap();
        bench
    }

    /// The same bundle on another machine: the same chain, a folder of its own, and this account.
    pub fn another(&self, account: usize) -> Self {
        let folder = TempDir::new().unwrap();
        copy(&self.folder.path().join("bundle"), &folder.path().join("bundle"));
        let (devnet, settings) = (Arc::clone(&self.devnet), self.settings.clone());
        Self { devnet, folder, account, epoch_length: self.epoch_length, settings }
    }

    /// The same worker on a new chain with the old one's id.
    pub fn with_new_chain(self) -> Self {
        let options = Options { chain_id: self.devnet.chain_id().to_owned(), ..quick() };
        Self { devnet: Arc::new(Devnet::start(options).unwrap()), ..self }
    }

    /// Appends to `model.yaml`.
    pub fn extend_manifest(&self, text: &str) {
        let path = self.folder.path().join("bundle/model.yaml");
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The worker's address.
    pub fn address(&self) -> String {
        self.devnet.accounts()[self.account].address.clone()
    }

    /// `bootstrap` with the settings of this bench and no others.
    pub fn bootstrap(&self) -> Command {
        let mut command = bare();
        command
            .env("BUNDLE_ROOT", self.folder.path().join("bundle"))
            .env("ALLORA_NETWORK", self.devnet.rpc_url())
            .env("ALLORA_PRIVATE_KEY", &self.devnet.accounts()[self.account].private_key)
            .env("ALLORA_STATE_DIR", self.folder.path().join("state"))
            .env("ALLORA_HEARTBEAT_FILE", self.folder.path().join("heartbeat"))
            .env("ALLORA_LOG_FORMAT", "json");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts `bootstrap run` with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Worker {
        self.start(self.bootstrap().arg("run").args(arguments))
    }

    /// Starts `bootstrap run` with these environment variables.
    pub fn run_with(&self, environment: &[(&str, &str)]) -> Worker {
        self.start(self.bootstrap().arg("run").envs(environment.iter().copied()))
    }

    /// Starts a worker whose disk is full already.
    pub fn start_on_full_disk(&self, command: &mut Command) -> Worker {
        let fill =
            || setrlimit(Resource::Fsize, Rlimit { current: Some(FULL), maximum: None }).map_err(Into::into);
        // SAFETY: between fork and exec it calls nothing but `prlimit`.
        unsafe { command.pre_exec(fill) };
        self.start(command)
    }

    /// Starts a worker that logs into this bench's folder.
    pub fn start(&self, command: &mut Command) -> Worker {
        let log = self.folder.path().join("log");
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        self.start_on(log, command)
    }

    /// Starts a worker whose standard error is something else.
    pub fn start_on(&self, stderr: impl Into<Stdio>, command: &mut Command) -> Worker {
        let accounts = self.devnet.accounts().iter();
        let secrets = accounts.flat_map(|account| [account.mnemonic.clone(), account.private_key.clone()]);
        Worker::start(self.folder.path(), stderr, command, secrets)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Rows of the journal.
    pub fn rounds(&self) -> Vec<Value> {
        let output = self.bootstrap().args(["journal", "list", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub fn round(&self, nonce: i64) -> Option<Value> {
        self.rounds().into_iter().find(|round| round["nonce"] == nonce)
    }

    pub fn heartbeat(&self) -> Value {
        let text = fs::read(self.folder.path().join("heartbeat")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Waits until `found` gives something.
    pub fn until<T>(&self, what: &str, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        wait::until(what, PATIENCE, || format!("The worker's log:\n{}", self.log()), || found(self))
    }

    /// Waits until a transaction is in the mempool.
    pub fn until_sent(&self) {
        self.until("a transaction", |bench| (bench.mempool() > 0).then_some(()));
    }

    /// Waits until the worker says that it is ready.
    pub fn until_ready(&self) {
        self.until("ready", |bench| (bench.heartbeat()["ready"] == true).then_some(()));
    }

    /// Waits until the worker is not ready for a reason with these words. Gives the reason.
    pub fn until_why(&self, words: &str) -> String {
        self.until(&format!("a reason with `{words}`"), |bench| {
            let heartbeat = bench.heartbeat();
            let why = heartbeat["why"].as_str().filter(|why| why.contains(words))?;
            Some(why.to_owned())
        })
    }

    /// Exit code of `bootstrap probe KIND`.
    pub fn probe(&self, kind: &str) -> Option<i32> {
        self.bootstrap().args(["probe", kind]).stdout(Stdio::null()).status().unwrap().code()
    }

    /// The journal's file, beside the worker.
    pub fn journal(&self) -> rusqlite::Connection {
        let name = format!("{}.{}.journal", self.devnet.chain_id(), self.address());
        rusqlite::Connection::open(self.folder.path().join("state").join(name)).unwrap()
    }

    /// Waits for a round that ended in `state`.
    pub fn until_a_round_is(&self, state: &str) -> Value {
        self.until(&format!("a round that is {state}"), |bench| {
            bench.rounds().into_iter().find(|round| round["state"] == state)
        })
    }

    /// Waits until an answer was sent, and lets a block admit it. Gives the round.
    pub fn until_admitted(&self) -> Value {
        self.until_sent();
        self.devnet.mine(1).unwrap();
        self.until_a_round_is("admitted")
    }

    /// Mines to the next opening. Gives the nonce.
    pub fn mine_to_opening(&self) -> i64 {
        loop {
            let height = self.devnet.mine(1).unwrap();
            if (height - 1).is_multiple_of(self.epoch_length) {
                return height.try_into().unwrap();
            }
        }
    }

    /// Whether a transaction waits for a block.
    pub fn mempool(&self) -> u64 {
        let answer: Value = http_get(&self.devnet.address().to_string(), "/num_unconfirmed_txs");
        answer["result"]["n_txs"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// How many inferences of the worker the chain has for this nonce.
    pub fn inferences(&self, nonce: i64) -> usize {
        let submissions = self.devnet.submissions(1).unwrap();
        submissions
            .iter()
            .filter(|row| i64::try_from(row.nonce) == Ok(nonce) && row.inferer == self.address())
            .count()
    }

    /// Hashes of the worker's transactions that took something.
    pub fn paid(&self) -> Vec<String> {
        self.devnet.payments(&self.address()).unwrap().into_iter().map(|row| row.tx_hash).collect()
    }
}

/// One request without a body, without another dependency for it. Gives status and body.
pub fn http(method: &str, address: &str, path: &str) -> (u16, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, text.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

/// The JSON object that a GET gives.
pub fn http_get(address: &str, path: &str) -> Value {
    let (_, body) = http("GET", address, path);
    let (start, end) = (body.find('{').unwrap_or(0), body.rfind('}').map_or(0, |end| end + 1));
    serde_json::from_str(&body[start..end]).unwrap_or_default()
}

/// `bootstrap` without any setting of the machine, but for the interpreter.
pub fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("ALLORA_") && name != "ALLORA_PYTHON" {
            command.env_remove(&*name);
        }
    }
    command
}

/// A bundle whose `src/runner.py` is `code`.
pub fn write_bundle(root: &Path, code: &str, manifest: &str) {
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("src/__init__.py"), "").unwrap();
    fs::write(root.join("src/runner.py"), code).unwrap();
    fs::write(root.join("requirements.txt"), "").unwrap();
    let yaml = format!(
        "schema_version: \"0.1\"\nname: test\nversion: \"1.0\"\npython:\n  version: \">=3.9\"\nentrypoint:\n  \
         kind: python_function\n  module: src.runner\n  function: predict\nenvironment:\n  pip_requirements: \
         requirements.txt\nallora:\n  topic_id: 1\n{manifest}"
    );
    fs::write(root.join("model.yaml"), yaml).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => assert!(fs::copy(entry.path(), target).is_ok()),
        }
    }
}

/// A worker that does not outlive its test.
pub struct Worker {
    child: Child,
    log: PathBuf,
    /// What none of its files may hold.
    secrets: Vec<String>,
    /// Those files and folders.
    written: Vec<PathBuf>,
}

impl Worker {
    /// Starts a worker that writes into `folder`, where it must leave neither the secrets of its environment nor
    /// these.
    pub fn start(
        folder: &Path,
        stderr: impl Into<Stdio>,
        command: &mut Command,
        secrets: impl Iterator<Item = String>,
    ) -> Self {
        // Where a file may not grow, the write fails as on a full disk. What is ignored here is so in the worker.
        // SAFETY: no handler of ours is involved.
        unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.unwrap();
        let secrets = secrets::of(command).into_iter().chain(secrets).collect();
        let written = ["log", "logs", "heartbeat", "state"].map(|name| folder.join(name)).into();
        let child = command.stdin(Stdio::null()).stderr(stderr).spawn().unwrap();
        Self { child, log: folder.join("log"), secrets, written }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// From now on its disk is full, or has room again.
    pub fn set_disk_full(&self, is_full: bool) {
        self.limit_files(is_full.then_some(FULL));
    }

    /// From now on no file of it grows beyond so many bytes.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let pid = rustix::process::Pid::from_raw(self.pid().as_raw());
        prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
    }

    /// SIGKILL, as a machine that goes down.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its exit status, once it has ended.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub fn exit(mut self) -> ExitStatus {
        let log = self.log.clone();
        let log = || format!("Its log:\n{}", fs::read_to_string(&log).unwrap_or_default());
        wait::until("the worker's end", PATIENCE, log, || self.has_ended())
    }

    /// Asks it to stop and gives its exit code.
    pub fn stop(self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.exit().code()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            secrets::assert_none_in(&self.secrets, &self.written);
        }
    }
}
