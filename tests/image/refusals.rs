//! What an engine is asked for, and what becomes of its failures, shown with engines that are scripts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::engine::until;
use crate::support::{bare, write_bundle};

/// Answers, and when it builds, notes what it is given.
const WORKS: &str = "[ $1 = version ] && exit 0\n[ $1 = image ] && { echo \"$4\" >base; cat digests; exit; }\necho step one; echo \"$*\" >arguments\n\
                     for context; do :; done; echo \"$context\" >context; (cd \"$context\" && find . -type f) >files\n";

/// A machine with these engines.
struct Machine(TempDir);

impl Machine {
    fn new(engines: &[(&str, &str)]) -> Self {
        let machine = Self(TempDir::new().unwrap());
        for folder in ["bin", "tmp", "home/.config/pip"] {
            fs::create_dir_all(machine.at(folder)).unwrap();
        }
        write_bundle(&machine.at("bundle"), "def predict():\n    return 1\n", "");
        fs::write(machine.at("home/.config/pip/pip.conf"), "[global]\nindex-url = http://u:p@index/\n")
            .unwrap();
        for program in ["sh", "find", "cat", "git"] {
            let path =
                Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap().stdout;
            let path = PathBuf::from(String::from_utf8(path).unwrap().trim());
            std::os::unix::fs::symlink(path, machine.at("bin").join(program)).unwrap();
        }
        for (name, script) in engines {
            // Not by this process: a child of another test could hold it open meanwhile, and it could not be run.
            let write = "printf '#!/bin/sh\n%s' \"$0\" >\"$1\" && chmod 755 \"$1\"";
            let path = machine.at("bin").join(name);
            assert!(Command::new("sh").args(["-c", write, script]).arg(path).status().unwrap().success());
        }
        machine
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare();
        command
            .env_clear()
            .env("PATH", self.at("bin"))
            .env("TMPDIR", self.at("tmp"))
            .env("HOME", self.at("home"));
        command.env("PIP_INDEX_URL", "http://u:secret@other/").current_dir(&self.0);
        command.args(["image", "build", "bundle"]).args(arguments).stdin(Stdio::null());
        command
    }

    fn build(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        assert_eq!(fs::read_dir(self.at("tmp")).unwrap().count(), 0, "a build context is left");
        (status.code(), text(stdout), text(stderr))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }
}

#[test]
fn an_engine_gets_what_it_needs_and_its_failures_are_told() {
    let (code, stdout, stderr) = Machine::new(&[]).build(&[]);
    assert_eq!((code, &*stdout), (Some(78), ""));
    assert!(stderr.contains("error: there is neither docker nor podman on PATH\nhint: "), "{stderr}");

    let stopped = "echo 'Client: 1' ; echo 'Cannot connect to the daemon' >&2; exit 1\n";
    let (code, stdout, stderr) = Machine::new(&[("docker", stopped)]).build(&[]);
    assert_eq!((code, &*stdout), (Some(78), ""));
    let said = "error: docker cannot be reached\n  caused by: Cannot connect to the daemon\nhint: ";
    assert!(stderr.contains(said), "{stderr}");

    let machine = Machine::new(&[("docker", &format!("{WORKS}exit 3"))]);
    let (code, stdout, stderr) = machine.build(&[]);
    assert_eq!((code, &*stdout), (Some(1), ""));
    assert!(stderr.contains("step one\nerror: docker could not build the image\n  caused by: "), "{stderr}");
    let mut files: Vec<String> = machine.read("files").lines().map(str::to_owned).collect();
    files.retain(|file| !file.starts_with("./host/etc/"));
    files.sort();
    let expected = [
        "./Dockerfile",
        "./bootstrap",
        "./host/root/.config/pip/pip.conf",
        "./test-1.0.cdx.json",
        "./test-1.0.tar.gz",
    ];
    assert_eq!(files, expected);
    let arguments = machine.read("arguments");
    assert!(
        arguments.contains("--tag test:1.0 ") && arguments.contains("--build-arg=PIP_INDEX_URL "),
        "{arguments}"
    );
    assert!(!arguments.contains("secret") && !Path::new(machine.read("context").trim()).exists());

    // An engine that does not answer is passed over for one that does.
    let machine = Machine::new(&[("docker", stopped), ("podman", WORKS)]);
    let (code, stdout, stderr) = machine.build(&["-t", "mine:2"]);
    assert_eq!((code, &*stdout), (Some(0), "mine:2\n"), "{stderr}");
    let arguments = machine.read("arguments");
    assert!(arguments.contains("--format=docker") && !arguments.contains("DIGEST"), "{arguments}");

    // What a base is known by elsewhere is not the one that the Dockerfile asks for.
    let base = machine.read("base").trim().to_owned();
    assert!(base.starts_with("docker.io/library/python:3.") && base.ends_with("-slim"), "{base}");
    let digests = r#"["localhost:5000/python@sha256:11", "python@sha256:22"]"#;
    fs::write(machine.at("digests"), digests).unwrap();
    assert_eq!(machine.build(&[]).0, Some(0));
    let arguments = machine.read("arguments");
    for argument in
        ["--build-arg=BASE_DIGEST=sha256:22 ", "--label=org.opencontainers.image.base.digest=sha256:22 "]
    {
        assert!(arguments.contains(argument), "{arguments}");
    }

    let machine = Machine::new(&[("docker", &format!("{WORKS}exec 2>&-; read forever <fifo"))]);
    nix::unistd::mkfifo(&machine.at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Packing takes a while.
    fs::File::create(machine.at("bundle/weights.bin")).unwrap().set_len(32 << 20).unwrap();
    let contexts = || fs::read_dir(machine.at("tmp")).unwrap().count();
    let is_packing = || contexts() > 0;
    let is_building = || machine.read("files").contains("Dockerfile");
    for (what, has_begun) in [("a context", &is_packing as &dyn Fn() -> bool), ("a build", &is_building)] {
        let child = machine.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until(what, || has_begun().then_some(()));
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130), "{what}");
        assert_eq!(contexts(), 0, "{what}: a build context is left");
        let _ = fs::remove_file(machine.at("files"));
    }
}

#[test]
fn labels_tell_the_commit_and_where_it_comes_from_while_they_are_true() {
    let machine = Machine::new(&[("docker", WORKS)]);
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .env("HOME", machine.at("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .current_dir(machine.at("bundle"));
        let output = command
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let built = |arguments: &[&str]| {
        let (code, _, stderr) = machine.build(arguments);
        assert_eq!(code, Some(0), "{stderr}");
        let labels = machine
            .read("arguments")
            .split(' ')
            .filter_map(|word| word.strip_prefix("--label=org.opencontainers.image."))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        (labels, stderr.contains("no label says its revision"))
    };
    let version = "version=1.0".to_owned();
    assert_eq!(built(&[]), (vec![version.clone()], false));

    git(&["init", "--quiet"]);
    git(&["remote", "add", "origin", "https://me:word@example.com/model.git"]);
    // It is in a work tree by chance: the repository does not have it.
    assert_eq!(built(&[]), (vec![version.clone()], false));
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "first"]);
    let source = "source=https://example.com/model.git".to_owned();
    let revision = format!("revision={}", git(&["rev-parse", "HEAD"]));
    assert_eq!(built(&[]), (vec![version.clone(), source.clone(), revision.clone()], false));
    let own = "--label=org.opencontainers.image.revision=mine";
    assert_eq!(built(&[own]).0, [&*version, &source, &revision, "revision=mine"]);

    fs::write(machine.at("bundle/src/more.py"), "").unwrap();
    assert_eq!(built(&[]), (vec![version, source], true));
}

#[test]
fn a_lower_bound_becomes_the_python_that_the_bundle_is_tried_with() {
    let folder = TempDir::new().unwrap();
    write_bundle(folder.path(), "def predict():\n    return 1\n", "");
    let run = |arguments: &[&str]| {
        let output = bare().args(arguments).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let predicted: serde_json::Value = serde_json::from_str(&run(&["predict", "--json"])).unwrap();
    let python = predicted["python"].as_str().unwrap().rsplit_once('.').unwrap().0.to_owned();
    let rendered = run(&["render", "dockerfile"]);
    for line in [
        format!("PYTHON_VERSION={python}"),
        "BUNDLE_ARCHIVE=test-1.0.tar.gz".into(),
        "BUNDLE_NAME=test".into(),
    ] {
        assert!(rendered.contains(&format!("\nARG {line}\n")), "{line}");
    }
    assert!(!rendered.contains("{{"));
}
