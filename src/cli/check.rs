//! `bootstrap check`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::trial::{self, Stage, Unpredicted};
use super::{Exit, Outcome, Report, environment, hint, model, number, output};
use crate::bundle::archive::{Archive, ArchiveError};
use crate::bundle::{self, Code, Inspected, Limits, LoadError, Manifest, Place, Problem, Severity};
use crate::journal::Verdict;
use crate::model::{Failure, FailureKind, InterpreterError, Private};
use crate::settings::{self, Flags, Settings};
use crate::worker::validate::{Judgement, Objection};

/// Every problem of a bundle at once
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<settings::Check>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Most files, folders and links that a bundle may have
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.entries, value_parser = number::whole::<u64>)]
    max_entries: u64,
    /// Most bytes that its files may have together, unpacked
    #[arg(long, value_name = "BYTES", default_value_t = Limits::DEFAULT.bytes, value_parser = number::whole::<u64>)]
    max_bytes: u64,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let path = settings::bundle_root(&self.flags, environment())?;
        let limits = Limits { entries: self.max_entries, bytes: self.max_bytes };
        let subject = Subject::open(&path, limits)?;
        let problems = match &subject {
            Subject::Folder(root) | Subject::Unpacked { root, .. } => match bundle::inspect(root, limits) {
                Ok(bundle) => self.tried(&subject, bundle)?,
                Err(LoadError::Wrong { source, .. }) => source.into(),
                Err(missing @ LoadError::Missing { .. }) => return Err(missing.into()),
            },
            Subject::Refused(problem) => vec![problem.clone()],
        };
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let text = if self.json {
            format!("{}\n", json!({ "ok": errors == 0, "problems": problems }))
        } else {
            pretty(&subject, &path, &problems, errors)
        };
        output::print(text)?;
        Ok(if errors == 0 { Exit::Done } else { Exit::No })
    }

    /// The warnings of a bundle, with what comes of loading its model and asking it once.
    fn tried(&self, subject: &Subject, bundle: Inspected) -> Result<Vec<Problem>, Report> {
        let Inspected { manifest, warnings: mut problems, .. } = bundle;
        let settings = Settings::resolve(Some(&manifest), &self.flags, environment())?;
        let private = Private::of_settings(&settings);
        let python = match model::interpreter(&manifest, &settings, &private, &CancellationToken::new())? {
            Ok(python) => python,
            Err(named @ InterpreterError::NamedMissing(_)) => return Err(named.into()),
            Err(error) => {
                problems.push(no_python(&manifest, error));
                return Ok(problems);
            }
        };
        let install = match subject {
            Subject::Folder(_) => manifest.install_hint(settings.python.as_deref()),
            _ => "name an interpreter that has it with --python".to_owned(),
        };
        let unmet = model::unmet(&manifest, &python, &private, &CancellationToken::new());
        problems.extend(unmet.iter().map(|unmet| {
            let place = Place::file(manifest.relative(&manifest.environment.pip_requirements));
            let message = format!("{} does not have {unmet}", python.executable.display());
            Problem::warning(Code::NotInstalled, place, message, &*install)
        }));
        let spec = model::spec_with(&manifest, &settings, &private, python);
        match trial::call(spec, NONCE, &manifest, &settings)? {
            Ok(predicted) => problems.extend(beyond_limits(&manifest, &predicted.judgement)),
            Err(Unpredicted::Interrupted) => return Err(Report::new(Exit::Interrupted, Interrupted)),
            Err(Unpredicted::Skipped { why }) => {
                let message = format!("the model skipped the nonce of the trial call: {why}");
                let fix = "see that it answers others: `bootstrap predict --nonce N`";
                problems.push(Problem::warning(Code::Skipped, entrypoint(&manifest), message, fix));
            }
            Err(Unpredicted::Rejected(judgement)) => problems.extend(beyond_limits(&manifest, &judgement)),
            Err(Unpredicted::Failed(stage, failure)) => {
                if let Some(traceback) = &failure.traceback {
                    output::note(traceback.trim_end());
                }
                problems.push(failed(&manifest, stage, &failure, (!unmet.is_empty()).then_some(&install)));
            }
        }
        Ok(problems)
    }
}

/// What the model is asked for, as by `predict`.
const NONCE: i64 = 1;

#[derive(Debug, thiserror::Error)]
#[error("interrupted while the model was tried")]
struct Interrupted;

/// The file of the entrypoint, as far as that shows.
fn entrypoint(manifest: &Manifest) -> Place {
    let path = manifest.root.join(manifest.entrypoint.module.replace('.', "/"));
    let files = [path.with_extension("py"), path.join("__init__.py")];
    let file = files.iter().find(|file| file.is_file()).map(|file| manifest.relative(file));
    Place::file(file.unwrap_or_else(|| bundle::FILE_NAME.into()))
}

fn no_python(manifest: &Manifest, error: InterpreterError) -> Problem {
    let message = match &error {
        InterpreterError::Unfit { why, .. } => format!("the model was not tried: {error}: {why}"),
        _ => format!("the model was not tried: {error}"),
    };
    let fix = format!("install Python {}, or name one with --python", manifest.python);
    Problem::warning(Code::NoPython, Place::file(bundle::FILE_NAME), message, fix)
}

/// A problem for each limit that the prediction of the trial call is beyond, where the limit stands.
fn beyond_limits(manifest: &Manifest, judgement: &Judgement) -> impl Iterator<Item = Problem> {
    judgement.objections.iter().map(|Objection { text, limit }| {
        let place = manifest.place_of(limit);
        let of_the_call = format!("the prediction of a trial call: {text} ({limit})");
        let fix = "fix the code, or change the limit";
        match judgement.verdict {
            Verdict::Rejected => {
                let message = format!("`run` would not submit {of_the_call}");
                Problem::error(Code::NoPrediction, place, message, fix)
            }
            _ => {
                let message = format!("`run` would warn of {of_the_call}");
                Problem::warning(Code::UnusualPrediction, place, message, fix)
            }
        }
    })
}

/// What a failed trial says of the bundle. Without its packages a module cannot be imported, so it is not
/// known then whether it could be; `install` is the command for them.
fn failed(manifest: &Manifest, stage: Stage, failure: &Failure, install: Option<&String>) -> Problem {
    let Failure { kind, message, advice: _, traceback } = failure;
    let place = traceback.as_deref().and_then(|text| last_line(manifest, text));
    let place = place.unwrap_or_else(|| entrypoint(manifest));
    let (code, what) = match kind {
        FailureKind::Import => (Code::NotImportable, "the model cannot be imported"),
        FailureKind::Timeout => (Code::NoPrediction, "a trial call took too long"),
        FailureKind::Memory => (Code::NoPrediction, "a trial call took too much memory"),
        FailureKind::BadValue => (Code::NoPrediction, "a trial call gave no prediction"),
        FailureKind::Exception | FailureKind::Crash => (Code::NoPrediction, "a trial call failed"),
    };
    let message = format!("{what}: {message}");
    match (kind, install) {
        (FailureKind::Import, Some(install)) => Problem::warning(code, place, message, install),
        _ => {
            let again = match kind {
                FailureKind::Exception | FailureKind::Crash => "; `bootstrap predict` makes the same call",
                _ => "",
            };
            let fix = hint::of_failure(stage, failure, manifest);
            Problem::error(code, place, message, format!("{fix}{again}"))
        }
    }
}

/// The last line of the bundle's own code in a traceback of Python.
fn last_line(manifest: &Manifest, traceback: &str) -> Option<Place> {
    let of_the_bundle = |line: &str| {
        let (path, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
        let path = Path::new(path);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        (path.starts_with(&manifest.root) && path.is_file()).then_some(())?;
        Some((path.to_owned(), rest[..digits].parse::<usize>().ok().filter(|line| *line > 0)?))
    };
    let (path, line) = traceback.lines().rev().find_map(of_the_bundle)?;
    let text = read(&path);
    let code = text.lines().nth(line - 1).unwrap_or_default();
    let indent = code.chars().take_while(|c| c.is_whitespace()).count();
    let width = code.trim().chars().count();
    Some(Place { file: manifest.relative(&path), line: Some(line), column: Some(indent + 1), width })
}

/// What is checked.
enum Subject {
    Folder(PathBuf),
    /// An archive that was found fit, in a folder that goes when this does.
    Unpacked {
        root: PathBuf,
        _folder: TempDir,
    },
    /// An archive of which nothing was written.
    Refused(Problem),
}

impl Subject {
    fn open(path: &Path, limits: Limits) -> Result<Self, Report> {
        // No archive has the manifest's name: its folder is meant, and is asked for.
        if !path.is_file() || path.ends_with(bundle::FILE_NAME) {
            return Ok(Self::Folder(path.to_owned()));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unpacked = Archive::open(path, limits).and_then(|archive| {
            let folder = TempDir::new().map_err(ArchiveError::Unreadable)?;
            Ok(Self::Unpacked { root: archive.unpack(folder.path())?, _folder: folder })
        });
        Ok(unpacked.unwrap_or_else(|error| Self::Refused(error.problem(name))))
    }
}

fn pretty(subject: &Subject, path: &Path, problems: &[Problem], errors: usize) -> String {
    let (root, shown) = match subject {
        Subject::Folder(root) | Subject::Unpacked { root, .. } => (root.as_path(), path),
        Subject::Refused(_) => (path, path.parent().unwrap_or(path)),
    };
    let mut sources = Sources { root, shown, texts: HashMap::new() };
    let blocks: String = problems.iter().map(|problem| format!("{}\n", sources.block(problem))).collect();
    let path = path.display();
    match (errors, problems.len() - errors) {
        (0, 0) => format!("{path}: no problems\n"),
        (0, warnings) => format!("{blocks}{path}: {}, no errors\n", count(warnings, "warning")),
        (errors, 0) => format!("{blocks}{path}: {}\n", count(errors, "error")),
        (errors, warnings) => {
            format!("{blocks}{path}: {}, {}\n", count(errors, "error"), count(warnings, "warning"))
        }
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The files that problems point into.
struct Sources<'r> {
    /// Where they lie.
    root: &'r Path,
    /// Where the user knows them to lie.
    shown: &'r Path,
    texts: HashMap<String, String>,
}

impl Sources<'_> {
    /// A problem with its line of the file, the place underlined.
    fn block(&mut self, problem: &Problem) -> String {
        let Problem { severity, code, message, place, fix } = problem;
        let path = self.shown.join(&place.file);
        let digits = place.line.map_or(1, |line| line.to_string().len());
        let margin = digits + 1;
        let mut block = format!("{severity}[{code}]: {message}\n{:digits$}--> {}", "", path.display());
        if let (Some(line), Some(column)) = (place.line, place.column) {
            block.push_str(&format!(":{line}:{column}"));
            // A secret is not shown, not even to say where it is.
            if *code != Code::Secret
                && let Some((text, underline)) = self.underlined(place, line, column)
            {
                block.push_str(&format!("\n{:margin$}|\n{line} | {text}\n{:margin$}| {underline}", "", ""));
            }
        }
        block.push_str(&format!("\n{:margin$}= fix: {fix}\n", ""));
        block
    }

    /// The part of the line around the place, and what marks the place below it.
    fn underlined(&mut self, place: &Place, line: usize, column: usize) -> Option<(String, String)> {
        const BEFORE: usize = 60;
        const MOST: usize = 100;
        let text = self.texts.entry(place.file.clone()).or_insert_with(|| read(&self.root.join(&place.file)));
        let text = without_credentials(text.lines().nth(line - 1)?);
        let skipped = (column - 1).saturating_sub(BEFORE);
        // Nothing in a bundle may steer the terminal.
        let tame = |c: char| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        };
        let shown: String = text.chars().skip(skipped).take(MOST).map(tame).collect();
        let start = column - 1 - skipped;
        let width = place.width.min(shown.chars().count().saturating_sub(start)).max(1);
        Some((shown, format!("{}{}", " ".repeat(start), "^".repeat(width))))
    }
}

/// The line with stars for what stands between `//` and `@`.
fn without_credentials(line: &str) -> String {
    let Some((scheme, rest)) = line.split_once("//") else { return line.to_owned() };
    let Some((credentials, host)) = rest.rsplit_once('@') else { return line.to_owned() };
    format!("{scheme}//{}@{host}", "*".repeat(credentials.chars().count()))
}

/// The beginning of a file, as far as problems point into it.
fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let file = File::open(path).map(|file| file.take(bundle::yaml::MAX_BYTES as u64));
    if file.and_then(|mut file| file.read_to_end(&mut bytes)).is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()
}
