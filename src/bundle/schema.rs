//! Every key of `model.yaml`, schema 0.1: the one table behind reader, messages and reference page.

/// Version of the schema that is read.
pub const SCHEMA_VERSION: &str = "0.1";

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text, taken as it is written.
    Text,
    /// A path relative to the bundle's root.
    Path,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A list of texts.
    Texts,
    /// A list of paths.
    Paths,
}

impl Kind {
    /// The word for it in messages and on the reference page.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Path => "path",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Bool => "true or false",
            Self::Texts => "list of texts",
            Self::Paths => "list of paths",
        }
    }

    /// How a value of it is written under the key `name`.
    #[must_use]
    pub fn example(self, name: &str) -> String {
        let value = match self {
            Self::Text => "\"...\"",
            Self::Path => "folder/name",
            Self::Integer => "1",
            Self::Number => "1.5",
            Self::Bool => "true",
            Self::Texts => "[\"...\", \"...\"]",
            Self::Paths => "[folder/name, folder/other]",
        };
        format!("`{name}: {value}`")
    }
}

/// What holds when a key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It must not be.
    Required,
    /// Nothing is set.
    Unset,
    /// This text is read in its place.
    Default(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Sections and key, joined by dots.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it.
    pub absent: Absent,
    /// What it means.
    pub doc: &'static str,
}

const fn key(path: &'static str, kind: Kind, absent: Absent, doc: &'static str) -> Key {
    Key { path, kind, absent, doc }
}

use Absent::{Default, Required, Unset};
use Kind::{Bool, Integer, Number, Path, Paths, Text, Texts};

/// The keys, in the order of the reference page.
pub const KEYS: [Key; 31] = [
    key("schema_version", Text, Required, "Version of this schema: `\"0.1\"`."),
    key("name", Text, Required, "Name of the model, part of the archive's name."),
    key("version", Text, Required, "Version of the model, part of the archive's name."),
    key(
        "python.version",
        Text,
        Required,
        "Python the model runs on: `\"3.9\"` to `\"3.14\"`, or a lower bound such as `\">=3.10\"`.",
    ),
    key("entrypoint.kind", Text, Required, "`python_function`."),
    key("entrypoint.module", Text, Required, "Module with the function, importable from the bundle's root."),
    key("entrypoint.function", Text, Required, "Function that predicts, sync or async."),
    key("entrypoint.workdir", Path, Default("."), "Folder in which the model is imported and called."),
    key("entrypoint.artifacts_dir", Path, Default("artifacts"), "Folder of the weights, by convention."),
    key("environment.pip_requirements", Path, Required, "Requirements file of the model."),
    key("environment.constraints", Path, Unset, "Constraints file for pip."),
    key("environment.extra_index_urls", Texts, Unset, "Further package indexes for pip."),
    key("allora.topic_id", Integer, Unset, "Topic to answer; needed from here or from the settings."),
    key("allora.polling_interval", Integer, Default("120"), "Most seconds between two looks at the chain."),
    key("allora.fee_tier", Text, Default("STANDARD"), "`ECO`, `STANDARD` or `PRIORITY`."),
    key(
        "allora.network",
        Text,
        Default("testnet"),
        "`testnet`, `mainnet`, `devnet`, or RPC URLs separated by commas.",
    ),
    key(
        "runtime.max_seconds",
        Number,
        Default("25"),
        "Deadline of one prediction, in seconds; the model is killed at it.",
    ),
    key("runtime.memory_mb", Integer, Unset, "Memory limit of the model and what it starts, in MiB."),
    key(
        "runtime.cpu_cores",
        Number,
        Unset,
        "CPUs that numeric libraries are told to use; otherwise the container's quota.",
    ),
    key("runtime.load_seconds", Number, Default("300"), "Deadline of importing the module, in seconds."),
    key(
        "runtime.spare",
        Bool,
        Default("false"),
        "Keep a second, loaded process, which takes over when the first is gone.",
    ),
    key("runtime.writable", Paths, Unset, "Folders that the model may write to, beside its scratch folder."),
    key("validation.warn_below", Number, Unset, "A lower prediction is submitted with a warning."),
    key("validation.warn_above", Number, Unset, "A higher prediction is submitted with a warning."),
    key("validation.reject_below", Number, Unset, "A lower prediction is not submitted."),
    key("validation.reject_above", Number, Unset, "A higher prediction is not submitted."),
    key("validation.reject_zero", Bool, Default("false"), "A prediction of 0 is not submitted."),
    key("validation.max_repeats", Integer, Unset, "The same value this often in a row is warned of."),
    key("validation.reject_repeats", Bool, Default("false"), "What `max_repeats` finds is not submitted."),
    key(
        "validation.consensus.warn_sigma",
        Number,
        Default("3"),
        "Standard deviations from the network's latest inferers that are warned of.",
    ),
    key(
        "validation.consensus.reject_sigma",
        Number,
        Unset,
        "Standard deviations from which on a prediction is not submitted.",
    ),
];

/// The default of a key, when the schema has one.
#[must_use]
pub const fn default(path: &str) -> Option<&'static str> {
    let mut index = 0;
    while index < KEYS.len() {
        if same(KEYS[index].path, path) {
            return match KEYS[index].absent {
                Default(text) => Some(text),
                Required | Unset => None,
            };
        }
        index += 1;
    }
    None
}

/// `==` of texts, which is not const yet.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}
