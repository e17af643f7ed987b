//! What the author of a model can do about what a trial call came to.

use super::trial::Stage;
use crate::bundle::Manifest;
use crate::bundle::value::closest;
use crate::model::{Failure, FailureKind};
use crate::worker::validate::Judgement;

/// About a failure at this stage.
pub fn of_failure(stage: Stage, failure: &Failure, manifest: &Manifest) -> String {
    if let Some(advice) = &failure.advice {
        return advice.clone();
    }
    let hint = match (failure.kind, stage) {
        (FailureKind::Import, _) => return of_import(&failure.message, manifest),
        (FailureKind::Timeout, Stage::Load) => "import less at once, or raise runtime.load_seconds",
        (FailureKind::Timeout, Stage::Call) => "make it faster, or raise runtime.max_seconds",
        (FailureKind::Memory, _) => "make it smaller, or raise runtime.memory_mb",
        (FailureKind::BadValue, _) => {
            "return what the chain takes: a number of its range, or one for each label"
        }
        (FailureKind::Exception | FailureKind::Crash, _) => "fix the code",
    };
    hint.to_owned()
}

/// About a prediction that the bundle's own limits reject.
pub fn of_rejection(rejection: &Judgement, manifest: &Manifest) -> String {
    let places: Vec<_> = rejection
        .objections
        .iter()
        .map(|objection| manifest.place_of(&objection.limit).to_string())
        .collect();
    format!("fix the code, or change the limit: {}", places.join(", "))
}

/// About a module that is not imported. What Python says of it is text only; nothing but the hint depends on it.
fn of_import(message: &str, manifest: &Manifest) -> String {
    if let Some(module) = missing_module(message) {
        let file = manifest.relative(&manifest.environment.pip_requirements);
        return match (manifest.module_called(module), similar_package(manifest, module)) {
            (Some(own), _) => {
                format!("a bundle's own files are imported from its root: write `from {own} import ...`")
            }
            (None, Some(near)) => format!("did you mean `{near}`, which {file} names?"),
            (None, None) => {
                format!("correct the name, or add the package that has it to the requirements in {file}")
            }
        };
    }
    let errors_of_syntax = ["SyntaxError: ", "IndentationError: ", "TabError: "];
    if errors_of_syntax.iter().any(|class| message.starts_with(class)) {
        format!("correct the line for Python {}", manifest.python)
    } else if message.contains(" has no function ") {
        format!("define it in {}, or correct entrypoint.function in model.yaml", manifest.entrypoint.module)
    } else if message.contains(", not a function") {
        "make it a function, or correct entrypoint.function in model.yaml".to_owned()
    } else if message.contains(" cannot be called: ") {
        "let it take nothing, the nonce, or the nonce and the context: `def predict(nonce, context)`"
            .to_owned()
    } else {
        "fix the code, which fails while it is imported".to_owned()
    }
}

/// The module that Python does not find.
fn missing_module(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("No module named '")?;
    rest.split(['.', '\'']).next()
}

/// A required package with nearly the name of `module`.
fn similar_package(manifest: &Manifest, module: &str) -> Option<String> {
    let packages: Vec<String> =
        manifest.requirements().listed.iter().map(|package| package.name().replace('-', "_")).collect();
    closest(module, packages.iter().map(String::as_str)).map(ToOwned::to_owned)
}
