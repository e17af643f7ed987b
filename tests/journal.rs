//! The journal through its public face, and through the real binary.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use assert_cmd::Command;
use bootstrap::journal::{
    Begin, Ending, Inclusion, Journal, Limits, NewTransaction, OpenError, PrepareError, Purpose, RoundKey,
    RoundState, SpendLimit, Timestamp, Uallo,
};

const CHAIN: &str = "localnet";
const ADDRESS: &str = "allo1wallet";
const KEY: RoundKey = RoundKey { topic_id: 1, nonce: 120 };

fn at(seconds: u32) -> Timestamp {
    Timestamp::parse(&format!("2026-11-21T10:{:02}:{:02}Z", seconds / 60, seconds % 60)).unwrap()
}

fn signed(sequence: u64, salt: &str) -> NewTransaction {
    NewTransaction {
        bytes: format!("{sequence} {salt}").into_bytes(),
        sequence,
        fee: Uallo(1_000),
        charge: Uallo(10),
        gas_limit: 150_000,
        timeout_height: 130,
    }
}

fn success(height: u64) -> Inclusion {
    Inclusion {
        height: Some(height),
        code: 0,
        codespace: String::new(),
        log: String::new(),
        paid: Uallo(1_010),
        gas_used: Some(140_000),
    }
}

#[test]
fn an_answered_window_is_a_row_with_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();

    assert_eq!(journal.begin_round(KEY, at(0), 130).unwrap(), Begin::Fresh);
    journal.predicted(KEY, "0.5", &Limits::default(), at(1)).unwrap();
    let tx = journal.prepare(Purpose::Payload(KEY), signed(7, "a"), SpendLimit::None, at(2)).unwrap();
    journal.broadcasting(&tx, "http://127.0.0.1:26657", at(3)).unwrap();
    journal.included(tx.hash(), &success(121), at(4)).unwrap();
    journal.finish_round(KEY, &Ending::Admitted, at(5)).unwrap();

    let row = journal.reader().last_round(None).unwrap().unwrap();
    assert_eq!(row.state, RoundState::Admitted);
    assert_eq!(row.value.as_deref(), Some("0.5"));
    assert_eq!(row.tx_hash.as_deref(), Some(tx.hash()));
    assert_eq!(
        (row.height, row.fee, row.gas_used, row.attempts),
        (Some(121), Some(Uallo(1_010)), Some(140_000), 1)
    );
    assert_eq!(
        [row.predicted_at, row.prepared_at, row.broadcast_at, row.finished_at],
        [Some(at(1)), Some(at(2)), Some(at(3)), Some(at(5))]
    );
    assert_eq!(journal.reader().spent_on_day_of(at(0)).unwrap(), Uallo(1_010));
    assert_eq!(journal.reader().last_gas_used(Purpose::Payload(KEY)).unwrap(), Some(140_000));
    assert!(
        matches!(journal.begin_round(KEY, at(9), 130).unwrap(), Begin::Finished(row) if row.value.is_some())
    );
}

#[test]
fn a_process_that_dies_after_prepare_finds_the_same_bytes_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();
    journal.begin_round(KEY, at(0), 130).unwrap();
    journal.predicted(KEY, "0.5", &Limits::default(), at(1)).unwrap();
    journal.prepare(Purpose::Payload(KEY), signed(7, "a"), SpendLimit::None, at(2)).unwrap();
    drop(journal);

    let mut journal = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();
    let Begin::Resume(round) = journal.begin_round(KEY, at(60), 130).unwrap() else { panic!("not resumed") };
    assert_eq!(round.row.state, RoundState::Prepared);
    assert_eq!(round.window_end, 130);
    assert_eq!(round.live.len(), 1);
    assert_eq!(round.live[0].bytes(), b"7 a");

    let other = journal.prepare(Purpose::Payload(KEY), signed(8, "b"), SpendLimit::None, at(61)).unwrap_err();
    assert!(matches!(other, PrepareError::Live { sequence: 7, .. }), "{other}");
    journal.prepare(Purpose::Payload(KEY), signed(7, "b"), SpendLimit::None, at(62)).unwrap();
}

#[test]
fn a_second_process_is_refused_with_the_number_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Journal::open(folder.path(), CHAIN, ADDRESS).unwrap();
    match Journal::open(folder.path(), CHAIN, ADDRESS) {
        Err(OpenError::InUse { holder: Some(holder), .. }) => assert_eq!(holder.pid, std::process::id()),
        other => panic!("{other:?}"),
    }
    Journal::open(folder.path(), CHAIN, "allo1other").unwrap();
    Journal::open(folder.path(), "allora-testnet-1", ADDRESS).unwrap();
}

/// Runs `bootstrap journal ARGS --state-dir FOLDER`.
fn bootstrap(folder: &Path, args: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("bootstrap").unwrap().arg("journal").args(args).arg("--state-dir").arg(folder).assert()
}

fn stdout(folder: &Path, args: &[&str]) -> String {
    let output = bootstrap(folder, args).code(0).stderr("").get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

/// Two topics on one chain and one on another, in every kind of end.
fn history(folder: &Path) -> Journal {
    let mut other = Journal::open(folder, "allora-testnet-1", ADDRESS).unwrap();
    let key = RoundKey { topic_id: 2, nonce: 50 };
    other.begin_round(key, at(0), 60).unwrap();
    other.finish_round(key, &Ending::DryRun, at(1)).unwrap();

    let mut journal = Journal::open(folder, CHAIN, ADDRESS).unwrap();
    let labels = RoundKey { topic_id: 3, nonce: 40 };
    journal.begin_round(labels, at(0), 50).unwrap();
    journal.predicted(labels, r#"{"down":"0.9","up":"0.1"}"#, &Limits::default(), at(1)).unwrap();
    let reason = "rejected: \"0.9\", above\n\u{1b}[31mlimit".to_owned();
    journal.finish_round(labels, &Ending::Expired { reason }, at(2)).unwrap();

    journal.begin_round(KEY, at(10), 130).unwrap();
    journal.predicted(KEY, "0.5", &Limits::default(), at(11)).unwrap();
    let tx = journal.prepare(Purpose::Payload(KEY), signed(7, "a"), SpendLimit::None, at(12)).unwrap();
    journal.broadcasting(&tx, "http://127.0.0.1:26657", at(13)).unwrap();
    journal.included(tx.hash(), &success(121), at(14)).unwrap();
    journal.finish_round(KEY, &Ending::Admitted, at(15)).unwrap();

    journal.begin_round(RoundKey { topic_id: 1, nonce: 140 }, at(30), 150).unwrap();
    journal
}

#[test]
fn csv_has_the_promised_columns_and_one_line_for_a_round() {
    let folder = tempfile::tempdir().unwrap();
    // Open: a worker is running meanwhile.
    let journal = history(folder.path());
    let hash = journal.reader().rounds().unwrap()[0].tx_hash.clone().unwrap();
    let expected = [
        "topic_id,nonce,state,reason,value,tx_hash,height,fee,gas_used,attempts,opened_at,predicted_at,\
         prepared_at,broadcast_at,finished_at,endpoint",
        "1,120,admitted,,0.5,HASH,121,1010,140000,1,2026-11-21T10:00:10.000Z,2026-11-21T10:00:11.000Z,\
         2026-11-21T10:00:12.000Z,2026-11-21T10:00:13.000Z,2026-11-21T10:00:15.000Z,http://127.0.0.1:26657",
        "1,140,predicting,,,,,,,0,2026-11-21T10:00:30.000Z,,,,,",
        "2,50,dry_run,,,,,,,0,2026-11-21T10:00:00.000Z,,,,2026-11-21T10:00:01.000Z,",
        r#"3,40,expired,"rejected: ""0.9"", above\n\u{1b}[31mlimit","{""down"":""0.9"",""up"":""0.1""}",,,,,1,2026-11-21T10:00:00.000Z,2026-11-21T10:00:01.000Z,,,2026-11-21T10:00:02.000Z,"#,
        "",
    ];
    assert_eq!(stdout(folder.path(), &["export", "--csv"]), expected.join("\r\n").replace("HASH", &hash));
}

#[test]
fn json_is_a_bare_array_with_amounts_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let journal = history(folder.path());
    let export = stdout(folder.path(), &["export", "--json"]);
    assert_eq!(export, stdout(folder.path(), &["list", "--json"]));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&export).unwrap();
    assert_eq!(
        rows[0],
        serde_json::json!({
            "topic_id": 1, "nonce": 120, "state": "admitted", "reason": null, "value": "0.5",
            "tx_hash": journal.reader().rounds().unwrap()[0].tx_hash, "height": 121, "fee": "1010",
            "gas_used": 140_000, "attempts": 1, "opened_at": "2026-11-21T10:00:10.000Z",
            "predicted_at": "2026-11-21T10:00:11.000Z", "prepared_at": "2026-11-21T10:00:12.000Z",
            "broadcast_at": "2026-11-21T10:00:13.000Z", "finished_at": "2026-11-21T10:00:15.000Z",
            "endpoint": "http://127.0.0.1:26657", "chain_id": CHAIN, "verdict": "accepted", "limits": [],
        })
    );
    assert_eq!(rows.iter().map(|row| row["nonce"].as_i64().unwrap()).collect::<Vec<_>>(), [120, 140, 50, 40]);
}

#[test]
fn the_table_is_one_line_for_a_round_whatever_the_model_said() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(stdout(folder.path(), &["list"]), "no rounds yet\n");
    drop(history(folder.path()));
    insta::assert_snapshot!(stdout(folder.path(), &["list"]));
}

/// What `export --csv` gives for a copy of `state_dir` in which nothing can be written.
fn export_read_only(state_dir: &Path, is_left: impl Fn(&str) -> bool) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("state");
    fs::create_dir(&copy).unwrap();
    // Modes do not hold root back: there, the command runs as nobody.
    let nobody = nix::unistd::Uid::effective().is_root().then_some(65_534);
    for entry in fs::read_dir(state_dir).unwrap().map(Result::unwrap) {
        if is_left(entry.file_name().to_str().unwrap()) {
            let path = copy.join(entry.file_name());
            fs::copy(entry.path(), &path).unwrap();
            std::os::unix::fs::chown(&path, nobody, nobody).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        }
    }
    let before = fs::read_dir(&copy).unwrap().count();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o555)).unwrap();

    let binary = folder.path().join("bootstrap");
    fs::copy(assert_cmd::cargo::cargo_bin("bootstrap"), &binary).unwrap();
    let mut command = std::process::Command::new(&binary);
    if let Some(nobody) = nobody {
        command.uid(nobody).gid(nobody);
    }
    let output = command.args(["journal", "export", "--csv", "--state-dir"]).arg(&copy).output().unwrap();
    assert_eq!(fs::read_dir(&copy).unwrap().count(), before, "nothing is left behind");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_read_only_folder_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let running = history(folder.path());
    let whole = stdout(folder.path(), &["export", "--csv"]);
    assert_eq!(export_read_only(folder.path(), |_| true), whole, "as a killed worker leaves it");
    assert_eq!(
        export_read_only(folder.path(), |name| !name.ends_with("-shm")),
        whole,
        "as a backup may have it"
    );
    drop(running);
    assert_eq!(export_read_only(folder.path(), |_| true), whole, "as a worker leaves it in order");
}

#[test]
fn a_journal_that_cannot_be_read_is_named_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    drop(history(folder.path()));
    fs::write(folder.path().join("spoilt.journal"), "no database, certainly not a journal").unwrap();
    let output = bootstrap(folder.path(), &["list"]).code(78).stdout("").get_output().stderr.clone();
    let stderr = String::from_utf8(output).unwrap();
    assert!(stderr.contains("spoilt.journal"), "{stderr}");
    assert!(stderr.contains("\nhint: "), "{stderr}");
}

#[test]
fn a_form_must_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    bootstrap(folder.path(), &["export"]).code(64);
    bootstrap(folder.path(), &["export", "--csv", "--json"]).code(64);
}
