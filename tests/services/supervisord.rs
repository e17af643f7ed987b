//! A worker under supervisord, on a machine without systemd.

use crate::engine::Engine;
use crate::machine::{self, Machine};
use crate::until;

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";
const HOSTILE: &str = "it's 100%n \"my\" $HOME ${x} #1; model";

/// `None` while none runs, which is no success to it.
fn pid(machine: &Machine) -> Option<String> {
    let output = machine.exec("supervisorctl pid bootstrap-test");
    let pid = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && pid != "0").then_some(pid)
}

#[test]
#[ignore = "needs root and Docker"]
fn a_worker_is_kept_alive_and_stopped_in_order() {
    let engine = Engine::get();
    let init = "exec supervisord -n -c /etc/supervisor/supervisord.conf";
    let machine = Machine::start(engine, init, machine::chain());
    until("supervisord", || machine.exec("supervisorctl version").status.success().then_some(()));
    let bundle = machine.bundle(HOSTILE, ONE, "", 0);
    let program = "/etc/supervisor/conf.d/bootstrap-test.conf";
    let devnet = machine.bootstrap_with("ALLORA_NETWORK=devnet", "service install", &bundle);
    let said = String::from_utf8_lossy(&devnet.stderr).into_owned();
    assert_eq!(devnet.status.code(), Some(0), "{said}");
    assert!(
        said.contains("warning: the network is devnet, so this worker runs a chain of its own"),
        "{said}"
    );
    assert_eq!(machine.service("install", &bundle), format!("brought bootstrap-test up to date: {program}"));
    assert_eq!(machine.service("start", &bundle), "started bootstrap-test");
    machine.until_answered();
    assert_eq!(machine.service("start", &bundle), "started bootstrap-test");
    assert_eq!(machine.service("health", &bundle), "yes");
    until("a program that runs", || machine.service("status", &bundle).contains("RUNNING").then_some(()));

    machine.assert_log_is_followed(&bundle);

    // Killed, and ended in order by somebody else than supervisord.
    for signal in ["KILL", "TERM"] {
        let first = pid(&machine).unwrap();
        machine.must(&format!("kill -{signal} {first}"));
        until("another worker", || pid(&machine).filter(|pid| *pid != first));
        machine.until_answered();
    }

    let second = pid(&machine).unwrap();
    assert_eq!(machine.service("restart", &bundle), "started bootstrap-test");
    assert_ne!(pid(&machine).unwrap(), second);
    assert_eq!(machine.service("stop", &bundle), "stopped bootstrap-test");
    assert_eq!(machine.service("stop", &bundle), "stopped bootstrap-test");
    let log = "cat /var/log/bootstrap-test.log*";
    assert!(machine.must(log).contains("\"message\":\"stopped\""));
    let health = machine.bootstrap("service health", &bundle);
    assert_eq!(String::from_utf8_lossy(&health.stdout), "no: the worker has stopped\n");
    assert_eq!(machine.bootstrap("service status", &bundle).status.code(), Some(1));

    machine.service("uninstall", &bundle);
    machine.must(&format!("test ! -e {program} && ls /var/lib/bootstrap/test/*.journal"));
}
