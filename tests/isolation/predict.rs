//! `bootstrap predict` runs the same code before anybody trusts it, and has the same walls.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use crate::support::{bare, write_bundle};

/// Counts what it can read of the files that it is told of.
const CODE: &str = "
import os
def predict():
    readable = 0
    for path in os.environ['PLACES'].split(':'):
        try:
            open(path).read()
            readable += 1
        except PermissionError:
            pass
    return readable
";

#[test]
fn neither_the_model_nor_the_bundles_interpreter_reads_key_and_state() {
    let folder = TempDir::new().unwrap();
    // The one place where the interpreter that is asked about itself may write.
    let loot = TempDir::new_in("/dev/shm").unwrap();
    let at = |name: &str| folder.path().join(name);
    write_bundle(&at("bundle"), CODE, "");
    for place in ["keys", "state", "data", "bundle/.venv/bin"] {
        fs::create_dir_all(at(place)).unwrap();
    }
    fs::write(at("keys/key"), format!("{:064x}", 7)).unwrap();
    fs::set_permissions(at("keys/key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(at("state/journal"), "rounds").unwrap();
    fs::write(at("data/prices"), "1").unwrap();
    let interpreter = at("bundle/.venv/bin/python");
    let base = std::env::var("ALLORA_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = format!(
        "#!/bin/sh\necho began >{0}/began\ncat {1} >{0}/stolen 2>{0}/refusal\nexec {base} \"$@\"\n",
        loot.path().display(),
        at("keys/key").display(),
    );
    fs::write(&interpreter, script).unwrap();
    fs::set_permissions(&interpreter, fs::Permissions::from_mode(0o755)).unwrap();
    let places = ["keys/key", "state/journal", "data/prices"].map(|name| at(name).display().to_string());
    let mut command = bare();
    command.env_remove("ALLORA_PYTHON").arg("predict").arg(at("bundle"));
    command.env("PLACES", places.join(":")).env("ALLORA_STATE_DIR", at("state"));
    command.env("ALLORA_PRIVATE_KEY_FILE", at("keys/key")).env("ALLORA_HEARTBEAT_FILE", at("heartbeat"));
    let output = command.output().unwrap();
    let (value, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert!(loot.path().join("began").exists(), "the bundle's interpreter was not asked: {log}");
    if log.contains("does not keep the model apart by") {
        println!("this kernel lacks walls: {log}");
        return;
    }
    assert_eq!(value.trim(), "1", "only what is nobody's secret: {log}");
    assert_eq!(fs::read_to_string(loot.path().join("stolen")).unwrap(), "");
    let refusal = fs::read_to_string(loot.path().join("refusal")).unwrap();
    assert!(refusal.contains("denied"), "{refusal}");
}
