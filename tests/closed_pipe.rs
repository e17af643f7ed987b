//! A reader that goes away, as `head` does, is nobody's mistake.
#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

/// What can be written to, and nobody reads.
fn closed() -> Stdio {
    let (ours, _) = UnixStream::pair().unwrap();
    OwnedFd::from(ours).into()
}

#[test]
fn commands_end_with_the_code_that_they_have_anyway() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["probe", "live"],
        &["init", "made"],
        &["check", "made"],
        &["predict", "made"],
        &["predict", "--json", "made"],
        &["doctor", "made"],
        &["journal", "list"],
        &["render", "compose", "made"],
        &["wallet", "new"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
        command.args(arguments).current_dir(folder.path());
        command.env("ALLORA_STATE_DIR", at("state")).env("ALLORA_HEARTBEAT_FILE", at("heartbeat"));
        command.env("ALLORA_NETWORK", "http://127.0.0.1:9").env("ALLORA_TOPIC_ID", "1");
        let read = command.output().unwrap();
        if arguments[0] == "init" {
            std::fs::remove_dir_all(at("made")).unwrap();
        }
        let unread = command.stdout(closed()).output().unwrap();
        let said = String::from_utf8_lossy(&unread.stderr);
        assert_eq!(unread.status.code(), read.status.code(), "{arguments:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("roken pipe"), "{arguments:?}: {said}");
        let deaf = command.stdout(closed()).stderr(closed()).status().unwrap();
        if arguments[0] != "init" {
            assert_eq!(deaf.code(), read.status.code(), "{arguments:?} without stderr");
        }
    }
}
