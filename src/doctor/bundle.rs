//! The bundle and its interpreter.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::check::{Check, Subject, in_full};
use super::{Case, MORE_THREADS, packages};
use crate::bundle::{self, Code, Manifest, Severity};
use crate::model::{Interpreter, Private};

/// What [`look`] looks at.
pub const SUBJECTS: [Subject; 3] = [Subject::Bundle, Subject::Python, Subject::Packages];

/// Bundle, interpreter, packages: each needs the one before.
pub fn look(case: &Case) -> Vec<Check> {
    let bundle = bundle(&case.bundle_root, case.manifest.as_ref());
    let Some(manifest) = &case.manifest else {
        return vec![
            bundle,
            Subject::Python.awaits(Subject::Bundle),
            Subject::Packages.awaits(Subject::Bundle),
        ];
    };
    let private = Private::of_settings(&case.settings);
    let named = case.settings.python.as_deref();
    match Interpreter::of_bundle(manifest, named, &private, &CancellationToken::new()) {
        Ok(Ok(python)) => {
            let Interpreter { executable, version, .. } = &python;
            let found = Subject::Python.ok(format_args!("Python {version}, {}", executable.display()));
            vec![bundle, found, packages::look(case, manifest, &python, &private)]
        }
        Ok(Err(error)) => {
            let failed = Subject::Python.failed(in_full(&error), error.hint());
            vec![bundle, failed, Subject::Packages.awaits(Subject::Python)]
        }
        Err(error) => {
            let failed = Subject::Python.failed(in_full(&error), MORE_THREADS);
            vec![bundle, failed, Subject::Packages.awaits(Subject::Python)]
        }
    }
}

fn bundle(root: &Path, manifest: Option<&Manifest>) -> Check {
    let problems = match bundle::check(root) {
        Ok(problems) => problems,
        Err(missing) => return Subject::Bundle.failed(in_full(&missing), missing.hint()),
    };
    let is_error = |problem: &&bundle::Problem| problem.severity == Severity::Error;
    let errors = problems.iter().filter(is_error).count();
    let shown = || format!("`bootstrap check {}` shows each in its place", root.display());
    let missing = problems.iter().find(|problem| problem.code == Code::NoManifest);
    let fix = missing.map_or_else(shown, |problem| problem.fix.clone());
    match (problems.iter().find(is_error), problems.first(), manifest) {
        (Some(error), _, _) => Subject::Bundle.failed(counted(errors, error), fix),
        (None, Some(warning), _) => Subject::Bundle.warning(counted(problems.len(), warning), fix),
        (None, None, Some(Manifest { name, version, root, .. })) => {
            Subject::Bundle.ok(format_args!("{name} {version}, {}", root.display()))
        }
        // Fixed since the settings were read.
        (None, None, None) => Subject::Bundle.ok(root.display()),
    }
}

/// The first of so many problems.
fn counted(problems: usize, first: &bundle::Problem) -> String {
    match problems {
        1 => first.to_string(),
        many => format!("{first}, and {} more", many - 1),
    }
}
