use std::collections::HashMap;
use std::ffi::OsString;

use clap::{Args as _, FromArgMatches as _};

use super::*;

fn flags(arguments: &[&str]) -> Flags<Worker> {
    let command = Flags::<Worker>::augment_args(clap::Command::new("run").no_binary_name(true));
    Flags::from_arg_matches(&command.try_get_matches_from(arguments).unwrap()).unwrap()
}

fn variables(pairs: &[(&str, &str)]) -> HashMap<String, OsString> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect()
}

fn resolve(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Settings, Problems> {
    Settings::resolve(None, &flags(arguments), &variables(environment))
}

/// A manifest with all four keys that settings share.
fn manifest() -> (tempfile::TempDir, Manifest) {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("requirements.txt"), "").unwrap();
    std::fs::write(
        root.path().join("model.yaml"),
        "schema_version: \"0.1\"
name: m
version: \"1\"
python: {version: \"3.11\"}
entrypoint: {kind: python_function, module: m, function: f}
environment: {pip_requirements: requirements.txt}
allora: {topic_id: 5, polling_interval: 60, fee_tier: ECO, network: mainnet}
",
    )
    .unwrap();
    let (manifest, _) = Manifest::read(root.path()).unwrap();
    (root, manifest)
}

#[test]
fn the_table_is_in_the_order_of_the_enum_and_names_are_unique() {
    for (index, row) in TABLE.iter().enumerate() {
        assert_eq!(row.setting as usize, index, "{}", row.env);
    }
    let mut names: Vec<_> = TABLE.iter().flat_map(|row| [Some(row.env), row.older_env]).flatten().collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn nothing_set_gives_the_defaults() {
    let settings = resolve(&[], &[]).unwrap();
    assert_eq!(settings.bundle_root, PathBuf::from("/workspace/bundle"));
    assert_eq!(settings.network, Network::Testnet);
    assert_eq!(settings.fee_tier, FeeTier::Standard);
    assert_eq!(settings.polling_interval, Duration::from_secs(120));
    assert_eq!(settings.heartbeat_file, PathBuf::from("/tmp/heartbeat"));
    let day = Duration::from_secs(86_400);
    let rotation = Rotation { max_bytes: 10 * 1024 * 1024, every: day, keep: 30 * day };
    assert_eq!(settings.log, Log { format: None, level: "info".into(), file: None, rotation });
    assert!(settings.topic_id.is_none() && settings.key.is_none() && settings.max_fee.is_none());
    assert_eq!(settings.origin(Setting::Network), Origin::Default);
}

#[test]
fn a_flag_wins_over_the_environment_that_over_the_manifest() {
    let (_root, manifest) = manifest();
    let settings = Settings::resolve(
        Some(&manifest),
        &flags(&["--topic-id", "7"]),
        &variables(&[("ALLORA_TOPIC_ID", "6"), ("ALLORA_FEE_TIER", "priority"), ("ALLORA_NETWORK", "")]),
    )
    .unwrap();
    assert_eq!(
        (settings.topic_id, settings.origin(Setting::TopicId)),
        (Some(7), Origin::Flag(Flag::Long("topic-id", "ID")))
    );
    assert_eq!(
        (settings.fee_tier, settings.origin(Setting::FeeTier)),
        (FeeTier::Priority, Origin::Environment("ALLORA_FEE_TIER"))
    );
    // Empty counts as not set.
    assert_eq!(
        (settings.network.clone(), settings.origin(Setting::Network)),
        (Network::Mainnet, Origin::Manifest("allora.network"))
    );
    assert_eq!(settings.polling_interval, Duration::from_secs(60));
}

#[test]
fn every_bad_value_is_told_at_once_and_no_secret_with_it() {
    let problems = resolve(
        &["--max-fee", "10uallo", "--log-format", "jsn"],
        &[
            ("ALLORA_TOPIC_ID", "abc"),
            ("ALLORA_NETWORK", "ws://user:secret@rpc.example.com"),
            ("ALLORA_FEE_TIER", "cheap"),
            ("SUBMISSION_INTERVAL", "1 minute"),
            ("ALLORA_LOG_LEVEL", "debgu"),
            ("ALLORA_MNEMONIC", "secret words"),
            ("ALLORA_PRIVATE_KEY_FILE", "/run/secrets/key"),
        ],
    )
    .unwrap_err();
    assert!(!problems.to_string().contains("secret "), "{problems}");
    insta::assert_snapshot!(problems);
}

#[test]
fn older_names_are_taken_with_a_notice() {
    let settings = resolve(
        &[],
        &[
            ("TOPIC_ID", "9"),
            ("MNEMONIC", "some words"),
            ("SUBMISSION_INTERVAL", "30"),
            ("LOG_LEVEL", "WARNING"),
            ("ALLORA_LOG_LEVEL", "debug"),
            ("ALLORA_TOPICID", "3"),
            ("ALLORA_WALLET_ADDR", "allo1abc"),
        ],
    )
    .unwrap();
    assert_eq!((settings.topic_id, settings.polling_interval), (Some(9), Duration::from_secs(30)));
    assert!(matches!(&settings.key, Some(KeySource::Mnemonic(words)) if words.as_str() == "some words"));
    assert_eq!(settings.wallet_address_expected.as_deref(), Some("allo1abc"));
    assert_eq!(settings.log.level, "debug");
    insta::assert_snapshot!(settings.notices.join("\n"));
    assert!(!format!("{settings:?}").contains("some words"));
}

#[test]
fn debug_takes_three_words_and_ignores_the_rest() {
    for (word, on) in
        [("1", true), ("True", true), ("YES", true), ("0", false), ("app:*", false), ("", false)]
    {
        let level = resolve(&[], &[("DEBUG", word)]).unwrap().log.level;
        assert_eq!(level, if on { "debug" } else { "info" }, "{word}");
    }
    // A level that is set says more than a switch.
    assert_eq!(resolve(&["--log-level", "warn"], &[("DEBUG", "1")]).unwrap().log.level, "warn");
}

#[test]
fn levels_of_python_and_filters_are_taken() {
    for (text, level) in [
        ("WARNING", "warn"),
        ("critical", "error"),
        ("INFO", "INFO"),
        ("info,bootstrap::chain=debug", "info,bootstrap::chain=debug"),
    ] {
        assert_eq!(resolve(&["--log-level", text], &[]).unwrap().log.level, level);
    }
    assert!(resolve(&["--log-level", "info,bootstrap=loud"], &[]).is_err());
}

#[test]
fn sizes_carry_their_units() {
    for (text, bytes) in
        [("1", 1), ("4096", 4_096), ("500KiB", 512_000), ("2MiB", 2 << 20), ("1GiB", 1 << 30)]
    {
        let settings = resolve(&["--log-max-bytes", text], &[]).unwrap();
        assert_eq!(settings.log.rotation.max_bytes, bytes, "{text}");
    }
    for text in ["0", "0MiB", "1MB", "MiB", "+1", "1.5MiB", "99999999999999999999", "99999999999GiB"] {
        assert!(resolve(&["--log-max-bytes", text], &[]).is_err(), "{text}");
    }
}

#[test]
fn times_carry_their_units() {
    for (text, seconds) in [("90", 90), ("30s", 30), ("2m", 120), ("12h", 43_200), ("1d", 86_400)] {
        let settings = resolve(&["--polling-interval", text], &[]).unwrap();
        assert_eq!(settings.polling_interval, Duration::from_secs(seconds), "{text}");
    }
    for text in ["0", "0s", "1w", "1.5h", "s", "99999999999999999999d", "1 s"] {
        assert!(resolve(&["--polling-interval", text], &[]).is_err(), "{text}");
    }
}

#[test]
fn the_state_folder_follows_the_user_where_the_system_has_none() {
    let asked = resolve(&["--state-dir", "here"], &[]).unwrap();
    assert_eq!(asked.state_dir, PathBuf::from("here"));
    // Whoever runs this test may or may not write to /var/lib.
    let found = resolve(&[], &[("XDG_STATE_HOME", "/x/state"), ("HOME", "/home/u")]).unwrap().state_dir;
    assert!(
        ["/var/lib/bootstrap", "/x/state/bootstrap"].iter().any(|path| found == PathBuf::from(path)),
        "{found:?}"
    );
}

#[test]
fn help_of_the_flags() {
    let mut command = Flags::<Worker>::augment_args(clap::Command::new("run")).term_width(100);
    insta::assert_snapshot!(command.render_help());
}

#[test]
fn alerts_are_beside_the_log_file_and_kept_from_the_model() {
    for (flags, file) in [
        (&["--state-dir", "/state"] as &[_], "/state/alerts.log"),
        (&["--state-dir", "/state", "--log-file", "/var/log/worker.log"], "/var/log/alerts.log"),
        (&["--log-file", "worker.log"], "alerts.log"),
    ] {
        let settings = resolve(flags, &[]).unwrap();
        assert_eq!(settings.alert_log(), PathBuf::from(file));
        assert!(settings.private_paths().contains(&PathBuf::from(file)));
    }
}
