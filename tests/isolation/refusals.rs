//! What belongs to the worker and lies within the model's reach is refused at the start.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::TempDir;

use crate::support::{Bench, quick};

const ONE: &str = "def predict():\n    return 1\n";

/// A worker whose model may write to the folder `writable`.
fn bench() -> Bench {
    let bench = Bench::new(quick(), ONE);
    let at = |name: &str| bench.folder.path().join(name);
    for folder in ["writable", "keys"] {
        fs::create_dir(at(folder)).unwrap();
    }
    let manifest = fs::read_to_string(at("bundle/model.yaml")).unwrap();
    let writable = at("writable").display().to_string();
    fs::write(at("bundle/model.yaml"), format!("{manifest}runtime: {{writable: [{writable}]}}\n")).unwrap();
    symlink(at("bundle"), at("link")).unwrap();
    bench
}

#[test]
fn the_workers_files_within_the_models_reach() {
    let shared = TempDir::new_in("/dev/shm").unwrap();
    let shared = shared.path().to_str().unwrap();
    let bench = bench();
    let root = bench.folder.path().canonicalize().unwrap();
    let key = &bench.devnet.accounts()[0].private_key;
    for (setting, place) in [
        ("ALLORA_STATE_DIR", "bundle/state"),
        ("ALLORA_STATE_DIR", "link/state"),
        ("ALLORA_STATE_DIR", "writable/not/there/yet"),
        ("ALLORA_STATE_DIR", "writable"),
        ("ALLORA_STATE_DIR", ""),
        ("ALLORA_STATE_DIR", shared),
        ("ALLORA_PRIVATE_KEY_FILE", "bundle/artifacts/key"),
        ("ALLORA_PRIVATE_KEY_FILE", "writable/key"),
        ("ALLORA_PRIVATE_KEY_FILE", &format!("{shared}/key")),
        ("ALLORA_LOG_FILE", "bundle/worker.log"),
        ("ALLORA_LOG_FILE", "writable/worker.log"),
        ("ALLORA_HEARTBEAT_FILE", "writable/heartbeat"),
        ("ALLORA_HEARTBEAT_FILE", &format!("{shared}/heartbeat")),
    ] {
        let path = root.join(place);
        let mut command = bench.bootstrap();
        command.arg("run").env(setting, &path);
        if setting == "ALLORA_PRIVATE_KEY_FILE" {
            command.env("ALLORA_PRIVATE_KEY", "");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, key).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let was_there = path.exists();
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{setting} {place}: {text}");
        assert_eq!(path.exists(), was_there, "{setting} {place}: nothing is made there");
        assert!(text.starts_with("error: "), "nothing comes before: {text}");
        let named = path.display().to_string().replace("/link/", "/bundle/");
        assert!(text.contains(named.trim_end_matches('/')), "{setting} {place}: {text}");
        assert!(text.contains("belongs to the worker") && text.contains("hint:"), "{text}");
        assert!(text.contains(setting) && !text.contains(key.as_str()), "{text}");
    }
}

#[test]
fn the_scratch_folder_within_the_state() {
    let bench = bench();
    let state = bench.folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let output = bench.bootstrap().arg("run").env("TMPDIR", &state).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("belongs to the worker") && text.contains("TMPDIR"), "{text}");
}

#[test]
fn a_key_that_others_can_read_is_said_and_no_reason_to_stop() {
    let bench = bench();
    let file = bench.folder.path().join("keys/key");
    fs::write(&file, &bench.devnet.accounts()[0].private_key).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let bench = bench.set("ALLORA_PRIVATE_KEY", "").set("ALLORA_PRIVATE_KEY_FILE", file.to_str().unwrap());
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--once"]).exit().code(), Some(0), "{}", bench.log());
    assert!(bench.log().contains("others can read the key file"), "{}", bench.log());
    assert!(bench.log().contains("chmod 600"), "{}", bench.log());
}
