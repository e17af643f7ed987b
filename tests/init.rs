//! `bootstrap init`, and that what it makes works as it is.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

#[path = "support/bench.rs"]
mod bench;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn bootstrap(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = bench::bare();
    let (state, heartbeat) = (folder.join("state"), folder.join("heartbeat"));
    command.current_dir(folder).env("ALLORA_STATE_DIR", state).env("ALLORA_HEARTBEAT_FILE", heartbeat);
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes a bundle and does with it what its maker would.
fn works(template: &str, topic_id: u64) {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let output = bootstrap(folder.path(), arguments);
        assert!(
            output.status.success(),
            "{template}: {arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    assert_eq!(run(&["init", "2nd.Try", "--template", template]), "2nd.Try\n");
    let checked: Value = serde_json::from_str(&run(&["check", "2nd.Try", "--json"])).unwrap();
    assert_eq!(checked, serde_json::json!({"ok": true, "problems": []}), "{template}");
    assert!(folder.path().join("2nd.Try/artifacts").is_dir(), "{template}: model.yaml names it");
    run(&["predict", "2nd.Try"]);
    // As pytest calls them, which not every machine has.
    let tests = "import tests.test_runner as t\nfor name in dir(t):\n    if name.startswith('test_'): getattr(t, name)(); print(name)";
    let python = std::env::var_os("ALLORA_PYTHON").unwrap_or_else(|| "python3".into());
    let output =
        Command::new(python).args(["-c", tests]).current_dir(folder.path().join("2nd.Try")).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{template}: {}", text(&output.stderr));
    run(&["pack", "2nd.Try"]);
    run(&["check", "2nd.Try/dist/2nd.Try-0.1.0.tar.gz"]);
    run(&["run", "2nd.Try", "--windows", "1"]);
    let rounds: Value = serde_json::from_str(&run(&["journal", "list", "--json"])).unwrap();
    assert_eq!(
        (&rounds[0]["state"], &rounds[0]["topic_id"]),
        (&"admitted".into(), &topic_id.into()),
        "{template}: {rounds}"
    );
}

/// The one with packages is run by `.ci/run`, which installs them.
#[test]
fn each_template_without_packages_works_as_it_is() {
    std::thread::scope(|scope| {
        for (template, topic_id) in [("plain", 1), ("async", 1), ("labels", 2)] {
            scope.spawn(move || works(template, topic_id));
        }
    });
}

#[test]
fn the_template_with_packages_is_a_bundle() {
    let folder = TempDir::new().unwrap();
    assert!(
        bootstrap(folder.path(), &["init", "b", "--name", "ridge", "--template", "sklearn"]).status.success()
    );
    let manifest = fs::read_to_string(folder.path().join("b/model.yaml")).unwrap();
    assert!(manifest.contains("name: ridge") && manifest.contains("src.ridge.runner"), "{manifest}");
    let left: Vec<_> = ["model.yaml", "train.py", "src/ridge/runner.py", "tests/test_runner.py"]
        .into_iter()
        .filter(|name| fs::read_to_string(folder.path().join("b").join(name)).unwrap().contains("my_model"))
        .collect();
    assert_eq!(left, Vec::<&str>::new());
    let checked: Value =
        serde_json::from_slice(&bootstrap(folder.path(), &["check", "b", "--json"]).stdout).unwrap();
    assert_eq!(checked["ok"], true, "{checked}");
}

#[test]
fn nothing_is_written_over_and_names_are_checked() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/notes"), "mine").unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    for arguments in [
        &["init", "full"][..],
        &["init", "file"],
        &["init", "new", "--name", "my model"],
        &["init", "new name"],
    ] {
        let output = bootstrap(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("hint: "), "{}", text(&output.stderr));
    }
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["file", "full"]);
    assert_eq!(fs::read_dir(folder.path().join("full")).unwrap().count(), 1);
    // An empty folder that is there is taken, the one that the shell is in too.
    fs::create_dir(folder.path().join("here")).unwrap();
    let output = bench::bare().current_dir(folder.path().join("here")).args(["init", "."]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(folder.path().join("here/src/here/runner.py").is_file());
}

#[test]
fn the_helper_for_tests_says_that_the_wheel_is_missing() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let python = std::env::var_os("ALLORA_PYTHON").unwrap_or_else(|| "python3".into());
    let code = "from bootstrap_host.testing import ask; ask(lambda: 1)";
    let output = Command::new(python).args(["-B", "-c", code]).env("PYTHONPATH", package).output().unwrap();
    let told = text(&output.stderr);
    assert!(told.contains("\nImportError: the program `bootstrap` is not installed"), "{told}");
}
