//! A container engine of our own, with one image: Debian with Python and the service managers under test. Each test
//! target compiles it for itself and uses a part.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::wait;

/// cron needs two minutes for two runs.
const PATIENCE: Duration = Duration::from_secs(240);

pub const IMAGE: &str = "machine";

/// What is beside the base system in the image.
const PACKAGES: &str =
    "python3,python3-pip,ca-certificates,systemd,systemd-sysv,dbus,cron,logrotate,supervisor";

/// Programs without which there are no machines.
const NEEDED: [&str; 3] = ["dockerd", "docker", "debootstrap"];

/// A daemon whose files are all in one folder. Ends with its last user.
pub struct Engine {
    folder: TempDir,
    daemon: Child,
}

impl Engine {
    /// The engine that all tests share. They fail where there can be none: who asks for them by `--ignored` wants
    /// them run.
    pub fn get() -> Arc<Self> {
        static SHARED: Mutex<Weak<Engine>> = Mutex::new(Weak::new());
        let is_there = |program: &&str| Command::new(program).arg("--version").output().is_ok();
        assert!(
            nix::unistd::geteuid().is_root() && NEEDED.iter().all(is_there),
            "machines need root, {}",
            NEEDED.join(", ")
        );
        // A test that failed may have held it.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = shared.upgrade().unwrap_or_else(|| Arc::new(Self::start()));
        *shared = Arc::downgrade(&engine);
        engine
    }

    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let inner = |name: &str| folder.path().join(name);
        let log = fs::File::create(inner("log")).unwrap();
        let daemon = Command::new("dockerd")
            // The machines are on the network of this one, where the chain is.
            .args(["--bridge", "none", "--iptables=false", "--ip6tables=false", "--group", "root"])
            .arg("--data-root")
            .arg(inner("data"))
            .arg("--exec-root")
            .arg(inner("exec"))
            .arg("--pidfile")
            .arg(inner("pid"))
            .arg(format!("--host=unix://{}", inner("socket").display()))
            .stderr(log)
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let engine = Self { folder, daemon };
        until("a container engine", || engine.docker(&["info"]).status.success().then_some(()));
        engine.must(&["import", base().to_str().unwrap(), IMAGE]);
        engine
    }

    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DOCKER_HOST", self.host());
        command
    }

    /// The address of its daemon.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("socket").display())
    }

    pub fn docker(&self, arguments: &[&str]) -> Output {
        self.command("docker").args(arguments).output().unwrap()
    }

    /// What it prints; fails when the command does.
    pub fn must(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It takes its containers' helpers along when it may end in order.
        let _ = kill(Pid::from_raw(self.daemon.id().cast_signed()), Signal::SIGTERM);
        let _ = self.daemon.wait();
        // It leaves the network of its containers mounted, without whose end the folder could not be removed.
        let network = self.folder.path().join("exec/netns/default");
        let _ = Command::new("umount").arg("--lazy").arg(network).stderr(Stdio::null()).status();
    }
}

/// Waits until `found` gives something.
pub fn until<T>(what: &str, found: impl FnMut() -> Option<T>) -> T {
    wait::until(what, PATIENCE, String::new, found)
}

/// The files of the image, made once and kept beside what cargo builds.
pub fn base() -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian.tar");
    if kept.exists() {
        return kept;
    }
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("root");
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    };
    run(Command::new("debootstrap")
        .arg("--variant=minbase")
        .arg(format!("--include={PACKAGES}"))
        .arg("bookworm")
        .arg(&root));
    for needless in
        ["var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"]
    {
        fs::remove_dir_all(root.join(needless)).unwrap();
    }
    let made = folder.path().join("debian.tar");
    run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&made).arg("."));
    // Whole or not at all, wherever the two folders are.
    let whole = kept.with_extension("new");
    fs::copy(made, &whole).unwrap();
    fs::rename(whole, &kept).unwrap();
    kept
}
