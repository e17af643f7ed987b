//! An event of a block or a transaction.

use serde::Deserialize;

/// An event with its attributes as the chain writes them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TypedEvent {
    /// `emissions.v10.EventInsertInfererPayload`, `coin_spent`, ...
    #[serde(rename = "type")]
    pub kind: String,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Attribute {
    key: String,
    #[serde(default)]
    value: Option<String>,
}

impl TypedEvent {
    /// The name without its package.
    #[must_use]
    pub fn name(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or_default()
    }

    /// The attribute's text as it is.
    #[must_use]
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.key == key)?.value.as_deref()
    }

    /// An attribute that is a string of the event message.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.raw(key)?).ok()
    }

    /// An attribute that is a 64-bit number of the event message.
    #[must_use]
    pub fn int(&self, key: &str) -> Option<i64> {
        self.text(key)?.parse().ok()
    }

    /// From an answer of the node.
    pub fn from_abci(event: tendermint::abci::Event) -> Option<Self> {
        let attributes = event.attributes.into_iter().map(|attribute| {
            let key = attribute.key_str().ok()?.to_owned();
            Some(Attribute { key, value: attribute.value_str().ok().map(ToOwned::to_owned) })
        });
        Some(Self { kind: event.kind, attributes: attributes.collect::<Option<_>>()? })
    }
}
