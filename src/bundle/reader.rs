//! Takes typed values out of a YAML tree by the schema, and notes every problem on the way.

use std::collections::HashSet;

use super::problem::{Code, Place, Problem};
use super::schema::{Absent, KEYS, Key, Kind};
use super::value::{BadValue, boolean, closest, quoted};
use super::yaml::{Node, Style, Value};

/// A tree on its way to a manifest.
pub struct Reader<'t> {
    root: &'t Node,
    /// What was wrong so far.
    pub problems: Vec<Problem>,
    /// Sections that are no sections: their keys are not missing, they are unreadable.
    broken: HashSet<String>,
}

impl<'t> Reader<'t> {
    /// Starts with the keys: unknown ones and sections of the wrong shape are noted here.
    pub fn new(root: &'t Node, problems: Vec<Problem>) -> Self {
        let mut reader = Self { root, problems, broken: HashSet::new() };
        reader.section("", root);
        reader
    }

    fn section(&mut self, path: &str, node: &Node) {
        if node.is_null() {
            return;
        }
        let Value::Mapping(entries) = &node.value else {
            let what = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
            let message = format!("{what} is a section with keys of its own, not a single value or a list");
            let fix = format!("write its keys below it: {}", listed(children(path)));
            self.problems.push(Problem::error(Code::WrongType, node.place.clone(), message, fix));
            self.broken.insert(path.to_owned());
            return;
        };
        for (key, value) in entries {
            if key.text.starts_with("x-") {
                continue;
            }
            let full = join(path, &key.text);
            if KEYS.iter().any(|known| known.path == full) {
                continue;
            }
            if children(path).any(|child| child == key.text) {
                self.section(&full, value);
            } else {
                self.problems.push(unknown_key(path, &key.text, key.place.clone()));
            }
        }
    }

    /// The value of a key that is written, parsed. A key that must be there and is not, and a value
    /// that `parse` refuses, are noted.
    pub fn read<T>(&mut self, path: &str, parse: impl Fn(&str) -> Result<T, BadValue>) -> Option<T> {
        let key = schema_key(path);
        let Some(node) = self.find(path).filter(|node| !node.is_null()) else {
            self.note_missing(key);
            return None;
        };
        let Value::Scalar { text, style } = &node.value else {
            self.wrong_type(key, node);
            return None;
        };
        if key.kind == Kind::Text && *style == Style::Plain {
            self.note_number(key, text, &node.place);
        }
        self.parsed(path, text, &node.place, parse)
    }

    /// The same, or the schema's default when the key is left out.
    pub fn read_or_default<T>(
        &mut self,
        path: &str,
        parse: impl Fn(&str) -> Result<T, BadValue>,
    ) -> Option<T> {
        let absent = self.find(path).is_none_or(Node::is_null);
        match schema_key(path).absent {
            // A default that its own parser refuses fails a test.
            Absent::Default(text) if absent => parse(text).ok(),
            _ => self.read(path, parse),
        }
    }

    /// The values of a list; none when the key is left out.
    pub fn list<T>(&mut self, path: &str, parse: impl Fn(&str) -> Result<T, BadValue>) -> Vec<T> {
        let Some(node) = self.find(path).filter(|node| !node.is_null()) else { return Vec::new() };
        let Value::Sequence(items) = &node.value else {
            self.wrong_type(schema_key(path), node);
            return Vec::new();
        };
        let mut values = Vec::new();
        for item in items {
            match &item.value {
                Value::Scalar { text, .. } => values.extend(self.parsed(path, text, &item.place, &parse)),
                Value::Sequence(_) | Value::Mapping(_) => self.wrong_type(schema_key(path), item),
            }
        }
        values
    }

    /// Where the value of `path` stands; the file when it is not written.
    pub fn place(&self, path: &str) -> Place {
        self.find(path).map_or_else(|| Place::file(self.root.place.file.clone()), |node| node.place.clone())
    }

    /// The text of a single value and its place; nothing when it is left out.
    pub fn text(&self, path: &str) -> Option<(&'t str, Place)> {
        let node = self.find(path).filter(|node| !node.is_null())?;
        match &node.value {
            Value::Scalar { text, .. } => Some((text, node.place.clone())),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    /// The texts of a list and their places.
    pub fn texts(&self, path: &str) -> impl Iterator<Item = (&'t str, Place)> + use<'t> {
        let items = match self.find(path).map(|node| &node.value) {
            Some(Value::Sequence(items)) => items.as_slice(),
            _ => &[],
        };
        items.iter().filter_map(|item| match &item.value {
            Value::Scalar { text, .. } => Some((text.as_str(), item.place.clone())),
            Value::Sequence(_) | Value::Mapping(_) => None,
        })
    }

    fn find(&self, path: &str) -> Option<&'t Node> {
        path.split('.').try_fold(self.root, |node, key| node.get(key).map(|(_, value)| value))
    }

    fn parsed<T>(
        &mut self,
        path: &str,
        text: &str,
        place: &Place,
        parse: impl Fn(&str) -> Result<T, BadValue>,
    ) -> Option<T> {
        parse(text)
            .map_err(|bad| {
                let message = format!("`{path}`: {bad}");
                self.problems.push(Problem::error(bad.code, place.clone(), message, bad.fix));
            })
            .ok()
    }

    fn note_missing(&mut self, key: &Key) {
        let unreadable = ancestors(key.path).any(|section| self.broken.contains(section));
        if key.absent != Absent::Required || unreadable {
            return;
        }
        // At its section when that is there, otherwise at the top of the file.
        let (section, _) = key.path.rsplit_once('.').unwrap_or_default();
        let first =
            Place { line: Some(1), column: Some(1), width: 1, ..Place::file(self.root.place.file.clone()) };
        let place = if section.is_empty() {
            first
        } else {
            self.root.get(section).map_or(first, |(name, _)| name.place.clone())
        };
        let message = format!("the key `{}` is missing", key.path);
        let fix = format!("add it: {}", key.doc.trim_end_matches('.'));
        self.problems.push(Problem::error(Code::MissingKey, place, message, fix));
    }

    fn wrong_type(&mut self, key: &Key, node: &Node) {
        let found = match node.value {
            Value::Scalar { .. } => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a section",
        };
        let message = format!("`{}` takes a {}, not {found}", key.path, key.kind.name());
        let (_, leaf) = key.path.rsplit_once('.').unwrap_or(("", key.path));
        let fix = format!("write {}", key.kind.example(leaf));
        self.problems.push(Problem::error(Code::WrongType, node.place.clone(), message, fix));
    }

    fn note_number(&mut self, key: &Key, text: &str, place: &Place) {
        let elsewhere = match elsewhere(text) {
            Some(number) if number == text => format!("the number {number}, not text"),
            Some(number) => format!("the number {number}"),
            None if boolean(text).is_ok() => "true or false, not text".to_owned(),
            None => return,
        };
        let message =
            format!("`{}` is {} here; without quotes other tools read {elsewhere}", key.path, quoted(text));
        let fix = format!("write \"{text}\"");
        self.problems.push(Problem::warning(Code::NumberAsText, place.clone(), message, fix));
    }
}

/// What a tool that guesses types from text makes of a number, in its shortest form.
fn elsewhere(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Ok(whole) = text.parse::<i128>() {
        return Some(whole.to_string());
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|number| format!("{number:?}"))
}

/// The row of the schema. A path that is not in it is a mistake in this program, which the tests of
/// the manifest find.
fn schema_key(path: &str) -> &'static Key {
    const UNKNOWN: Key = Key { path: "", kind: Kind::Text, absent: Absent::Unset, doc: "" };
    KEYS.iter().find(|key| key.path == path).unwrap_or(&UNKNOWN)
}

fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// Keys and sections directly below a section.
fn children(section: &str) -> impl Iterator<Item = &'static str> {
    let mut seen = HashSet::new();
    let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
    KEYS.iter()
        .filter_map(move |key| key.path.strip_prefix(&*prefix))
        .map(|rest| rest.split('.').next().unwrap_or(rest))
        .filter(move |child| seen.insert(*child))
}

/// `validation`, `validation.consensus` of `validation.consensus.warn_sigma`; the root first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(path.match_indices('.').map(|(end, _)| &path[..end]))
}

fn unknown_key(section: &str, key: &str, place: Place) -> Problem {
    let full = join(section, key);
    let fix = match probably_meant(section, key) {
        Some(known) => format!("did you mean `{known}`?"),
        None => {
            let known = listed(children(section));
            format!("leave it out, or begin it with `x-` to keep it; known here: {known}")
        }
    };
    let message = format!("the key {} is not known", quoted(&full));
    Problem::error(Code::UnknownKey, place, message, fix)
}

/// The key of another section, or the closest one of this section, or of any.
fn probably_meant(section: &str, key: &str) -> Option<String> {
    let leaf = |path: &'static str| path.rsplit('.').next().unwrap_or(path);
    let named = |name: &str| Some(KEYS.iter().find(|known| leaf(known.path) == name)?.path.to_owned());
    named(key)
        .or_else(|| closest(key, children(section)).map(|near| join(section, near)))
        .or_else(|| named(closest(key, KEYS.iter().map(|known| leaf(known.path)))?))
}

fn listed(words: impl Iterator<Item = &'static str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
