//! `bootstrap doctor`: each thing that can be wrong, made wrong, with a real chain and real files.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

#[path = "support/bench.rs"]
mod bench;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use bench::{Bench, manual, quick};
use bootstrap::devnet::{Fault, FaultKind, Options, Whitelist};
use bootstrap::journal;
use rustix::process::{Resource, Rlimit};
use serde_json::Value;

const CODE: &str = "def predict():\n    return 1\n";

const NAMES: [&str; 15] = [
    "bundle",
    "python",
    "packages",
    "key",
    "state_dir",
    "heartbeat",
    "isolation",
    "endpoint",
    "chain_id",
    "synced",
    "clock",
    "balance",
    "registration",
    "whitelist",
    "topic",
];

/// Looked at where they are set.
const OUTLETS: [&str; 3] = ["log_file", "metrics_addr", "metrics_file"];

/// What a doctor said.
struct Said {
    code: i32,
    document: Value,
}

impl Said {
    fn of(bench: &Bench, command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = format!("{}{}", text(&output.stdout), text(&output.stderr));
        for account in bench.devnet.accounts() {
            assert!(!text.contains(&account.private_key) && !text.contains(&account.mnemonic), "{text}");
        }
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
        let names: Vec<_> = document["checks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|check| check["name"].as_str().unwrap())
            .filter(|name| !OUTLETS.contains(name))
            .collect();
        assert_eq!(names, NAMES);
        let code = output.status.code().unwrap();
        assert_eq!(document["ok"] == true, code == 0, "{document:#}");
        let said = Self { code, document };
        for check in said.checks() {
            let is_told = check["fix"].as_str().is_some_and(|fix| !fix.is_empty());
            assert_eq!(
                is_told,
                ["warning", "failed"].contains(&check["status"].as_str().unwrap()),
                "{check}"
            );
        }
        said
    }

    fn checks(&self) -> &[Value] {
        self.document["checks"].as_array().unwrap()
    }

    fn check(&self, name: &str) -> (&str, &str) {
        let check = self.checks().iter().find(|check| check["name"] == name).unwrap();
        (check["status"].as_str().unwrap(), check["detail"].as_str().unwrap())
    }

    /// The one of this name says so, in these words.
    fn says(&self, name: &str, status: &str, words: &str) -> &Self {
        let (is, detail) = self.check(name);
        assert!(is == status && detail.contains(words), "{name}: {is}, {detail}");
        self
    }

    /// Nothing else fails.
    fn alone(&self, name: &str) -> &Self {
        let failed: Vec<_> = self.checks().iter().filter(|check| check["status"] == "failed").collect();
        assert!(failed.len() == 1 && failed[0]["name"] == name, "{failed:#?}");
        self
    }

    fn fix(&self, name: &str) -> &str {
        self.checks().iter().find(|check| check["name"] == name).unwrap()["fix"].as_str().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn command(bench: &Bench) -> Command {
    let mut command = bench.bootstrap();
    command.args(["doctor", "--json"]);
    command
}

fn examine(bench: &Bench) -> Said {
    Said::of(bench, &mut command(bench))
}

/// The same with one setting changed.
fn examine_with(bench: &Bench, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Said {
    Said::of(bench, command(bench).env(name, value))
}

/// A worker that could answer a window of a chain with some blocks.
fn healthy() -> Bench {
    Bench::registered(manual(), CODE)
}

#[test]
fn everything_is_well_or_says_what_it_waits_for() {
    let bench = healthy();
    let said = examine(&bench);
    for name in NAMES.iter().filter(|name| **name != "isolation") {
        said.says(name, "ok", "");
    }
    assert_eq!(said.code, 0);
    said.says("key", "ok", &bench.address()).says("chain_id", "ok", bench.devnet.chain_id());
    said.says("state_dir", "ok", "which the first `run` makes").says("synced", "ok", "at height");
    assert!(!bench.folder.path().join("state").exists(), "it writes nothing");

    let nothing = Said::of(&bench, command(&bench).env("BUNDLE_ROOT", "/nowhere").env("ALLORA_NETWORK", ""));
    nothing.says("bundle", "failed", "/nowhere").alone("bundle").says(
        "python",
        "skipped",
        "waits for `bundle`",
    );
    nothing.says("endpoint", "skipped", "waits for `bundle`").says("key", "ok", "");
    assert_eq!(nothing.code, 1);

    let embedded =
        Said::of(&bench, command(&bench).env("ALLORA_NETWORK", "devnet").env("ALLORA_PRIVATE_KEY", ""));
    embedded.says("key", "ok", "none is needed").says(
        "endpoint",
        "skipped",
        "starts this chain inside itself",
    );
    assert_eq!(embedded.code, 0);
}

#[test]
fn the_wallet_and_the_topic() {
    let bench = Bench::registered(Options { whitelist: Whitelist::On, ..manual() }, CODE);
    let (devnet, address) = (&bench.devnet, bench.address());
    let said = examine(&bench);
    said.says("whitelist", "failed", &address).alone("whitelist");
    assert!(said.fix("whitelist").starts_with("ask the topic's owner, allo1"), "{}", said.fix("whitelist"));
    devnet.set_whitelisted(1, &address, true).unwrap();
    devnet.set_registered(1, &address, false).unwrap();
    devnet.mine(1).unwrap();
    let said = examine(&bench);
    said.says("whitelist", "ok", "").says("registration", "warning", "not registered yet");
    assert_eq!(said.code, 0, "`run` registers it");
    // What the registration takes alone.
    devnet.set_balance(&address, 210_200).unwrap();
    devnet.mine(1).unwrap();
    let said = examine(&bench);
    said.says("balance", "failed", "its registration and the first submission after it take about")
        .alone("balance");
    let fix = said.fix("balance");
    let missing = fix.strip_prefix("send at least ").and_then(|rest| rest.split(' ').next()).unwrap();
    devnet.set_balance(&address, 210_200 + missing.parse::<u128>().unwrap()).unwrap();
    devnet.mine(1).unwrap();
    examine(&bench).says("balance", "warning", "enough for 1 submission");

    devnet.set_registered(1, &address, true).unwrap();
    devnet.set_balance(&address, 5).unwrap();
    devnet.set_topic_active(1, false).unwrap();
    devnet.mine(1).unwrap();
    let said = examine(&bench);
    said.says("balance", "failed", "5 uallo, and its next transaction takes about");
    assert!(said.fix("balance").contains(&format!("uallo to {address}")), "{}", said.fix("balance"));
    said.says("topic", "failed", "topic 1 is not active");
    assert_eq!(said.code, 1);

    devnet.set_balance(&address, 1_000_000).unwrap();
    devnet.mine(1).unwrap();
    examine(&bench).says("balance", "warning", "enough for ").alone("topic");
    let said = examine_with(&bench, "ALLORA_MAX_FEE", "7");
    said.says("balance", "failed", "`max_fee`");
    let said = examine_with(&bench, "ALLORA_MAX_FEE_PER_DAY", "7");
    said.says("balance", "warning", "`max_fee_per_day`");

    let said = examine_with(&bench, "ALLORA_TOPIC_ID", "99");
    said.says("topic", "failed", "topic 99 does not exist on this chain").says(
        "whitelist",
        "skipped",
        "waits for `topic`",
    );
}

#[test]
fn questions_that_the_node_does_not_answer_and_a_topic_that_nobody_set() {
    let bench = healthy();
    for (path, names) in [
        ("/cosmos.bank.v1beta1.Query/Balance", &["balance"][..]),
        ("/emissions.v10.QueryService/GetTopic", &["topic"]),
        ("/emissions.v10.QueryService/GetWorkerSubmissionWindowStatus", &["registration", "whitelist"]),
    ] {
        bench.devnet.fault(Fault::new(FaultKind::HttpStatus { status: 503 }).on(path)).unwrap();
        let said = examine(&bench);
        for name in names {
            said.says(name, "failed", "503");
            assert!(said.fix(name).starts_with("ask again"), "{}", said.fix(name));
        }
        bench.devnet.clear_faults();
    }
    let manifest = bench.folder.path().join("bundle/model.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("allora:\n  topic_id: 1\n", "")).unwrap();
    let said = examine(&bench);
    said.says("topic", "failed", "no topic is set").says("whitelist", "skipped", "waits for `topic`");
    assert!(said.fix("topic").contains("ALLORA_TOPIC_ID"), "{}", said.fix("topic"));
}

#[test]
fn the_key() {
    let bench = healthy();
    let at = |name: &str| bench.folder.path().join(name);
    let with_file = |path: &Path| {
        Said::of(&bench, command(&bench).env("ALLORA_PRIVATE_KEY", "").env("ALLORA_PRIVATE_KEY_FILE", path))
    };
    let write = |name: &str, mode| {
        fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        fs::write(at(name), &bench.devnet.accounts()[0].private_key).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        at(name)
    };
    let none = examine_with(&bench, "ALLORA_PRIVATE_KEY", "");
    none.says("key", "failed", "no key is set").alone("key").says("balance", "skipped", "waits for `key`");
    none.says("topic", "ok", "topic 1");
    with_file(&write("keys/key", 0o600)).says("key", "ok", "ALLORA_PRIVATE_KEY_FILE");
    let open = with_file(&write("keys/open", 0o644));
    open.says("key", "warning", "others can read");
    assert!(open.fix("key").starts_with("chmod 600 "), "{}", open.fix("key"));
    with_file(&write("bundle/artifacts/key", 0o600)).says("key", "failed", "belongs to the worker").says(
        "bundle",
        "failed",
        "artifacts/key:1:1",
    );
    fs::remove_file(at("bundle/artifacts/key")).unwrap();
    with_file(&at("keys/none")).says("key", "failed", "No such file").alone("key");
    fs::write(at("keys/open"), "c0ffee").unwrap();
    with_file(&at("keys/open")).says("key", "failed", "ALLORA_PRIVATE_KEY_FILE is not usable");
    examine_with(&bench, "ALLORA_WALLET_ADDR", "allo1other").says("key", "failed", "allo1other").alone("key");
}

#[test]
fn the_state_folder_and_the_heartbeat() {
    let bench = healthy();
    let at = |name: &str| bench.folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    for place in ["file", "file/below", "bundle/state"] {
        examine_with(&bench, "ALLORA_STATE_DIR", at(place)).alone("state_dir");
    }
    // Root may write into every folder but those of the kernel.
    examine_with(&bench, "ALLORA_STATE_DIR", "/proc/state").says("state_dir", "failed", "/proc/state");
    fs::create_dir(at("spoilt")).unwrap();
    fs::write(at("spoilt/a.b.journal"), "certainly not a journal").unwrap();
    let spoilt = examine_with(&bench, "ALLORA_STATE_DIR", at("spoilt"));
    spoilt.says("state_dir", "failed", "a.b.journal").alone("state_dir");

    fs::create_dir_all(at("closed/a.b.journal")).unwrap();
    examine_with(&bench, "ALLORA_STATE_DIR", at("closed"))
        .says("state_dir", "failed", "a.b.journal")
        .alone("state_dir");

    let missing = examine_with(&bench, "ALLORA_HEARTBEAT_FILE", at("missing/heartbeat"));
    missing.says("heartbeat", "failed", "missing/heartbeat").alone("heartbeat");
    let worker =
        bench.bootstrap().arg("run").env("ALLORA_HEARTBEAT_FILE", at("missing/heartbeat")).output().unwrap();
    let said = text(&worker.stderr);
    assert!(worker.status.code() == Some(78) && said.contains("missing/heartbeat"), "{said}");
    assert!(
        said.contains("hint: choose a file in a folder that can be written with --heartbeat-file"),
        "{said}"
    );
    examine_with(&bench, "ALLORA_HEARTBEAT_FILE", at("keys")).says("heartbeat", "ok", "");
    fs::create_dir(at("taken")).unwrap();
    examine_with(&bench, "ALLORA_HEARTBEAT_FILE", at("taken")).alone("heartbeat");
    examine_with(&bench, "ALLORA_HEARTBEAT_FILE", "/dev/shm/heartbeat").alone("heartbeat");
}

/// What stops `run` with 78 is found before.
#[test]
fn the_log_file_the_alerts_and_the_metrics() {
    let bench = healthy();
    let at = |name: &str| bench.folder.path().join(name).display().to_string();
    assert!(examine(&bench).checks().iter().all(|check| !OUTLETS.iter().any(|name| check["name"] == *name)));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for folder in ["folder", "taken/alerts.log", "spoilt/alerts.log"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    fs::write(at("file"), "").unwrap();
    for (setting, value, name, words) in [
        ("ALLORA_LOG_FILE", at("folder"), "log_file", "is not a regular file"),
        // Root may write into every folder, and into no file as if it were one.
        ("ALLORA_LOG_FILE", at("file/worker.log"), "log_file", "file/worker.log cannot be written"),
        ("ALLORA_LOG_FILE", at("bundle/worker.log"), "log_file", "bundle/worker.log"),
        ("ALLORA_LOG_FILE", at("taken/worker.log"), "log_file", "taken/alerts.log cannot be written"),
        ("ALLORA_STATE_DIR", at("spoilt"), "state_dir", "spoilt/alerts.log cannot be written"),
        ("ALLORA_METRICS_ADDR", taken.local_addr().unwrap().to_string(), "metrics_addr", "cannot be served"),
        ("ALLORA_METRICS_FILE", at("missing/worker.prom"), "metrics_file", "missing/worker.prom"),
    ] {
        examine_with(&bench, setting, &value).says(name, "failed", words).alone(name);
        let run = bench.bootstrap().arg("run").env(setting, &value).output().unwrap();
        assert_eq!(run.status.code(), Some(78), "{setting}={value}: {}", text(&run.stderr));
    }

    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (log_file, metrics) = (at("logs/worker.log"), at("worker.prom"));
    let bench = bench
        .set("ALLORA_LOG_FILE", &log_file)
        .set("ALLORA_METRICS_ADDR", &address)
        .set("ALLORA_METRICS_FILE", &metrics);
    let said = examine(&bench);
    said.says("log_file", "ok", "can be written").says("metrics_addr", "ok", "is free");
    said.says("metrics_file", "ok", "can be written");
    assert_eq!(said.code, 0);
    assert!(!bench.folder.path().join("logs").exists(), "it writes nothing");

    let worker = bench.run(&[]);
    bench.until_ready();
    let said = examine(&bench);
    let by_worker = format!("in use by the worker, process {}", worker.pid());
    said.says("log_file", "ok", &by_worker).says("metrics_addr", "ok", &by_worker);
    assert_eq!(said.code, 0);
    let other = examine(&bench.another(1));
    other.says("log_file", "failed", "another process writes to the log file");
    other.says("metrics_addr", "failed", "cannot be served");
    assert!(other.fix("log_file").starts_with("give each worker a log file of its own"));
    assert_eq!(worker.stop(), Some(0), "{}", bench.log());
}

#[test]
fn beside_a_running_worker() {
    let bench = healthy();
    let worker = bench.run(&[]);
    bench.until_ready();
    let said = examine(&bench);
    let pid = format!("process {}", worker.pid());
    said.says("state_dir", "ok", &format!("in use by the worker, {pid}")).says("heartbeat", "ok", &pid);
    assert_eq!(said.code, 0);
    // It still has its journal, and answers.
    bench.mine_to_opening();
    bench.until_admitted();
    assert_eq!(worker.stop(), Some(0), "{}", bench.log());
    examine(&bench).says("state_dir", "ok", "1 journal").says("heartbeat", "ok", "the worker has stopped");

    let bench = bench.with_new_chain();
    bench.until("some blocks", |bench| (bench.devnet.height().unwrap() > 2).then_some(()));
    let said = examine(&bench);
    said.says("state_dir", "failed", "the chain was started anew").alone("state_dir");
    let journal = journal::files(&bench.folder.path().join("state")).unwrap().remove(0);
    assert!(
        said.fix("state_dir").ends_with(&format!("remove {}", journal.display())),
        "{}",
        said.fix("state_dir")
    );
    fs::remove_file(journal).unwrap();
    examine(&bench).says("state_dir", "ok", "no journal yet");
}

#[test]
fn the_bundle_and_its_python() {
    let bench = healthy();
    let at = |name: &str| bench.folder.path().join("bundle").join(name);
    let manifest = fs::read_to_string(at("model.yaml")).unwrap();
    fs::write(at("notes.txt"), "BEGIN\n-----BEGIN PRIVATE KEY-----\n").unwrap();
    let said = examine(&bench);
    said.says("bundle", "failed", "notes.txt:2:6").alone("bundle").says("python", "ok", "Python 3");
    assert!(said.fix("bundle").starts_with("`bootstrap check "), "{}", said.fix("bundle"));
    fs::remove_file(at("notes.txt")).unwrap();

    fs::write(at("model.yaml"), manifest.replace(">=3.9", "3.9")).unwrap();
    let python = fake_python(bench.folder.path());
    let said = examine_with(&bench, "ALLORA_PYTHON", &python);
    said.says("python", "failed", "it is Python 3.12.1").alone("python");
    said.says("packages", "skipped", "waits for `python`");
    examine_with(&bench, "ALLORA_PYTHON", "/nowhere/python").says("python", "failed", "/nowhere/python");

    fs::write(at("model.yaml"), &manifest).unwrap();
    fs::write(at("requirements.txt"), "here==1\n").unwrap();
    let said = examine_with(&bench, "ALLORA_PYTHON", &python);
    said.says("packages", "failed", "does not say what is installed").alone("packages");
    assert!(said.fix("packages").contains("`bootstrap install`"), "{}", said.fix("packages"));
    fs::write(at("requirements.txt"), "").unwrap();

    fs::write(at("model.yaml"), format!("{manifest}surprise: 1\n")).unwrap();
    let said = examine(&bench);
    said.says("bundle", "failed", "model.yaml:")
        .says("python", "skipped", "waits for `bundle`")
        .alone("bundle");
    // It may name the local chain, which needs no key.
    let without = command(&bench).env("ALLORA_PRIVATE_KEY", "").env("ALLORA_NETWORK", "").output().unwrap();
    let document: Value = serde_json::from_slice(&without.stdout).unwrap();
    let key = &document["checks"][NAMES.iter().position(|name| *name == "key").unwrap()];
    assert_eq!(
        (&key["status"], &key["detail"]),
        (&"skipped".into(), &"waits for `bundle`".into()),
        "{document}"
    );
}

/// Where a file cannot be read to its end, nothing that needs it is known.
#[test]
#[ignore = "slow: waits 20 s for the disk"]
fn a_disk_that_hangs() {
    let bench = healthy();
    let state = bench.folder.path().join("state");
    fs::create_dir(&state).unwrap();
    // To open it for writing takes until somebody reads.
    nix::unistd::mkfifo(&state.join("a.b.journal"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let said = examine(&bench);
    for name in ["state_dir", "heartbeat", "isolation"] {
        said.says(name, "failed", "it could not be looked at within 20 s");
        assert!(said.fix(name).starts_with("look at the disks that hold"), "{}", said.fix(name));
    }
    said.says("key", "ok", "").says("topic", "ok", "");
    assert_eq!(said.code, 1);
}

/// With two threads, one of them for a look and none for what it starts.
#[test]
fn a_user_who_may_start_no_more_threads() {
    let bench = healthy();
    // Nobody else on this machine: what others run would count too. Root has no limit.
    let nobody = 1_000_000_000 + std::process::id();
    let folder = bench.folder.path();
    let opened = Command::new("chmod").args(["-R", "a+rwX"]).arg(folder).status().unwrap();
    assert!(opened.success());
    let program = folder.join("bootstrap");
    fs::copy(env!("CARGO_BIN_EXE_bootstrap"), &program).unwrap();
    let mut limited = Command::new(program);
    limited.args(["doctor", "--json"]);
    for (name, value) in command(&bench).get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let is_root = nix::unistd::geteuid().is_root();
    let become_nobody = move || {
        rustix::process::setrlimit(Resource::Nproc, Rlimit { current: Some(2), maximum: Some(2) })?;
        if is_root {
            nix::unistd::setgroups(&[])?;
            nix::unistd::setuid(nix::unistd::Uid::from_raw(nobody))?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec it makes three system calls and allocates nothing.
    unsafe { limited.pre_exec(become_nobody) };
    let said = Said::of(&bench, &mut limited);
    for name in ["python", "isolation"] {
        assert!(
            said.check(name).0 == "failed" && said.fix(name).contains("`ulimit -u`"),
            "{:#}",
            said.document
        );
    }
}

/// Says that it is Python 3.12.1.
fn fake_python(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("fake-python");
    fs::write(&path, "#!/bin/sh\nprintf 'cpython\\0003.12.1\\0\\0/p/python\\0'\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_packages() {
    let bench = healthy();
    let root = bench.folder.path().join("bundle");
    let python = std::env::var_os("ALLORA_PYTHON").unwrap_or_else(|| "python3".into());
    let venv = ["-m", "venv", "--without-pip"];
    assert!(Command::new(python).args(venv).arg(root.join(".venv")).status().unwrap().success());
    let wanted = "here==1.2  # pinned\nhere>=1,<2\nhere~=1.3\nOther_Name[x]==2\nnot.here\nnot.here; python_version < '3'\n--no-deps\n";
    fs::write(root.join("requirements.txt"), wanted).unwrap();
    let packages = fs::read_dir(root.join(".venv/lib")).unwrap().next().unwrap().unwrap();
    let packages = packages.path().join("site-packages");
    for (folder, name, version) in [("here", "here", "1.2.0"), ("other_name", "Other.Name", "1.9")] {
        let folder = packages.join(format!("{folder}-{version}.dist-info"));
        fs::create_dir(&folder).unwrap();
        let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
        fs::write(folder.join("METADATA"), metadata).unwrap();
    }
    let examine = || Said::of(&bench, command(&bench).env_remove("ALLORA_PYTHON"));
    let config = root.join(".venv/pyvenv.cfg");
    let alone = fs::read_to_string(&config).unwrap();
    // With and without the packages of the base, of which pip may be one.
    for config_text in [alone.clone(), alone.replace("= false", "= true")] {
        fs::write(&config, config_text).unwrap();
        let said = examine();
        let wrong = "not installed: here~=1.3 (but 1.2.0), Other_Name[x]==2 (but 1.9), not.here";
        said.says("packages", "failed", wrong).alone("packages");
        let fix = said.fix("packages");
        assert!(fix.starts_with("run `bootstrap install /"), "{fix}");
    }
    fs::write(root.join("requirements.txt"), "here==1.2\n").unwrap();
    assert_eq!(examine().check("packages"), ("ok", "the one that is required is installed"));
    // Another interpreter may have it by chance.
    let elsewhere = bench.folder.path().join("elsewhere");
    fs::rename(root.join(".venv"), &elsewhere).unwrap();
    let path = [elsewhere.join("bin").into_os_string(), std::env::var_os("PATH").unwrap()];
    let said = Said::of(
        &bench,
        command(&bench).env_remove("ALLORA_PYTHON").env("PATH", path.join(std::ffi::OsStr::new(":"))),
    );
    said.says("packages", "ok", "elsewhere/bin/python3 itself: the bundle has no environment of its own");
}

#[test]
fn a_system_without_landlock() {
    let bench = healthy();
    let script = include_str!("isolation/without_landlock.py");
    let plain = command(&bench);
    let mut command = Command::new(std::env::var_os("ALLORA_PYTHON").unwrap_or_else(|| "python3".into()));
    command.args(["-c", script]).arg(plain.get_program()).args(plain.get_args()).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = Said::of(&bench, &mut command);
    said.says("isolation", "warning", "landlock, signals");
    assert_eq!(said.code, 0, "the worker runs on all the same");
}

#[test]
fn the_nodes() {
    let bench = Bench::registered(quick(), CODE);
    let devnet = &bench.devnet;
    bench.until("some blocks", |bench| (bench.devnet.height().unwrap() > 30).then_some(()));
    let dead = "http://127.0.0.1:1";
    let said = examine_with(&bench, "ALLORA_NETWORK", dead);
    said.says("endpoint", "failed", dead).alone("endpoint").says(
        "chain_id",
        "skipped",
        "waits for `endpoint`",
    );
    said.says("balance", "skipped", "waits for `endpoint`").says("synced", "skipped", "waits for `endpoint`");
    assert_eq!(said.code, 69);
    let mut both = command(&bench);
    let said = Said::of(&bench, both.env("ALLORA_NETWORK", dead).env("ALLORA_PRIVATE_KEY", ""));
    assert_eq!(said.code, 1, "the key is wrong too");

    let second = devnet.open_endpoint().unwrap();
    let three = format!("{dead},{},http://user:word@{}", devnet.rpc_url(), second.address());
    let examine_three = || examine_with(&bench, "ALLORA_NETWORK", &three);
    let said = examine_three();
    said.says("endpoint", "warning", "1 of 3 fail").says("topic", "ok", "");
    assert_eq!(said.code, 0);
    assert!(!said.document.to_string().contains("word"), "{}", said.document);
    second.fault(Fault::new(FaultKind::WrongChainId)).unwrap();
    examine_three().says("chain_id", "warning", "not used: ").says("topic", "ok", "");
    second.clear_faults();
    second.fault(Fault::new(FaultKind::Lag { blocks: 25 })).unwrap();
    examine_three().says("synced", "warning", "blocks behind").says("topic", "ok", "");
    devnet.fault(Fault::new(FaultKind::CatchingUp)).unwrap();
    second.clear_faults();
    examine_three().says("synced", "warning", "still syncing").says("topic", "ok", "");

    let said = examine(&bench);
    said.says("synced", "failed", "still syncing").alone("synced").says(
        "balance",
        "skipped",
        "waits for `synced`",
    );
    assert_eq!(said.code, 69);
    devnet.clear_faults();
    let said = examine_with(&bench, "ALLORA_CHAIN_ID", "allora-testnet-1");
    said.says("chain_id", "failed", "expected `allora-testnet-1`").alone("chain_id");
    said.says("balance", "skipped", "waits for `chain_id`");
    assert_eq!(said.code, 1);

    devnet.fault(Fault::new(FaultKind::HalfOpen)).unwrap();
    examine(&bench).says("endpoint", "failed", "gave no answer within").alone("endpoint");
    devnet.clear_faults();
    devnet.fault(Fault::new(FaultKind::Html).on("abci_query")).unwrap();
    examine(&bench).says("endpoint", "failed", "does not speak CometBFT JSON-RPC").alone("endpoint");
}

/// Those of a network that comes with this program are nobody's mistake.
#[test]
fn without_the_internet() {
    let bench = healthy();
    let mut command = command(&bench);
    command.env("ALLORA_NETWORK", "testnet").env("HTTPS_PROXY", "http://127.0.0.1:1").env_remove("NO_PROXY");
    let said = Said::of(&bench, &mut command);
    said.says("endpoint", "failed", "allora-rpc.testnet").alone("endpoint");
    let fix = said.fix("endpoint");
    assert!(
        fix.contains("DNS") && fix.contains("--network devnet") && fix.contains("curl https://"),
        "{fix}"
    );
    assert_eq!(said.code, 69);
}

#[test]
fn a_setting_that_cannot_be_read() {
    let bench = healthy();
    let output = command(&bench).env("ALLORA_TOPIC_ID", "one").env("ALLORA_MAX_FEE", "-1").output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &document["ok"]), (Some(78), &false.into()), "{document:#}");
    let checks = document["checks"].as_array().unwrap();
    let of = |status: &str| checks.iter().filter(|check| check["status"] == status).collect::<Vec<_>>();
    let names: Vec<_> = of("skipped").iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, NAMES);
    let wrong = of("failed");
    for (check, name) in wrong.iter().zip(["ALLORA_TOPIC_ID", "ALLORA_MAX_FEE"]) {
        assert!(check["name"] == "settings" && check["detail"].as_str().unwrap().contains(name), "{check}");
        assert!(check["fix"].is_string(), "{check}");
    }
    assert_eq!(wrong.len(), 2, "{document:#}");
}

/// The document of a second call is for scripts, this one for people.
#[test]
fn one_line_for_each_check_and_the_fix_below() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bench::bare();
    command.current_dir(folder.path()).args(["doctor", "none", "--network", "http://127.0.0.1:1"]);
    let output = command.args(["--state-dir", "state", "--heartbeat-file", "heartbeat"]).output().unwrap();
    let lines: Vec<_> = text(&output.stdout).lines().map(ToOwned::to_owned).collect();
    // What this machine's kernel has is its own.
    let (from, to) = ["isolation", "endpoint"]
        .map(|name| lines.iter().position(|line| line[9..].starts_with(name)))
        .into();
    let others = lines[..from.unwrap()].iter().chain(&lines[to.unwrap()..]);
    let shown: Vec<_> = others.map(String::as_str).collect();
    let code = output.status.code().unwrap();
    insta::assert_snapshot!(format!(
        "exit {code}\n--- stdout\n{}\n--- stderr\n{}",
        shown.join("\n"),
        text(&output.stderr)
    ));
}

/// An answer says another time than this machine.
#[test]
fn the_clock() {
    let bench = healthy();
    for (seconds, status) in [(-20, "warning"), (20, "warning"), (-4_000, "failed"), (4_000, "failed")] {
        let url = clock_that_is_off(bench.devnet.address(), seconds);
        let said = examine_with(&bench, "ALLORA_NETWORK", &url);
        said.says("clock", status, if seconds < 0 { "ahead of the nodes" } else { "behind the nodes" });
        assert!(said.fix("clock").starts_with("set the clock"), "{}", said.fix("clock"));
        if seconds == 4_000 {
            // By its own clock, the newest block is that old.
            said.says("synced", "failed", "has had no block for");
            assert!(said.fix("synced").starts_with("wait until the node"), "{}", said.fix("synced"));
        }
    }
}

/// A proxy that writes another time into each answer. It ends with the process.
fn clock_that_is_off(node: std::net::SocketAddr, seconds: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            std::thread::spawn(move || relay(client, node, seconds));
        }
    });
    url
}

fn relay(mut client: TcpStream, node: std::net::SocketAddr, seconds: i64) {
    let mut node = TcpStream::connect(node).unwrap();
    let (mut asking, mut asked) = (client.try_clone().unwrap(), node.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut asking, &mut asked));
    let mut piece = [0; 65_536];
    // The head of an answer comes in one piece.
    while let Ok(length @ 1..) = node.read(&mut piece) {
        let mut bytes = piece[..length].to_vec();
        let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some(at) = head.find("\r\ndate: ").map(|at| at + "\r\ndate: ".len()) {
            let shift = Duration::from_secs(seconds.unsigned_abs());
            let now = SystemTime::now();
            let date = httpdate::fmt_http_date(if seconds < 0 { now - shift } else { now + shift });
            bytes[at..at + date.len()].copy_from_slice(date.as_bytes());
        }
        if client.write_all(&bytes).is_err() {
            return;
        }
    }
}
