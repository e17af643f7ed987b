//! What is in an image, and what building it again costs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::engine::base;
use crate::index::{PASSWORD, WHEEL, wheel};
use crate::project::{BASE, PYTHON, Project, program, turn};

const CODE: &str = "import parcel\n\ndef predict(nonce):\n    return nonce / parcel.WEIGHT\n";

#[test]
#[ignore = "needs root and Docker"]
fn an_image_has_the_bundle_and_its_packages_and_nothing_of_the_host() {
    let project = Project::new("content", CODE);
    let seconds = project.build().as_secs_f64();
    assert!(project.index.served() > 0, "settings of the host's pip reach the build");

    for (what, value) in [
        (".Config.User", "1000:1000"),
        ("json .Config.Entrypoint", r#"["/usr/local/bin/bootstrap"]"#),
        ("json .Config.Cmd", r#"["run"]"#),
        ("json .Config.Volumes", r#"{"/tmp":{},"/var/lib/bootstrap":{}}"#),
        ("json .Config.Healthcheck.Test", r#"["CMD","/usr/local/bin/bootstrap","probe","live"]"#),
    ] {
        assert_eq!(project.inspect(project.tag(), what), value, "{what}");
    }
    let labels: BTreeMap<String, String> =
        serde_json::from_str(&project.inspect(project.tag(), "json .Config.Labels")).unwrap();
    // The base of tests is of no registry, so it has no digest.
    let expected = [
        ("base.name", "docker.io/library/python:3.11-slim"),
        ("created", "2023-11-14T22:13:20Z"),
        ("description", "An Allora worker with the model content"),
        ("licenses", "MIT"),
        ("revision", "0123abc"),
        ("title", "content"),
        ("version", "1.0"),
    ];
    let expected =
        expected.map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.to_owned()));
    assert_eq!(labels, BTreeMap::from(expected));
    assert_eq!(project.shell("id -u; id -g; stat -c %u:%a /var/lib/bootstrap"), "1000\n1000\n1000:700");
    assert_eq!(
        project.shell("python3 -c 'import parcel, sys; print(parcel.WEIGHT, sys.prefix)'"),
        "2 /opt/venv"
    );
    // The package has a script of that name.
    assert_eq!(project.shell("readlink -f $(command -v bootstrap)"), "/usr/local/bin/bootstrap");
    let predicted =
        project.engine.must(&["run", "--rm", "--network=none", project.tag(), "predict", "--nonce=3"]);
    assert_eq!(predicted, "1.5");
    assert_eq!(project.shell("find /workspace /opt /usr/local -writable ! -type l"), "");
    assert_eq!(project.shell("command -v cc gcc g++ c++ clang make ld as || true"), "");
    let left = "ls -d /build /host /requirements /bundle.tar.gz /etc/pip* /etc/ssl/certs/host.pem /opt/venv/bin/pip* \
                2>/dev/null || true";
    assert_eq!(project.shell(left), "");
    let layers = |image: &str| project.inspect(image, "json .RootFS.Layers").matches("sha256").count();
    assert_eq!(layers(project.tag()) - layers(BASE), 4, "user, packages, program, bundle");

    // Not in a layer, a label or the history of one.
    let save = format!("docker save {0} | grep -a -c -e {PASSWORD} -e .cache/pip", project.tag());
    let found = project.engine.command("sh").args(["-c", &save]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "0\n");
    let history = project.engine.must(&["history", "--no-trunc", project.tag()]);
    assert!(!history.contains(PASSWORD) && !history.contains("pip "), "{history}");

    let size = |image: &str| project.inspect(image, ".Size").parse::<f64>().unwrap() / 1e6;
    let (added, program) = (size(project.tag()) - size(BASE), fs::metadata(program()).unwrap().len());
    eprintln!("FIGURE: the first build took {seconds:.1} s");
    eprintln!(
        "FIGURE: {added:.1} MB are added to the base, {:.1} MB of it a program for tests",
        program as f64 / 1e6
    );
}

#[test]
#[ignore = "needs root and Docker"]
fn a_change_of_code_installs_nothing_again() {
    let project = Project::new("Re..built-", CODE);
    project.build();
    let served = project.index.served();
    let seconds = change_code(&project, "# changed");
    assert_eq!(project.index.served(), served, "pip was not run");
    eprintln!("FIGURE: a rebuild after a change of code took {seconds:.1} s, with packing, export and all");

    project.edit("requirements.txt", |text| text + "# pip is to look again\n");
    project.build();
    let served_again = project.index.served();
    assert!(served_again > served, "pip was run");

    // What is installed from the bundle itself is not the code.
    let bundle = project.bundle();
    fs::create_dir(bundle.join("wheels")).unwrap();
    fs::write(bundle.join("wheels").join(WHEEL), wheel()).unwrap();
    project.edit("requirements.txt", |_| format!("./wheels/{WHEEL}\n"));
    project.build();
    assert_eq!(project.index.served(), served_again, "pip has the wheel of the bundle");
    assert_eq!(project.shell("python3 -c 'import parcel; print(parcel.WEIGHT)'"), "2");
    change_code(&project, "# changed again");
}

/// Builds after a change of code, which must change the last layer alone. Gives the seconds that it took.
fn change_code(project: &Project, line: &str) -> f64 {
    let layers = || -> Vec<String> {
        serde_json::from_str(&project.inspect(project.tag(), "json .RootFS.Layers")).unwrap()
    };
    let before = layers();
    project.edit("src/runner.py", |code| format!("{code}\n{line}\n"));
    let took = project.build();
    let after = layers();
    assert_eq!(before.split_last().unwrap().1, after.split_last().unwrap().1);
    assert_ne!(before.last(), after.last());
    assert!(project.shell("cat /workspace/bundle/src/runner.py").ends_with(line));
    took.as_secs_f64()
}

/// The first client of the engine that has BuildKit.
fn client_of_buildkit() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut clients =
        std::env::split_paths(&path).map(|folder| folder.join("docker")).filter(|path| path.is_file());
    let has_buildkit = |client: &PathBuf| {
        let version = Command::new(client).arg("--version").output().unwrap().stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        let major = version.split([' ', '.']).find_map(|word| word.parse::<u32>().ok());
        // Later ones leave it to a plugin.
        let plugin = || Command::new(client).args(["buildx", "version"]).output().unwrap().status.success();
        major.is_some_and(|major| major < 23) || plugin()
    };
    clients.find(has_buildkit).expect("a client with BuildKit: docker 20.10, or a later one with buildx")
}

/// Builds the template, as it is and filled in, by this client.
fn build_template(name: &str, client: &Path, buildkit: &str) {
    let project = Project::new(name, "def predict(nonce):\n    return nonce / 2\n");
    project.edit("requirements.txt", |_| String::new());
    let context = project.folder.path().join("context");
    let context = context.to_str().unwrap();
    for arguments in [["pack", "-o", context].as_slice(), &["render", "dockerfile", "-o", context]] {
        let output = project.bootstrap(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::copy(program(), format!("{context}/bootstrap")).unwrap();
    let as_it_is = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/Dockerfile");
    let values = [
        format!("PYTHON_VERSION={PYTHON}"),
        format!("BUNDLE_ARCHIVE={name}-1.0.tar.gz"),
        format!("BUNDLE_NAME={name}"),
    ];
    let mut arguments = vec!["-f", as_it_is];
    arguments.extend(values.iter().flat_map(|value| ["--build-arg", value]));
    for (way, arguments) in [("filled", vec![]), ("as-it-is", arguments)] {
        let tag = format!("{name}:{way}");
        let mut command = project.engine.command(client);
        command.env("DOCKER_BUILDKIT", buildkit).args(["build", "--network=host", "--tag", &tag]);
        let turn = turn();
        let output = command.args(arguments).arg(context).output().unwrap();
        drop(turn);
        assert!(output.status.success(), "{tag}: {}", String::from_utf8_lossy(&output.stderr));
        let predicted = project.engine.must(&["run", "--rm", "--network=none", &tag, "predict", "--nonce=3"]);
        assert_eq!(predicted, "1.5", "{tag}");
        assert_eq!(project.inspect(&tag, r#"index .Config.Labels "org.opencontainers.image.title""#), name);
    }
}

#[test]
#[ignore = "needs root and Docker"]
fn the_template_is_a_dockerfile_for_the_classic_builder() {
    build_template("classic", Path::new("docker"), "0");
}

#[test]
#[ignore = "needs root and Docker with BuildKit"]
fn the_template_is_a_dockerfile_for_buildkit() {
    build_template("buildkit", &client_of_buildkit(), "1");
}

/// Its engine is another one, with files of its own.
#[test]
#[ignore = "needs root, Docker and podman"]
fn podman_builds_it_too() {
    let project = Project::new("by-podman", CODE);
    let folder = project.folder.path();
    let at = |name: &str| folder.join(name).display().to_string();
    let storage = format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = {:?}\nrunroot = {:?}\n",
        at("graph"),
        at("run")
    );
    let files = [
        ("storage.conf", &*storage),
        // There is no systemd here, and not every kernel has what its filter asks for.
        (
            "containers.conf",
            "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n[containers]\nseccomp_profile = \"unconfined\"\n",
        ),
        ("home/.config/containers/policy.json", "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}"),
    ];
    fs::create_dir_all(folder.join("home/.config/containers")).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    let run = |command: &mut Command| {
        command.env("HOME", at("home")).env("CONTAINERS_CONF", at("containers.conf"));
        // So docker does not answer.
        command.env("CONTAINERS_STORAGE_CONF", at("storage.conf")).env("DOCKER_HOST", "unix:///nowhere");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(Command::new("podman").arg("import").arg(base()).arg(format!("docker.io/library/{BASE}")));
    assert_eq!(run(&mut project.command(&["image", "build"])), "by-podman:1.0\n");
    let inspected = run(Command::new("podman").args(["image", "inspect", "by-podman:1.0"]));
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected[0]["User"], "1000:1000");
    assert_eq!(inspected[0]["Config"]["Volumes"], serde_json::json!({"/tmp": {}, "/var/lib/bootstrap": {}}));
    let healthcheck = inspected[0]["Healthcheck"]["Test"].as_array().unwrap();
    assert_eq!(healthcheck[1..], ["/usr/local/bin/bootstrap", "probe", "live"]);
    // What it keeps mounted cannot be removed with the folder.
    run(Command::new("podman").args(["system", "reset", "--force"]));
}
