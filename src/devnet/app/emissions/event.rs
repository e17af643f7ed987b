//! Typed events: each attribute is the JSON of a field, sorted by name.

use std::collections::BTreeMap;

use serde::Serialize;

use super::number;
use crate::{
    chain::messages::EmissionsVersion,
    devnet::{abci::Event, encoding::base64},
};

/// Builds one typed event.
#[derive(Debug)]
pub struct TypedEvent {
    kind: String,
    attributes: BTreeMap<&'static str, String>,
}

impl TypedEvent {
    /// An event of the emissions package, `EventScoresSet`.
    pub fn new(version: EmissionsVersion, name: &str) -> Self {
        Self { kind: version.event(name), attributes: BTreeMap::new() }
    }

    /// A field of any JSON.
    pub fn json(mut self, name: &'static str, value: &impl Serialize) -> Self {
        // Texts, numbers and lists of them always have a JSON.
        self.attributes.insert(name, serde_json::to_string(value).unwrap_or_default());
        self
    }

    /// A 64-bit number, which JSON quotes.
    pub fn number(self, name: &'static str, value: u64) -> Self {
        self.json(name, &value.to_string())
    }

    /// A text.
    pub fn text(self, name: &'static str, value: impl ToString) -> Self {
        self.json(name, &value.to_string())
    }

    /// A Dec, without exponent.
    pub fn decimal(self, name: &'static str, value: &str) -> Self {
        self.json(name, &number::plain(value))
    }

    /// A list of texts.
    pub fn texts(self, name: &'static str, values: impl IntoIterator<Item = impl ToString>) -> Self {
        let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        self.json(name, &values)
    }

    /// A list of Decs.
    pub fn decimals(self, name: &'static str, values: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.texts(name, values.into_iter().map(|value| number::plain(value.as_ref())))
    }

    /// Bytes, `null` when there are none.
    pub fn bytes(self, name: &'static str, value: &[u8]) -> Self {
        let text = (!value.is_empty()).then(|| base64(value));
        self.json(name, &text)
    }

    /// The finished event.
    pub fn build(self) -> Event {
        let attributes = self.attributes.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Event { kind: self.kind, attributes }
    }
}
