//! The worker's processes: a spare one that answers, and what the worker adopts.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use bootstrap::devnet::Options;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Bench, manual, quick};

/// Numbers that a model wrote into a file of its scratch or marks folder, one a line.
fn numbers(file: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// State and parent of a process that is there.
fn stat(pid: i32) -> Option<(String, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

#[test]
fn a_spare_process_answers_the_window_in_which_the_first_one_dies() {
    const CODE: &str = "
import os, time
LOADS = os.path.join(os.environ['MARKS'], 'loads')
with open(LOADS, 'a') as file: file.write(f'{os.getpid()}\\n')
def predict():
    if open(LOADS).read().split()[0] == str(os.getpid()):
        # Never, if it were loaded only when this one is gone.
        while len(open(LOADS).read().split()) < 2: time.sleep(0.01)
        os._exit(3)
    return os.getpid()
";
    let marks = tempfile::TempDir::new().unwrap();
    let manifest = format!("runtime: {{spare: true, writable: [{}]}}\n", marks.path().display());
    let long = Options { epoch_length: 60, worker_submission_window: 50, ground_truth_lag: 60, ..quick() };
    let bench = Bench::with_manifest(long, CODE, &manifest).set("MARKS", marks.path().to_str().unwrap());
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--once"]).exit().code(), Some(0), "{}", bench.log());
    let round = &bench.rounds()[0];
    let spare = numbers(&marks.path().join("loads"))[1];
    assert_eq!(
        (&round["state"], &round["value"]),
        (&"admitted".into(), &spare.to_string().into()),
        "{round}"
    );
    assert!(bench.log().contains("exit code 3"), "{}", bench.log());
}

#[test]
fn what_the_worker_adopts_is_reaped_and_what_a_killed_keeper_leaves_is_ended() {
    const CODE: &str = "
import os, subprocess
with open(os.path.join(os.environ['MARKS'], 'strays'), 'a') as file:
    file.write(f'{subprocess.Popen([\"sleep\", \"1000\"], start_new_session=True).pid}\\n')
def predict(): return 1
";
    let marks = tempfile::TempDir::new().unwrap();
    let manifest = format!("runtime: {{writable: [{}]}}\n", marks.path().display());
    let bench = Bench::with_manifest(manual(), CODE, &manifest).set("MARKS", marks.path().to_str().unwrap());
    bench.devnet.mine(2).unwrap();
    // A shell leaves children to what it becomes: as the first process of a container gets orphans.
    let inner = bench.bootstrap();
    let environment: HashMap<&OsStr, Option<&OsStr>> = inner.get_envs().collect();
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "sleep 0.1 >/dev/null & sleep 300 >/dev/null 2>&1 & echo $! > $MARKS/bystander; exec \"$0\" run",
    ]);
    shell.arg(inner.get_program());
    for (name, value) in environment {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let worker = bench.start(&mut shell);
    let model =
        |bench: &Bench| bench.heartbeat()["model"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    let first = bench.until("a loaded model", |bench| {
        let is_ready = bench.heartbeat()["model"]["state"] == "ready";
        model(bench).filter(|_| is_ready)
    });
    let strays = marks.path().join("strays");
    let stray = numbers(&strays)[0];
    let bystander = numbers(&marks.path().join("bystander"))[0];
    assert!(stat(stray).is_some());

    // As the model could, where the kernel does not confine its signals.
    let keeper = stat(first).unwrap().1;
    kill(Pid::from_raw(keeper), Signal::SIGKILL).unwrap();
    bench.until("another model", |_| (numbers(&strays).len() == 2).then_some(()));
    for gone in [keeper, first, stray] {
        bench.until("the end of what was the first's", |_| stat(gone).is_none().then_some(()));
    }
    assert_eq!(stat(bystander).unwrap().1, worker.pid().as_raw(), "not the model's, not ours to end");
    bench.until("no zombies", |_| {
        let children = format!("/proc/{pid}/task/{pid}/children", pid = worker.pid());
        let children = std::fs::read_to_string(children).unwrap();
        children.split_whitespace().eq([bystander.to_string()]).then_some(())
    });
    kill(Pid::from_raw(bystander), Signal::SIGKILL).unwrap();
    assert_eq!(worker.stop(), Some(0), "{}", bench.log());
}
