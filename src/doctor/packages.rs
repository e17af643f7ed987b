//! What the bundle's requirements name, and what its interpreter has.

use std::path::PathBuf;

use super::check::{Check, Subject};
use crate::bundle::{Manifest, requirements};
use crate::model::{Interpreter, Sandbox};

/// Says which of the requirements in its argument, a JSON array, are not met. They are judged by the library that
/// pip judges by, which most environments have; otherwise by name and exact version, and what says more is left to
/// pip.
const JUDGE: &str = r"import json, re, sys
from importlib import metadata
try:
    from packaging.requirements import Requirement
except ImportError:
    try:
        from pip._vendor.packaging.requirements import Requirement
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
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return text + ' is not installed'
    if wanted.specifier and not wanted.specifier.contains(version, prereleases=True):
        return text + ' is wanted, ' + version + ' is installed'

lacking = []
for text in json.loads(sys.argv[1]):
    try:
        lacking.append(lacks(text))
    except ValueError:
        pass  # a spelling that only pip knows
json.dump([text for text in lacking if text], sys.stdout)";

/// Packages of the requirements file that are not there, or in another version.
pub fn look(manifest: &Manifest, python: &Interpreter, private: &[PathBuf]) -> Check {
    let subject = Subject::Packages;
    let file = &manifest.environment.pip_requirements;
    let wanted = requirements::named_in(file);
    if wanted.is_empty() {
        return subject.ok("none are required");
    }
    let executable = python.executable.display();
    let judge = || python.run(JUDGE, &serde_json::to_string(&wanted)?);
    let said = Sandbox::default().protecting(private).run(judge).flatten();
    let lacking: Vec<String> = match said.and_then(|said| Ok(serde_json::from_slice(&said)?)) {
        Ok(lacking) => lacking,
        Err(error) => {
            let detail = format!("{executable} does not say what is installed: {error}");
            return subject.failed(detail, "make the bundle's environment again");
        }
    };
    match (lacking.is_empty(), wanted.len()) {
        (false, _) => {
            let fix = format!("{executable} -m pip install -r {}", file.display());
            subject.failed(lacking.join("; "), fix)
        }
        (true, 1) => subject.ok("the one that is required is installed"),
        (true, many) => subject.ok(format_args!("all {many} that are required are installed")),
    }
}
