//! What a bundle's requirements name, and what its interpreter has.

use std::fmt;
use std::io;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Interpreter;
use super::private::Private;
use super::sandbox::Sandbox;
use crate::bundle::Manifest;

/// Says which of the requirements in its argument, a JSON array, are not met, each with the version that is there
/// instead. They are judged by the library that pip judges by, if need be that of the pip which Python brings along
/// to make environments; where there is none, by name and exact version. What cannot be told counts as met.
const JUDGE: &str = r"import glob, json, os, re, sys
from importlib import metadata

def requirement():
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement
    return Requirement

installed = list(sys.path)
try:
    Requirement = requirement()
except ImportError:
    try:
        import ensurepip
        sys.path += glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), '_bundled', 'pip-*.whl'))
        sys.path += glob.glob('/usr/share/python-wheels/pip-*.whl')
        Requirement = requirement()
    except ImportError:
        Requirement = None

class Pin:
    marker = None
    def __init__(self, text):
        self.name, self.version = re.match(r'([\w.-]+) *(?:\[[^]]*\])? *(?:== *([\w.+!-]+)$)?', text).groups()
        self.specifier = self.version and self
    def contains(self, version, prereleases):
        short = lambda text: re.sub(r'(\.0)+$', '', text.partition('+')[0])
        return short(version) == short(self.version)

def lacks(text):
    if Requirement is None and ';' in text:
        return None
    wanted = (Requirement or Pin)(text)
    if wanted.marker is not None and not wanted.marker.evaluate({'extra': ''}):
        return None
    found = next(iter(metadata.distributions(name=wanted.name, path=installed)), None)
    if found is None:
        return text, None
    if wanted.specifier and not wanted.specifier.contains(found.version, prereleases=True):
        return text, found.version

lacking = []
for text in json.loads(sys.argv[1]):
    try:
        lacking.append(lacks(text))
    except Exception:
        pass  # a spelling that only pip knows, or a package that is broken
json.dump([unmet for unmet in lacking if unmet], sys.stdout)";

/// A requirement that is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Unmet(
    /// `numpy>=1.26`.
    pub String,
    /// The version that is there instead.
    pub Option<String>,
);

impl Unmet {
    /// Several on one line.
    #[must_use]
    pub fn list(unmet: &[Self]) -> String {
        unmet.iter().map(Self::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(requirement, found) = self;
        f.write_str(requirement)?;
        found.iter().try_for_each(|found| write!(f, " (but {found})"))
    }
}

impl Interpreter {
    /// What the bundle requires and this interpreter does not have, by its own word. It is the bundle's environment
    /// that runs, so it runs behind the walls that keep the model from `private`.
    ///
    /// # Errors
    /// The interpreter cannot be started, fails, or takes longer than 10 s; `stopping` is cancelled.
    pub fn unmet(
        &self,
        manifest: &Manifest,
        private: &Private,
        stopping: &CancellationToken,
    ) -> io::Result<Vec<Unmet>> {
        let wanted = manifest.requirements().projects();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let judge = || self.run(JUDGE, &serde_json::to_string(&wanted)?, private, stopping);
        Ok(serde_json::from_slice(&Sandbox::default().protecting(&private.paths).run(judge)??)?)
    }
}
