//! Flag over environment over `model.yaml` over default.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::flags::Flags;
use super::problem::Problem;
use super::source::Source;
use super::table::{Flag, Setting, TABLE};
use crate::bundle::value::{BadValue, closest, quoted};

/// Where the value of a setting came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag(Flag),
    /// The environment, or its file; the variable's name.
    Environment(&'static str),
    /// `model.yaml`; the key.
    Manifest(&'static str),
    /// Nobody set it.
    Default,
}

impl Origin {
    /// The variable that the value came from.
    const fn name(self) -> Option<&'static str> {
        match self {
            Self::Environment(name) => Some(name),
            Self::Flag(_) | Self::Manifest(_) | Self::Default => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Environment(name) => f.write_str(name),
            Self::Manifest(key) => write!(f, "{key} in model.yaml"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// Reads settings one by one and keeps what went wrong.
pub(super) struct Resolver<'s, S> {
    flags: &'s Flags<S>,
    source: &'s dyn Source,
    pub origins: BTreeMap<Setting, Origin>,
    pub notices: Vec<String>,
    pub problems: Vec<Problem>,
}

impl<'s, S> Resolver<'s, S> {
    pub fn new(flags: &'s Flags<S>, source: &'s dyn Source) -> Self {
        Self { flags, source, origins: BTreeMap::new(), notices: Vec::new(), problems: Vec::new() }
    }

    /// The value of a setting from flag or environment. One that `parse` refuses is noted.
    pub fn read<T>(&mut self, setting: Setting, parse: impl Fn(&str) -> Result<T, BadValue>) -> Option<T> {
        let (origin, text) = self.text(setting)?;
        match parse(&text) {
            Ok(value) => {
                self.origins.insert(setting, origin);
                Some(value)
            }
            Err(bad) => {
                let message = match origin.name().and_then(|name| self.source.place_of(name)) {
                    Some(place) => format!("{origin} ({place}): the value is not {}", bad.expected()),
                    None => format!("{origin}: {bad}"),
                };
                self.problems.push(Problem { message, fix: bad.fix });
                None
            }
        }
    }

    /// The same, then `manifest`, the value that `model.yaml` gives, then the table's default.
    pub fn read_or<T>(
        &mut self,
        setting: Setting,
        manifest: Option<T>,
        parse: impl Fn(&str) -> Result<T, BadValue>,
    ) -> Option<T> {
        if let Some(value) = self.read(setting, &parse) {
            return Some(value);
        }
        let row = setting.row();
        if let (Some(value), Some(key)) = (manifest, row.manifest) {
            self.origins.insert(setting, Origin::Manifest(key));
            return Some(value);
        }
        row.default.and_then(|text| parse(text).ok())
    }

    /// A secret from the environment.
    pub fn secret(&mut self, setting: Setting) -> Option<Zeroizing<String>> {
        let (origin, text) = self.text(setting)?;
        self.origins.insert(setting, origin);
        Some(Zeroizing::new(text))
    }

    pub fn refuse(&mut self, message: impl Into<String>, fix: impl Into<String>) {
        self.problems.push(Problem { message: message.into(), fix: fix.into() });
    }

    /// The text of a setting and where it stands. An empty variable counts as not set.
    fn text(&mut self, setting: Setting) -> Option<(Origin, String)> {
        let row = setting.row();
        if let Some(text) = self.flags.get(setting) {
            return Some((Origin::Flag(row.flag), text.to_owned()));
        }
        let newer = self.variable(row.env);
        let Some(older_name) = row.older_env else { return newer };
        let older = self.variable(older_name);
        match (&newer, &older) {
            (Some(_), Some(_)) => {
                self.notices.push(format!("{older_name} is ignored: {} is set too", row.env));
            }
            (None, Some(_)) => {
                self.notices.push(format!("{older_name} is an older name: use {} instead", row.env));
            }
            _ => {}
        }
        newer.or(older)
    }

    fn variable(&mut self, name: &'static str) -> Option<(Origin, String)> {
        let value = self.source.get(name).filter(|value| !value.is_empty())?;
        match value.to_str() {
            Some(text) => Some((Origin::Environment(name), text.to_owned())),
            None => {
                self.refuse(format!("{name} is not UTF-8"), format!("set {name} to text"));
                None
            }
        }
    }

    /// Notes variables whose names are close to a setting's and are none.
    pub fn note_typos(&mut self) {
        let known = || TABLE.iter().map(|row| row.env);
        for name in self.source.names().filter(|name| name.starts_with("ALLORA_")) {
            if !known().any(|env| env == name)
                && let Some(near) = closest(name, known())
            {
                let place = self.source.place_of(name).map(|place| format!("{place}: ")).unwrap_or_default();
                self.notices.push(format!("{place}{} is not a setting; did you mean {near}?", quoted(name)));
            }
        }
        self.notices.sort();
    }
}
