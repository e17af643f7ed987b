//! supervisord, found as its own `supervisorctl` finds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{ProgramError, run};
use super::{Manager, START_LIMIT, STOP_LIMIT, ServiceError, Started};
use crate::render::{self, Deployment, File, RenderError, heartbeat_file};
use crate::subprocess;

const PROGRAM: &str = "supervisorctl";

/// A supervisord that reads further files.
pub struct Supervisord {
    config: PathBuf,
    folder: PathBuf,
    /// What the names of those files end with, with the point.
    ending: String,
}

impl Supervisord {
    /// The one that `supervisorctl` on PATH speaks to; `None` without either.
    ///
    /// # Errors
    /// [`ServiceError::NoInclude`].
    pub fn of_this_machine() -> Result<Option<Self>, ServiceError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = subprocess::which(PROGRAM, &path);
        let Some(prefix) = program.as_deref().and_then(Path::parent).and_then(Path::parent) else {
            return Ok(None);
        };
        let places = [
            prefix.join("etc/supervisord.conf"),
            prefix.join("supervisord.conf"),
            "/etc/supervisord.conf".into(),
            "/etc/supervisor/supervisord.conf".into(),
        ];
        let Some((config, text)) =
            places.into_iter().find_map(|path| Some((path.clone(), fs::read_to_string(path).ok()?)))
        else {
            return Ok(None);
        };
        let here = config.parent().unwrap_or(Path::new("/"));
        let Some(pattern) = included(&text) else { return Err(ServiceError::NoInclude(config)) };
        let pattern = here.join(pattern.replace("%(here)s", &here.display().to_string()));
        let (Some(folder), Some(ending)) = (pattern.parent(), pattern.extension()) else {
            return Err(ServiceError::NoInclude(config));
        };
        let (folder, ending) = (folder.to_owned(), format!(".{}", ending.display()));
        Ok(Some(Self { config, folder, ending }))
    }

    fn ask(&self, arguments: &[&str]) -> Result<String, ProgramError> {
        let config = self.config.display().to_string();
        run(PROGRAM, &[&["-c", &config], arguments].concat(), STOP_LIMIT + START_LIMIT)
    }

    /// The same, where these complaints say that there is nothing to do.
    fn unless(&self, arguments: &[&str], done: &[&str]) -> Result<(), ProgramError> {
        match self.ask(arguments) {
            Err(ProgramError::Failed { source, .. }) if done.iter().any(|words| source.0.contains(words)) => {
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(&self.config).args(arguments);
        command
    }
}

/// The first pattern of `files` in the section `[include]`.
fn included(config: &str) -> Option<&str> {
    let mut lines = config.lines().map(str::trim).skip_while(|line| *line != "[include]").skip(1);
    let files = lines.by_ref().take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "files").then_some(value)
    })?;
    files.split_whitespace().next()
}

impl Manager for Supervisord {
    fn render(&self, deployment: &Deployment) -> Result<File, RenderError> {
        render::supervisord::render(deployment)
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn file_name(&self, service: &str) -> String {
        format!("{service}{}", self.ending)
    }

    fn installed(&self, _: &str) -> Result<(), ProgramError> {
        self.ask(&["reread"]).map(drop)
    }

    fn disable(&self, service: &str) -> Result<(), ProgramError> {
        // One that it has not started yet is none to it.
        self.unless(&["stop", service], &["not running", "no such process"])
    }

    fn removed(&self, service: &str) -> Result<(), ProgramError> {
        self.ask(&["update", service]).map(drop)
    }

    fn start(&self, service: &str) -> Result<Started, ProgramError> {
        // One that is new, or has changed, is started by this alone.
        self.ask(&["update", service])?;
        self.unless(&["start", service], &["already started"]).map(|()| Started::Yes)
    }

    fn stop(&self, service: &str) -> Result<(), ProgramError> {
        self.unless(&["stop", service], &["not running"])
    }

    fn status(&self, service: &str) -> Command {
        self.command(&["status", service])
    }

    fn logs(&self, service: &str) -> Command {
        self.command(&["tail", "-f", service, "stderr"])
    }

    fn heartbeat(&self, service: &str) -> PathBuf {
        heartbeat_file(service).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_of_the_include_section_counts() {
        let config =
            "[supervisord]\nfiles = no\n[include]\n; files = no\nfiles = conf.d/*.conf more/*.ini\n[x]\n";
        assert_eq!(included(config), Some("conf.d/*.conf"));
        assert_eq!(included("[supervisord]\n[x]\nfiles=a\n"), None);
        assert_eq!(included("[include]\n[x]\nfiles=a\n"), None);
    }
}
