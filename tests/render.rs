//! `bootstrap render` through the real binary, judged by the programs that read what it writes.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers fail and speak as tests do

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::BOOTSTRAP;
use tempfile::TempDir;

/// A folder's name with everything that means something in one of the formats.
const HOSTILE: &str = "it's 100%n \"my\" $HOME ${x} #1; \\t model";

/// A bundle in a folder of this name.
struct Deployed {
    _folder: TempDir,
    bundle: PathBuf,
}

impl Deployed {
    fn new(name: &str, manifest: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let bundle = folder.path().join(name);
        let made = support::Bundle::with_manifest("def predict(nonce):\n    return 1\n", manifest);
        fs::create_dir(&bundle).unwrap();
        for entry in fs::read_dir(made.root()).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), bundle.join(entry.file_name())).unwrap();
            }
        }
        Self { _folder: folder, bundle }
    }

    fn render(&self, arguments: &[&str]) -> Output {
        self.render_with(arguments, &[])
    }

    fn render_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(BOOTSTRAP);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).arg("render").args(arguments);
        command.arg(&self.bundle).envs(settings.iter().copied()).output().unwrap()
    }

    fn out(&self) -> PathBuf {
        self.bundle.with_file_name("out")
    }
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

/// The file that `kind` is written to, in `deployed.out()`.
fn written(deployed: &Deployed, kind: &str, settings: &[(&str, &str)], name: &str) -> PathBuf {
    let output = deployed.render_with(&[kind, "-o", deployed.out().to_str().unwrap()], settings);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    deployed.out().join(name)
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: there is no {program}");
    }
    found
}

/// What `systemd-analyze verify` says: it ends with 0 for a key that it does not know.
fn verify(unit: &Path) -> String {
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output().unwrap();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn systemd_has_nothing_to_say_of_a_unit() {
    if !has("systemd-analyze") {
        return;
    }
    let manifest = "runtime: {memory_mb: 100, writable: [cache, \"a b'%\", /dev/null]}\n";
    for name in ["model", HOSTILE] {
        let deployed = Deployed::new(name, manifest);
        let key = deployed.bundle.with_file_name("key's 1%");
        let settings = [
            ("ALLORA_PRIVATE_KEY_FILE", key.to_str().unwrap()),
            ("ALLORA_NETWORK", "http://127.0.0.1:26657"),
            ("BUNDLE_ID", "100% \"mine\" \\ $x"),
        ];
        let unit = written(&deployed, "systemd", &settings, "bootstrap-test.service");
        assert_eq!(verify(&unit), "");
    }
}

#[test]
fn a_file_that_differs_is_not_replaced_in_silence() {
    let deployed = Deployed::new("model", "");
    let out = deployed.out();
    let render = || {
        let output = deployed.render(&["systemd", "-o", out.to_str().unwrap()]);
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr).to_owned()
    };
    assert!(render().starts_with("written: "));
    assert!(render().starts_with("unchanged: "));
    let unit = out.join("bootstrap-test.service");
    let printed = deployed.render(&["systemd"]);
    assert_eq!(text(&printed.stdout), fs::read_to_string(&unit).unwrap());
    fs::write(&unit, "mine").unwrap();
    assert!(render().starts_with("replaced, another one was there: "));
}

#[test]
fn what_cannot_be_deployed_is_named() {
    let deployed = Deployed::new("model", "");
    for (kind, settings, exit, what) in [
        ("system", ("BUNDLE_ID", "x"), 64, "possible values: systemd"),
        ("systemd", ("ALLORA_PRIVATE_KEY", "00"), 78, "ALLORA_PRIVATE_KEY holds a secret"),
        ("systemd", ("ALLORA_NETWORK", "http://me:pass@node:1"), 78, "no file with a key"),
        ("systemd", ("ALLORA_API_KEY", "faucet"), 78, "ALLORA_API_KEY holds a secret"),
    ] {
        let output = deployed.render_with(&[kind], &[settings]);
        assert_eq!(output.status.code(), Some(exit));
        assert!(text(&output.stderr).contains(what), "{}", text(&output.stderr));
    }
    let credentials = [("ALLORA_NETWORK", "http://me:pass@node:1"), ("ALLORA_MNEMONIC_FILE", "/key")];
    let output = deployed.render_with(&["systemd"], &credentials);
    assert!(text(&output.stderr).contains("ALLORA_NETWORK holds a secret"));
    assert!(!text(&output.stderr).contains("pass@"));

    let deployed = Deployed::new("two\nlines", "");
    let output = deployed.render(&["systemd"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("cannot stand in a service file"), "{}", text(&output.stderr));
}
