//! The reference pages say what the program says, and their links lead somewhere.
//!
//! Generated parts stand between `<!-- generated: NAME -->` and `<!-- end -->`, in a page written by
//! hand. `BLESS=1 cargo test --test docs` rewrites them.
#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bootstrap::bundle::Code;
use bootstrap::bundle::schema::{self, Absent};
use bootstrap::cli::{Cli, Exit};
use bootstrap::devnet::FaultKind;
use bootstrap::health::metrics;
use bootstrap::settings::{Flag, TABLE, Visibility};
use clap::CommandFactory;

const END: &str = "<!-- end -->";

#[test]
fn cli_page() {
    let mut parts = BTreeMap::from([("exit codes".to_owned(), exit_codes())]);
    help(&mut Cli::command().term_width(100), &mut parts);
    hold("docs/cli.md", &parts);
}

#[test]
fn settings_page() {
    hold("docs/settings.md", &BTreeMap::from([("settings".to_owned(), settings())]));
}

#[test]
fn bundle_page() {
    let parts = [("keys".to_owned(), manifest_keys()), ("problems".to_owned(), problems())];
    hold("docs/bundle.md", &BTreeMap::from(parts));
}

#[test]
fn devnet_page() {
    hold("docs/devnet.md", &BTreeMap::from([("faults".to_owned(), faults())]));
}

#[test]
fn metrics_page() {
    hold("docs/metrics.md", &BTreeMap::from([("metrics".to_owned(), metrics())]));
}

/// A link to a file that was moved or never written helps nobody.
#[test]
fn every_link_leads_somewhere() {
    let broken: Vec<_> = pages()
        .iter()
        .flat_map(|page| {
            let folder = page.parent().unwrap();
            let text = fs::read_to_string(page).unwrap();
            let targets: Vec<_> =
                text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()).collect();
            targets
                .iter()
                .filter(|target| {
                    !target.is_empty() && !target.contains("://") && !folder.join(target).exists()
                })
                .map(|target| format!("{}: {target}", page.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_readme_leads_to_every_page() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let linked =
        |page: &PathBuf| readme.contains(&format!("](docs/{})", page.file_name().unwrap().display()));
    let pages = pages().into_iter().filter(|page| page.parent().unwrap().ends_with("docs"));
    assert_eq!(pages.filter(|page| !linked(page)).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

/// The map in `src/lib.rs` has every module, and none uses one above it.
#[test]
fn arrows_between_modules_go_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = fs::read_to_string(source.join("lib.rs")).unwrap();
    let rows = map.lines().filter_map(|line| line.strip_prefix("//! | "));
    let modules: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    let declared: BTreeSet<&str> =
        map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(declared, modules.iter().copied().collect());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    for (height, module) in modules.iter().enumerate() {
        for (path, text) in sources(&source, module) {
            let imports = text.split("crate::").skip(1).flat_map(|rest| match rest.strip_prefix('{') {
                Some(group) => group.split("};").take(1).flat_map(|group| group.split(',')).collect(),
                None => vec![rest],
            });
            for used in imports.filter_map(|import| import.trim().split(|c| !is_word(c)).next()) {
                let is_below =
                    modules.iter().position(|module| *module == used).is_none_or(|at| at >= height);
                assert!(is_below, "{} uses `{used}`, which is above `{module}`", path.display());
            }
        }
    }
}

/// Every file of a module, with its text.
fn sources(source: &Path, module: &str) -> Vec<(PathBuf, String)> {
    let (file, mut folders) = (source.join(module).with_extension("rs"), vec![source.join(module)]);
    let mut paths: Vec<PathBuf> = file.is_file().then_some(file).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|end| end == "rs") => paths.push(path),
                _ => {}
            }
        }
    }
    assert!(!paths.is_empty(), "{module}");
    let with_text = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(with_text).collect()
}

/// Puts the help of each visible command, with that of its own commands, under `help NAME`.
fn help(command: &mut clap::Command, parts: &mut BTreeMap<String, String>) {
    command.build();
    for sub in visible(command) {
        let text = format!("{}{}", fenced(sub), visible(sub).map(fenced).collect::<String>());
        parts.insert(format!("help {}", sub.get_name()), text);
    }
}

fn visible(command: &mut clap::Command) -> impl Iterator<Item = &mut clap::Command> {
    command.get_subcommands_mut().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

fn fenced(command: &mut clap::Command) -> String {
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.trim_end().lines().map(str::trim_end).collect();
    format!("```text\n{}\n```\n", lines.join("\n"))
}

fn exit_codes() -> String {
    let mut table = "| code | meaning |\n|---|---|\n".to_owned();
    for (exit, meaning) in Exit::ALL {
        writeln!(table, "| {} | {meaning} |", exit.code()).unwrap();
    }
    table
}

fn settings() -> String {
    let mut table =
        "| environment | flag | `model.yaml` | default | meaning |\n|---|---|---|---|---|\n".to_owned();
    for row in TABLE {
        let flag = match row.flag {
            Flag::None => String::new(),
            flag => format!("`{flag}`"),
        };
        let secret = if row.visibility == Visibility::Secret { "; secret" } else { "" };
        let key = row.manifest.map(|key| format!("`{key}`")).unwrap_or_default();
        let default = row.default.unwrap_or_default();
        writeln!(table, "| `{}` | {flag} | {key} | {default} | {}{secret} |", row.env, row.doc).unwrap();
    }
    table
}

fn manifest_keys() -> String {
    let mut table = "| key | takes | without it | meaning |\n|---|---|---|---|\n".to_owned();
    for key in schema::KEYS {
        let absent = match key.absent {
            Absent::Required => "an error".to_owned(),
            Absent::Unset => String::new(),
            Absent::Default(text) => format!("`{text}`"),
        };
        writeln!(table, "| `{}` | {} | {absent} | {} |", key.path, key.kind.name(), key.doc).unwrap();
    }
    table
}

fn problems() -> String {
    let mut table = "| code | severity | |\n|---|---|---|\n".to_owned();
    for (code, severity, meaning) in Code::ALL {
        writeln!(table, "| `{code}` | {severity} | {meaning} |").unwrap();
    }
    table
}

fn faults() -> String {
    let mut table = "| kind | fields | what becomes of the call |\n|---|---|---|\n".to_owned();
    for (kind, fields, meaning) in FaultKind::MEANINGS {
        let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
        writeln!(table, "| `{kind}` | {} | {meaning} |", fields.join(", ")).unwrap();
    }
    table
}

fn metrics() -> String {
    let mut table = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for row in metrics::TABLE {
        let labels: Vec<_> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (row.kind.as_str(), labels.join(", "));
        writeln!(table, "| `{}` | {kind} | {labels} | {} |", row.name, row.doc).unwrap();
    }
    table
}

/// The page's generated parts are exactly `parts`, in any order.
fn hold(page: &str, parts: &BTreeMap<String, String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let written = fs::read_to_string(&path).unwrap();
    let mut generated = String::new();
    let mut missing: Vec<_> = parts.keys().collect();
    let mut rest = written.as_str();
    while let Some((before, after)) = rest.split_once("<!-- generated: ") {
        let (name, after) = after.split_once(" -->\n").expect("a generated part has a name");
        let (_, after) = after.split_once(END).unwrap_or_else(|| panic!("{page}: `{name}` has no end"));
        let text = parts.get(name).unwrap_or_else(|| panic!("{page}: nothing is called `{name}`"));
        write!(generated, "{before}<!-- generated: {name} -->\n{text}{END}").unwrap();
        missing.retain(|part| *part != name);
        rest = after;
    }
    generated.push_str(rest);
    assert!(missing.is_empty(), "{page} has no part for {missing:?}");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, generated).unwrap();
    } else {
        assert_eq!(written, generated, "{page} is out of date; BLESS=1 rewrites it");
    }
}

/// Every page of the repository that a reader may start from.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let folders = examples.chain([root.to_owned(), root.join("docs")]);
    folders
        .flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}
