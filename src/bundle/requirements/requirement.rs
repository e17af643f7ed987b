//! One requirement of a bundle.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::bundle::problem::Place;

/// What pip takes for a path if it ends so.
const ARCHIVES: [&str; 3] = [".whl", ".tar.gz", ".zip"];
/// Where a URL of a repository begins. What it names changes with the branch, unless it names a commit.
const REPOSITORIES: [&str; 4] = ["git+", "hg+", "svn+", "bzr+"];

/// A line that names what is to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Where it stands; the file is below the bundle's root.
    pub place: Place,
    /// Without comment, options and blanks around it.
    pub(super) text: String,
    /// `sha256:...`: what its file may be.
    pub hashes: Vec<String>,
}

/// What the name of a wheel's file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wheel {
    /// As indexes compare it.
    pub project: String,
    /// Its version.
    pub version: String,
}

impl Requirement {
    /// As it is written, without options and comment.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The only version that it takes.
    pub fn pin(&self) -> Option<&str> {
        let (_, version) = self.unconditional().split_once("==")?;
        let version = version.trim_start_matches('=').trim();
        (!version.contains(['*', ','])).then_some(version)
    }

    /// Where it comes from, when it says so: the URL of `name @ URL`, or a URL or path alone.
    pub fn url(&self) -> Option<&str> {
        if !self.names_project() {
            return Some(self.unconditional().trim());
        }
        self.unconditional().split_once('@').map(|(_, url)| url.trim())
    }

    /// Where it comes from, without user and password; nothing when that cannot be told apart.
    pub fn public(&self) -> Option<String> {
        let text = self.url()?;
        if !text.contains("://") {
            return Some(text.to_owned());
        }
        let mut url = Url::parse(text).ok()?;
        // A URL that cannot have them has none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Some(url.into())
    }

    /// The file or folder that it is to be installed from, as it is written: relative to the bundle's root, or absolute.
    pub fn path(&self) -> Option<PathBuf> {
        path(self.url()?)
    }

    /// What the file name of a wheel says that it is to be installed from.
    pub fn wheel(&self) -> Option<Wheel> {
        let name = file_name(self.url()?).strip_suffix(".whl")?;
        // https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention
        let mut parts = name.split('-');
        let (name, version) = (parts.next()?, parts.next()?);
        let version = percent_decode_str(version).decode_utf8().ok()?.into_owned();
        (parts.count() >= 3).then(|| Wheel { project: project(name), version })
    }

    /// The commit of a repository that it names.
    pub fn commit(&self) -> Option<&str> {
        let url = self.url().filter(|url| is_repository(url))?;
        let (_, commit) = address(url).rsplit_once('@')?;
        is_commit(commit).then_some(commit)
    }

    /// Does it name the same thing for ever: a commit, a file, or something of the bundle itself?
    pub fn is_fixed(&self) -> bool {
        let Some(url) = self.url() else { return false };
        if is_repository(url) {
            return self.commit().is_some();
        }
        let is_remote = url.contains("://") && !url.starts_with("file:");
        let fragment = url.split_once('#').map(|(_, fragment)| fragment).unwrap_or_default();
        !is_remote || fragment.contains("sha256=") || self.wheel().is_some() || is_release(url)
    }

    /// Does it begin with a project's name? A URL or path may begin with a word as well.
    pub(super) fn names_project(&self) -> bool {
        let (text, name) = (self.unconditional().trim(), self.name());
        let is_archive = is_archive(text) && !text.contains('@');
        let is_word = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        is_word && !is_archive && !text[name.len()..].starts_with(['/', ':', '+'])
    }

    /// Without the marker that says where it holds.
    fn unconditional(&self) -> &str {
        self.text.split(';').next().unwrap_or(&self.text)
    }

    /// When it holds.
    pub fn marker(&self) -> Option<&str> {
        self.text.split_once(';').map(|(_, marker)| marker.trim())
    }

    /// The project as it is written.
    #[must_use]
    pub fn name(&self) -> &str {
        let end = self.text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
        &self.text[..end.unwrap_or(self.text.len())]
    }

    /// The project in the form that indexes compare.
    pub fn project(&self) -> String {
        project(self.name())
    }
}

/// Whether it is the URL of a repository.
pub fn is_repository(url: &str) -> bool {
    REPOSITORIES.iter().any(|start| url.starts_with(start))
}

/// What stands before the fragment of a URL.
fn address(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

/// The last part of a URL's or path's name.
pub fn file_name(url: &str) -> &str {
    let path = address(url).split('?').next().unwrap_or(url).trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

/// Does the URL name an archive of one version, by `NAME-VERSION`, or of one commit, and not that of a branch?
fn is_release(url: &str) -> bool {
    let name = file_name(url);
    let Some(stem) = [".tar.gz", ".zip"].into_iter().find_map(|end| name.strip_suffix(end)) else {
        return false;
    };
    let is_version = |(_, version): (&str, &str)| version.starts_with(|c: char| c.is_ascii_digit());
    !url.contains("/refs/heads/") && (is_commit(stem) || stem.rsplit_once('-').is_some_and(is_version))
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_archive(name: &str) -> bool {
    ARCHIVES.iter().any(|end| name.ends_with(end))
}

/// The path that a requirements file names by this text: `./a.whl`, `part[x]`, `file:./a.whl`. Nothing where it is an
/// address, or has variables for pip to fill in.
pub fn path(text: &str) -> Option<PathBuf> {
    let text = text.strip_prefix("file:").map_or(text, |path| path.strip_prefix("//").unwrap_or(path));
    if text.contains("://") || text.contains('$') || is_repository(text) {
        return None;
    }
    // What is behind it are extras.
    let path = address(text).split('[').next().unwrap_or(text);
    (!path.is_empty()).then(|| path.into())
}

/// The form of a project's name that indexes compare: lower case, each run of `-`, `_`, `.` one `-`.
pub fn project(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
