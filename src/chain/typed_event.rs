//! An event of a block or a transaction.

use serde::Deserialize;

use super::query::Window;

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

    /// The window of the topic whose opening in block `height` this event tells of.
    #[must_use]
    pub fn opening(&self, topic_id: u64, height: u64) -> Option<Window> {
        if self.name() != "EventWorkerSubmissionWindowOpened" {
            return None;
        }
        let window = Window { nonce: self.int("nonce_block_height")?, end: self.int("window_end_block")? };
        let of = u64::try_from(self.int("topic_id")?).ok()?;
        let is_sound =
            i64::try_from(height).is_ok_and(|height| window.nonce <= height && height <= window.end);
        (of == topic_id && is_sound).then_some(window)
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_vector() {
        let vectors: Value = serde_json::from_str(include_str!("../../tests/vectors/events.json")).unwrap();
        let events = &vectors["message"]["result"]["data"]["value"]["events"];
        let events: Vec<TypedEvent> = serde_json::from_value(events.clone()).unwrap();
        let decoded = vectors["decoded"].as_array().unwrap();
        assert_eq!(events.len(), decoded.len());
        for (event, decoded) in events.iter().zip(decoded) {
            assert_eq!(event.kind, decoded["type"]);
            assert!(event.kind.ends_with(&format!(".{}", event.name())));
            for (key, expected) in decoded["fields"].as_object().unwrap() {
                match expected {
                    Value::Number(number) => assert_eq!(event.int(key), number.as_i64(), "{key}"),
                    // The vectors keep enums and nested messages as they are.
                    Value::String(text) => assert_eq!(event.raw(key), Some(text.as_str()), "{key}"),
                    _ => {
                        let raw: Value = serde_json::from_str(event.raw(key).unwrap()).unwrap();
                        assert_eq!(&raw, expected, "{key}");
                    }
                }
            }
            // Not JSON, unlike the fields of the message.
            assert_eq!((event.raw("mode"), event.text("mode")), (Some("EndBlock"), None));
            assert_eq!(event.raw("no such attribute"), None);
        }
        assert_eq!(events[4].text("actor_type").as_deref(), Some("ACTOR_TYPE_INFERER_UNSPECIFIED"));
    }
}
