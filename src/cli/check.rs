//! `bootstrap check`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::json;

use super::{Exit, Outcome, Report, environment};
use crate::bundle::{self, Code, Place, Problem, Severity};
use crate::settings::{self, Flags};

/// Every problem of a bundle at once
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags<settings::Bundle>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let path = settings::bundle_root(&self.flags, environment())?;
        let (root, problems) = if path.is_file() {
            (path.parent().unwrap_or(&path), vec![archive(&path)])
        } else {
            (&*path, bundle::check(&path)?)
        };
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let text = if self.json {
            format!("{}\n", json!({ "ok": errors == 0, "problems": problems }))
        } else {
            pretty(root, &path, &problems, errors)
        };
        io::stdout().lock().write_all(text.as_bytes()).map_err(|error| Report::new(Exit::Internal, error))?;
        Ok(if errors == 0 { Exit::Done } else { Exit::No })
    }
}

fn archive(path: &Path) -> Problem {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let problem = Problem::error(Code::Unsupported, Place::file(name), "archives cannot be checked yet");
    problem.fix("unpack it and check the folder")
}

fn pretty(root: &Path, path: &Path, problems: &[Problem], errors: usize) -> String {
    let mut sources = Sources { root, texts: HashMap::new() };
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
    root: &'r Path,
    texts: HashMap<String, String>,
}

impl Sources<'_> {
    /// A problem with its line of the file, the place underlined.
    fn block(&mut self, problem: &Problem) -> String {
        let Problem { severity, code, message, place, fix } = problem;
        let path = self.root.join(&place.file);
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
        if let Some(fix) = fix {
            block.push_str(&format!("\n{:margin$}= fix: {fix}", ""));
        }
        block.push('\n');
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
