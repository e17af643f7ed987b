//! `bootstrap check` as a user sees it: stdout, stderr and exit code together.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = r#"schema_version: "0.1"
name: good
version: "1.0.0"
python:
  version: "3.11"
entrypoint:
  kind: python_function
  module: src.good.runner
  function: predict
environment:
  pip_requirements: requirements.txt
allora:
  topic_id: 1
"#;

/// A folder that holds the bundle `b`: a good one, changed by `files` (a text of "-" removes).
fn bundle(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let good = [
        ("model.yaml", GOOD),
        ("requirements.txt", "numpy==1.26.4\n"),
        ("src/good/runner.py", "def predict(nonce):\n    return 0.5\n"),
    ];
    for (name, text) in good.iter().chain(files) {
        let path = folder.path().join("b").join(name);
        if *text == "-" {
            fs::remove_file(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }
    folder
}

fn check(folder: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.current_dir(folder).env_clear().arg("check").args(arguments).output().unwrap()
}

/// Everything that the user gets.
fn told(folder: &TempDir, arguments: &[&str]) -> String {
    let output = check(folder.path(), arguments);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let told = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr)
    );
    let real = folder.path().canonicalize().unwrap();
    told.replace(&*real.to_string_lossy(), "[FOLDER]").replace(&*folder.path().to_string_lossy(), "[FOLDER]")
}

/// What is told of a good bundle whose manifest has `new` in place of `old`.
fn changed(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    told(&bundle(&[("model.yaml", &GOOD.replacen(old, new, 1))]), &["b"])
}

#[test]
fn a_good_bundle() {
    insta::assert_snapshot!(told(&bundle(&[]), &["b"]));
}

#[test]
fn the_examples_are_good() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for example in fs::read_dir(root.join("examples")).unwrap() {
        let path = example.unwrap().path();
        if path.join("model.yaml").exists() {
            let output = check(root, &[path.to_str().unwrap()]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

#[test]
fn a_path_that_is_not_there() {
    insta::assert_snapshot!(told(&bundle(&[]), &["nowhere"]));
}

#[test]
fn a_folder_without_a_manifest() {
    insta::assert_snapshot!(told(&bundle(&[("model.yaml", "-"), ("model.yml", GOOD)]), &["b"]));
}

#[test]
fn an_archive() {
    insta::assert_snapshot!(told(&bundle(&[("good-1.0.0.tar.gz", "")]), &["b/good-1.0.0.tar.gz"]));
}

#[test]
fn a_key_with_a_typo() {
    insta::assert_snapshot!(changed("python:", "pyhton:"));
}

#[test]
fn broken_yaml() {
    insta::assert_snapshot!(changed("name: good", "name: [good"));
}

#[test]
fn a_tab_that_indents() {
    insta::assert_snapshot!(changed("  version: \"3.11\"", "\tversion: \"3.11\""));
}

#[test]
fn an_empty_manifest() {
    insta::assert_snapshot!(told(&bundle(&[("model.yaml", "# nothing yet\n")]), &["b"]));
}

#[test]
fn a_key_twice_a_merge_key_and_a_tag() {
    let more = "name: again\nx-base: &base {a: 1}\nx-more:\n  <<: *base\nruntime: !!python/object {}\n";
    insta::assert_snapshot!(told(&bundle(&[("model.yaml", &format!("{GOOD}{more}"))]), &["b"]));
}

#[test]
fn numbers_where_text_is_meant() {
    let text = GOOD.replace("\"1.0.0\"", "1.10").replace("\"3.11\"", "3.10").replace("\"0.1\"", "0.1");
    insta::assert_snapshot!(told(&bundle(&[("model.yaml", &text)]), &["b"]));
}

#[test]
fn mistakes_of_every_section_at_once() {
    let text = GOOD
        .replace("good\n", "my model\n")
        .replace("3.11", "3.8")
        .replace("src.good.runner", "src/good/runner.py")
        .replace("topic_id: 1", "topic_id: 0\n  network: tcp://user:hidden@10.0.0.1:26657\n  fee_tier: cheap")
        .replace("  pip_requirements: requirements.txt", "  pip_requirement: requirements.txt");
    let told = told(&bundle(&[("model.yaml", &text)]), &["b"]);
    assert!(!told.contains("hidden"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn files_that_are_not_there_or_outside() {
    let text = GOOD
        .replace("  function: predict", "  function: predict\n  workdir: work\n  artifacts_dir: ../weights")
        .replace("requirements.txt", "link.txt")
        .replace("src.good.runner", "src.good.runer");
    let folder = bundle(&[("model.yaml", &text)]);
    fs::write(folder.path().join("outside.txt"), "").unwrap();
    std::os::unix::fs::symlink("../outside.txt", folder.path().join("b/link.txt")).unwrap();
    insta::assert_snapshot!(told(&folder, &["b"]));
}

#[test]
fn a_function_that_is_not_in_its_module() {
    insta::assert_snapshot!(changed("function: predict", "function: predikt"));
}

#[test]
fn requirements_without_a_version() {
    let text = "numpy==1.26.4\npandas>=2  # any will do\n\nScikit_Learn\n";
    insta::assert_snapshot!(told(&bundle(&[("requirements.txt", text)]), &["b"]));
}

#[test]
fn secrets_are_found_and_not_shown() {
    let phrase =
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
    let url = "https://user:hidden@pypi.example.com/simple";
    let folder = bundle(&[
        ("model.yaml", &GOOD.replace("  pip_req", &format!("  extra_index_urls: [\"{url}\"]\n  pip_req"))),
        ("src/good/keys.py", &format!("import os\nMNEMONIC = \"{phrase}\"\n")),
        ("deploy/wallet.key", "x"),
        (".env", &format!("ALLORA_MNEMONIC={phrase}\n")), // no part of an archive
    ]);
    let told = told(&folder, &["b"]);
    assert!(!told.contains("abandon") && !told.contains("hidden"), "{told}");
    insta::assert_snapshot!(told);
}

#[test]
fn a_hostile_line_does_not_steer_the_terminal() {
    let told =
        changed("  topic_id: 1", &format!("  \"x\\e[2J\": 1\n  topic\u{85}id: {} \u{9b}2J", "9".repeat(300)));
    assert!(!told.contains(['\u{1b}', '\u{9b}']), "{told}");
    assert!(told.lines().all(|line| line.chars().count() < 200), "{told}");
}

#[test]
fn json_has_the_promised_fields() {
    let folder = bundle(&[("model.yaml", &GOOD.replace("python:", "pyhton:"))]);
    let output = check(folder.path(), &["--json", "b"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.is_empty());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    insta::assert_json_snapshot!(answer);
}

#[test]
fn json_of_a_good_bundle() {
    let output = check(bundle(&[]).path(), &["b", "--json"]);
    assert_eq!(output.stdout, b"{\"ok\":true,\"problems\":[]}\n");
}

#[test]
fn the_folder_comes_from_the_environment_too() {
    let folder = bundle(&[]);
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.env_clear().env("BUNDLE_ROOT", folder.path().join("b")).arg("check").assert().success();
}
