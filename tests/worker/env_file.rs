//! Settings from an environment file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Bench, quick};

/// Says what it sees of the file.
const CODE: &str = "
import os
print('names:', *sorted(os.environ))
print('token:', os.environ.get('MODEL_TOKEN'))
try: print('could read', len(open(os.environ['SETTINGS']).read()))
except OSError as error: print('could not read', type(error).__name__)
def predict(): return 1
";

/// A worker whose key is in a file with this text besides, and the file.
fn bench(more: &str) -> (Bench, PathBuf) {
    let bench = Bench::new(quick(), CODE);
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    let file = bench.folder.path().join("settings.env");
    let key = &bench.devnet.accounts()[0].private_key;
    fs::write(
        &file,
        format!("\u{feff}# a worker\r\n\r\nexport ALLORA_PRIVATE_KEY=\"{key}\" # secret\r\n{more}"),
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let bench = bench.set("ALLORA_PRIVATE_KEY", "").set("SETTINGS", file.to_str().unwrap());
    (bench, file)
}

#[test]
fn the_worker_gets_all_of_it_and_the_model_what_is_for_models() {
    let more =
        "ALLORA_TOPIC_ID = 999\r\nMODEL_TOKEN='of the # model'\r\nALLORA_LOGLEVEL=debug\r\nBUNDLE_ID=b-1";
    let (bench, file) = bench(more);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    // A variable that is set wins.
    let bench = bench.set("ALLORA_TOPIC_ID", "1");
    let ended = bench.run(&["--once", "--env-file", file.to_str().unwrap()]).exit();
    assert_eq!(ended.code(), Some(0), "{}", bench.log());
    assert_eq!(bench.rounds()[0]["state"], "admitted");
    let log = bench.log();
    let key = &bench.devnet.accounts()[0].private_key;
    assert!(!log.contains(key.as_str()), "{log}");
    assert!(log.contains("others can read the environment file") && log.contains("chmod 600"), "{log}");
    assert!(
        log.contains("line 6: `ALLORA_LOGLEVEL` is not a setting; did you mean ALLORA_LOG_LEVEL?"),
        "{log}"
    );
    assert!(log.contains("\"bundle_id\":\"b-1\""), "{log}");
    assert!(log.contains("token: of the # model"), "{log}");
    let names = log.lines().find(|line| line.contains("names:")).unwrap();
    assert!(
        names.contains("MODEL_TOKEN") && !names.contains("PRIVATE_KEY") && !names.contains("LOGLEVEL"),
        "{names}"
    );
    let status = bench.bootstrap().args(["status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    if status["isolation"]["landlock"] == true {
        assert!(log.contains("could not read PermissionError"), "{log}");
    }
}

#[test]
fn a_key_under_another_name_is_kept_from_the_model_too() {
    let (bench, file) = bench("");
    let key = bench.devnet.accounts()[0].private_key.clone();
    fs::write(&file, format!("BACKUP_OF_MY_KEY=0x{key}\n")).unwrap();
    let bench = bench.set("ALLORA_PRIVATE_KEY", &key);
    let ended = bench.run(&["--once", "--env-file", file.to_str().unwrap()]).exit();
    assert_eq!(ended.code(), Some(0), "{}", bench.log());
    let log = bench.log();
    assert!(!log.contains("BACKUP_OF_MY_KEY") && !log.contains(key.as_str()), "{log}");
    assert!(!log.contains("could read"), "{log}");
}

#[test]
fn every_command_takes_it_and_errors_name_file_and_line_without_a_value() {
    let (bench, file) = bench("");
    let path = file.to_str().unwrap();
    let bootstrap = |arguments: &[&str]| {
        let output = bench.bootstrap().args(arguments).args(["--env-file", path]).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.code(), text)
    };
    assert_eq!(bootstrap(&["wallet", "address"]), (Some(0), format!("{}\n", bench.address())));

    let write = |text: &str| fs::write(&file, text).unwrap();
    write("ALLORA_MNEMONIC='some secret words\n");
    let (code, text) = bootstrap(&["wallet", "address"]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains(&format!("{path}, line 1: a quote is not closed")), "{text}");
    assert!(text.contains("hint: ") && !text.contains("secret"), "{text}");

    write("\nsecret words\nALLORA_API_KEY: secret\n");
    let (code, text) = bootstrap(&["run"]);
    assert_eq!(code, Some(78), "{text}");
    for line in ["line 2: there is no `=`", "line 3: this is not the name"] {
        assert!(text.contains(&format!("{path}, {line}")), "{text}");
    }
    assert!(!text.contains("secret"), "{text}");

    // A value that its setting does not take may be a secret in the wrong place.
    write("ALLORA_FEE_TIER=secret\n");
    let (code, text) = bootstrap(&["run"]);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains(&format!("ALLORA_FEE_TIER ({path}, line 1): the value is not")), "{text}");
    assert!(!text.contains("secret"), "{text}");

    fs::remove_file(&file).unwrap();
    for command in
        [&["run"][..], &["status"], &["probe", "live"], &["journal", "list"], &["predict"], &["check"]]
    {
        let (code, text) = bootstrap(command);
        assert_eq!(code, Some(78), "{command:?}: {text}");
        assert!(text.contains(path), "{command:?}: {text}");
    }
}

#[test]
fn one_with_a_key_within_the_models_reach_is_refused_and_one_without_is_not() {
    let (bench, file) = bench("");
    let inside = bench.folder.path().join("bundle/.env");
    fs::copy(&file, &inside).unwrap();
    let run = |bench: &Bench| {
        bench.bootstrap().args(["run", "--once", "--env-file"]).arg(&inside).output().unwrap()
    };
    let output = run(&bench);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("belongs to the worker") && text.contains("--env-file"), "{text}");

    fs::write(&inside, "BUNDLE_ID=b-1\n").unwrap();
    let bench = bench.set("ALLORA_PRIVATE_KEY_FILE", "");
    let key = bench.devnet.accounts()[0].private_key.clone();
    let bench = bench.set("ALLORA_PRIVATE_KEY", &key);
    let output = run(&bench);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
