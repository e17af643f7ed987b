//! A machine: a container with a service manager as its first process, this program, bundles, and a chain to answer.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use bootstrap::devnet::{BlockTime, Devnet, Options};
use serde_json::Value;
use tempfile::TempDir;

use crate::engine::{Engine, IMAGE};
use crate::support::{quick, write_bundle};
use crate::until;

/// Where the test's folder is in the machine.
const WORLD: &str = "/world";

/// systemd sees its own branch of the control groups only, and gives out keys by mounts that all see.
const SYSTEMD: &str = "mount --make-rshared / && for c in $(awk '/cgroup/{print $2}' /proc/self/mounts); do \
                       mount -o remount,bind,rw $c; done; exec /sbin/init";

/// Blocks slow enough for a machine that also boots another one.
pub fn chain() -> Options {
    Options { block_time: BlockTime::Every(Duration::from_millis(500)), ..quick() }
}

/// A running machine.
pub struct Machine {
    engine: Arc<Engine>,
    container: String,
    world: TempDir,
    pub devnet: Devnet,
}

impl Machine {
    /// One with systemd, booted.
    pub fn with_systemd(engine: Arc<Engine>) -> Self {
        let machine = Self::start(engine, SYSTEMD, chain());
        until("a machine that is up", || {
            let state = machine.exec("systemctl is-system-running").stdout;
            ["running\n", "degraded\n"].iter().any(|up| state == up.as_bytes()).then_some(())
        });
        machine
    }

    /// One whose first process is this command of the shell, and its chain.
    pub fn start(engine: Arc<Engine>, init: &str, chain: Options) -> Self {
        let devnet = Devnet::start(chain).unwrap();
        let world = TempDir::new().unwrap();
        fs::set_permissions(world.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(world.path().join("key"), &devnet.accounts()[0].private_key).unwrap();
        fs::set_permissions(world.path().join("key"), fs::Permissions::from_mode(0o600)).unwrap();
        let mount = |from: &str, to: &str| format!("--volume={from}:{to}");
        let container = engine.must(&[
            "run",
            "--detach",
            "--network=host",
            "--cgroupns=private",
            "--cap-add=ALL",
            // Not everybody has it to give.
            "--cap-drop=SYS_RESOURCE",
            "--security-opt=seccomp=unconfined",
            "--tmpfs=/run",
            "--tmpfs=/run/lock",
            "--tmpfs=/tmp",
            &mount(env!("CARGO_BIN_EXE_bootstrap"), "/usr/local/bin/bootstrap:ro"),
            &mount(world.path().to_str().unwrap(), WORLD),
            IMAGE,
            "sh",
            "-c",
            init,
        ]);
        Self { engine, container, world, devnet }
    }

    /// Puts a bundle there, owned by a user. Gives its folder as the machine sees it.
    pub fn bundle(&self, name: &str, code: &str, manifest: &str, owner: u32) -> String {
        let root = self.world.path().join(name);
        write_bundle(&root, code, manifest);
        for folder in [root.clone(), root.join("cache")] {
            fs::create_dir_all(&folder).unwrap();
            chown(&folder, Some(owner), Some(owner)).unwrap();
        }
        format!("{WORLD}/{name}")
    }

    /// A file of the test's folder, from outside.
    pub fn file(&self, name: &str) -> PathBuf {
        self.world.path().join(name)
    }

    /// What a command of the shell comes to.
    pub fn exec(&self, command: &str) -> Output {
        self.engine.docker(&["exec", &self.container, "sh", "-c", command])
    }

    /// What a command of the shell prints; fails when the command does.
    pub fn must(&self, command: &str) -> String {
        let output = self.exec(command);
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(output.status.success(), "{command}: {said:?}");
        said[0].trim_end().to_owned()
    }

    /// `bootstrap ARGUMENTS BUNDLE`, with the chain and the key in the environment.
    pub fn bootstrap(&self, arguments: &str, bundle: &str) -> Output {
        self.bootstrap_with("", arguments, bundle)
    }

    /// The same with further settings, as the shell takes them.
    pub fn bootstrap_with(&self, settings: &str, arguments: &str, bundle: &str) -> Output {
        let rpc = self.devnet.rpc_url();
        let bundle = bundle.replace('\'', "'\\''");
        self.exec(&format!(
            "ALLORA_NETWORK={rpc} ALLORA_PRIVATE_KEY_FILE={WORLD}/key {settings} bootstrap {arguments} '{bundle}'"
        ))
    }

    /// The same, in order. Gives what it prints.
    pub fn service(&self, verb: &str, bundle: &str) -> String {
        let output = self.bootstrap(&format!("service {verb}"), bundle);
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert_eq!(output.status.code(), Some(0), "{verb}: {said:?}");
        said[0].trim_end().to_owned()
    }

    /// `service logs` shows what the worker has logged, and waits for more.
    pub fn assert_log_is_followed(&self, bundle: &str) {
        let followed = self.bootstrap_with("timeout 5", "service logs", bundle);
        assert_eq!(followed.status.code(), Some(124), "it ended by itself: {followed:?}");
        let said = String::from_utf8_lossy(&followed.stdout).into_owned();
        assert!(said.contains("\"message\":\""), "{said}");
    }

    pub fn submissions(&self) -> usize {
        self.devnet.submissions(1).unwrap().len()
    }

    /// Waits for an answer that was not there before.
    pub fn until_answered(&self) {
        let before = self.submissions();
        until("an answer", || (self.submissions() > before).then_some(()));
    }

    /// Waits until a file of the machine, found by the shell, holds a JSON document that satisfies `good`.
    pub fn until_json(&self, what: &str, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        until(what, || {
            let text = self.exec(&format!("cat {path}")).stdout;
            serde_json::from_slice(&text).ok().filter(|json| good(json))
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log =
                self.exec("journalctl --no-pager -o cat -n 60 || tail -n 60 /var/log/supervisor/* /var/log/bootstrap-*.log /var/lib/bootstrap/*/log/* /tmp/log");
            eprintln!("{}", String::from_utf8_lossy(&log.stdout));
        }
        self.engine.docker(&["rm", "--force", "--volumes", &self.container]);
    }
}
