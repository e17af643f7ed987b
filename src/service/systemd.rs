//! systemd: the system's manager for root, otherwise the user's.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{ProgramError, run};
use super::{Manager, START_LIMIT, STOP_LIMIT, Started};
use crate::render::{self, Deployment, File, RenderError};

/// A manager of systemd.
pub struct Systemd {
    /// Before each command: whose manager.
    whose: &'static str,
    folder: PathBuf,
    /// Where services have their folders at run time.
    runtime: PathBuf,
}

impl Systemd {
    /// The manager, where systemd has started this machine. A user who has none at the moment, because nobody is
    /// logged in, is told so by systemd itself.
    pub fn of_this_machine() -> Option<Self> {
        if !sd_notify::booted().unwrap_or(false) {
            return None;
        }
        if nix::unistd::geteuid().is_root() {
            let (folder, runtime) = ("/etc/systemd/system".into(), "/run".into());
            return Some(Self { whose: "--system", folder, runtime });
        }
        let variable =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let config = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
        let runtime = variable("XDG_RUNTIME_DIR")
            .unwrap_or_else(|| format!("/run/user/{}", nix::unistd::geteuid()).into());
        Some(Self { whose: "--user", folder: config.join("systemd/user"), runtime })
    }

    fn ask(&self, arguments: &[&str]) -> Result<String, ProgramError> {
        run("systemctl", &[&[self.whose], arguments].concat(), STOP_LIMIT)
    }
}

impl Manager for Systemd {
    fn render(&self, deployment: &Deployment) -> Result<File, RenderError> {
        render::systemd::render(deployment)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn file_name(&self, service: &str) -> String {
        format!("{service}.service")
    }

    fn installed(&self, service: &str) -> Result<(), ProgramError> {
        self.ask(&["daemon-reload"])?;
        self.ask(&["enable", service]).map(drop)
    }

    fn disable(&self, service: &str) -> Result<(), ProgramError> {
        self.ask(&["disable", "--now", service]).map(drop)
    }

    fn removed(&self, _: &str) -> Result<(), ProgramError> {
        self.ask(&["daemon-reload"]).map(drop)
    }

    fn start(&self, service: &str) -> Result<Started, ProgramError> {
        // One that failed too often would be refused; one that did not fail has nothing to reset.
        let _ = self.ask(&["reset-failed", service]);
        match run("systemctl", &[self.whose, "start", service], START_LIMIT) {
            Ok(_) => Ok(Started::Yes),
            Err(ProgramError::Late { .. }) => Ok(Started::NotYet),
            Err(error) => Err(error),
        }
    }

    fn stop(&self, service: &str) -> Result<(), ProgramError> {
        self.ask(&["stop", service]).map(drop)
    }

    fn status(&self, service: &str) -> Command {
        let mut command = Command::new("systemctl");
        command.args([self.whose, "status", "--no-pager", "--full", service]);
        command
    }

    fn logs(&self, service: &str) -> Command {
        let mut command = Command::new("journalctl");
        command.args([self.whose, "--unit", service, "--lines", "100", "--follow", "--output", "cat"]);
        command
    }

    fn heartbeat(&self, service: &str) -> PathBuf {
        // As the unit has it.
        let name = service.strip_prefix("bootstrap-").unwrap_or(service);
        self.runtime.join("bootstrap").join(name).join("heartbeat")
    }
}
