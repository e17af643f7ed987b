//! `bootstrap status` through the real binary.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::path::Path;

use assert_cmd::Command;
use bootstrap::health::{EndpointHealth, Head, Heartbeat, HeartbeatFile, ModelHealth, NextWindow, Phase};
use bootstrap::journal::{Ending, Journal, RoundKey, Timestamp};
use bootstrap::model::Isolation;
use time::{Duration, OffsetDateTime};

fn after(seconds: i64) -> Timestamp {
    (OffsetDateTime::now_utc() + Duration::seconds(seconds)).into()
}

fn status(folder: &Path, json: bool) -> String {
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.arg("status").arg("--heartbeat-file").arg(folder.join("heartbeat"));
    std::fs::create_dir_all(folder.join("state")).unwrap();
    command.arg("--state-dir").arg(folder.join("state"));
    if json {
        command.arg("--json");
    }
    let output = command.assert().code(0).stderr("").get_output().stdout.clone();
    String::from_utf8(output).unwrap()
}

fn json(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&status(folder, true)).unwrap()
}

/// A journal with one round that was skipped and one that is open.
fn journal(folder: &Path) -> Journal {
    let mut journal = Journal::open(&folder.join("state"), "localnet", "allo1wallet").unwrap();
    let skipped = RoundKey { topic_id: 1, nonce: 100 };
    journal.begin_round(skipped, Timestamp::now(), 110).unwrap();
    journal.finish_round(skipped, &Ending::Skipped { reason: "no data".into() }, Timestamp::now()).unwrap();
    journal.begin_round(RoundKey { topic_id: 1, nonce: 120 }, Timestamp::now(), 130).unwrap();
    journal
}

#[tokio::test]
async fn a_running_worker_shows_every_promised_field() {
    let folder = tempfile::tempdir().unwrap();
    let journal = journal(folder.path());
    let heartbeat = Heartbeat {
        phase: Phase::Predicting,
        phase_deadline: Some(after(25)),
        ready: true,
        why: None,
        address: Some("allo1wallet".into()),
        topic_id: Some(1),
        chain_id: Some("localnet".into()),
        journal: Some(journal.path().to_owned()),
        head: Some(Head { height: 121, seen_at: Timestamp::now() }),
        next_window: Some(NextWindow { nonce: 140, opens_at: after(30) }),
        model: Some(ModelHealth {
            pid: Some(1),
            state: "busy".into(),
            restarts: 2,
            rss_bytes: Some(9 << 20),
            spare: Some(2),
        }),
        isolation: Some(Isolation {
            undumpable: true,
            no_new_privs: true,
            capabilities_dropped: true,
            session: true,
            environment: true,
            landlock: false,
            signals: true,
            limits: true,
        }),
        endpoints: vec![EndpointHealth {
            endpoint: "http://localhost:26657".into(),
            standing: "fresh".into(),
            height: Some(121),
            same_as: Some("http://127.0.0.1:26657".into()),
        }],
        unknown_answers: 2,
        ..Heartbeat::starting("devnet".into(), after(60))
    };
    HeartbeatFile::new(&folder.path().join("heartbeat")).write(&heartbeat).await.unwrap();

    let shown = json(folder.path());
    assert_eq!(shown["phase"], "predicting");
    assert_eq!((&shown["live"], &shown["ready"], &shown["why"]), (&true.into(), &true.into(), &().into()));
    assert_eq!((&shown["address"], &shown["topic_id"]), (&"allo1wallet".into(), &1.into()));
    assert_eq!((&shown["network"], &shown["chain_id"]), (&"devnet".into(), &"localnet".into()));
    assert_eq!(shown["height"], 121);
    assert!(shown["height_age_seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(shown["next_window"]["nonce"], 140);
    assert!((0.0..=30.0).contains(&shown["next_window"]["opens_in_seconds"].as_f64().unwrap()));
    assert_eq!(
        (&shown["last_round"]["nonce"], &shown["last_round"]["state"]),
        (&120.into(), &"predicting".into())
    );
    assert_eq!(shown["counts"], serde_json::json!({"predicting": 1, "skipped": 1}));
    assert_eq!(
        shown["model"],
        serde_json::json!({"pid": 1, "state": "busy", "restarts": 2, "rss_bytes": 9437184, "spare": 2})
    );
    assert_eq!(
        (&shown["isolation"]["landlock"], &shown["isolation"]["session"]),
        (&false.into(), &true.into())
    );
    assert_eq!(shown["spent_today"], "0");
    assert_eq!((&shown["endpoints"][0]["standing"], &shown["unknown_answers"]), (&"fresh".into(), &2.into()));

    let screen = status(folder.path(), false);
    assert!(screen.starts_with("phase        predicting (live, ready)\n"), "{screen}");
    assert!(screen.contains("\nisolation    without landlock\n"), "{screen}");
    let model = "\nmodel        busy, 2 restarts, 9 MiB, process 2 is loaded to take over\n";
    assert!(screen.contains(model), "{screen}");
    let one_node =
        "\nendpoint     http://localhost:26657, fresh, at 121, the same node as http://127.0.0.1:26657\n";
    assert!(screen.contains(one_node), "{screen}");
    assert!(screen.lines().count() <= 24, "{screen}");
}

#[test]
fn without_a_worker_the_journal_still_speaks() {
    let folder = tempfile::tempdir().unwrap();
    drop(journal(folder.path()));
    let shown = json(folder.path());
    assert_eq!(
        (&shown["phase"], &shown["live"], &shown["ready"]),
        (&"stopped".into(), &false.into(), &false.into())
    );
    assert!(shown["why"].as_str().unwrap().starts_with("no worker runs"), "{shown}");
    assert_eq!(shown["last_round"]["nonce"], 120);
    assert_eq!(shown["counts"]["skipped"], 1);
    assert_eq!(
        (&shown["height"], &shown["next_window"], &shown["model"]),
        (&().into(), &().into(), &().into())
    );
}

#[test]
fn a_bundle_is_refused_with_what_is_read_in_its_place() {
    for (arguments, flags) in [
        (&["status", "my-model"][..], "--state-dir and --heartbeat-file"),
        (&["journal", "list", "my-model"], "--state-dir"),
        (&["journal", "export", "--csv", "my-model"], "--state-dir"),
        (&["probe", "ready", "my-model"], "--heartbeat-file"),
    ] {
        let output =
            Command::cargo_bin("bootstrap").unwrap().args(arguments).assert().code(64).get_output().clone();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains(&format!(
                "no bundle is read here, but what its worker left: name that with {flags}\n"
            )),
            "{said}"
        );
    }
}

#[test]
fn nothing_at_all_is_an_answer_too() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(json(folder.path())["counts"], serde_json::json!({}));
    assert!(status(folder.path(), false).contains("\nrounds       none yet\n"));
}

#[tokio::test]
async fn a_worker_that_was_killed_is_not_said_to_predict() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let heartbeat = Heartbeat {
        pid: child.id(),
        phase: Phase::Predicting,
        ready: true,
        why: None,
        ..Heartbeat::starting("devnet".into(), after(60))
    };
    HeartbeatFile::new(&folder.path().join("heartbeat")).write(&heartbeat).await.unwrap();
    let shown = json(folder.path());
    assert_eq!(
        (&shown["phase"], &shown["live"], &shown["ready"]),
        (&"stopped".into(), &false.into(), &false.into())
    );
    assert!(shown["why"].as_str().unwrap().contains("the worker is gone"));
}

#[tokio::test]
async fn a_worker_that_cannot_answer_says_why_and_one_that_hangs_too() {
    let folder = tempfile::tempdir().unwrap();
    let why = "the whitelist of topic 1 does not have allo1wallet: ask the topic's owner";
    let heartbeat = Heartbeat {
        phase: Phase::Blocked,
        phase_deadline: None,
        why: Some(why.into()),
        ..Heartbeat::starting("testnet".into(), after(60))
    };
    let file = HeartbeatFile::new(&folder.path().join("heartbeat"));
    file.write(&heartbeat).await.unwrap();
    let said = format!("phase        blocked (live, not ready)\nwhy          {why}\nnetwork      testnet\n");
    assert!(status(folder.path(), false).starts_with(&said), "{}", status(folder.path(), false));

    let mut old: serde_json::Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
    let written = old["instant"]["seconds"].as_f64().unwrap();
    old["instant"]["seconds"] = (written - 60.0).into();
    std::fs::write(file.path(), old.to_string()).unwrap();
    let shown = json(folder.path());
    assert_eq!((&shown["live"], &shown["ready"]), (&false.into(), &false.into()));
    assert!(shown["why"].as_str().unwrap().starts_with("the worker hangs in phase blocked"), "{shown}");
}

#[test]
fn a_torn_heartbeat_is_said_and_every_journal_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    drop(journal(folder.path()));
    let mut other = Journal::open(&folder.path().join("state"), "allora-testnet-1", "allo1wallet").unwrap();
    let key = RoundKey { topic_id: 1, nonce: 7 };
    other.begin_round(key, Timestamp::now(), 10).unwrap();
    other.finish_round(key, &Ending::DryRun, Timestamp::now()).unwrap();
    std::fs::write(folder.path().join("heartbeat"), "{\"time\":\"2026-11-2").unwrap();
    let shown = json(folder.path());
    assert_eq!((&shown["phase"], &shown["live"]), (&"stopped".into(), &false.into()));
    assert!(shown["why"].as_str().unwrap().contains("is not a heartbeat"), "{shown}");
    let other = "{\"time\":\"2026-11-21T00:00:00Z\",\"pid\":1,\"phase\":\"waiting\"}";
    std::fs::write(folder.path().join("heartbeat"), other).unwrap();
    let why = json(folder.path())["why"].as_str().unwrap().to_owned();
    assert!(why.contains("another version of bootstrap; start the worker again"), "{why}");
    assert_eq!(shown["counts"], serde_json::json!({"predicting": 1, "skipped": 1, "dry_run": 1}));
    assert_eq!(
        (&shown["last_round"]["nonce"], &shown["last_round"]["chain_id"]),
        (&7.into(), &"allora-testnet-1".into())
    );
    assert_eq!(shown["journals"].as_array().unwrap().len(), 2);
}

#[test]
fn a_state_folder_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("sate");
    for arguments in [&["status"][..], &["journal", "list"], &["journal", "export", "--csv"]] {
        let bootstrap = || Command::cargo_bin("bootstrap").unwrap();
        let named = bootstrap().args(arguments).arg("--state-dir").arg(&typo).assert().code(78).stdout("");
        let said = String::from_utf8(named.get_output().stderr.clone()).unwrap();
        let wanted = format!(
            "error: there is no state folder {}\nhint: correct --state-dir; the first `run` makes the folder\n",
            typo.display()
        );
        assert_eq!(said, wanted);
        // No worker may have run yet where a variable is set for it.
        let set = bootstrap().args(arguments).env("ALLORA_STATE_DIR", &typo).assert().code(0);
        let said = String::from_utf8(set.get_output().stderr.clone()).unwrap();
        let wanted = format!("warning: ALLORA_STATE_DIR: there is no state folder {}\n", typo.display());
        assert_eq!(said, wanted);
    }
}

#[tokio::test]
async fn a_heartbeat_of_another_worker_says_nothing_of_this_one() {
    let folder = tempfile::tempdir().unwrap();
    drop(journal(folder.path()));
    let elsewhere = tempfile::tempdir().unwrap();
    let other = journal(elsewhere.path());
    let heartbeat = Heartbeat {
        phase: Phase::Waiting,
        ready: true,
        why: None,
        address: Some("allo1other".into()),
        topic_id: Some(7),
        journal: Some(other.path().to_owned()),
        ..Heartbeat::starting("testnet".into(), after(60))
    };
    let file = HeartbeatFile::new(&folder.path().join("heartbeat"));
    file.write(&heartbeat).await.unwrap();
    let shown = json(folder.path());
    let why = shown["why"].as_str().unwrap();
    for part in [format!("process {}", heartbeat.pid), other.path().display().to_string()] {
        assert!(why.contains("is of another worker") && why.contains(&part), "{why}");
    }
    assert_eq!(
        (&shown["address"], &shown["topic_id"], &shown["live"]),
        (&().into(), &().into(), &false.into())
    );
    assert_eq!((&shown["last_round"]["nonce"], &shown["counts"]["skipped"]), (&120.into(), &1.into()));
    let own = folder.path().join("state").join(other.path().file_name().unwrap());
    assert_eq!(shown["journals"], serde_json::json!([own]));

    // By itself it leads to its own journal; and the same folder may be mounted elsewhere.
    let mut command = Command::cargo_bin("bootstrap").unwrap();
    command.env_remove("ALLORA_STATE_DIR").args(["status", "--json", "--heartbeat-file"]).arg(file.path());
    let led: serde_json::Value =
        serde_json::from_slice(&command.assert().code(0).get_output().stdout.clone()).unwrap();
    assert_eq!(
        (&led["address"], &led["journals"]),
        (&"allo1other".into(), &serde_json::json!([other.path()]))
    );
    let mounted = Path::new("/mounted/elsewhere").join(other.path().file_name().unwrap());
    file.write(&Heartbeat { journal: Some(mounted), ..heartbeat }).await.unwrap();
    let shown = json(folder.path());
    assert_eq!((&shown["address"], &shown["journals"]), (&"allo1other".into(), &serde_json::json!([own])));
}
