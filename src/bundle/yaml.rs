//! YAML as a tree in which every value knows its place and keeps the text that was written.
//!
//! Values are not interpreted here: `version: 1.10` is the text `1.10`, because the schema, not YAML,
//! knows what a key means. Anchors and aliases work. Merge keys, foreign tags and further documents
//! are refused. Size, nesting and the number of values after aliases are bounded, so that no file
//! costs more than its reading.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::problem::{Code, Place, Problem};

/// Longest file that is read, in bytes. Manifests of the field have a few hundred.
pub const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting. The schema has three levels; `x-` keys may hold anything.
const MAX_DEPTH: usize = 32;
/// Most values, those that aliases repeat counted each time.
const MAX_NODES: usize = 20_000;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands in the file.
    pub place: Place,
}

/// A value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, and whether quotes or a block style mark it as text.
    Scalar {
        /// The text, escapes resolved.
        text: String,
        /// Without quotes other tools guess a type from the text.
        style: Style,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file. No key occurs twice.
    Mapping(Vec<(Key, Node)>),
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Bare; `null`, `true` and numbers mean themselves.
    Plain,
    /// Quoted, a block or tagged `!!str`; always text.
    Text,
}

/// The key of a mapping and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it stands in the file.
    pub place: Place,
}

impl Node {
    /// Is this an absent value: `key:`, `~` or `null`?
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, style: Style::Plain }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value under `key`, when this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&(Key, Self)> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().find(|(name, _)| name.text == key),
            Value::Scalar { .. } | Value::Sequence(_) => None,
        }
    }
}

/// Reads one document. `file` names it in places.
///
/// The second part of the answer is what is wrong with the document although its tree could be
/// built, such as a key that occurs twice.
///
/// # Errors
/// The one problem that keeps the tree from being built: no UTF-8, no YAML, or over a limit.
pub fn read(file: &str, bytes: &[u8]) -> Result<(Node, Vec<Problem>), Problem> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; {MAX_BYTES} are the most", bytes.len());
        let fix = "keep in it what the schema names, and anything else in files of its own";
        return Err(Problem::error(Code::TooLarge, Place::file(file), message, fix));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(file, bytes, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { file, ..Builder::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let message = format!("this is not YAML: {}", error.info());
            let place = builder.place(Span::empty(*error.marker()));
            Problem::error(Code::Syntax, place, message, fix_of(error.info()))
        })?;
        if matches!(event, Event::StreamEnd) {
            break;
        }
        builder.event(event, span)?;
    }
    let fix = "write the keys of a bundle into it; `bootstrap init` makes a bundle to copy them from";
    let empty = || Problem::error(Code::Syntax, Place::file(file), "the file holds no keys", fix);
    Ok((builder.root.ok_or_else(empty)?, builder.problems))
}

fn not_utf8(file: &str, bytes: &[u8], valid: usize) -> Problem {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let place = Place { file: file.to_owned(), line: Some(line), column: Some(column), width: 1 };
    Problem::error(Code::Syntax, place, "the file is not UTF-8 from here on", "save it as UTF-8")
}

/// What to do about what the parser says.
fn fix_of(info: &str) -> &'static str {
    if info.contains("tab") {
        "indent with blanks in place of tabs"
    } else if info.contains("anchor") {
        "write `&` and the same name before an earlier value, or put the text in quotes"
    } else {
        "close what is open here or above, indent keys of one section alike, and put texts with marks of YAML in quotes"
    }
}

/// A collection whose end has not been seen yet.
struct Open {
    anchor: usize,
    place: Place,
    items: Items,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<(Key, Node)>, key: Option<MappingKey> },
}

/// A key whose value comes next.
enum MappingKey {
    Good(Key),
    /// Its problem is noted; its value is read and thrown away.
    Bad,
}

#[derive(Default)]
struct Builder<'f> {
    file: &'f str,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// Bytes of text that aliases have repeated so far.
    repeated: usize,
    documents: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = self.place(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second YAML document begins here; a file holds one";
                    let fix = "remove it with the `---` before it";
                    return Err(Problem::error(Code::Unsupported, place, message, fix));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tagged_text = self.tag(tag.as_deref(), &place);
                let style =
                    if style == ScalarStyle::Plain && !tagged_text { Style::Plain } else { Style::Text };
                let node = Node { value: Value::Scalar { text: text.into_owned(), style }, place };
                self.finish(anchor, node)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = node.clone();
                    self.count(&node, &place)?;
                    self.push(node)
                }
                None => Err(Problem::error(
                    Code::Unsupported,
                    place,
                    "this alias stands inside the value it repeats",
                    "write the value out",
                )),
            },
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), &place);
                self.open(anchor, place, Items::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), &place);
                self.open(anchor, place, Items::Mapping { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open { anchor, place, items }) => {
                    let value = match items {
                        Items::Sequence(items) => Value::Sequence(items),
                        Items::Mapping { entries, .. } => Value::Mapping(entries),
                    };
                    self.finish(anchor, Node { value, place })
                }
                None => Ok(()),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, place: Place, items: Items) -> Result<(), Problem> {
        if self.stack.len() == MAX_DEPTH {
            let message = format!("values are nested more than {MAX_DEPTH} deep");
            return Err(Problem::error(Code::TooLarge, place, message, "write it with fewer levels"));
        }
        self.stack.push(Open { anchor, place, items });
        Ok(())
    }

    /// Takes a complete value: remembers its anchor, then hands it to what holds it.
    fn finish(&mut self, anchor: usize, node: Node) -> Result<(), Problem> {
        self.nodes += 1;
        self.within_limit(&node.place)?;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.push(node)
    }

    fn push(&mut self, node: Node) -> Result<(), Problem> {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.items {
            Items::Sequence(items) => items.push(node),
            Items::Mapping { entries, key } => match key.take() {
                Some(MappingKey::Good(name)) => entries.push((name, node)),
                Some(MappingKey::Bad) => {}
                None => {
                    let next = mapping_key(entries, node).map_err(|problem| self.problems.push(problem));
                    *key = Some(next.map_or(MappingKey::Bad, MappingKey::Good));
                }
            },
        }
        Ok(())
    }

    /// Counts what an alias repeats before it is repeated again: ten aliases to ten aliases, a few
    /// levels deep, would fill any memory.
    fn count(&mut self, node: &Node, alias: &Place) -> Result<(), Problem> {
        let mut rest = vec![node];
        while let Some(node) = rest.pop() {
            self.nodes += 1;
            match &node.value {
                Value::Scalar { text, .. } => self.repeated += text.len(),
                Value::Sequence(items) => rest.extend(items),
                Value::Mapping(entries) => {
                    self.repeated += entries.iter().map(|(key, _)| key.text.len()).sum::<usize>();
                    rest.extend(entries.iter().map(|(_, value)| value));
                }
            }
        }
        self.within_limit(alias)
    }

    fn within_limit(&self, place: &Place) -> Result<(), Problem> {
        if self.nodes > MAX_NODES || self.repeated > MAX_BYTES {
            let message =
                format!("the file holds more than {MAX_NODES} values or {MAX_BYTES} bytes, aliases counted");
            let fix = "use fewer values and aliases";
            return Err(Problem::error(Code::TooLarge, place.clone(), message, fix));
        }
        Ok(())
    }

    /// Notes a tag that is not YAML's own. Answers whether the tag says *text*.
    fn tag(&mut self, tag: Option<&Tag>, place: &Place) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema()
            && matches!(tag.suffix.as_str(), "int" | "float" | "bool" | "map" | "seq")
        {
            return false;
        }
        let text = tag.is_yaml_core_schema() && tag.suffix == "str";
        if !text {
            let message = format!("the tag `{}` is not supported", written(tag));
            self.problems.push(Problem::error(
                Code::Unsupported,
                place.clone(),
                message,
                "leave the tag out",
            ));
        }
        text
    }

    fn place(&self, span: Span) -> Place {
        let Span { start, end } = span;
        // A value of several lines is underlined where it begins.
        let width = if end.line() == start.line() { end.index().saturating_sub(start.index()) } else { 1 };
        let column = |marker: Marker| marker.col() + 1;
        Place {
            file: self.file.to_owned(),
            line: Some(start.line()),
            column: Some(column(start)),
            width: width.max(1),
        }
    }
}

fn written(tag: &Tag) -> String {
    if tag.is_yaml_core_schema() {
        format!("!!{}", tag.suffix)
    } else {
        format!("{}{}", tag.handle, tag.suffix)
    }
}

fn mapping_key(entries: &[(Key, Node)], node: Node) -> Result<Key, Problem> {
    let Node { value, place } = node;
    let Value::Scalar { text, style } = value else {
        return Err(Problem::error(
            Code::Unsupported,
            place,
            "a key must be a single word, not a list or a map",
            "write a word before the colon",
        ));
    };
    if text == "<<" && style == Style::Plain {
        let message = "merge keys (`<<`) are not supported";
        return Err(Problem::error(Code::Unsupported, place, message, "write the keys out"));
    }
    if let Some((first, _)) = entries.iter().find(|(key, _)| key.text == text) {
        let line = first.place.line.unwrap_or_default();
        let message = format!("the key `{}` is already on line {line}", text.escape_debug());
        return Err(Problem::error(Code::DuplicateKey, place, message, "keep one of the two"));
    }
    Ok(Key { text, place })
}

#[cfg(test)]
mod tests;
