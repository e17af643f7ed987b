//! `bootstrap wallet` through the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use assert_cmd::Command;

const PHRASE: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
const KEY: &str = "c4a48e2fce1481cd3294b4490f6678090ea98d3d0e5cd984558ab0968741b104";
const ADDRESS: &str = "allo19rl4cm2hmr8afy4kldpxz3fka4jguq0ajnh7gv";

fn bootstrap(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.env_clear().envs(variables.iter().copied());
    command
}

/// Exit code, stdout, stderr.
fn run(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn address(variables: &[(&str, &str)]) -> (i32, String, String) {
    run(bootstrap(variables).args(["wallet", "address"]))
}

fn key_file(folder: &Path, content: &str, mode: u32) -> String {
    let path = folder.join("key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_new_mnemonic_is_printed_once_and_gives_the_address_that_was_named() {
    for (arguments, count) in [(vec![], 24), (vec!["--words", "12"], 12)] {
        let (code, stdout, stderr) = run(bootstrap(&[]).args(["wallet", "new"]).args(arguments));
        assert_eq!(code, 0, "{stderr}");
        let phrase = stdout.strip_suffix('\n').unwrap();
        assert_eq!(phrase.split(' ').count(), count);
        assert!(!stderr.contains(phrase));
        let (code, address, _) = address(&[("ALLORA_MNEMONIC", phrase)]);
        assert_eq!(code, 0);
        assert!(stderr.contains(address.trim_end()), "{stderr}");
    }
    let two = [(); 2].map(|()| run(bootstrap(&[]).args(["wallet", "new"])).1);
    assert_ne!(two[0], two[1]);
}

#[test]
fn another_number_of_words_is_a_usage_error() {
    for words in ["0", "13", "25", "many"] {
        let (code, stdout, stderr) = run(bootstrap(&[]).args(["wallet", "new", "--words", words]));
        assert_eq!((code, stdout.as_str()), (64, ""));
        assert!(stderr.contains("--words"), "{stderr}");
    }
}

#[test]
fn every_source_of_a_key_gives_its_address() {
    let expected = (0, format!("{ADDRESS}\n"), String::new());
    assert_eq!(address(&[("ALLORA_MNEMONIC", PHRASE)]), expected);
    assert_eq!(address(&[("ALLORA_PRIVATE_KEY", KEY)]), expected);
    let folder = tempfile::tempdir().unwrap();
    let file = key_file(folder.path(), &format!("{PHRASE}\n"), 0o600);
    assert_eq!(address(&[("ALLORA_MNEMONIC_FILE", &file)]), expected);
    let file = key_file(folder.path(), &format!("{KEY}\r\n"), 0o400);
    assert_eq!(address(&[("ALLORA_PRIVATE_KEY_FILE", &file)]), expected);
}

#[test]
fn a_key_file_that_others_can_read_is_warned_about() {
    let folder = tempfile::tempdir().unwrap();
    let file = key_file(folder.path(), PHRASE, 0o644);
    let (code, stdout, stderr) = address(&[("ALLORA_MNEMONIC_FILE", &file)]);
    assert_eq!((code, stdout), (0, format!("{ADDRESS}\n")));
    assert_eq!(
        stderr,
        format!("warning: others can read the key file {file} (mode 644): chmod 600 {file}\n")
    );
}

#[test]
fn a_wrong_key_is_a_configuration_error_that_shows_nothing_of_it() {
    let typo = PHRASE.replacen("abandon", "abandno", 1);
    let (code, stdout, stderr) = address(&[("ALLORA_MNEMONIC", &typo)]);
    assert_eq!((code, stdout.as_str()), (78, ""));
    assert_eq!(
        stderr,
        "error: ALLORA_MNEMONIC is not usable\n  caused by: word 1 of the mnemonic is not in BIP39's English \
         list; did you mean `abandon`?\nhint: compare the words with your own copy of them\n"
    );
    assert!(!stderr.contains("abandno"));

    let (code, _, stderr) = address(&[("ALLORA_PRIVATE_KEY", &KEY[1..])]);
    assert_eq!(code, 78);
    assert!(stderr.contains("has 63") && !stderr.contains(&KEY[1..]), "{stderr}");

    let (code, _, stderr) = address(&[("ALLORA_MNEMONIC_FILE", "/nowhere/key")]);
    assert_eq!(code, 78);
    assert!(stderr.contains("/nowhere/key") && stderr.contains("No such file"), "{stderr}");
}

#[test]
fn no_key_two_keys_and_a_key_of_another_address_are_configuration_errors() {
    let (code, _, stderr) = address(&[]);
    assert_eq!(code, 78);
    assert!(stderr.contains("hint: set one of ALLORA_MNEMONIC"), "{stderr}");

    let (code, _, stderr) = address(&[("ALLORA_MNEMONIC", PHRASE), ("ALLORA_PRIVATE_KEY", KEY)]);
    assert_eq!(code, 78);
    assert!(stderr.contains("the key is set twice"), "{stderr}");

    let other = "allo1r5v5srda7xfth3hn2s26txvrcrntldju4cacqx";
    let (code, _, stderr) = address(&[("ALLORA_MNEMONIC", PHRASE), ("ALLORA_WALLET_ADDR", other)]);
    assert_eq!(code, 78);
    assert!(stderr.contains(ADDRESS) && stderr.contains(other), "{stderr}");
}
