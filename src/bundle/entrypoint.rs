//! The Python file of the entrypoint, looked at without Python.

use std::path::{Path, PathBuf};

use super::limits::Limits;
use super::manifest::Manifest;
use super::problem::{Code, Place, Problem};
use super::reader::Reader;
use super::text_file;
use super::tree::Tree;
use super::value::{closest, identifier, module, quoted};

impl Manifest {
    /// The module among the bundle's files whose last name is `name`, as it is imported from the bundle's root.
    /// Of several the one closest to the entrypoint.
    #[must_use]
    pub fn module_called(&self, name: &str) -> Option<String> {
        let tree = Tree::read(&self.root, Limits::DEFAULT);
        let modules = tree.files().filter_map(|file| {
            let stem = file.strip_suffix("/__init__.py").or_else(|| file.strip_suffix(".py"))?;
            module(&stem.replace('/', ".")).ok()
        });
        let shared = |module: &String| {
            let same = |(a, b): &(u8, u8)| a == b;
            module.bytes().zip(self.entrypoint.module.bytes()).take_while(same).count()
        };
        modules
            .filter(|module| module.rsplit_once('.').is_some_and(|(_, last)| last == name))
            .max_by_key(shared)
    }
}

/// Notes a module whose file is not there and a function that its file does not have. Gives the file, below the root.
pub fn look(root: &Path, reader: &mut Reader<'_>) -> Option<PathBuf> {
    let (name, place) = reader.text("entrypoint.module")?;
    module(name).ok()?;
    let Some(file) = source(root, name) else {
        reader.problems.push(missing(root, name, place));
        return None;
    };
    let is_python = file.extension().is_some_and(|extension| extension == "py");
    let text = is_python.then(|| text_file::read(&root.join(&file), text_file::MAX_BYTES)).flatten();
    if let Some(text) = text
        && let Some((function, place)) = reader.text("entrypoint.function")
        && identifier(function).is_ok()
    {
        reader.problems.extend(without(&text, name, function, place));
    }
    Some(file)
}

/// The file of the module, below the root: its text, or what it was compiled to.
fn source(root: &Path, module: &str) -> Option<PathBuf> {
    let path = PathBuf::from(module.replace('.', "/"));
    let candidates = [path.with_extension("py"), path.join("__init__.py")];
    if let Some(file) = candidates.into_iter().find(|file| root.join(file).is_file()) {
        return Some(file);
    }
    let stem = format!("{}.", path.file_name()?.to_string_lossy());
    let compiled = |name: &String| name.starts_with(&stem) && name.ends_with(".so");
    let folder = path.parent()?;
    names(&root.join(folder)).into_iter().find(compiled).map(|name| folder.join(name))
}

fn missing(root: &Path, name: &str, place: Place) -> Problem {
    let first = name.split('.').next().unwrap_or(name);
    if !root.join(first).exists() && !root.join(first).with_extension("py").exists() {
        let message = format!("`entrypoint.module`: {} is not in the bundle", quoted(name));
        let fix = "see that a requirement installs it, or correct the name";
        return Problem::warning(Code::MissingFile, place, message, fix);
    }
    let file = format!("{}.py", name.replace('.', "/"));
    let message = format!("`entrypoint.module`: {} is not there", quoted(&file));
    let (parent, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    let siblings = names(&root.join(parent.replace('.', "/")));
    let fix = match closest(leaf, siblings.iter().filter_map(|name| name.strip_suffix(".py"))) {
        Some(near) if parent.is_empty() => format!("did you mean `{near}`?"),
        Some(near) => format!("did you mean `{parent}.{near}`?"),
        None => "make the file, or correct the name; it is relative to the bundle's root".to_owned(),
    };
    Problem::error(Code::MissingFile, place, message, fix)
}

/// A function that the text nowhere names cannot be in it, unless the module makes names itself.
fn without(text: &str, module: &str, function: &str, place: Place) -> Option<Problem> {
    let mut words = text.split(|c: char| c != '_' && !c.is_alphanumeric());
    let makes_names = ["import *", "globals", "__getattr__", "setattr", "exec("];
    if text.is_empty()
        || words.any(|word| word == function)
        || makes_names.iter().any(|way| text.contains(way))
    {
        return None;
    }
    let defined = text.lines().filter_map(|line| {
        let line = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ")?;
        line.split('(').next().map(str::trim)
    });
    let message = format!("`entrypoint.function`: {} has no {}", quoted(module), quoted(function));
    let fix = match closest(function, defined) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("define `{function}` in it"),
    };
    Some(Problem::error(Code::NoFunction, place, message, fix))
}

/// Names in a folder, as many as a person would look through.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(1_000).flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
