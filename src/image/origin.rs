//! Where a bundle comes from, as git tells it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::process::Command;
use url::Url;

use super::engine::said;
use crate::bundle::FILE_NAME;
use crate::subprocess;

/// What would lead git to another repository than that of the folder it runs in.
const MISLEADING: [&str; 3] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"];

/// What is known of a bundle in the work tree of a repository.
#[derive(Debug, PartialEq, Eq)]
pub struct Origin {
    /// The address of the remote `origin`, when it is one of HTTP, without user, password and query.
    pub source: Option<String>,
    /// The commit, while the bundle is as it was committed. Files that git ignores do not count.
    pub revision: Option<String>,
}

impl Origin {
    /// That of the bundle in the folder `root`; nothing when its manifest is in no repository, or there is no git in the
    /// folders of `path`, a list as in `PATH`.
    pub async fn of(root: &Path, path: &OsStr) -> Option<Self> {
        let git = Git { program: subprocess::which("git", path)?, root };
        git.say(&["ls-files", "--error-unmatch", "--", FILE_NAME]).await?;
        let source = git.say(&["config", "--get", "remote.origin.url"]).await;
        let changes = git.say(&["status", "--porcelain", "--untracked-files=all", "--", "."]).await;
        let revision = match changes.as_deref() {
            Some("") => git.say(&["rev-parse", "HEAD"]).await,
            _ => None,
        };
        Some(Self { source: source.and_then(|url| public(&url)), revision })
    }
}

struct Git<'r> {
    program: PathBuf,
    root: &'r Path,
}

impl Git<'_> {
    /// What a command prints when it succeeds.
    async fn say(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(&self.program);
        // It only looks: it neither writes the index nor starts a program that the repository names.
        command.args(["--no-optional-locks", "-c", "core.fsmonitor=false"]).args(arguments);
        command.current_dir(self.root);
        for name in MISLEADING {
            command.env_remove(name);
        }
        let printed = String::from_utf8(said(&mut command).await.ok()?).ok()?;
        Some(printed.trim().to_owned())
    }
}

/// The address as everybody may see it.
fn public(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_what_is_secret_and_only_when_it_is_one_of_http() {
        let shown = Some("https://example.com/me/model.git".to_owned());
        for url in [
            "https://example.com/me/model.git",
            "https://token@example.com/me/model.git",
            "https://me:word@example.com/me/model.git?token=x#y",
        ] {
            assert_eq!(public(url), shown, "{url}");
        }
        for url in [
            "git@example.com:me/model.git",
            "ssh://git@example.com/model",
            "/srv/model.git",
            "file:///srv/model",
        ] {
            assert_eq!(public(url), None, "{url}");
        }
    }
}
