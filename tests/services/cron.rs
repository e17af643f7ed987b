//! A worker that cron starts for each window.

use std::collections::BTreeSet;

use bootstrap::devnet::Options;

use crate::engine::Engine;
use crate::machine::{self, Machine};
use crate::until;

/// Slow enough that a run is still there when the second one of the same minute starts.
const SLOW: &str = "import time\n\ndef predict(nonce):\n    time.sleep(2)\n    return nonce / 8\n";
const HOSTILE: &str = "it's 100%n \"my\" $HOME ${x} #1; model";

#[test]
#[ignore = "needs root and Docker"]
fn two_runs_at_once_answer_a_window_once() {
    let engine = Engine::get();
    // Windows of 15 s each 16 s: of the runs that begin at each full minute, one of four may come too late in a window.
    let chain =
        Options { epoch_length: 32, worker_submission_window: 30, ground_truth_lag: 32, ..machine::chain() };
    let machine = Machine::start(engine, "exec cron -f", chain);
    let bundle = machine.bundle(HOSTILE, SLOW, "", 0);
    let output = machine.bootstrap("render cron -o /world/cron", &bundle);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    machine.must(
        "mkdir -p /var/lib/bootstrap/test/log && touch -d '40 days ago' /var/lib/bootstrap/test/log/old.log",
    );
    // As it was rendered, but for the times: every line each minute, and the first one twice.
    let table = std::fs::read_to_string(machine.file("cron/bootstrap-test")).unwrap();
    let is_job = |line: &&str| line.contains(" * * root ");
    let jobs: Vec<_> = table.lines().filter(is_job).collect();
    assert_eq!(jobs.len(), 3, "{table}");
    let command = |line: &str| line.split_once("root ").map(|(_, command)| command.to_owned()).unwrap();
    let lines: String =
        [0, 0, 1, 2].iter().map(|job| format!("* * * * * root {}\n", command(jobs[*job]))).collect();
    let head: Vec<_> = table.lines().take_while(|line| !line.is_empty()).collect();
    std::fs::write(machine.file("lines"), format!("{}\n{lines}", head.join("\n"))).unwrap();
    machine.must("install -m 644 /world/lines /etc/cron.d/bootstrap-test");

    let log = "cat /var/lib/bootstrap/test/log/20*.log";
    until("two answers, and a run that met another one", || {
        let met = machine.submissions() >= 2 && machine.must(log).contains("in use");
        met.then_some(())
    });
    machine.must("rm /etc/cron.d/bootstrap-test");
    until("no run", || {
        (!machine.exec("ls /proc/[0-9]*/exe -l | grep -q bootstrap").status.success()).then_some(())
    });
    machine.must("test ! -e /var/lib/bootstrap/test/log/old.log");
    // No mail while all is well.
    let variables: String = head.iter().skip(1).map(|line| format!("{}\n", exported(line))).collect();
    assert_eq!(machine.must(&(variables + &command(jobs[1]))), "");
    let rows = machine.devnet.submissions(1).unwrap();
    let nonces: BTreeSet<_> = rows.iter().map(|row| row.nonce).collect();
    let payments = machine.devnet.payments(&machine.devnet.accounts()[0].address).unwrap();
    assert_eq!((rows.len(), payments.len()), (nonces.len(), nonces.len() + 1));
}

/// A variable of cron's table as the shell takes it.
fn exported(line: &str) -> String {
    let (name, value) = line.split_once('=').unwrap();
    format!("export {name}='{}'", value.replace('\'', "'\\''"))
}
