//! A container of a project's image, which answers a chain of this machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::Duration;

use bootstrap::devnet::{BlockTime, Devnet, Options};

use crate::engine::until;
use crate::project::Project;
use crate::support::quick;

/// Blocks between two windows.
pub const EPOCH: u64 = 12;

pub struct Container<'p> {
    project: &'p Project,
    /// Arguments of `docker` that start it.
    run: Vec<String>,
    id: String,
    pub devnet: Devnet,
}

impl<'p> Container<'p> {
    /// Starts one with these further arguments of `docker run`, and a named volume for its state. Its key is a file
    /// that only its user can read.
    pub fn start(project: &'p Project, arguments: &[&str]) -> Self {
        let block_time = BlockTime::Every(Duration::from_millis(500));
        let devnet = Devnet::start(Options { block_time, epoch_length: EPOCH, ..quick() }).unwrap();
        let key = project.folder.path().join("key");
        fs::write(&key, &devnet.accounts()[0].private_key).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o400)).unwrap();
        chown(&key, Some(1000), Some(1000)).unwrap();
        let mount = format!("--volume={}:/run/secrets/key:ro", key.display());
        let volume = format!("--volume={}-state:/var/lib/bootstrap", project.tag().replace(':', "-"));
        let network = format!("--env=ALLORA_NETWORK={}", devnet.rpc_url());
        let fixed = [
            "run",
            "--detach",
            "--network=host",
            "--env=ALLORA_PRIVATE_KEY_FILE=/run/secrets/key",
            // The image's own takes a quarter of a minute.
            "--health-interval=1s",
            &volume,
            &mount,
            &network,
        ];
        let run = [&fixed, arguments, &[project.tag()]].concat().into_iter().map(str::to_owned).collect();
        let mut container = Self { project, run, id: String::new(), devnet };
        container.create();
        container
    }

    fn create(&mut self) {
        self.id = self.project.engine.must(&self.run.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Starts another one in its place, with nothing of it but the state's volume.
    pub fn replace(&mut self) {
        self.remove();
        self.create();
    }

    fn remove(&self) {
        self.project.engine.docker(&["rm", "--force", "--volumes", &self.id]);
    }

    /// What `docker VERB` prints.
    pub fn docker(&self, verb: &str, arguments: &[&str]) -> String {
        self.project.engine.must(&[&[verb], arguments, &[&*self.id]].concat())
    }

    /// What a command of the shell prints in it.
    pub fn exec(&self, command: &str) -> String {
        self.project.engine.must(&["exec", &self.id, "sh", "-c", command])
    }

    pub fn inspect(&self, what: &str) -> String {
        self.docker("inspect", &["--format", &format!("{{{{{what}}}}}")])
    }

    /// What the worker has said.
    pub fn log(&self) -> String {
        let output = self.project.engine.docker(&["logs", &self.id]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Waits until the worker has said something with these words. Gives the last line that has them.
    pub fn until_said(&self, words: &str) -> String {
        until(words, || self.log().lines().rfind(|line| line.contains(words)).map(str::to_owned))
    }

    /// Waits for an answer that was not there before.
    pub fn until_answered(&self) {
        let answers = || self.devnet.submissions(1).unwrap().len();
        let before = answers();
        until("an answer", || (answers() > before).then_some(()));
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last = log.lines().rev().take(40).collect::<Vec<_>>();
            eprintln!("{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
        self.remove();
    }
}
