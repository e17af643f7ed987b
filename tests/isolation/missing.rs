//! What a kernel does not offer is said, and the rest stands all the same.

use std::process::Command;

use crate::attacks::judge;
use crate::siege::Siege;
use crate::user::{User, behind};

/// Attacks that only Landlock keeps out. That they succeed without it shows that they are worth something.
const SUCCEED: &[&str] = &[
    "key",
    "key_in_a_thread",
    "key_by_another_program",
    "key_by_proc_self_root",
    "key_by_working_directory",
    "key_by_symbolic_link",
    "key_by_hard_link",
    "key_by_path_descriptor",
    "key_by_program_in_memory",
    "key_folder_listed",
    "state_listed",
    "journal",
    "state_added_to",
    "log_written",
    "heartbeat_opened",
    "heartbeat_tied_down",
    "signal_a_bystander",
    "signal_to_the_worker",
    "abstract_socket",
    "bundle_added_to",
    "bundle_code_opened",
    "bundle_code_cut",
    "bundle_cache",
    "environment_packages",
    "environment_settings",
    "user_packages",
    "program_of_the_worker",
    "shared_folder_for_temporary_files",
];

/// The same for a user without any rights; root is kept out of these by having no capabilities.
const SUCCEED_FOR_ORDINARY: &[&str] = &["environment_of_a_bystander"];

/// The same where such a user may have a namespace of its own.
const SUCCEED_IN_NAMESPACES: &[&str] = &["key_in_a_user_namespace", "key_by_bind_mount", "key_by_chroot"];

fn expected_to_succeed(user: User) -> Vec<&'static str> {
    let ordinary = if user == User::Ordinary { SUCCEED_FOR_ORDINARY } else { &[] };
    let mut namespace = Command::new("unshare");
    let namespace = behind(&user.prefix(), namespace.args(["-Ur", "true"])).status();
    let namespaces = user == User::Ordinary && namespace.is_ok_and(|status| status.success());
    let in_namespaces = if namespaces { SUCCEED_IN_NAMESPACES } else { &[] };
    [SUCCEED, ordinary, in_namespaces].concat()
}

#[test]
fn without_landlock_the_worker_runs_on_and_says_what_is_missing() {
    for user in [User::Own, User::Ordinary] {
        if !user.is_available() {
            continue;
        }
        let python = user.python().display().to_string();
        let prefix = [python, "-c".into(), include_str!("without_landlock.py").into()];
        let siege = Siege::lay(user, &prefix, false);
        let report = siege.storm();
        for (wall, stands) in report.isolation.as_object().unwrap() {
            let expected = !["landlock", "signals"].contains(&wall.as_str());
            assert_eq!(*stands, expected, "as {user:?}: {wall}");
        }
        judge(user, &report);
        for attack in expected_to_succeed(user) {
            let outcome = &report.attacks[attack];
            assert!(outcome["reached"].is_string(), "as {user:?}: {attack} is no attack: {outcome}");
        }
        let shown = siege.bench.bootstrap().arg("status").output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("\nisolation    without landlock, signals\n"), "{shown}");
        let log = siege.bench.log();
        let said = log.matches("does not keep the model apart by: landlock, signals").count();
        assert_eq!(said, 1, "{log}");
        siege.outlive();
    }
}
