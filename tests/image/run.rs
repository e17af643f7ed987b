//! An image in use: limits, signals, orphans, health, and the volume.

use std::time::Instant;

use serde_json::Value;

use crate::container::{Container, EPOCH};
use crate::engine::until;
use crate::project::Project;

/// Says how many threads it may use, leaves a child without a parent, and takes far more memory than there is in
/// every other window.
fn greedy() -> String {
    format!(
        "import os, subprocess\n\ndef predict(nonce):\n    \
         orphan = subprocess.check_output(['sh', '-c', 'sleep 0.1 >/dev/null & echo $!'], text=True)\n    \
         print('threads', os.environ['OMP_NUM_THREADS'], 'orphan', orphan)\n    \
         if nonce // {EPOCH} % 2:\n        return len(bytearray(2 << 30))\n    return nonce / 8\n"
    )
}

#[test]
#[ignore = "needs root and Docker"]
fn limits_are_obeyed_orphans_are_reaped_and_a_stop_is_in_order() {
    let project = Project::new("limited", &greedy());
    project.build();
    let container = Container::start(
        &project,
        &[
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges",
            "--memory=300m",
            "--cpus=1",
            // As compose has it.
            "--tmpfs=/tmp:exec,size=1g",
        ],
    );
    container.until_answered();
    until("a healthy container", || (container.inspect(".State.Health.Status") == "healthy").then_some(()));
    assert!(container.until_said("threads").contains("threads 1 "), "of --cpus=1");
    // Its root is read-only, and more than that is needed to read the key.
    assert_eq!(
        container.exec("touch /workspace/bundle/x /usr/x 2>&1 | grep -c 'Read-only file system'"),
        "2"
    );
    // Compiled code of the model's, and room that ends.
    assert_eq!(container.exec("cp /bin/true /tmp/compiled && /tmp/compiled && echo runs"), "runs");
    assert_eq!(container.exec("df --output=size -BG /tmp | tail -n1 | tr -d ' '"), "1G");
    assert_eq!(container.exec("grep CapPrm /proc/1/status | cut -f2"), "0000000000000000");
    assert_eq!(container.exec("tr '\\0' ' ' < /proc/1/cmdline"), "/usr/local/bin/bootstrap run");

    // The kernel ends the model, and the worker answers the next window.
    let first = container.inspect(".State.Pid");
    let killed = container.until_said("as the kernel does when memory runs out");
    assert!(killed.contains("SIGKILL"), "{killed}");
    container.until_answered();
    assert_eq!(container.inspect(".State.Pid"), first);

    // Children of the model's, and of somebody who was in the container.
    let line: Value = serde_json::from_str(&container.until_said("orphan")).unwrap();
    let of_model = line["message"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    let of_shell = container.exec("sleep 0.1 >/dev/null 2>&1 & echo $!");
    for orphan in [of_model, of_shell] {
        assert!(orphan.parse::<u32>().is_ok(), "{orphan}");
        // A zombie would stay there.
        let is_gone = || container.exec(&format!("test -e /proc/{orphan} || echo gone")) == "gone";
        until("the end of an orphan", || is_gone().then_some(()));
    }

    let start = Instant::now();
    container.docker("stop", &["--time=10"]);
    eprintln!("FIGURE: docker stop took {:.1} s", start.elapsed().as_secs_f64());
    assert_eq!(container.inspect(".State.ExitCode"), "0");
    assert!(
        container.log().lines().last().is_some_and(|line| line.contains("stopped")),
        "{}",
        container.log()
    );
}

#[test]
#[ignore = "needs root and Docker"]
fn a_container_that_was_killed_pays_for_nothing_twice() {
    let project = Project::new("killed", "def predict(nonce):\n    return nonce / 8\n");
    project.build();
    let mut container = Container::start(&project, &[]);
    let kill_after_an_answer = |container: &Container<'_>| {
        container.until_answered();
        container.docker("kill", &[]);
        assert_eq!(container.inspect(".State.ExitCode"), "137");
    };
    kill_after_an_answer(&container);
    container.docker("start", &[]);
    kill_after_an_answer(&container);
    container.replace();
    container.until_answered();
    container.docker("stop", &["--time=10"]);
    assert_eq!(container.inspect(".State.ExitCode"), "0");
    let answers = container.devnet.submissions(1).unwrap();
    let nonces: std::collections::BTreeSet<_> = answers.iter().map(|row| row.nonce).collect();
    assert_eq!(nonces.len(), answers.len());
    let payments = container.devnet.payments(&container.devnet.accounts()[0].address).unwrap();
    assert_eq!(payments.len(), answers.len() + 1, "one payment for each answer, and one to register");
    let (started, loaded) =
        (container.inspect(".State.StartedAt"), container.until_said("the model is loaded"));
    let loaded: Value = serde_json::from_str(&loaded).unwrap();
    eprintln!("FIGURE: started at {started}, the model was loaded at {}", loaded["timestamp"]);
}
