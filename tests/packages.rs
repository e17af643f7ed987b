//! Packages that models use, each for a real prediction with the threads that it may have.
//!
//! They are installed for it, so all of this is a step of its own in `.ci/run`.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers of tests fail as tests do

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use bootstrap::model::Interpreter;
use serde_json::Value;
use support::{BOOTSTRAP, Bundle, pythons};

/// The version that has all packages.
const COMMON: &str = "3.11.";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages")
}

/// An environment with these packages.
struct Environment(tempfile::TempDir);

impl Environment {
    fn new(python: &Interpreter) -> Self {
        let environment = Self(tempfile::tempdir().unwrap());
        run(Command::new(&python.executable).args(["-m", "venv"]).arg(environment.0.path()));
        environment
    }

    fn python(&self) -> PathBuf {
        self.0.path().join("bin/python")
    }

    fn install(&self, arguments: &[&str]) {
        let mut pip = Command::new(self.python());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]);
        run(pip.args(arguments).current_dir(folder()));
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// One prediction of the model that uses the package, which may have so many threads.
fn assert_predicts(package: &str, python: &Path, threads: usize) {
    let code = std::fs::read_to_string(folder().join(package).with_extension("py")).unwrap();
    let bundle =
        Bundle::with_manifest(&code, &format!("runtime: {{cpu_cores: {threads}, max_seconds: 60}}\n"));
    let mut command = Command::new(BOOTSTRAP);
    command.arg("predict").arg(bundle.root()).arg("--json").arg("--python").arg(python);
    let counted = ["OMP", "OPENBLAS", "MKL", "ORT_INTRA_OP"].map(|library| format!("{library}_NUM_THREADS"));
    for name in counted.iter().map(String::as_str).chain(["POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT"]) {
        command.env_remove(name);
    }
    let output = command.env("ALLORA_STATE_DIR", bundle.root().with_extension("state")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{package}: {text}{log}");
    let document: Value = serde_json::from_str(&text).unwrap();
    println!("{package}: {document}");
    let value: f64 = document["values"]["value"].as_str().unwrap().parse().unwrap();
    assert!((value - 0.5).abs() < 0.01, "{package}: {text}");
    assert_eq!(document["values"]["threads"], threads.to_string(), "{package}: {text}");
}

#[test]
#[ignore = "installs packages"]
fn each_package_predicts_with_the_threads_it_may_have() {
    let common = pythons().iter().filter(|python| python.version.starts_with(COMMON));
    // The packages' libraries share a process with ours where Python is a library too.
    let python = common.max_by_key(|python| python.libpython.is_some()).expect("a Python 3.11");
    let environment = Environment::new(python);
    environment.install(&["-r", "requirements.txt"]);
    // What it depends on for graphics cards alone is larger than everything else.
    environment.install(&["--no-deps", "xgboost"]);
    for package in [
        "numpy",
        "pandas",
        "scipy",
        "sklearn",
        "lightgbm",
        "xgboost",
        "onnxruntime",
        "polars",
        "pyarrow",
        "joblib",
    ] {
        assert_predicts(package, &environment.python(), 1);
    }
    // Otherwise a library that takes one thread whatever it is told would pass.
    if std::thread::available_parallelism().unwrap().get() > 1 {
        assert_predicts("numpy", &environment.python(), 2);
    }
}

#[test]
#[ignore = "installs packages"]
fn numpy_predicts_with_the_oldest_and_the_newest_python() {
    let release = |python: &&Interpreter| -> Vec<u32> {
        python.version.split('.').map(|number| number.parse().unwrap()).collect()
    };
    let (oldest, newest) = (pythons().iter().min_by_key(release), pythons().iter().max_by_key(release));
    for python in [oldest, newest].into_iter().flatten() {
        let environment = Environment::new(python);
        environment.install(&["numpy", "threadpoolctl"]);
        assert_predicts("numpy", &environment.python(), 1);
    }
}

/// The registry of Python's packages has no build of PyTorch for the CPU; Debian has.
#[test]
#[ignore = "needs Debian's python3-torch"]
fn torch_predicts_with_the_threads_it_may_have() {
    assert_predicts("torch", Path::new("/usr/bin/python3"), 1);
}
