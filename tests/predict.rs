//! `bootstrap predict`: what people and scripts see of it.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use support::{BOOTSTRAP, Bundle, pythons};

/// The command for a bundle, with nothing of this process's environment but `PATH`.
fn predict(root: &Path, python: Option<&Path>) -> Command {
    let mut command = Command::new(BOOTSTRAP);
    command.arg("predict").arg(root).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    if let Some(python) = python {
        command.arg("--python").arg(python);
    }
    command
}

fn run(bundle: &Bundle, arguments: &[&str]) -> Output {
    predict(bundle.root(), Some(&pythons()[0].executable)).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn each_python_gives_the_promised_document() {
    let bundle = Bundle::new("def predict(nonce):\n    print('thinking')\n    return nonce / 8\n");
    for python in pythons() {
        let mut command = predict(bundle.root(), Some(&python.executable));
        let output = command.args(["--nonce", "4", "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let document = json(&output);
        assert_eq!(document["value"], "0.5");
        assert_eq!(document["values"], Value::Null);
        assert_eq!(document["nonce"], 4);
        assert_eq!(document["python"], *python.version);
        assert!(document["seconds"].is_f64() && document["load_seconds"].is_f64(), "{document}");
        // What the model prints is in the log, with its nonce, and not on stdout.
        let log = String::from_utf8(output.stderr).unwrap();
        let line = log.lines().find(|line| line.contains("thinking")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["nonce"], &line["topic_id"]), (&4.into(), &7.into()), "{line}");
    }
}

#[test]
fn several_outputs_keep_their_labels_and_values_are_as_they_would_be_submitted() {
    let bundle = Bundle::new("def predict():\n    return {'up': 1e-7, 'down': 2}\n");
    let output = run(&bundle, &["--json"]);
    let document = json(&output);
    assert_eq!(document["value"], Value::Null);
    assert_eq!(document["values"], serde_json::json!({"up": "1E-7", "down": "2"}));
    let output = run(&bundle, &[]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "up\t1E-7\ndown\t2\n");
}

#[test]
fn each_kind_of_failure_has_its_word_and_exit_code_1() {
    let bundle = Bundle::with_manifest(
        "import os, time\nfrom bootstrap_host import Skip\ndef predict(nonce):\n\
         \x20   if nonce == 1: raise ValueError('no price')\n\
         \x20   if nonce == 2: time.sleep(1000)\n\
         \x20   if nonce == 3: os._exit(9)\n\
         \x20   if nonce == 4: return [1.0]\n\
         \x20   if nonce == 5: raise Skip('closed')\n\
         \x20   if nonce == 6: return 1e50\n\
         \x20   if nonce == 7: return '1e-41'\n",
        "runtime: {max_seconds: 1}\n",
    );
    for (nonce, kind, says) in [
        ("1", "exception", "ValueError: no price"),
        ("2", "timeout", "killed"),
        ("3", "crash", "exit code 9"),
        ("4", "bad_value", "result[-1]"),
        ("5", "skipped", "closed"),
        ("6", "bad_value", "1e50"),
        ("7", "bad_value", "1e-41"),
    ] {
        let output = run(&bundle, &["--nonce", nonce, "--json"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = &json(&output)["error"];
        assert_eq!(error["kind"], kind, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(says) || message.contains("1e+50"), "{error}");
        assert_eq!(error["traceback"].is_string(), kind == "exception", "{error}");
        // For people: nothing on stdout, the reason on stderr.
        let output = run(&bundle, &["--nonce", nonce]);
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
        assert!(String::from_utf8(output.stderr).unwrap().contains(kind));
    }
    let output = run(&Bundle::new("import nothing_like_this\n"), &["--json"]);
    assert_eq!((output.status.code(), &json(&output)["error"]["kind"]), (Some(1), &"import".into()));
}

#[test]
fn a_model_moves_no_cursor() {
    let bundle = Bundle::new("def predict():\n    raise ValueError('\\x1b[2J gone\\r\\u202e')\n");
    let output = run(&bundle, &["--log-format", "pretty"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("ValueError: \u{fffd}[2J gone\u{fffd}"), "{said}");
    assert!(!said.contains(['\x1b', '\r', '\u{202e}']), "{said}");
}

#[test]
fn interpreters_that_are_missing_or_do_not_fit_have_their_own_codes() {
    let bundle = Bundle::new("def predict(): return 1\n");
    let code = |command: &mut Command| {
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (missing, text) = code(&mut predict(bundle.root(), Some(Path::new("/nowhere/python3"))));
    assert_eq!(missing, Some(78), "{text}");
    let (none, text) = code(predict(bundle.root(), None).env("PATH", bundle.root()));
    assert_eq!(none, Some(65), "{text}");
    let manifest = bundle.root().join("model.yaml");
    let newest = std::fs::read_to_string(&manifest).unwrap().replace("\">=3.9\"", "\"3.14\"");
    std::fs::write(&manifest, newest).unwrap();
    let older = pythons().iter().find(|python| !python.version.starts_with("3.14")).unwrap();
    let (unfit, text) = code(&mut predict(bundle.root(), Some(&older.executable)));
    assert_eq!(unfit, Some(65), "{text}");
    assert!(text.contains(&older.version) && text.contains("3.14"), "{text}");
    std::fs::write(&manifest, "name: [").unwrap();
    assert_eq!(code(&mut predict(bundle.root(), None)).0, Some(65));
    assert_eq!(code(&mut predict(&bundle.root().join("none"), None)).0, Some(66));
}

#[test]
fn the_bundles_own_environment_is_the_one_that_the_model_runs_in() {
    let bundle = Bundle::new(
        "import sys, only_in_venv\ndef predict(): return only_in_venv.VALUE + (sys.prefix != sys.base_prefix)\n",
    );
    for python in pythons() {
        let venv = bundle.root().join(".venv");
        let made = Command::new(&python.executable).args(["-m", "venv", "--without-pip"]).arg(&venv).output();
        assert!(made.unwrap().status.success());
        let minor = python.version.split('.').take(2).collect::<Vec<_>>().join(".");
        let packages = venv.join(format!("lib/python{minor}/site-packages"));
        std::fs::write(packages.join("only_in_venv.py"), "VALUE = 41\n").unwrap();
        let output = predict(bundle.root(), None).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n", "{python:?} {output:?}");
        std::fs::remove_dir_all(&venv).unwrap();
    }
}

#[test]
fn the_model_sees_no_secret_and_dies_with_its_worker() {
    let bundle = Bundle::new(
        "import os, sys, time\n\
         print('secrets', [n for n in os.environ if 'MNEMONIC' in n or 'API_KEY' in n and 'ALLORA' in n])\n\
         print('topic', os.environ['ALLORA_TOPIC_ID'], os.environ['ALLORA_NETWORK'], os.environ['MINE'])\n\
         def predict():\n    print('pid', os.getpid(), flush=True)\n    time.sleep(1000)\n",
    );
    let mut worker = predict(bundle.root(), Some(&pythons()[0].executable))
        .envs([
            ("ALLORA_MNEMONIC", "abandon"),
            ("MNEMONIC", "abandon"),
            ("ALLORA_API_KEY", "k"),
            ("MINE", "x"),
        ])
        .env("ALLORA_NETWORK", "http://user:password@127.0.0.1:9")
        .args(["--log-format", "json"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = None;
    let mut log = String::new();
    for line in BufReader::new(worker.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let message = serde_json::from_str::<Value>(&line).unwrap()["message"].as_str().unwrap().to_owned();
        log.push_str(&message);
        log.push('\n');
        if let Some(number) = message.strip_prefix("pid ") {
            pid = Some(number.trim().to_owned());
            break;
        }
    }
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert!(log.contains("secrets []"), "{log}");
    assert!(log.contains("topic 7 http://127.0.0.1:9 x"), "{log}");
    let pid = pid.unwrap_or_else(|| panic!("{log}"));
    let mut looks = 0;
    while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        looks += 1;
        assert!(looks < 500, "the model outlives its worker");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_limits_of_the_bundle_hold_as_in_run() {
    let limits = "validation: {warn_above: 5, reject_above: 50, reject_zero: true}\n";
    let bundle =
        Bundle::with_manifest("def predict(nonce):\n    return {1: 1, 2: 6, 3: 51, 4: 0}[nonce]\n", limits);
    for (nonce, value, says) in [
        ("1", Some("1"), ""),
        ("2", Some("6"), "6 is above 5 (validation.warn_above)"),
        ("3", None, "51 is above 50 (validation.reject_above)"),
        ("4", None, "0 is zero (validation.reject_zero)"),
    ] {
        let output = run(&bundle, &["--nonce", nonce, "--json"]);
        let (document, log) = (json(&output), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(i32::from(value.is_none())), "{output:?}");
        assert_eq!(document["value"].as_str(), value, "{document}");
        match value {
            Some(_) => assert_eq!(log.contains("with a warning"), !says.is_empty(), "{log}"),
            None => assert_eq!(document["error"]["kind"], "bad_value"),
        }
        assert!(
            log.contains(says) || document["error"]["message"].as_str().unwrap().contains(says),
            "{output:?}"
        );
    }
}

#[test]
fn a_failure_is_told_once_with_what_to_do() {
    for (code, says, hint) in [
        ("import nothing_like_this\n", "No module named", "the requirements in requirements.txt"),
        ("from features import f\n", "No module named 'features'", "write `from lib.features import ...`"),
        ("def predict(:\n", "SyntaxError", "correct the line"),
        ("def other(): pass\n", "has no function", "entrypoint.function"),
        ("def predict(a, b, c): pass\n", "cannot be called", "`def predict(nonce, context)`"),
        (
            "import time\ndef predict():\n    time.sleep(99)\n",
            "did not answer",
            "make it faster, or raise runtime.max_seconds",
        ),
        ("def predict():\n    return 51\n", "51 is above 50", "model.yaml:9:28"),
        (
            "def predict():\n    return (1, 2)\n",
            "a sequence is not a number\n",
            "hint: return one element of it",
        ),
        ("def predict():\n    pass\n", "the function returned nothing\n", "hint: end it with `return`"),
        ("def predict():\n    return 1e41\n", "1e+41 cannot be submitted", "a number of its range"),
        ("def predict():\n    raise Skip('closed')\n", "NameError", "from bootstrap_host import Skip"),
        ("def predict():\n    raise ValueError('no price')\n", "ValueError: no price", "fix the code"),
    ] {
        let limits = "runtime: {max_seconds: 0.5}\nvalidation: {reject_above: 50}\n";
        let bundle = Bundle::with_manifest(code, limits);
        std::fs::create_dir(bundle.root().join("lib")).unwrap();
        std::fs::write(bundle.root().join("lib/features.py"), "").unwrap();
        let output = run(&bundle, &["--log-format", "pretty"]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.matches("Traceback").count() <= 1, "{told}");
        assert!(told.contains(says) && !told.contains("tried again"), "{told}");
        // None of them names the command that was just run.
        let hints = told.lines().filter(|line| line.starts_with("hint: ")).count();
        assert!(hints == 1 && told.contains(hint) && !told.contains("`bootstrap predict`"), "{told}");
    }
}

#[test]
fn a_quick_model_is_held_to_its_memory_too() {
    // Python alone takes more, and has answered before it is looked at.
    let bundle = Bundle::with_manifest("def predict():\n    return 1\n", "runtime: {memory_mb: 2}\n");
    for _ in 0..4 {
        let output = run(&bundle, &["--json"]);
        assert_eq!(json(&output)["error"]["kind"], "memory", "{output:?}");
    }
}

#[test]
fn where_there_is_no_manifest_the_bundles_below_are_named() {
    let bundle = Bundle::new("");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(bundle.root(), folder.path().join("mine")).unwrap();
    let output = predict(folder.path(), None).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("\nhint: give the folder that holds model.yaml, such as `mine`"), "{told}");
    assert!(!told.contains("bootstrap check"), "{told}");
}
