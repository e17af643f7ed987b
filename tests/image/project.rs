//! A bundle on a machine whose pip has an index of its own, and the image of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bootstrap::render::image_tag;
use tempfile::TempDir;

use crate::engine::{Engine, IMAGE};
use crate::index::{Index, REQUIREMENT};
use crate::support::write_bundle;

/// The Python of the base image.
pub const PYTHON: &str = "3.11";

/// The base, under the name that the Dockerfile asks for.
pub const BASE: &str = "python:3.11-slim";

pub struct Project {
    pub engine: Arc<Engine>,
    pub folder: TempDir,
    pub index: Index,
    tag: String,
}

impl Project {
    /// A bundle of this code and name.
    pub fn new(name: &str, code: &str) -> Self {
        let engine = Engine::get();
        engine.must(&["tag", IMAGE, BASE]);
        let project = Self {
            engine,
            folder: TempDir::new().unwrap(),
            index: Index::start(),
            tag: image_tag(name, "1.0"),
        };
        write_bundle(&project.bundle(), code, "");
        project.edit("model.yaml", |text| {
            text.replace(">=3.9", PYTHON).replace("name: test", &format!("name: {name}"))
        });
        project.edit("requirements.txt", |_| REQUIREMENT.to_owned());
        let settings = project.folder.path().join("home/.config/pip");
        fs::create_dir_all(&settings).unwrap();
        fs::write(settings.join("pip.conf"), format!("[global]\nindex-url = {}\n", project.index.url()))
            .unwrap();
        project
    }

    pub fn bundle(&self) -> PathBuf {
        self.folder.path().join("bundle")
    }

    /// Changes a file of the bundle.
    pub fn edit(&self, name: &str, change: impl FnOnce(String) -> String) {
        let path = self.bundle().join(name);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    /// The program, with the machine's `PATH` and the project's pip.
    pub fn bootstrap(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The same, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("DOCKER_HOST", self.engine.host()).env("HOME", self.folder.path().join("home"));
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        command.args(arguments).arg(self.bundle());
        command
    }

    /// Builds the image. Gives how long that took.
    pub fn build(&self) -> Duration {
        let _turn = turn();
        let start = Instant::now();
        let labels = ["licenses=MIT", "revision=0123abc"]
            .map(|label| format!("--label=org.opencontainers.image.{label}"));
        let output = self.bootstrap(&["image", "build", &labels[0], &labels[1]]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", self.tag));
        start.elapsed()
    }

    /// The image's name.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// What a command of the shell prints in a container of the image, as its user.
    pub fn shell(&self, command: &str) -> String {
        let run = ["run", "--rm", "--network=none", "--entrypoint=sh", &self.tag, "-c", command];
        self.engine.must(&run)
    }

    /// A part of what the engine knows of an image.
    pub fn inspect(&self, image: &str, what: &str) -> String {
        self.engine.must(&["image", "inspect", "--format", &format!("{{{{{what}}}}}"), image])
    }
}

/// One build at a time: the classic builder takes another one's steps for its own, and loses layers.
pub fn turn() -> MutexGuard<'static, ()> {
    static BUILDING: Mutex<()> = Mutex::new(());
    BUILDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program under test as it is released: without what only a debugger needs.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image");
        fs::create_dir_all(&folder).unwrap();
        let (stripped, new) = (folder.join("bootstrap"), folder.join("new"));
        let status = Command::new("strip").arg("-o").arg(&new).arg(env!("CARGO_BIN_EXE_bootstrap")).status();
        assert!(status.unwrap().success());
        fs::rename(new, &stripped).unwrap();
        stripped
    })
}
