//! Secrets everywhere a user may put them, and everything that is printed, logged and kept.

use std::fs;
use std::process::Output;

use crate::metrics;
use crate::support::{Bench, manual, secrets};

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";
/// A mnemonic that nobody has, with a word too many in it to be one.
const WORDS: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow yellow";
/// `user:in-the-address` and so on, as HTTP carries it.
const BASIC: [&str; 2] = ["dXNlcjppbi10aGUtYWRkcmVzcw", "b3RoZXI6YmVoaW5kLXRoZS1maXJzdA"];

/// A worker with a secret in every setting that takes one. The second endpoint is not there.
fn bench() -> (Bench, Vec<String>) {
    let bench = Bench::registered(manual(), ONE);
    let address = bench.devnet.address();
    let account = &bench.devnet.accounts()[0];
    let mut all: Vec<String> =
        ["in-the-address", "in-the-query", "behind-the-first", "of-the-faucet"].map(str::to_owned).into();
    all.extend(BASIC.map(str::to_owned));
    all.extend([account.mnemonic.clone(), account.private_key.clone(), WORDS.to_owned()]);
    let mnemonic = account.mnemonic.clone();
    let network = format!(
        "http://user:in-the-address@{address}/?key=in-the-query,http://other:behind-the-first@127.0.0.1:9"
    );
    let bench = bench
        .set("ALLORA_NETWORK", &network)
        .set("ALLORA_PRIVATE_KEY", "")
        .set("ALLORA_MNEMONIC", &mnemonic)
        .set("ALLORA_API_KEY", "of-the-faucet");
    (bench, all)
}

fn check(all: &[String], what: &str, output: &Output) {
    secrets::assert_none(all, &format!("stdout of {what}"), &output.stdout);
    secrets::assert_none(all, &format!("stderr of {what}"), &output.stderr);
}

#[test]
fn no_line_of_any_level_and_no_command_shows_one() {
    let (bench, all) = bench();
    let [file, textfile] = ["logs/worker.log", "worker.prom"].map(|name| bench.folder.path().join(name));
    let bench = bench
        .set("ALLORA_LOG_LEVEL", "trace")
        .set("ALLORA_LOG_FILE", file.to_str().unwrap())
        .set("ALLORA_METRICS_FILE", textfile.to_str().unwrap())
        .set("ALLORA_METRICS_ADDR", "127.0.0.1:0");
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.mine_to_opening();
    bench.until_admitted();
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["journal", "list"],
        &["journal", "export", "--csv"],
        &["journal", "export", "--json"],
        &["probe", "ready"],
        &["predict"],
        &["wallet", "address"],
        &["doctor"],
        &["doctor", "--json"],
        &["run"],
    ] {
        check(&all, &arguments.join(" "), &bench.bootstrap().args(arguments).output().unwrap());
    }
    let scraped = metrics::scrape(&metrics::address(&bench));
    assert!(scraped.contains("bootstrap_build_info{"), "{scraped}");
    secrets::assert_none(&all, "metrics", scraped.as_bytes());
    assert_eq!(worker.stop(), Some(0));
    let folder = bench.folder.path();
    assert!(fs::read_to_string(&textfile).unwrap().contains("bootstrap_build_info{"));
    assert!(fs::metadata(&file).unwrap().len() > 10_000);
    secrets::assert_none_in(
        &all,
        &["log", "logs", "heartbeat", "state", "worker.prom"].map(|name| folder.join(name)),
    );
}

#[test]
fn no_refusal_shows_one() {
    let (bench, mut all) = bench();
    let file = bench.folder.path().join("key");
    let key = bench.devnet.accounts()[0].private_key.clone();
    all.push(key[..20].to_owned());
    for (name, value) in [
        ("ALLORA_MNEMONIC", WORDS),
        ("ALLORA_MNEMONIC", key.as_str()),
        ("ALLORA_PRIVATE_KEY", &key),
        ("ALLORA_PRIVATE_KEY", WORDS),
        ("ALLORA_WALLET_ADDR", "allo1another"),
        ("ALLORA_NETWORK", "ws://user:in-the-address@rpc.example.com?key=in-the-query"),
        ("ALLORA_NETWORK", "https://user:in-the-address@rpc.example.com:port?key=in-the-query"),
        ("ALLORA_NETWORK", "user:in-the-address@rpc.example.com?key=in-the-query"),
    ] {
        for command in [&["run", "--once"][..], &["wallet", "address"]] {
            let output = bench.bootstrap().args(command).env(name, value).output().unwrap();
            check(&all, &format!("{} with another {name}", command[0]), &output);
            if command[0] == "run" {
                assert_eq!(
                    output.status.code(),
                    Some(78),
                    "{name}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
    }
    for (setting, text) in [("ALLORA_MNEMONIC_FILE", WORDS), ("ALLORA_PRIVATE_KEY_FILE", &format!("{key}ab"))]
    {
        fs::write(&file, text).unwrap();
        let output =
            bench.bootstrap().arg("run").env("ALLORA_MNEMONIC", "").env(setting, &file).output().unwrap();
        assert_eq!(output.status.code(), Some(78));
        check(&all, setting, &output);
    }
}
