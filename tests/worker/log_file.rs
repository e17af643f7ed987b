//! The log file of a worker that runs: what is in it, how it rotates, who may use it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

#[cfg(debug_assertions)]
use bootstrap::failpoint::{Failpoint, Moment, Step};
use flate2::read::GzDecoder;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bench, manual, quick};

/// Tries to read the log and every other file beside it, and says a number for each of many lines.
const CODE: &str = "
import os, time
def predict(nonce):
    folder = os.environ['LOGS']
    for name in ['worker.log'] + [f'worker.log.{end}' for end in os.environ['ENDS'].split(',')]:
        try:
            open(os.path.join(folder, name)).read()
            print('could read', name)
        except OSError as error:
            print('could not read', name, type(error).__name__)
    for number in range(500):
        print(f'number {nonce}-{number}')
        if number % 50 == 0: time.sleep(0.01)
    return 1
";

fn logs(bench: &Bench) -> PathBuf {
    bench.folder.path().join("logs")
}

/// A worker that logs into a file, which is rotated often.
fn bench(options: bootstrap::devnet::Options) -> Bench {
    let bench = Bench::registered(options, CODE);
    let folder = logs(&bench);
    let file = folder.join("worker.log").display().to_string();
    bench
        .set("LOGS", &folder.display().to_string())
        .set("ENDS", "20300101_000000.gz")
        .set("BUNDLE_ID", "b-1")
        .set("ALLORA_LOG_FILE", &file)
        .set("ALLORA_LOG_MAX_BYTES", "16KiB")
}

fn text(path: &Path) -> String {
    let mut text = String::new();
    let mut file = File::open(path).unwrap();
    match path.extension().is_some_and(|end| end == "gz") {
        true => GzDecoder::new(file).read_to_string(&mut text).unwrap(),
        false => file.read_to_string(&mut text).unwrap(),
    };
    text
}

/// Every line of every log file. The worker may have ended before a compressed file was complete, or before the
/// plain one was removed.
fn lines(folder: &Path) -> Vec<Value> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let is_done = |path: &Path| folder.join(format!("{}.gz", path.file_name().unwrap().display())).exists();
    let logs = paths
        .filter(|path| path.extension().is_none_or(|end| end != "lock" && end != "part") && !is_done(path));
    logs.flat_map(|path| {
        text(&path).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn a_file_beside_stderr_that_rotates_and_that_the_model_cannot_read() {
    let bench = bench(quick());
    let folder = logs(&bench);
    fs::create_dir(&folder).unwrap();
    // Of an earlier life, and too young to be removed.
    fs::write(folder.join("worker.log.20300101_000000.gz"), "").unwrap();
    assert_eq!(bench.run(&["--windows", "2"]).exit().code(), Some(0), "{}", bench.log());
    fs::remove_file(folder.join("worker.log.20300101_000000.gz")).unwrap();
    let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.filter(|name| name.starts_with("worker.log.20")).count() > 3);
    let lines = lines(&folder);
    for line in &lines {
        for key in ["timestamp", "level", "target", "message", "bundle_id", "model_name", "model_version"] {
            assert!(line[key].is_string(), "{key}: {line}");
        }
    }
    let messages = |words: &str| -> Vec<&Value> {
        lines.iter().filter(|line| line["message"].as_str().unwrap().contains(words)).collect()
    };
    let numbers = messages("number ");
    for line in &numbers {
        assert!(line["topic_id"].is_u64() && line["nonce"].is_i64(), "{line}");
    }
    // What stderr has, each line once. What a model prints at its very end may be in neither.
    let log = bench.log();
    let on_stderr = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].clone());
    let mut on_stderr: Vec<_> = on_stderr.map(|message| message.as_str().unwrap().to_owned()).collect();
    let mut in_files: Vec<_> =
        lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect();
    on_stderr.sort_unstable();
    in_files.sort_unstable();
    assert_eq!(in_files, on_stderr);
    assert!(numbers.len() > 500, "{}", numbers.len());
    let walls: Value =
        serde_json::from_slice(&bench.bootstrap().args(["status", "--json"]).output().unwrap().stdout)
            .unwrap();
    if walls["isolation"]["landlock"] == true {
        assert_eq!(messages("could read").len(), 0, "{lines:?}");
        // Two in each call; a slow machine may need more calls than windows.
        assert!(messages("could not read").len() >= 4, "{lines:?}");
    }
}

#[test]
fn a_file_that_is_moved_away_is_begun_anew_on_a_signal_and_has_one_writer() {
    let bench = bench(manual()).set("ALLORA_LOG_MAX_BYTES", "10MiB").set("ALLORA_LOG_FORMAT", "pretty");
    let at = |name: &str| logs(&bench).join(name);
    let worker = bench.run(&[]);
    bench.until_ready();
    // As the system's logrotate does it.
    fs::rename(at("worker.log"), at("worker.log-20300101")).unwrap();
    worker.signal(Signal::SIGHUP);
    bench.until("a new file", |_| at("worker.log").exists().then_some(()));
    let before = text(&at("worker.log-20300101"));

    let another = bench.another(1);
    let output = another.bootstrap().arg("run").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains(at("worker.log").to_str().unwrap()) && said.contains("another process"), "{said}");
    assert!(said.contains("hint: "), "{said}");

    // No second one, but the same after a crash.
    worker.kill();
    let worker = bench.run(&[]);
    bench.mine_to_opening();
    bench.until("a prediction", |_| text(&at("worker.log")).contains("-499").then_some(()));
    assert_eq!(worker.stop(), Some(0));
    assert_eq!(text(&at("worker.log-20300101")), before);
    let after = text(&at("worker.log"));
    assert!(after.contains(" INFO stopping in order") && after.starts_with("20"), "{after}");
}

#[test]
fn no_text_of_a_model_begins_a_line_for_people() {
    let raises = "def predict(nonce):\n    \
                  raise ValueError('one\\n2026-01-01T00:00:00Z  INFO two\\r2026-01-01T00:00:00Z  INFO three')\n";
    let bench = Bench::registered(manual(), raises).set("ALLORA_LOG_FORMAT", "pretty");
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.mine_to_opening();
    bench.until("a failure", |bench| bench.log().contains("INFO three").then_some(()));
    assert_eq!(worker.stop(), Some(0));
    let log = bench.log();
    // What moves a terminal's cursor is replaced.
    let inner = "\n    2026-01-01T00:00:00Z  INFO two\u{fffd}2026-01-01T00:00:00Z  INFO three";
    assert!(log.contains(inner), "{log}");
    assert!(log.contains("\n      File "), "a traceback keeps its shape: {log}");
}

#[test]
fn a_full_disk_under_the_log_is_said_once_and_ends_nothing() {
    let bench = bench(manual()).set("ALLORA_LOG_MAX_BYTES", "10MiB");
    let file = logs(&bench).join("worker.log");
    fs::create_dir(logs(&bench)).unwrap();
    // Longer than what the worker's other files will be.
    let filling = "{}\n".repeat(1 << 20);
    fs::write(&file, &filling).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    worker.limit_files(Some(1 << 20));
    bench.mine_to_opening();
    bench.until_admitted();
    assert_eq!(bench.log().matches("the log file cannot be written").count(), 1, "{}", bench.log());
    worker.limit_files(None);
    assert_eq!(worker.stop(), Some(0));
    let written = text(&file);
    let rest = written.strip_prefix(&filling).unwrap();
    assert!(rest.contains("the log file can be written again"), "{rest}");
    rest.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).unwrap()));
}

#[test]
fn a_log_file_that_cannot_be_used_stops_the_start() {
    let bench = bench(manual());
    let file = bench.folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.join("worker.log"), bench.folder.path().to_owned(), "/dev/null".into()] {
        let output = bench.bootstrap().arg("run").arg("--log-file").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(path.to_str().unwrap()) && said.contains("hint: "), "{said}");
    }
}

#[cfg(debug_assertions)] // a release build has no failpoints
#[test]
fn a_panic_is_an_event_like_others_on_stderr_and_in_the_file() {
    let bench = bench(manual());
    let point = Failpoint(Step::Simulate, Moment::Before).to_string();
    let worker = bench.run_with(&[(Failpoint::PANICS, &point)]);
    bench.until_ready();
    bench.mine_to_opening();
    let of_stderr = || bench.log().lines().map(ToOwned::to_owned).collect();
    let of_file = || lines(&logs(&bench)).iter().map(Value::to_string).collect();
    let logs: [&dyn Fn() -> Vec<String>; 2] = [&of_stderr, &of_file];
    for log in logs {
        let line = bench.until("the panic", |_| {
            log().into_iter().find(|line| line.contains("a test wants a panic at Simulate.Before"))
        });
        let event: Value = serde_json::from_str(&line).unwrap();
        assert!(
            event["message"].as_str().unwrap().starts_with("this is a fault of this program: "),
            "{event}"
        );
        assert_eq!(event["level"], "ERROR");
    }
    drop(worker);
}
