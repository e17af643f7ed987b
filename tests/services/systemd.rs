//! A worker under systemd, which runs as the first process of a machine.

use crate::engine::Engine;
use crate::machine::Machine;
use crate::until;

const ONE: &str = "def predict(nonce):\n    return nonce / 8\n";

/// Eats what it gets, once for each file that says so.
const GLUTTON: &str = "import pathlib\n\nORDER = pathlib.Path(__file__).parents[1] / 'cache/eat'\n\ndef predict(nonce):\n    \
                       if ORDER.exists():\n        ORDER.unlink()\n        held = [bytes([1]) * (1 << 20) for _ in range(2000)]\n    \
                       return nonce / 8\n";

/// What means something in the unit's format.
const HOSTILE: &str = "it's 100%n \"my\" $HOME ${x} #1; model";

fn property(machine: &Machine, name: &str) -> String {
    machine.must(&format!("systemctl show --value --property {name} bootstrap-test"))
}

/// The process of the worker, another one than `former`.
fn until_replaced(machine: &Machine, former: &str) -> String {
    until("another worker", || {
        let pid = property(machine, "MainPID");
        (pid != former && pid != "0" && property(machine, "ActiveState") == "active").then_some(pid)
    })
}

#[test]
#[ignore = "needs root and Docker"]
fn a_worker_is_kept_alive_and_stopped_in_order() {
    let engine = Engine::get();
    let machine = Machine::with_systemd(engine);
    let bundle = machine.bundle(HOSTILE, ONE, "", 0);
    let unit = "/etc/systemd/system/bootstrap-test.service";
    assert_eq!(machine.service("install", &bundle), format!("installed bootstrap-test: {unit}"));
    assert_eq!(machine.service("install", &bundle), format!("bootstrap-test is up to date: {unit}"));
    assert_eq!(machine.must(&format!("systemd-analyze verify --man=no {unit} 2>&1")), "");
    assert_eq!(machine.must("systemctl is-enabled bootstrap-test"), "enabled");

    let other = machine.bundle("other", ONE, "", 0);
    let refused = machine.bootstrap("service install", &other);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(78));
    assert!(said.starts_with(&format!("error: {unit} is not of this bundle\n  caused by: ")), "{said}");
    assert_eq!(machine.bootstrap("service start", &other).status.code(), Some(78));

    assert_eq!(machine.bootstrap("service status", &bundle).status.code(), Some(1));
    assert_eq!(machine.service("start", &bundle), "started bootstrap-test");
    machine.until_answered();
    assert_eq!(machine.service("health", &bundle), "yes");
    assert!(machine.service("status", &bundle).contains("Status: \""));
    machine.assert_log_is_followed(&bundle);
    assert_ne!(machine.must("stat -c %u /run/bootstrap/test/heartbeat"), "0");
    // The unit's own walls leave ours standing, and the memory of the model in sight.
    let places = "--state-dir /var/lib/bootstrap/test --heartbeat-file /run/bootstrap/test/heartbeat";
    let status: serde_json::Value =
        serde_json::from_str(&machine.must(&format!("bootstrap status --json {places}"))).unwrap();
    assert!(status["isolation"].as_object().unwrap().values().all(|stands| stands == true), "{status}");
    assert!(status["model"]["rss_bytes"].as_u64().unwrap() > 1 << 20, "{status}");

    let first = property(&machine, "MainPID");
    machine.must(&format!("kill -KILL {first}"));
    let second = until_replaced(&machine, &first);
    machine.until_answered();

    // A loop that hangs: systemd misses its turns.
    machine.must(&format!("kill -STOP {second}"));
    let third = until_replaced(&machine, &second);
    assert!(machine.must("journalctl -u bootstrap-test").contains("Watchdog timeout"));
    machine.until_answered();

    assert_eq!(machine.service("restart", &bundle), "started bootstrap-test");
    assert_ne!(property(&machine, "MainPID"), third);
    assert_eq!(machine.service("stop", &bundle), "stopped bootstrap-test");
    assert_eq!(
        (property(&machine, "Result"), property(&machine, "ExecMainStatus")),
        ("success".into(), "0".into())
    );
    assert!(machine.must("journalctl -u bootstrap-test -o cat -n 5").contains("\"message\":\"stopped\""));
    assert_eq!(machine.bootstrap("service health", &bundle).status.code(), Some(1));

    // Even when the bundle is gone.
    std::fs::remove_dir_all(machine.file(HOSTILE)).unwrap();
    assert!(machine.service("uninstall", &bundle).starts_with(&format!("removed bootstrap-test: {unit};")));
    machine.must(&format!("test ! -e {unit} && test -e /world/key && ls /var/lib/bootstrap/test/*.journal"));
    assert_eq!(machine.bootstrap("service stop", &bundle).status.code(), Some(78));
    // Each window was paid for once, whatever happened to the worker.
    let payments = machine.devnet.payments(&machine.devnet.accounts()[0].address).unwrap();
    let answers: std::collections::BTreeSet<_> =
        machine.devnet.submissions(1).unwrap().into_iter().map(|row| row.nonce).collect();
    assert_eq!(payments.len(), answers.len() + 1, "one payment for each answer, and one to register");
}

#[test]
#[ignore = "needs root and Docker"]
fn a_model_that_takes_all_memory_ends_and_the_worker_does_not() {
    let engine = Engine::get();
    let machine = Machine::with_systemd(engine);
    let runtime = |mib: u64| format!("runtime: {{memory_mb: {mib}, writable: [cache]}}\n");
    let bundle = machine.bundle("glutton", GLUTTON, &runtime(64), 1);
    machine.must("chown -R daemon /world/key");
    machine.service("install", &bundle);
    machine.service("start", &bundle);
    machine.until_answered();
    // The owner of the folder that the model writes to.
    assert_eq!(machine.must("stat -c %U /run/bootstrap/test/heartbeat"), "daemon");
    let limit = "cat /sys/fs/cgroup/memory/system.slice/bootstrap-test.service/memory.limit_in_bytes \
                 /sys/fs/cgroup/system.slice/bootstrap-test.service/memory.max 2>/dev/null | head -n 1";
    assert_eq!(machine.must(limit), ((64 + 128) << 20).to_string());

    // The worker ends this meal. It would not end the next one, of which the kernel takes notice.
    recovers(&machine, "the worker's limit");
    machine.bundle("glutton", GLUTTON, &runtime(4000), 1);
    assert!(machine.service("install", &bundle).starts_with("brought bootstrap-test up to date: "));
    machine.must(
        "mkdir -p /etc/systemd/system/bootstrap-test.service.d && printf '[Service]\\nMemoryMax=150M\\n' \
         >/etc/systemd/system/bootstrap-test.service.d/limit.conf && systemctl daemon-reload",
    );
    machine.service("restart", &bundle);
    machine.until_answered();
    recovers(&machine, "the unit's limit");
}

/// Lets the model eat. The worker replaces it and answers, and is the same worker.
fn recovers(machine: &Machine, limit: &str) {
    let worker = property(machine, "MainPID");
    let order = machine.file("glutton/cache/eat");
    std::fs::write(&order, "").unwrap();
    until(limit, || (!order.exists()).then_some(()));
    machine.until_json(limit, "/run/bootstrap/test/heartbeat", |json| {
        json["model"]["restarts"].as_u64().unwrap_or(0) > 0
    });
    machine.until_answered();
    assert_eq!(property(machine, "MainPID"), worker, "{limit}");
}

#[test]
#[ignore = "needs root and Docker"]
fn no_line_is_lost_when_logrotate_takes_the_log() {
    let engine = Engine::get();
    let machine = Machine::with_systemd(engine);
    let bundle = machine.bundle("model", ONE, "", 0);
    machine.must("install -d -m 1777 /srv/metrics");
    let settings = "ALLORA_LOG_FILE=/var/log/bootstrap/test/worker.log ALLORA_LOG_MAX_BYTES=1GiB ALLORA_LOG_LEVEL=trace \
                    ALLORA_LOG_FORMAT=json ALLORA_METRICS_FILE=/srv/metrics/worker.prom";
    for command in ["service install", "service start", "render logrotate -o /etc/logrotate.d"] {
        let output = machine.bootstrap_with(settings, command, &bundle);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for _ in 0..3 {
        machine.until_answered();
        // Two files of the same second would have the same name.
        machine.must(
            "sleep 1 && logrotate --force --state /tmp/logrotate /etc/logrotate.d/bootstrap-test.logrotate",
        );
    }
    machine.until_answered();
    machine.must("test -s /srv/metrics/worker.prom");
    machine.service("stop", &bundle);
    // The two copies of a line differ in their times.
    let lines = |command: &str| {
        let text = machine.must(command);
        let lines = text.lines().filter(|line| line.starts_with('{')).filter_map(|line| line.split_once(','));
        let mut lines: Vec<_> = lines.map(|(_, line)| line.to_owned()).collect();
        lines.sort_unstable();
        lines
    };
    let written = lines("cd /var/log/bootstrap/test && zcat -f worker.log*");
    let said = lines("journalctl -u bootstrap-test -o cat --all --no-pager");
    assert_eq!(machine.must("ls /var/log/bootstrap/test/worker.log-* | wc -l"), "3");
    assert!(said.len() > 100 && written == said, "{} of {} lines", written.len(), said.len());
}

#[test]
#[ignore = "needs root and Docker"]
fn a_user_has_services_of_their_own() {
    let engine = Engine::get();
    let machine = Machine::with_systemd(engine);
    let bundle = machine.bundle("model", ONE, "", 1000);
    machine.must("useradd --create-home --uid 1000 alice && chown alice /world/key");
    let alice =
        "HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000 setpriv --reuid=1000 --regid=1000 --clear-groups";
    let service = |verb: &str| {
        let output = machine.bootstrap_with(alice, &format!("service {verb}"), &bundle);
        let said =
            [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).trim_end().to_owned());
        (output.status.code(), said.concat())
    };
    let (code, said) = service("install");
    assert_eq!(code, Some(78));
    assert!(said.ends_with("while nobody is logged in: `loginctl enable-linger` keeps one"), "{said}");

    // What a login does.
    machine.must(
        "mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nEnvironment=XDG_RUNTIME_DIR=/run/user/%%i\\n' \
         >/etc/systemd/system/user@.service.d/login.conf && systemctl daemon-reload && systemctl start user@1000",
    );
    assert!(
        service("install").1.starts_with("bootstrap-test is up to date: /home/alice/.config/systemd/user/")
    );
    assert_eq!(service("start"), (Some(0), "started bootstrap-test".into()));
    machine.until_answered();
    assert_eq!(service("health"), (Some(0), "yes".into()));
    machine.must("ls /home/alice/.local/state/bootstrap/test/*.journal");
    assert_eq!(service("stop"), (Some(0), "stopped bootstrap-test".into()));
    assert_eq!(service("uninstall").0, Some(0));
    machine.must("test ! -e /home/alice/.config/systemd/user/bootstrap-test.service");
}
