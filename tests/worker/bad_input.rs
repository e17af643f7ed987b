//! Wrong settings: a clear error with the right code, and no secret in it.

use crate::support::{Bench, quick};

const ONE: &str = "def predict():\n    return 1\n";

/// Exit code and stderr of `bootstrap run`.
fn run(bench: &Bench) -> (Option<i32>, String) {
    let output = bench.bootstrap().arg("run").output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn no_key_on_a_real_network() {
    let bench = Bench::new(quick(), ONE).set("ALLORA_PRIVATE_KEY", "");
    let (code, text) = run(&bench);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("no key is set") && text.contains("ALLORA_MNEMONIC_FILE"), "{text}");
}

#[test]
fn a_typo_in_the_mnemonic_names_the_word_and_not_the_phrase() {
    let bench = Bench::new(quick(), ONE);
    let phrase = bench.devnet.accounts()[0].mnemonic.clone();
    let words: Vec<&str> = phrase.split(' ').collect();
    let wrong = phrase.replacen(words[3], "zzzz", 1);
    let bench = bench.set("ALLORA_PRIVATE_KEY", "").set("ALLORA_MNEMONIC", &wrong);
    let (code, text) = run(&bench);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains('4'), "the fourth word: {text}");
    assert!(!text.contains(words[0]) && !text.contains(&words[5..8].join(" ")), "{text}");
}

#[test]
fn a_key_of_another_kind_is_told_where_it_belongs() {
    let bench = Bench::new(quick(), ONE).set("ALLORA_PRIVATE_KEY", "");
    let account = bench.devnet.accounts()[0].clone();
    for (name, value, hint) in [
        ("ALLORA_PRIVATE_KEY", &account.mnemonic, "ALLORA_MNEMONIC_FILE"),
        ("ALLORA_MNEMONIC", &account.private_key, "ALLORA_PRIVATE_KEY_FILE"),
        ("ALLORA_MNEMONIC", &account.address, "an address cannot sign"),
        ("ALLORA_PRIVATE_KEY", &account.address, "an address cannot sign"),
    ] {
        let output = bench.bootstrap().arg("run").env(name, value).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(text.contains(hint) && !text.contains(value.as_str()), "{text}");
    }
}

#[test]
fn another_chain_than_the_one_that_was_asked_for() {
    let bench = Bench::new(quick(), ONE).set("ALLORA_CHAIN_ID", "allora-testnet-1");
    let (code, text) = run(&bench);
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("allora-testnet-1") && text.contains("localnet"), "{text}");
}

#[test]
fn a_bundle_that_is_not_there_and_one_that_is_wrong() {
    let bench = Bench::new(quick(), ONE).set("BUNDLE_ROOT", "/nowhere");
    assert_eq!(run(&bench).0, Some(66));
    let bench = Bench::with_manifest(quick(), ONE, "runtime:\n  max_second: 1\n");
    let (code, text) = run(&bench);
    assert_eq!(code, Some(65), "{text}");
    assert!(text.contains("max_seconds"), "did you mean: {text}");
}

#[test]
fn an_interpreter_that_is_not_there() {
    let bench = Bench::new(quick(), ONE).set("ALLORA_PYTHON", "/nowhere/python3");
    assert_eq!(run(&bench).0, Some(78));
}

#[test]
fn a_chain_that_is_not_there_is_waited_for() {
    let bench = Bench::new(quick(), ONE).set("ALLORA_NETWORK", "http://127.0.0.1:1");
    let worker = bench.run(&[]);
    bench.until("a reason", |bench| {
        bench.heartbeat()["why"].as_str().is_some_and(|why| why.contains("127.0.0.1:1")).then_some(())
    });
    let live = bench.bootstrap().args(["probe", "live"]).status().unwrap();
    assert_eq!(live.code(), Some(0), "a chain that is away does not make the worker dead");
    assert_eq!(worker.stop(), Some(0));
}
