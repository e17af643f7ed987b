//! A worker under Docker Compose, in its bundle's image.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use bootstrap::devnet::Devnet;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::engine::{Engine, IMAGE};
use crate::support::write_bundle;
use crate::{machine, until};

/// Writes where it may.
const CODE: &str = "import pathlib\n\ndef predict(nonce):\n    \
                    pathlib.Path(__file__).parents[1].joinpath('cache/last').write_text(str(nonce))\n    return nonce / 8\n";

/// A project of Compose. Ends with the test.
struct Project<'e> {
    engine: &'e Engine,
    folder: TempDir,
}

impl Project<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.engine.command("docker-compose");
        command.args(["-p", "test", "-f", "compose.yaml", "-f", "here.yaml"]).args(arguments);
        command.current_dir(&self.folder).output().unwrap()
    }

    fn compose(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn inspect(&self, what: &str) -> String {
        let containers = self.engine.must(&[
            "ps",
            "--all",
            "--quiet",
            "--filter",
            "label=com.docker.compose.project=test",
        ]);
        self.engine.must(&["inspect", "--format", &format!("{{{{{what}}}}}"), &containers])
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.inspect(".State.Pid").parse().unwrap())
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", String::from_utf8_lossy(&self.run(&["logs", "--tail", "40"]).stdout));
            return;
        }
        self.compose(&["down", "--volumes"]);
    }
}

#[test]
#[ignore = "needs root, Docker and docker-compose"]
fn a_worker_has_its_limits_its_health_and_its_volume() {
    let engine = Engine::get();
    let is_there = Command::new("docker-compose").arg("version").output().is_ok();
    assert!(is_there, "there is no docker-compose");
    let devnet = Devnet::start(machine::chain()).unwrap();
    let project = Project { engine: &engine, folder: TempDir::new().unwrap() };
    let inner = |name: &str| project.folder.path().join(name);
    write_bundle(&inner("bundle"), CODE, "runtime: {memory_mb: 200, writable: [cache]}\n");
    fs::write(inner("key"), &devnet.accounts()[0].private_key).unwrap();
    let files = inner("files");
    fs::create_dir(&files).unwrap();
    fs::set_permissions(&files, fs::Permissions::from_mode(0o777)).unwrap();
    let rendered = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .args(["render", "compose", "-o", ".", "bundle"])
        .env_remove("ALLORA_STATE_DIR")
        .env("ALLORA_NETWORK", devnet.rpc_url())
        .env("ALLORA_PRIVATE_KEY_FILE", "key")
        .env("ALLORA_LOG_FILE", "files/worker.log")
        .env("ALLORA_METRICS_FILE", "files/worker.prom")
        .env("BUNDLE_ID", "100% \"mine\" $HOME")
        .current_dir(&project.folder)
        .output()
        .unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let program = env!("CARGO_BIN_EXE_bootstrap");
    // The program is not copied into the image, and the chain is on this machine.
    fs::write(
        inner("here.yaml"),
        format!("services:\n  test:\n    network_mode: host\n    volumes: ['{program}:/usr/local/bin/bootstrap:ro']\n"),
    )
    .unwrap();
    fs::write(
        inner("Dockerfile"),
        format!("FROM {IMAGE}\nCOPY bundle /workspace/bundle\nENTRYPOINT [\"bootstrap\", \"run\"]\n"),
    )
    .unwrap();
    engine.must(&["build", "--tag", "test:1.0", project.folder.path().to_str().unwrap()]);

    let answers = || devnet.submissions(1).unwrap().len();
    let until_answered = || {
        let before = answers();
        until("an answer", || (answers() > before).then_some(()));
    };
    project.compose(&["up", "--detach"]);
    until_answered();
    assert_eq!(project.inspect(".HostConfig.Memory"), ((200 + 128) << 20).to_string());
    assert_eq!(project.inspect(".HostConfig.ReadonlyRootfs"), "true");
    for file in ["worker.log", "worker.prom"] {
        until(file, || files.join(file).exists().then_some(()));
    }
    assert!(project.inspect(".Config.Env").contains("BUNDLE_ID=100% \"mine\" $HOME"));
    until("a healthy container", || (project.inspect(".State.Health.Status") == "healthy").then_some(()));

    let first = project.pid();
    kill(first, Signal::SIGKILL).unwrap();
    until("another worker", || (![first, Pid::from_raw(0)].contains(&project.pid())).then_some(()));
    until_answered();
    kill(project.pid(), Signal::SIGSTOP).unwrap();
    until("an unhealthy container", || {
        (project.inspect(".State.Health.Status") == "unhealthy").then_some(())
    });
    kill(project.pid(), Signal::SIGCONT).unwrap();
    until_answered();

    project.compose(&["stop"]);
    assert_eq!(project.inspect(".State.ExitCode"), "0");
    let rows = devnet.submissions(1).unwrap();
    let payments = devnet.payments(&devnet.accounts()[0].address).unwrap();
    assert_eq!(payments.len(), rows.len() + 1, "one payment for each answer, and one to register");
}
