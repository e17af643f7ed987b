//! `bootstrap check` as a user sees it: stdout, stderr and exit code together.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::ffi::OsStr;
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
  version: ">=3.9"
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
        ("requirements.txt", "# none\n"),
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
    // The way to a Python and nothing else of this machine.
    check_with_path(folder, arguments, &std::env::var_os("PATH").unwrap())
}

fn check_with_path(folder: &Path, arguments: &[&str], path: &OsStr) -> std::process::Output {
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.current_dir(folder).env_clear().env("PATH", path).arg("check").args(arguments).output().unwrap()
}

/// Everything that the user gets.
fn told(folder: &TempDir, arguments: &[&str]) -> String {
    all_of(folder, check(folder.path(), arguments))
}

/// The same where there is no Python, since what is told of one is not the same on every machine.
fn told_without_python(folder: &TempDir) -> String {
    all_of(folder, check_with_path(folder.path(), &["b"], folder.path().as_os_str()))
}

fn all_of(folder: &TempDir, output: std::process::Output) -> String {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let out = text(output.stdout.clone());
    // Every problem says what to do about it.
    let blocks =
        out.split("\n\n").filter(|block| block.starts_with("error[") || block.starts_with("warning["));
    blocks.for_each(|block| assert!(block.contains("= fix: ") && !block.ends_with("= fix: "), "{block}"));
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
            // Without a trial: one asks a service, another has packages.
            let output = check_with_path(root, &[path.to_str().unwrap()], root.as_os_str());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

#[test]
fn a_path_that_is_not_there() {
    insta::assert_snapshot!(told(&bundle(&[]), &["nowhere"]));
}

/// Its folder is meant, and it is no archive.
#[test]
fn the_manifest_in_place_of_its_folder() {
    let told = told(&bundle(&[]), &["b/model.yaml"]);
    assert!(
        told.starts_with("exit 66\n") && told.contains("\nhint: give the folder that holds model.yaml"),
        "{told}"
    );
}

#[test]
fn inside_a_bundle_the_hint_names_it() {
    let folder = bundle(&[]);
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.current_dir(folder.path().join("b")).env_clear().env("BUNDLE_ROOT", "/nowhere").arg("check");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(66) && told.contains("give `.` as the bundle"), "{told}");
}

#[test]
fn a_folder_without_a_manifest() {
    insta::assert_snapshot!(told(&bundle(&[("model.yaml", "-"), ("model.yml", GOOD)]), &["b"]));
}

#[test]
fn an_archive_that_is_none() {
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
    insta::assert_snapshot!(changed("  version: \">=3.9\"", "\tversion: \">=3.9\""));
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
    let text = GOOD.replace("\"1.0.0\"", "1.10").replace("\">=3.9\"", "3.10").replace("\"0.1\"", "0.1");
    insta::assert_snapshot!(told_without_python(&bundle(&[("model.yaml", &text)])));
}

#[test]
fn mistakes_of_every_section_at_once() {
    let text = GOOD
        .replace("good\n", "my model\n")
        .replace(">=3.9", "3.8")
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
    insta::assert_snapshot!(told_without_python(&bundle(&[("requirements.txt", text)])));
}

#[test]
fn requirements_that_no_other_machine_has() {
    let text = "./wheels/here-1.0-py3-none-any.whl\n./wheels/gone-1.0-py3-none-any.whl\n-e ../beside\n\
                dist/left_out-1.0-py3-none-any.whl\n/opt/absolute.whl\nother.whl; sys_platform == 'win32'\n-e .\n";
    let wheels = ["wheels/here-1.0-py3-none-any.whl", "dist/left_out-1.0-py3-none-any.whl"];
    insta::assert_snapshot!(told_without_python(&bundle(&[
        ("requirements.txt", text),
        (wheels[0], "x"),
        (wheels[1], "x"),
    ])));
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

/// In options, in URLs and in comments: an archive has them all.
#[test]
fn passwords_of_requirements_are_noticed_and_not_shown() {
    let lines = [
        "--extra-index-url https://deploy:hidden@pypi.example.com/simple",
        "six @ https://deploy:hidden@example.com/six-1.0-py3-none-any.whl",
        "two@git+https://deploy:hidden@example.com/two@0123456789abcdef0123456789abcdef01234567",
        "# was: '-i http://deploy:hidden@old.example.com'",
        "-f https://deploy:${TOKEN}@example.com/links",
        "-r more.txt",
    ];
    let folder = bundle(&[
        ("requirements.txt", &lines.join("\n")),
        ("more.txt", "--index-url=https://deploy:hidden@example.com\n"),
    ]);
    let output = check_with_path(folder.path(), &["--json", "b"], folder.path().as_os_str());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!answer.to_string().contains("hidden"), "{answer}");
    let problems = answer["problems"].as_array().unwrap().iter();
    let secrets = problems.filter(|problem| problem["code"] == "secret");
    let places: Vec<_> = secrets
        .map(|problem| (problem["file"].as_str().unwrap(), problem["line"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("more.txt", 1),
        ("requirements.txt", 1),
        ("requirements.txt", 2),
        ("requirements.txt", 3),
        ("requirements.txt", 4),
    ];
    assert_eq!(places, expected);
}

/// Long ones, such as notebooks, and those of other encodings, such as editors of Windows write.
#[test]
fn secrets_are_found_in_texts_of_any_kind() {
    let phrase = "abandon ".repeat(11) + "about";
    let folder = bundle(&[(
        "work.ipynb",
        &format!("{{\"output\": \"{}\",\n\"source\": \"{phrase}\"}}", "x ".repeat(300_000)),
    )]);
    let b = folder.path().join("b");
    let mut latin = b"caf\xe9\n".to_vec();
    latin.extend(phrase.as_bytes());
    fs::write(b.join("latin.txt"), latin).unwrap();
    fs::write(b.join("table.csv"), format!("{}{phrase}\n", "0.1,0.2\n".repeat(45_000))).unwrap();
    for (name, bytes) in
        [("little.txt", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("big.txt", u16::to_be_bytes)]
    {
        let text = format!("\u{feff}{phrase}\r\n");
        fs::write(b.join(name), text.encode_utf16().flat_map(bytes).collect::<Vec<_>>()).unwrap();
    }
    let told = told_without_python(&folder);
    assert!(!told.contains("abandon"), "{told}");
    for place in ["work.ipynb:2:12", "latin.txt:2:1", "table.csv:45001:1", "little.txt:1:1", "big.txt:1:1"] {
        assert!(told.contains(place), "{place}: {told}");
    }
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
fn every_problem_has_a_fix_that_says_what_to_write() {
    let long = format!("{GOOD}# {}\n", "x".repeat(256 * 1024));
    for (old, new, fix) in [
        ("name: good", "name: [good", "close what is open"),
        (GOOD, "", "`bootstrap init`"),
        ("name: good", "name: *good", "write `&`"),
        ("name: good", "name: good\n---\na: 1", "remove it"),
        (GOOD, &long, "keep in it"),
        ("name: good", "name: [good]", "write `name: \"...\"`"),
        ("topic_id: 1", "topic_id: a", "write digits alone"),
        ("allora:", "runtime: {max_seconds: 5s}\nallora:", "without a unit"),
        ("allora:", "runtime: {memory_mb: 1.5}\nallora:", "write digits alone"),
        ("allora:", "runtime: {spare: maybe}\nallora:", "write `true` or `false`"),
        ("function: predict", "function: a.b", "write what stands after `def`"),
        ("src.good.runner", "\"..\"", "such as `src.my_model.runner`"),
        ("requirements.txt", "src", "name a file"),
        ("  function: predict", "  function: predict\n  workdir: requirements.txt", "name a folder"),
    ] {
        assert!(GOOD.contains(old), "{old}");
        let folder = bundle(&[("model.yaml", &GOOD.replacen(old, new, 1))]);
        let output = check(folder.path(), &["--json", "b"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = answer["problems"].as_array().unwrap();
        let fixes: Vec<_> =
            problems.iter().map(|problem| problem["fix"].as_str().unwrap_or("none")).collect();
        assert!(fixes.iter().all(|fix| *fix != "none"), "{answer}");
        assert!(fixes.iter().any(|said| said.contains(fix)), "{fix}: {answer}");
    }
}

#[test]
fn beyond_a_limit_nothing_is_said_to_be_left_out() {
    let folder = bundle(&[("a/b", "x")]);
    for limit in ["--max-entries=2", "--max-bytes=1"] {
        let answer: Value =
            serde_json::from_slice(&check(folder.path(), &["--json", limit, "b"]).stdout).unwrap();
        let problems = answer["problems"].as_array().unwrap();
        let codes: Vec<_> = problems.iter().map(|problem| problem["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["too-large"], "{answer}");
    }
}

#[test]
fn the_folder_comes_from_the_environment_too() {
    let folder = bundle(&[]);
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.env_clear().env("BUNDLE_ROOT", folder.path().join("b")).arg("check").assert().success();
}

/// The problems of a bundle whose runner is `code`, as codes and messages.
fn tried(code: &str, manifest: &str) -> Vec<(String, String, String)> {
    let folder = bundle(&[("src/good/runner.py", code), ("model.yaml", &format!("{GOOD}{manifest}"))]);
    let output = check(folder.path(), &["--json", "b"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |problem: &Value, key: &str| problem[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(output.status.success(), answer["ok"] == true);
    let problems = answer["problems"].as_array().unwrap().iter();
    problems
        .inspect(|problem| assert!(!problem["fix"].is_null(), "{problem}"))
        .map(|problem| (text(problem, "severity"), text(problem, "code"), text(problem, "message")))
        .collect()
}

#[test]
fn the_model_is_loaded_and_asked_once() {
    let short = "runtime:\n  max_seconds: 0.5\n  load_seconds: 20\n";
    let cases = [
        (
            "import nosuchmodule\ndef predict(nonce):\n    return 1\n",
            "not-importable",
            "No module named 'nosuchmodule'",
        ),
        ("predict = 1\n", "not-importable", "predict"),
        ("def predict(nonce, context, more):\n    return 1\n", "not-importable", "requires 3 arguments"),
        ("def predict(nonce):\n    return None\n", "no-prediction", "NoneType"),
        ("def predict(nonce):\n    raise ValueError('so it goes')\n", "no-prediction", "so it goes"),
        ("def predict(nonce):\n    while True: pass\n", "no-prediction", "took too long"),
        ("import os\ndef predict(nonce):\n    os._exit(3)\n", "no-prediction", "failed"),
        ("def predict(nonce):\n    open('/tmp/check-was-here', 'w')\n", "no-prediction", "PermissionError"),
    ];
    for (code, expected, words) in cases {
        let problems = tried(code, short);
        let [(severity, code, message)] = &problems[..] else { panic!("{expected}: {problems:?}") };
        assert!(
            severity == "error" && code == expected && message.contains(words),
            "{expected}: {problems:?}"
        );
    }
    // Where the code failed, in its own lines, and what was meant.
    let folder = bundle(&[
        ("requirements.txt", "pip\n"),
        ("src/good/runner.py", "import json\n\ndef predict(nonce):\n    json.loads('{')\n"),
    ]);
    let place = |folder: &TempDir| {
        let output = check(folder.path(), &["--json", "b"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = answer["problems"].as_array().unwrap().clone();
        problems.into_iter().find(|problem| problem["severity"] == "error").unwrap()
    };
    let problem = place(&folder);
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&"src/good/runner.py".into(), &4.into(), &5.into())
    );
    fs::write(folder.path().join("b/src/good/runner.py"), "import pipp\ndef predict(nonce):\n    return 1\n")
        .unwrap();
    fs::write(folder.path().join("b/requirements.txt"), "pip==1; python_version < '3'\n").unwrap();
    let problem = place(&folder);
    let fix = problem["fix"].as_str().unwrap();
    assert!(fix.contains("did you mean `pip`") && problem["line"] == 1, "{problem}");

    let limits = "validation: {warn_above: 5, reject_above: 50}\n";
    for (value, wanted, column) in [("6", "unusual-prediction", 26), ("51", "no-prediction", 43)] {
        let runner = format!("def predict(nonce):\n    return {value}\n");
        let manifest = format!("{GOOD}{limits}");
        let folder = bundle(&[("src/good/runner.py", &runner), ("model.yaml", &manifest)]);
        let output = check(folder.path(), &["--json", "b"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problem = &answer["problems"][0];
        let message = problem["message"].as_str().unwrap();
        assert!(problem["code"] == wanted && message.contains(&format!("{value} is above ")), "{answer}");
        let line = GOOD.lines().count() + 1;
        assert_eq!(
            (&problem["file"], &problem["line"], &problem["column"]),
            (&"model.yaml".into(), &line.into(), &column.into()),
            "{answer}"
        );
    }
    let problems =
        tried("import bootstrap_host\ndef predict(nonce):\n    raise bootstrap_host.Skip('not today')\n", "");
    assert!(
        matches!(&problems[..], [(severity, code, message)] if severity == "warning" && code == "skipped" && message.contains("not today")),
        "{problems:?}"
    );
}

#[test]
fn what_is_not_installed_is_named_with_the_command_that_installs_it() {
    let folder = bundle(&[
        (
            "requirements.txt",
            "no-such-package==1.0; python_version >= '3'\nother-package==2.0; python_version < '3'\n",
        ),
        ("src/good/runner.py", "import no_such_package\ndef predict(nonce):\n    return 1\n"),
    ]);
    let output = check(folder.path(), &["--json", "b"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = answer["problems"].as_array().unwrap();
    // Whether it could be imported with its packages is not known, so it is no error.
    assert_eq!((output.status.code(), problems.len()), (Some(0), 2), "{answer}");
    for (problem, code) in problems.iter().zip(["not-installed", "not-importable"]) {
        assert!(
            problem["code"] == code && problem["fix"].as_str().unwrap().contains("bootstrap install "),
            "{problem}"
        );
    }
    let output = Command::cargo_bin("bootstrap")
        .unwrap()
        .args(["predict", "b"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("no-such-package==1.0")
            && told.lines().any(|line| line.starts_with("hint: run `bootstrap install "))
            && !told.contains("other"),
        "{told}"
    );
}

#[test]
fn a_bundle_that_no_interpreter_here_fits_was_not_tried() {
    let folder = bundle(&[]);
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.current_dir(folder.path()).env_clear().args(["check", "--json", "b"]);
    let output = command.env("PATH", folder.path()).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["ok"] == true && answer["problems"][0]["code"] == "no-python", "{answer}");
    let named = command.env("ALLORA_PYTHON", "/nowhere/python").output().unwrap();
    assert_eq!(named.status.code(), Some(78));
}
