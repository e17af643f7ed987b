//! `bootstrap install`, with packages that the test makes, so that no index is asked.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

#[path = "support/bench.rs"]
mod bench;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

/// Writes the wheel of a package with a module and a command, both called `tool`.
const WHEEL: &str = r#"
import sys, zipfile
folder, version = sys.argv[1:]
files = {
    "tool.py": f"def main():\n    print('tool {version}')\n",
    f"tool-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: tool\nVersion: {version}\n",
    f"tool-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"tool-{version}.dist-info/entry_points.txt": "[console_scripts]\ntool = tool:main\n",
}
record = f"tool-{version}.dist-info/RECORD"
files[record] = "".join(f"{name},,\n" for name in [*files, record])
with zipfile.ZipFile(f"{folder}/tool-{version}-py3-none-any.whl", "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
"#;

/// A bundle that requires `tool`, beside a folder with versions 1.0 and 2.0 of it.
struct Bench {
    folder: TempDir,
    path: String,
}

impl Bench {
    /// `uv` is a folder with that program; without it pip installs.
    fn new(uv: Option<&Path>) -> Self {
        let folder = TempDir::new().unwrap();
        bench::write_bundle(
            &folder.path().join("b"),
            "import tool\n\ndef predict(nonce):\n    return 0.5\n",
            "",
        );
        let wheels = folder.path().join("wheels");
        fs::create_dir(&wheels).unwrap();
        for version in ["1.0", "2.0"] {
            let made =
                Command::new("python3").args(["-c", WHEEL]).arg(&wheels).arg(version).status().unwrap();
            assert!(made.success());
        }
        let own = std::env::var_os("PATH").unwrap();
        let without_uv = std::env::split_paths(&own).filter(|folder| !folder.join("uv").is_file());
        let path = std::env::join_paths(uv.map(Path::to_owned).into_iter().chain(without_uv)).unwrap();
        Self { folder, path: path.into_string().unwrap() }
    }

    fn bootstrap(&self, arguments: &[&str]) -> Command {
        let mut command = bench::bare();
        let wheels = self.folder.path().join("wheels");
        command.current_dir(self.folder.path()).env("PATH", &self.path).args(arguments).stdin(Stdio::null());
        for (name, value) in [("FIND_LINKS", wheels.to_str().unwrap()), ("NO_INDEX", "1")] {
            command.env(format!("PIP_{name}"), value).env(format!("UV_{name}"), value);
        }
        command
    }

    fn require(&self, text: &str) {
        fs::write(self.root().join("requirements.txt"), text).unwrap();
    }

    fn install(&self) -> Output {
        self.bootstrap(&["install", "b"]).output().unwrap()
    }

    fn start(&self) -> Child {
        self.bootstrap(&["install", "b"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("b")
    }

    /// What the environment's command says: its first line names the interpreter by its path.
    fn tool(&self) -> String {
        let output = Command::new(self.root().join(".venv/bin/tool")).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Where its packages are.
    fn packages(&self) -> PathBuf {
        let mut versions = fs::read_dir(self.root().join(".venv/lib")).unwrap();
        versions.next().unwrap().unwrap().path().join("site-packages")
    }

    fn report(&self) -> Value {
        serde_json::from_slice(&fs::read(self.root().join(".venv.lock.json")).unwrap()).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr)
}

/// From the first installation over a failed and a killed one to a changed one.
fn life(bench: &Bench, installer: &str) {
    bench.require("# nothing pinned here\ntool\n-c limits.txt\n");
    fs::write(bench.root().join("limits.txt"), "tool==1.0\n").unwrap();
    let told = text(&bench.bootstrap(&["predict", "b"]).output().unwrap().stderr);
    assert!(told.contains("not installed: tool") && told.contains("bootstrap install "), "{told}");
    let output = bench.install();
    assert!(succeeds(&output).contains(installer), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "b/.venv\n");
    assert_eq!(bench.tool(), "tool 1.0\n");
    let report = bench.report();
    let packages = report["packages"].as_array().unwrap();
    let tool = packages.iter().find(|package| package["name"] == "tool").unwrap();
    assert_eq!(
        (&tool["version"], tool["sha256"].as_str().map(str::len)),
        (&"1.0".into(), Some(64)),
        "{report}"
    );
    assert!(report["python"]["version"].as_str().unwrap().starts_with("3."), "{report}");
    let told = succeeds(&bench.bootstrap(&["predict", "b"]).output().unwrap());
    assert!(!told.contains("not installed"), "{told}");

    let made = fs::metadata(bench.root().join(".venv")).unwrap().created().ok();
    fs::remove_file(bench.root().join(".venv.lock.json")).unwrap();
    assert!(succeeds(&bench.install()).contains("nothing to do"));
    assert_eq!(
        (bench.report(), fs::metadata(bench.root().join(".venv")).unwrap().created().ok()),
        (report.clone(), made)
    );

    let gone = bench.packages().join("tool-1.0.dist-info");
    fs::remove_dir_all(gone).unwrap();
    let told = succeeds(&bench.install());
    assert!(told.contains("no longer installed: tool\n"), "{told}");
    assert_eq!((bench.tool(), bench.report()), ("tool 1.0\n".into(), report.clone()));

    bench.require("tool==9.0\n");
    let output = bench.install();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    let version = report["python"]["version"].as_str().unwrap();
    let headline = format!("error: installing the requirements for Python {version} failed\n");
    assert!(told.contains(&headline) && told.contains("hint: "), "{told}");
    assert_eq!((bench.tool(), bench.report()), ("tool 1.0\n".into(), report));

    bench.require("tool==2.0\n");
    let mut killed = bench.start();
    let new = bench.root().join(".venv.new");
    let end = Instant::now() + bench::PATIENCE;
    while !new.join("bin").exists() {
        assert!(Instant::now() < end && killed.try_wait().unwrap().is_none(), "it did not begin");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(bench.tool(), "tool 1.0\n");

    let both = [bench.start(), bench.start()];
    for mut one in both {
        assert!(one.wait().unwrap().success());
    }
    assert_eq!(bench.tool(), "tool 2.0\n");
    let mut left: Vec<_> = fs::read_dir(bench.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.retain(|name| name.starts_with(".venv"));
    left.sort();
    assert_eq!(left, [".venv", ".venv.lock.json"]);
    let moved = Command::new("grep")
        .args(["-rIl", ".venv.new", "--include=*"])
        .arg(bench.root().join(".venv/bin"))
        .output()
        .unwrap();
    assert_eq!(text(&moved.stdout), "");
}

#[test]
fn pip_where_there_is_no_uv() {
    life(&Bench::new(None), "by pip");
}

#[test]
fn what_the_user_has_made_is_kept_or_named() {
    let bench = Bench::new(None);
    bench.require("# none\n");
    let venv = bench.root().join(".venv");
    fs::write(&venv, "mine").unwrap();
    let refused = bench.install();
    let told = text(&refused.stderr);
    assert!(refused.status.code() == Some(1) && told.contains(".venv is in the way"), "{told}");
    assert!(told.contains("hint: move it away") && fs::read_to_string(&venv).unwrap() == "mine", "{told}");

    fs::remove_file(&venv).unwrap();
    fs::create_dir(&venv).unwrap();
    fs::write(venv.join("notes"), "mine").unwrap();
    let told = succeeds(&bench.install());
    let old = bench.root().join(".venv.old");
    assert!(told.contains("it is kept as ") && told.contains(".venv.old"), "{told}");
    assert_eq!(fs::read_to_string(old.join("notes")).unwrap(), "mine");
    assert!(venv.join("bin/python").exists());

    fs::create_dir(bench.packages().join("by_hand-1.0.dist-info")).unwrap();
    bench.require("# still none\n");
    let told = succeeds(&bench.install());
    assert!(told.contains("dropped") && told.contains("by-hand 1.0"), "{told}");

    fs::remove_dir_all(&venv).unwrap();
    fs::create_dir(&venv).unwrap();
    let told = text(&bench.install().stderr);
    assert!(told.contains(".venv.old is in the way"), "{told}");
}

#[test]
fn what_no_project_is_named_of_and_indexes_with_a_variable() {
    let bench = Bench::new(None);
    let wheel = bench.folder.path().join("wheels/tool-1.0-py3-none-any.whl");
    bench.require("../wheels/tool-1.0-py3-none-any.whl\n");
    let told = text(&bench.bootstrap(&["predict", "b"]).output().unwrap().stderr);
    assert!(told.contains("not installed: tool==1.0; run"), "{told}");
    succeeds(&bench.install());
    assert_eq!(bench.tool(), "tool 1.0\n");
    assert!(succeeds(&bench.install()).contains("nothing to do"));
    // Another one of the same name and version.
    let add = "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'a').writestr('more.py', '')";
    assert!(Command::new("python3").args(["-c", add]).arg(wheel).status().unwrap().success());
    succeeds(&bench.install());
    assert!(bench.packages().join("more.py").exists());

    let index = bench.folder.path().join("index");
    fs::create_dir_all(index.join("tool")).unwrap();
    let wheel = "tool-2.0-py3-none-any.whl";
    fs::write(index.join("tool/index.html"), format!("<a href=\"../../wheels/{wheel}\">{wheel}</a>"))
        .unwrap();
    let manifest = bench.root().join("model.yaml");
    let yaml = fs::read_to_string(&manifest).unwrap();
    let key = "pip_requirements: requirements.txt";
    assert!(yaml.contains(key));
    let url = "extra_index_urls: ['file://${INDEX_TOKEN}']";
    fs::write(&manifest, yaml.replace(key, &format!("{key}\n  {url}"))).unwrap();
    bench.require("tool==2.0\n");
    let mut install = bench.bootstrap(&["install", "b"]);
    install.env_remove("PIP_NO_INDEX").env_remove("PIP_FIND_LINKS").env("INDEX_TOKEN", &index);
    install.env("PIP_INDEX_URL", "file:///nowhere");
    succeeds(&install.output().unwrap());
    assert_eq!(bench.tool(), "tool 2.0\n");
    let left = fs::read_dir(bench.root().join(".venv")).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.starts_with("requirements.")).count(), 0);
}

#[test]
fn a_monstrous_list_is_refused_with_words() {
    let folder = TempDir::new().unwrap();
    bench::write_bundle(&folder.path().join("b"), "def predict(nonce):\n    return 0.5\n", "");
    fs::write(folder.path().join("b/requirements.txt"), "#".repeat(9 << 20)).unwrap();
    let output = bench::bare().current_dir(folder.path()).args(["install", "b"]).output().unwrap();
    assert!(
        !output.status.success() && text(&output.stderr).contains("more than 8 MiB"),
        "{}",
        text(&output.stderr)
    );
    assert!(!folder.path().join("b/.venv").exists());
}

/// `UV` is the folder of that program; `.ci/run` installs it.
#[test]
#[ignore = "needs uv"]
fn uv_where_it_is_on_the_path() {
    let folder = std::env::var_os("UV").expect("UV names the folder of uv");
    life(&Bench::new(Some(Path::new(&folder))), "by uv");
}
