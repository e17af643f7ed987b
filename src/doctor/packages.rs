//! What the bundle's requirements name, and what its interpreter has.

use tokio_util::sync::CancellationToken;

use super::Case;
use super::check::{Check, Subject};
use crate::bundle::Manifest;
use crate::model::{Interpreter, Private, Unmet};

/// Packages of the requirements file that are not there, or in another version.
pub fn look(case: &Case, manifest: &Manifest, python: &Interpreter, private: &Private) -> Check {
    let subject = Subject::Packages;
    let unmet = match python.unmet(manifest, private, &CancellationToken::new()) {
        Ok(unmet) => unmet,
        Err(error) => {
            let detail = format!("{} does not say what is installed: {error}", python.executable.display());
            return subject.failed(detail, "make the bundle's environment again: `bootstrap install`");
        }
    };
    let lacking: Vec<String> = unmet.iter().map(Unmet::to_string).collect();
    // On another machine they may be missing.
    let is_borrowed =
        case.settings.python.is_none() && !python.executable.starts_with(manifest.root.join(".venv"));
    let whose = match is_borrowed {
        true => {
            format!(" by {} itself: the bundle has no environment of its own", python.executable.display())
        }
        false => String::new(),
    };
    match (lacking.is_empty(), manifest.requirements().projects().len()) {
        (false, _) => {
            let fix = manifest.install_hint(case.settings.python.as_deref());
            subject.failed(format_args!("not installed: {}", lacking.join(", ")), fix)
        }
        (true, 0) => subject.ok("none are required"),
        (true, 1) => subject.ok(format_args!("the one that is required is installed{whose}")),
        (true, many) => subject.ok(format_args!("all {many} that are required are installed{whose}")),
    }
}
