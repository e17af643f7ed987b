//! `bootstrap render` through the real binary, judged by the programs that read what it writes.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers fail and speak as tests do

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bootstrap::bundle::yaml;
use serde_json::{Value, json};
use support::BOOTSTRAP;
use tempfile::TempDir;

/// A folder's name with everything that means something in one of the formats.
const HOSTILE: &str = "it's 100%n \"my\" $HOME ${x} #1; \\t model";

/// A bundle in a folder of this name.
struct Deployed {
    _folder: TempDir,
    bundle: PathBuf,
}

impl Deployed {
    fn new(name: &str, manifest: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let bundle = folder.path().join(name);
        let made = support::Bundle::with_manifest("def predict(nonce):\n    return 1\n", manifest);
        fs::create_dir(&bundle).unwrap();
        for entry in fs::read_dir(made.root()).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), bundle.join(entry.file_name())).unwrap();
            }
        }
        Self { _folder: folder, bundle }
    }

    fn render(&self, arguments: &[&str]) -> Output {
        self.render_with(arguments, &[])
    }

    fn render_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(BOOTSTRAP);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).arg("render").args(arguments);
        command.arg(&self.bundle).envs(settings.iter().copied()).output().unwrap()
    }

    fn out(&self) -> PathBuf {
        self.bundle.with_file_name("out")
    }
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).unwrap()
}

/// The file that `kind` is written to, in `deployed.out()`.
fn written(deployed: &Deployed, kind: &str, settings: &[(&str, &str)], name: &str) -> PathBuf {
    let output = deployed.render_with(&[kind, "-o", deployed.out().to_str().unwrap()], settings);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    deployed.out().join(name)
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: there is no {program}");
    }
    found
}

/// What `systemd-analyze verify` says: it ends with 0 for a key that it does not know.
fn verify(unit: &Path) -> String {
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output().unwrap();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn systemd_has_nothing_to_say_of_a_unit() {
    if !has("systemd-analyze") {
        return;
    }
    let manifest = "runtime: {memory_mb: 100, writable: [cache, \"a b'%\", /dev/null]}\n";
    for name in ["model", HOSTILE] {
        let deployed = Deployed::new(name, manifest);
        let key = deployed.bundle.with_file_name("key's 1%");
        let settings = [
            ("ALLORA_PRIVATE_KEY_FILE", key.to_str().unwrap()),
            ("ALLORA_NETWORK", "http://127.0.0.1:26657"),
            ("BUNDLE_ID", "100% \"mine\" \\ $x"),
        ];
        let unit = written(&deployed, "systemd", &settings, "bootstrap-test.service");
        assert_eq!(verify(&unit), "");
    }
}

#[test]
fn a_file_that_differs_is_not_replaced_in_silence() {
    let deployed = Deployed::new("model", "");
    let out = deployed.out();
    let render = || {
        let output = deployed.render(&["systemd", "-o", out.to_str().unwrap()]);
        assert_eq!(text(&output.stdout), "");
        let (warning, written) = text(&output.stderr).split_once('\n').unwrap();
        assert!(warning.starts_with("warning: the network is devnet"), "{warning}");
        written.to_owned()
    };
    assert!(render().starts_with("written: "));
    assert!(render().starts_with("unchanged: "));
    let unit = out.join("bootstrap-test.service");
    let printed = deployed.render(&["systemd"]);
    assert_eq!(text(&printed.stdout), fs::read_to_string(&unit).unwrap());
    fs::write(&unit, "mine").unwrap();
    assert!(render().starts_with("replaced, another one was there: "));
}

#[test]
fn what_cannot_be_deployed_is_named() {
    let deployed = Deployed::new("model", "");
    let with_key = |variable: &'static str, secret| [("ALLORA_MNEMONIC_FILE", "/key"), (variable, secret)];
    for (variable, secret) in
        [("ALLORA_API_KEY", "sesame"), ("ALLORA_ALERT_WEBHOOK", "https://hooks.example.com/sesame")]
    {
        let output = deployed.render_with(&["systemd"], &with_key(variable, secret));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(&format!("{variable} holds a secret")), "{said}");
        assert!(
            said.contains(&format!("hint: unset it, and set {variable} where the service alone reads it")),
            "{said}"
        );
        assert!(!said.contains("sesame") && output.stdout.is_empty(), "{said}");
    }
    for (kind, settings, exit, what) in [
        ("system", ("BUNDLE_ID", "x"), 64, "possible values: systemd"),
        ("systemd", ("ALLORA_PRIVATE_KEY", "00"), 78, "ALLORA_PRIVATE_KEY holds a secret"),
        ("systemd", ("ALLORA_PRIVATE_KEY", "00"), 78, "hint: unset it; give keys in files"),
        ("systemd", ("ALLORA_NETWORK", "http://me:pass@node:1"), 78, "no file with a key"),
    ] {
        let output = deployed.render_with(&[kind], &[settings]);
        assert_eq!(output.status.code(), Some(exit));
        assert!(text(&output.stderr).contains(what), "{}", text(&output.stderr));
    }
    for address in
        ["http://me:sesame@node:1", "https://node/v1/sesame", "http://a:1,http://node:1/?key=sesame"]
    {
        let settings = [("ALLORA_NETWORK", address), ("ALLORA_MNEMONIC_FILE", "/key")];
        let output = deployed.render_with(&["systemd"], &settings);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(
            said.contains("ALLORA_NETWORK has an address with a user, password, path or query"),
            "{said}"
        );
        assert!(said.contains("\nhint: ") && !said.contains("sesame") && output.stdout.is_empty(), "{said}");
    }

    let manifest = fs::read_to_string(deployed.bundle.join("model.yaml")).unwrap();
    fs::write(deployed.bundle.join("model.yaml"), manifest.replace("topic_id: 7, ", "")).unwrap();
    let output = deployed.render_with(&["systemd"], &SETTINGS[..2]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("no topic is set for testnet"), "{}", text(&output.stderr));

    let deployed = Deployed::new("two\nlines", "");
    let output = deployed.render(&["systemd"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("cannot stand in a service file"), "{}", text(&output.stderr));
}

/// A YAML document without its places.
fn document(text: &str) -> Value {
    fn json(node: &yaml::Node) -> Value {
        match &node.value {
            yaml::Value::Scalar { text, style: yaml::Style::Plain } => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()))
            }
            yaml::Value::Scalar { text, .. } => Value::from(text.as_str()),
            yaml::Value::Sequence(nodes) => nodes.iter().map(json).collect(),
            yaml::Value::Mapping(entries) => {
                entries.iter().map(|(key, node)| (key.text.clone(), json(node))).collect()
            }
        }
    }
    let (node, problems) = yaml::read("rendered", text.as_bytes()).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    json(&node)
}

/// The objects of Kubernetes, by their kinds.
fn objects(text: &str) -> BTreeMap<String, Value> {
    let documents = text.split("\n---\n").skip(1).map(document);
    documents.map(|object| (object["kind"].as_str().unwrap().to_owned(), object)).collect()
}

fn printed(deployed: &Deployed, kind: &str, settings: &[(&str, &str)]) -> String {
    let output = deployed.render_with(&[kind], settings);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// A rendered text without what differs from run to run.
fn stable(deployed: &Deployed, rendered: &str) -> String {
    let folder = deployed.bundle.parent().unwrap().canonicalize().unwrap();
    let checksum =
        rendered.split_once("checksum/bundle: ").map_or("", |(_, rest)| rest.lines().next().unwrap());
    let text = rendered.replace(folder.to_str().unwrap(), "FOLDER");
    if checksum.is_empty() { text } else { text.replace(checksum, "CHECKSUM") }
}

/// What a worker of a real bundle has.
const MANIFEST: &str =
    "runtime: {memory_mb: 500, cpu_cores: 1.5, load_seconds: 120, writable: [cache, /dev/shm]}\n";
const SETTINGS: [(&str, &str); 5] = [
    ("ALLORA_MNEMONIC_FILE", "/keys/mnemonic"),
    ("ALLORA_NETWORK", "testnet"),
    ("ALLORA_METRICS_ADDR", "127.0.0.1:9090"),
    ("ALLORA_LOG_FILE", "/var/log/model/worker.log"),
    ("BUNDLE_ID", "100% \"mine\" $HOME"),
];

#[test]
fn objects_of_kubernetes() {
    let deployed = Deployed::new("model", MANIFEST);
    insta::assert_snapshot!(stable(&deployed, &printed(&deployed, "kubernetes", &SETTINGS)));
}

#[test]
fn a_service_of_compose() {
    let deployed = Deployed::new("model", MANIFEST);
    let folder = deployed.bundle.parent().unwrap().canonicalize().unwrap();
    let metrics = folder.join("node exporter/worker.prom");
    let settings = SETTINGS
        .into_iter()
        .chain([("ALLORA_METRICS_FILE", metrics.to_str().unwrap()), ("ALLORA_STATE_DIR", "/srv/state")]);
    insta::assert_snapshot!(stable(&deployed, &printed(&deployed, "compose", &settings.collect::<Vec<_>>())));
}

#[test]
fn no_value_breaks_out_of_yaml() {
    let evil = "x\"}]\\n---\\nkind: Pod # {{name}} $(HOME) 'y' &a *a !!b";
    let manifest = "runtime: {writable: [\"c\\\"a: }{$X\"]}\n";
    let settings = [
        ("ALLORA_PRIVATE_KEY_FILE", "/keys/it's \"mine\" ${x}"),
        ("ALLORA_NETWORK", "https://node.example,http://10.1.2.3:26657,http://[2001:db8::7]:26657"),
        ("BUNDLE_ID", evil),
    ];
    let deployed = Deployed::new(HOSTILE, manifest);
    let objects = objects(&printed(&deployed, "kubernetes", &settings));
    let kinds: Vec<_> = objects.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["Deployment", "NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget"]);
    let container = &objects["Deployment"]["spec"]["template"]["spec"]["containers"][0];
    let of = |list: &str, name: &str| {
        let found = container[list].as_array().unwrap().iter().find(|item| item["name"] == name);
        found.unwrap().clone()
    };
    assert_eq!(of("env", "BUNDLE_ID")["value"], evil.replace('$', "$$"));
    assert_eq!(of("env", "ALLORA_PRIVATE_KEY_FILE")["value"], "/run/secrets/key");
    assert_eq!(of("volumeMounts", "empty-1")["mountPath"], "/workspace/bundle/c\"a: }{$X");

    // A name stands for any address of the internet, an address for itself.
    let tcp = |port: u16| json!([{"protocol": "TCP", "port": port}]);
    let to = |cidr: &str| json!([{"ipBlock": {"cidr": cidr}}]);
    let internet = json!([
        {"ipBlock": {
            "cidr": "0.0.0.0/0",
            "except": ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
        }},
        {"ipBlock": {"cidr": "::/0", "except": ["fc00::/7", "fe80::/10"]}},
    ]);
    let egress = objects["NetworkPolicy"]["spec"]["egress"].as_array().unwrap();
    assert_eq!(
        egress[1..],
        [
            json!({"to": internet, "ports": tcp(443)}),
            json!({"to": to("10.1.2.3/32"), "ports": tcp(26657)}),
            json!({"to": to("2001:db8::7/128"), "ports": tcp(26657)}),
        ]
    );
    assert_eq!(objects["NetworkPolicy"]["spec"]["ingress"], json!([]));

    // One of the cluster has addresses that the internet has not.
    let inside: Vec<_> = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
        .map(|cidr| json!({"ipBlock": {"cidr": cidr}}))
        .into();
    let inside = [vec![json!({"namespaceSelector": {}})], inside].concat();
    for host in ["node", "node.chain.svc", "node.chain.svc.cluster.local", "node.local."] {
        let network = format!("http://{host}:26657");
        let objects =
            self::objects(&printed(&deployed, "kubernetes", &[settings[0], ("ALLORA_NETWORK", &network)]));
        let egress = objects["NetworkPolicy"]["spec"]["egress"].as_array().unwrap();
        assert_eq!(egress[1..], [json!({"to": inside, "ports": tcp(26657)})], "{host}");
    }

    let compose = document(&printed(&deployed, "compose", &settings));
    let service = &compose["services"]["test"];
    assert_eq!(service["environment"]["BUNDLE_ID"], evil.replace('$', "$$"));
    assert_eq!(compose["secrets"]["key"]["file"], settings[0].1.replace('$', "$$"));
}

/// Whatever the bundle and its settings are: one pod at a time, by the deployment and by the volume of its journal.
#[test]
fn no_two_workers_of_kubernetes_have_one_wallet() {
    for (manifest, settings) in
        [("", &[][..]), (MANIFEST, &SETTINGS), ("runtime: {spare: true}\n", &SETTINGS)]
    {
        let deployed = Deployed::new("model", manifest);
        let objects = objects(&printed(&deployed, "kubernetes", settings));
        // None that starts further pods, as an autoscaler would.
        let kinds: Vec<_> = objects.keys().map(String::as_str).collect();
        assert_eq!(kinds, ["Deployment", "NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget"]);
        let spec = &objects["Deployment"]["spec"];
        assert_eq!((&spec["replicas"], &spec["strategy"]), (&json!(1), &json!({"type": "Recreate"})));
        let pod = &spec["template"]["spec"];
        assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
        let of = |list: &Value| {
            let state = list.as_array().unwrap().iter().find(|item| item["name"] == "state");
            state.unwrap().clone()
        };
        assert_eq!(of(&pod["containers"][0]["volumeMounts"])["mountPath"], "/var/lib/bootstrap");
        let claim = &objects["PersistentVolumeClaim"];
        assert_eq!(of(&pod["volumes"])["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);
        assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOncePod"]));
    }
}

#[test]
fn a_bundle_that_changed_rolls_and_another_place_does_not() {
    let checksum = |deployed: &Deployed| {
        let objects = objects(&printed(deployed, "kubernetes", &[]));
        let metadata = objects["Deployment"]["spec"]["template"]["metadata"].clone();
        metadata["annotations"]["checksum/bundle"].as_str().unwrap().to_owned()
    };
    let [first, second] = ["one", "two"].map(|name| Deployed::new(name, ""));
    assert_eq!(checksum(&first), checksum(&second));
    fs::write(second.bundle.join("model.py"), "def predict(nonce):\n    return 2\n").unwrap();
    assert_ne!(checksum(&first), checksum(&second));
}

#[test]
fn files_that_settings_name_can_be_written_under_systemd() {
    let deployed = Deployed::new("model", "");
    let settings = [("ALLORA_METRICS_FILE", "metrics/worker.prom"), ("ALLORA_LOG_FILE", "/logs/worker.log")];
    let unit = printed(&deployed, "systemd", &settings);
    let here = std::env::current_dir().unwrap().join("metrics");
    assert!(unit.contains(&format!("ALLORA_METRICS_FILE={}/worker.prom\"", here.display())), "{unit}");
    // A user's manager closes nothing.
    if unit.contains("ProtectSystem=strict") {
        for folder in [here.to_str().unwrap(), "/logs"] {
            assert!(unit.contains(&format!("ReadWritePaths=-'{folder}'\n")), "{unit}");
        }
    }
}

#[test]
fn a_key_that_the_container_cannot_read_is_refused() {
    let deployed = Deployed::new("model", "");
    let key = deployed.bundle.with_file_name("key");
    fs::write(&key, "00").unwrap();
    let compose = |mode| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        deployed.render_with(&["compose"], &[("ALLORA_PRIVATE_KEY_FILE", key.to_str().unwrap())])
    };
    assert_eq!(compose(0o444).status.code(), Some(0));
    let output = compose(0o000);
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    assert!(
        said.contains("is closed to the worker in its container") && said.contains("`chown 1000 "),
        "{said}"
    );
}

#[test]
fn what_the_service_s_user_cannot_write_to_is_refused_under_systemd() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: a user's own service runs as who renders it");
        return;
    }
    let deployed = Deployed::new("model", "runtime: {writable: [cache]}\n");
    let cache = deployed.bundle.join("cache");
    fs::create_dir(&cache).unwrap();
    let render = |mode| {
        fs::set_permissions(&cache, fs::Permissions::from_mode(mode)).unwrap();
        deployed.render(&["systemd"])
    };
    assert_eq!(render(0o777).status.code(), Some(0));
    let output = render(0o755);
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output.stderr);
    assert!(said.contains("cache is closed to a user of its own, who runs the worker"), "{said}");
    assert!(said.contains("\nhint: the bundle is root's") && output.stdout.is_empty(), "{said}");
    std::os::unix::fs::chown(&cache, Some(1), Some(1)).unwrap();
    let unit = deployed.render(&["systemd"]);
    assert!(text(&unit.stdout).contains("\nUser=daemon\n"), "{}", text(&unit.stderr));
}

#[test]
fn a_user_without_a_home_has_no_state_in_it() {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let homeless = fields.filter(|fields| fields[2] != "0").find(|fields| !Path::new(fields[5]).is_dir());
    let Some(homeless) = homeless.filter(|_| nix::unistd::geteuid().is_root()) else {
        eprintln!("SKIPPED: that takes root, and a user without a home");
        return;
    };
    let deployed = Deployed::new("model", "");
    std::os::unix::fs::chown(&deployed.bundle, Some(homeless[2].parse().unwrap()), None).unwrap();
    for kind in ["supervisord", "cron"] {
        let output = deployed.render(&[kind]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(
            said.contains(&format!("{}, who runs the worker, has no home folder", homeless[0])),
            "{said}"
        );
        assert!(said.contains("set ALLORA_STATE_DIR"), "{said}");
        let moved = deployed.render_with(&[kind], &[("ALLORA_STATE_DIR", "/srv/state")]);
        assert_eq!(moved.status.code(), Some(0), "{}", text(&moved.stderr));
    }
    assert_eq!(deployed.render(&["systemd"]).status.code(), Some(0), "systemd makes a folder");
}

#[test]
fn every_kind_has_a_file_of_its_own() {
    let deployed = Deployed::new("model", "");
    let out = deployed.out();
    for kind in
        ["systemd", "supervisord", "cron", "logrotate", "compose", "kubernetes", "prometheus", "grafana"]
    {
        let output = deployed.render(&[kind, "-o", out.to_str().unwrap()]);
        let said = text(&output.stderr);
        assert!(said.lines().any(|line| line.starts_with("written: ")), "{kind}: {said}");
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 8);
}

#[test]
fn logrotate_is_content_where_no_process_can_be_told() {
    if !has("logrotate") {
        return;
    }
    let deployed = Deployed::new("model", "");
    let log = deployed.bundle.with_file_name("worker.log");
    fs::write(&log, "a line\n").unwrap();
    fs::set_permissions(log.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    let settings = [("ALLORA_LOG_FILE", log.to_str().unwrap())];
    let config = written(&deployed, "logrotate", &settings, "bootstrap-test.logrotate");
    let output = Command::new("logrotate")
        .args(["--force", "--state"])
        .arg(deployed.bundle.with_file_name("rotations"))
        .arg(&config)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    assert!(!log.exists());
}
