use super::super::problem::Severity;
use super::*;

const LEAST: &str = "schema_version: \"0.1\"
name: m
version: \"1.2.3\"
python: {version: \"3.11\"}
entrypoint: {kind: python_function, module: src.m.runner, function: predict}
environment: {pip_requirements: requirements.txt}
";

fn parse(text: &str) -> (Option<Manifest>, Vec<Problem>) {
    Manifest::from_text(Path::new("/b"), text.as_bytes())
}

/// The messages with their places, in the order of the file.
fn problems(text: &str) -> Vec<String> {
    let found = match Problems::judge(None::<()>, parse(text).1) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into(),
    };
    let line = |problem: &Problem| format!("{} {problem} | {}", problem.severity, problem.fix);
    found.iter().map(line).collect()
}

#[test]
fn the_least_manifest_gets_every_default() {
    let (manifest, problems) = parse(LEAST);
    assert_eq!(problems, []);
    let manifest = manifest.unwrap();
    assert_eq!(manifest.entrypoint.workdir, Path::new("/b"));
    assert_eq!(manifest.entrypoint.artifacts_dir, Path::new("/b/artifacts"));
    assert_eq!(manifest.runtime.max_seconds, Duration::from_secs(25));
    assert_eq!(manifest.runtime.load_seconds, Duration::from_secs(300));
    assert!(
        !manifest.runtime.spare && !manifest.validation.reject_zero && !manifest.validation.reject_repeats
    );
    assert_eq!(manifest.validation.warn_sigma.to_string(), "3");
    assert_eq!(manifest.allora.topic_id, None);
}

#[test]
fn every_key_of_the_schema_reaches_the_manifest() {
    let text = format!("{LEAST}allora: {{topic_id: 69, polling_interval: 60, fee_tier: eco, network: mainnet}}
runtime: {{max_seconds: 2.5, memory_mb: 512, cpu_cores: 1.5, load_seconds: 30, spare: true, writable: [cache, /data]}}
validation:
  {{warn_below: -5, warn_above: 5, reject_below: -5e1, reject_above: 50.0, reject_zero: true, max_repeats: 3,
   reject_repeats: true, consensus: {{warn_sigma: 2, reject_sigma: 4.5}}}}
").replace("requirements.txt}", "r.txt, constraints: c.txt, extra_index_urls: [\"https://example.com/simple\"]}");
    let (manifest, problems) = parse(&text);
    assert_eq!(problems, []);
    insta::assert_debug_snapshot!(manifest.unwrap());
}

#[test]
fn nothing_but_an_empty_section_says_what_is_missing() {
    insta::assert_snapshot!(problems("x-note: 1\npython:\n").join("\n"));
}

#[test]
fn text_stays_as_it_is_written() {
    let text = LEAST.replace("\"1.2.3\"", "1.10").replace("\"3.11\"", "3.10");
    let (manifest, problems) = parse(&text);
    let manifest = manifest.unwrap();
    assert_eq!((&*manifest.version, manifest.python.to_string()), ("1.10", "3.10".to_owned()));
    assert!(problems.iter().all(|problem| problem.severity == Severity::Warning));
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`version` is `1.10` here; without quotes other tools read the number 1.1",
            "`python.version` is `3.10` here; without quotes other tools read the number 3.1",
        ]
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = "schema_version: 0.2
name: my model
version: v1+local
pyhton: {version: 3.11}
python: {version: \"3.8\"}
entrypoint:
  kind: function
  module: src/m/runner.py
  functoin: predict
  function: a.b
  workdir: ../elsewhere
environment: requirements.txt
topic_id: 1
allora:
  topic_id: 0
  polling_interval: 1m
  fee_tier: STANDRAD
  network: tesnet
runtime: {max_seconds: 0, memory_mb: 1.5, cpu_cores: -1, spare: yes, writable: ../x}
validation: {warn_below: 2, warn_above: 1, reject_above: .inf, reject_repeats: true, consensus: {sigma: 2}}
";
    insta::assert_snapshot!(problems(text).join("\n"));
}

/// Forms that bundles take which were made for other programs.
#[test]
fn bundles_of_the_field_load_unchanged() {
    let generated = "schema_version: '0.1'
name: \"eth-5min\"
version: \"0.3.0\"

python:
  version: \"3.11\"

entrypoint:
  kind: \"python_function\"
  module: \"src.eth_5min.runner\"
  function: \"run\"
  workdir: \".\"
  artifacts_dir: \"artifacts\"

environment:
  pip_requirements: \"requirements.txt\"
  constraints: null
  extra_index_urls: []

allora:
  topic_id: 13
  polling_interval: 120
  fee_tier: \"STANDARD\"
  network: \"testnet\"

runtime:
  max_seconds: 25
  memory_mb: 1024
  cpu_cores: 1
";
    let by_hand = "# my model
schema_version: 0.1
name: My_Model
version: 2
python: {version: 3.12}
entrypoint: {kind: python_function, module: main, function: predict, workdir: ./src/}
environment:
  pip_requirements: ./requirements.txt
  constraints:
  extra_index_urls:
    - https://${TOKEN}@index.example.com/simple
allora:
  topic_id:
  fee_tier: priority
  network: https://rpc.example.com:443
runtime:
x-team: {contact: someone, list: [1, 2]}
";
    for text in [generated, by_hand] {
        let (manifest, problems) = parse(text);
        assert!(manifest.is_some(), "{problems:?}");
        assert!(problems.iter().all(|problem| problem.code == Code::NumberAsText), "{problems:?}");
    }
}

#[test]
fn free_keys_are_free_at_every_level() {
    let text = LEAST.replace("name: m", "name: m\nx-a: [{b: c}]").replace("{version:", "{x-b: 1, version:");
    assert_eq!(parse(&format!("{text}validation: {{consensus: {{x-c: {{}}}}}}\n")).1, []);
}

#[test]
fn every_default_and_every_path_of_the_schema_is_readable() {
    use super::super::schema::{Absent, KEYS};
    // All keys with a value that none of them takes: each one that is read complains of it.
    let mut lines = String::new();
    let mut open: Vec<&str> = Vec::new();
    for key in KEYS {
        let parts: Vec<&str> = key.path.split('.').collect();
        let (leaf, sections) = parts.split_last().unwrap();
        for (depth, section) in sections.iter().enumerate() {
            if open.get(depth) != Some(section) {
                open.truncate(depth);
                open.push(section);
                lines.push_str(&format!("{}{section}:\n", "  ".repeat(depth)));
            }
        }
        open.truncate(sections.len());
        lines.push_str(&format!("{}{leaf}: [[]]\n", "  ".repeat(sections.len())));
    }
    let (_, problems) = parse(&lines);
    for key in KEYS {
        let named = |problem: &Problem| problem.message.starts_with(&format!("`{}`", key.path));
        assert_eq!(problems.iter().filter(|problem| named(problem)).count(), 1, "{}", key.path);
    }
    assert_eq!(problems.len(), KEYS.len());
    // A default that its parser refused would leave the manifest out.
    assert!(KEYS.iter().any(|key| matches!(key.absent, Absent::Default(_))));
    assert!(parse(LEAST).0.is_some());
}

#[test]
fn numbers_of_validation_are_exact_and_bounded() {
    for text in
        ["0", "0e999999999", "-9.9e39", "1e-40", "+1.50", "0.1000000000000000055511151231257827", ".5"]
    {
        assert!(value::decimal(text).is_ok(), "{text}");
    }
    for text in ["1e40", "1e-41", "1e999999999", "nan", "inf", "1_000", "0x1", "", "1e", "--1"] {
        assert!(value::decimal(text).is_err(), "{text}");
    }
}

#[test]
fn paths_stay_in_the_bundle() {
    for (text, path) in [("a/../b", "b"), ("./a//b/", "a/b"), (".", "")] {
        assert_eq!(value::inner_path(text).unwrap(), Path::new(path), "{text}");
    }
    for text in ["..", "a/../../b", "/etc", "", "a\0b"] {
        assert!(value::inner_path(text).is_err(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn a_manifest_that_is_left_out_has_an_error(
        at in 0..LEAST.len(),
        length in 0..30_usize,
        new in "[a-z0-9:{}\\[\\]\"'&*!|>#\n -]{0,12}",
    ) {
        let mut text = LEAST.to_owned();
        text.replace_range(at..(at + length).min(LEAST.len()), &new);
        let (manifest, problems) = parse(&text);
        let errors = problems.iter().any(|problem| problem.severity == Severity::Error);
        proptest::prop_assert!(manifest.is_some() || errors, "{}", text);
    }
}
