//! One worker, its attacking model, and everything that the model is told to go for.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::{Bench, Worker, manual};
use crate::user::{User, behind, is_root};

/// Everything that an attack needs, and the worker that is attacked.
pub struct Siege {
    pub bench: Bench,
    worker: Worker,
    _bystander: Bystander,
    _abstract: UnixListener,
}

/// A process of the same user that has the key in its environment, as the shell that starts a container has.
struct Bystander(Child);

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What was found out.
pub struct Report {
    /// For each attack, and for each honest use, `reached`, `refused` or `broken`.
    pub attacks: serde_json::Map<String, Value>,
    pub honest: serde_json::Map<String, Value>,
    /// `isolation` of `bootstrap status --json`.
    pub isolation: Value,
}

impl Siege {
    /// Starts the worker as `user`, through `prefix`. With `ruin`, attacks are made too that would end it.
    pub fn lay(user: User, prefix: &[String], ruin: bool) -> Self {
        let code = include_str!("attacks.py");
        let bench = Bench::with_manifest(
            manual(),
            code,
            "runtime:\n  max_seconds: 60\n  writable: [report, /dev/zero]\n",
        );
        let root = bench.folder.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        let account = &bench.devnet.accounts()[0];
        let (mnemonic, key) = (account.mnemonic.clone(), account.private_key.clone());
        for folder in ["bundle/report", "keys", "data", "bin", "home"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("keys/mnemonic"), format!("{mnemonic}\n")).unwrap();
        fs::set_permissions(at("keys/mnemonic"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(at("data/prices.csv"), "prices").unwrap();
        fs::write(at("log"), "").unwrap();
        // Another user cannot reach the place where it was built.
        fs::copy(env!("CARGO_BIN_EXE_bootstrap"), at("bin/bootstrap")).unwrap();
        run(Command::new(user.python()).args(["-m", "venv", "--without-pip"]).arg(at("bundle/.venv")));
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        if user == User::Ordinary {
            run(Command::new("chown").args(["-R", "1000:1000"]).arg(&root));
        }
        let setuid = is_root().then(|| setuid_program(&at("bin/setuid")));
        let python = at("bundle/.venv/bin/python");
        let words: Vec<_> = mnemonic.split(' ').collect();
        let bench = bench
            .set("ALLORA_PRIVATE_KEY", "")
            .set("ALLORA_MNEMONIC_FILE", at("keys/mnemonic").to_str().unwrap())
            .set("ALLORA_PYTHON", python.to_str().unwrap())
            .set("ALLORA_API_KEY", "of the faucet")
            .set("HOME", at("home").to_str().unwrap())
            .set("REPORT", at("bundle/report").to_str().unwrap())
            .set("EXCHANGE_API_KEY", "of the model")
            .set("BACKUP_PHRASE", &mnemonic)
            .set("BACKUP_WORDS", &serde_json::to_string(&words).unwrap())
            .set("BACKUP_LIST", &words.join(",").to_uppercase())
            .set("BACKUP_HEX", &key)
            .set("BACKUP_UPPER", &key.to_uppercase())
            .set("BACKUP_PREFIXED", &format!("0x{key}"))
            .set("BACKUP_AMONG_OTHERS", &format!("{{\"key\": \"{key}\", \"keep\": true}}"))
            .set("BACKUP_BYTES", &base64(&hex::decode(&key).unwrap()))
            .set("BACKUP_ENCODED", &base64(mnemonic.as_bytes()));
        bench.devnet.mine(12).unwrap();
        bench.devnet.set_registered(1, &bench.address(), true).unwrap();

        let mut sleeper = Command::new("sleep");
        sleeper.arg("600").env("HELD", &key).stdin(Stdio::null());
        let bystander = Bystander(behind(&user.prefix(), &sleeper).spawn().unwrap());
        let name = format!("siege-{}-{}", std::process::id(), root.file_name().unwrap().to_str().unwrap());
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();

        // A shell that has left a descriptor of the key open, as a careless script does. It starts the copy.
        let opening = "shift && exec \"$0\" \"$@\" 9<\"$ALLORA_MNEMONIC_FILE\"";
        let shell = ["sh", "-c", opening].map(str::to_owned).into_iter();
        let copy = at("bin/bootstrap").display().to_string();
        let prefix: Vec<_> =
            user.prefix().into_iter().chain(prefix.iter().cloned()).chain(shell).chain([copy]).collect();
        let mut command = bench.bootstrap();
        let worker = bench.start(&mut behind(&prefix, command.arg("run")));
        bench.until("ready", |bench| (bench.heartbeat()["ready"] == true).then_some(()));
        let target = json!({
            "ruin": ruin,
            "pid": worker.pid().as_raw(),
            "bystander": bystander.0.id(),
            "key": at("keys/mnemonic"),
            "key_halves": [&key[..32], &key[32..], words[..6].join(" "), words[6..].join(" ")],
            "state": at("state"),
            "journal": bench.heartbeat()["journal"],
            "heartbeat": at("heartbeat"),
            "log": at("log"),
            "abstract": name,
            "bundle": at("bundle"),
            "data": at("data/prices.csv"),
            "program": at("bin/bootstrap"),
            "setuid": setuid,
        });
        let file = at("bundle/report/target.json");
        fs::write(&file, target.to_string()).unwrap();
        if user == User::Ordinary {
            chown(&file, Some(1000), Some(1000)).unwrap();
        }
        Self { bench, worker, _bystander: bystander, _abstract: listener }
    }

    /// Opens a window and gives what the model reports.
    pub fn storm(&self) -> Report {
        self.bench.mine_to_opening();
        let file = self.bench.folder.path().join("bundle/report/report.json");
        let report = self.bench.until("a report", |_| fs::read(&file).ok());
        let report: Value = serde_json::from_slice(&report).unwrap();
        let part = |name: &str| report[name].as_object().unwrap().clone();
        let isolation = self.status()["isolation"].clone();
        Report { attacks: part("attacks"), honest: part("honest"), isolation }
    }

    /// The window is answered, and the worker is as well as before.
    pub fn outlive(self) {
        self.bench.until_sent();
        self.bench.devnet.mine(1).unwrap();
        self.bench.until_a_round_is("admitted");
        assert_eq!(self.status()["live"], true);
        assert_eq!(self.worker.stop(), Some(0), "{}", self.bench.log());
    }

    fn status(&self) -> Value {
        let status = self.bench.bootstrap().args(["status", "--json"]).output().unwrap();
        serde_json::from_slice(&status.stdout).unwrap()
    }
}

/// A copy of `cat` that anybody who starts it is root in; it shows whether that worked.
fn setuid_program(path: &Path) -> PathBuf {
    let cat = ["/usr/bin/cat", "/bin/cat"].into_iter().find(|path| Path::new(path).exists()).unwrap();
    fs::copy(cat, path).unwrap();
    chown(path, Some(0), Some(0)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o4755)).unwrap();
    // Where this does not work without us, that it fails with us shows nothing.
    let mut show = Command::new(path);
    let shown = behind(&User::Ordinary.prefix(), show.arg("/proc/self/status")).output().unwrap();
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(text.contains("Uid:\t1000\t0\t"), "setuid programs have no effect in this folder: {text}");
    path.to_owned()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
