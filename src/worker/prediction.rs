//! The model's answer as the chain takes it: labelled canonical decimals, and their text for the journal.

use std::fmt;

use crate::chain::decimal::Decimal;
use crate::chain::messages::{Topic, TopicOutputArity};
use crate::chain::payload::{Inference, SINGLE_LABEL};
use crate::model::Prediction;

/// How many values an inference of the topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// One, labelled `y`.
    Single,
    /// One for each label.
    Multi,
}

impl Arity {
    /// The topic's. One that does not say, as on emissions v9, takes one value.
    #[must_use]
    pub fn of(topic: &Topic) -> Self {
        if topic.output_arity() == TopicOutputArity::Multi { Self::Multi } else { Self::Single }
    }
}

/// Why an answer cannot be submitted, with what its author should do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A mapping for a topic with one output.
    #[error("the topic takes one value, the model gave {0}: return a number")]
    Several(usize),
    /// A number for a topic with several outputs.
    #[error("the topic takes several outputs, the model gave one number: return a dict of label to number")]
    One,
    /// A number that is none, or that the chain refuses.
    #[error("{value} cannot be submitted: {why}")]
    Number {
        /// The text.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// A value of the journal that this version cannot read.
    #[error("the journal holds a value that cannot be read: {0}")]
    Journal(String),
}

/// Values of one inference, each with its label, in the model's order. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(Vec<(String, Decimal)>);

impl Values {
    /// The model's answer for a topic of this arity.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn new(prediction: &Prediction, arity: Arity) -> Result<Self, Unfit> {
        let values = match (prediction, arity) {
            (Prediction::One(text), Arity::Single) => vec![(SINGLE_LABEL.to_owned(), number(text)?)],
            (Prediction::One(_), Arity::Multi) => return Err(Unfit::One),
            (Prediction::Many(values), Arity::Single) if values.len() != 1 => {
                return Err(Unfit::Several(values.len()));
            }
            (Prediction::Many(values), _) => values
                .iter()
                .map(|(label, text)| Ok((label.clone(), number(text)?)))
                .collect::<Result<_, Unfit>>()?,
        };
        Ok(Self(values))
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    ///
    /// # Errors
    /// [`Unfit::Journal`] for any other text.
    pub fn from_journal(text: &str) -> Result<Self, Unfit> {
        let unreadable = || Unfit::Journal(text.to_owned());
        if !text.starts_with('{') {
            return Ok(Self(vec![(SINGLE_LABEL.to_owned(), text.parse().map_err(|_| unreadable())?)]));
        }
        let map: std::collections::BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|_| unreadable())?;
        let values: Vec<_> = map
            .into_iter()
            .map(|(label, text)| Some((label, text.parse().ok()?)))
            .collect::<Option<_>>()
            .ok_or_else(unreadable)?;
        if values.is_empty() { Err(unreadable()) } else { Ok(Self(values)) }
    }

    /// As a payload carries them.
    #[must_use]
    pub fn inference(&self, arity: Arity) -> Inference {
        match (arity, self.0.as_slice()) {
            (Arity::Single, [(label, value)]) if label == SINGLE_LABEL => Inference::Single(value.clone()),
            (_, values) => Inference::Labeled(values.to_vec()),
        }
    }

    /// Label and value, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[(String, Decimal)] {
        &self.0
    }
}

fn number(text: &str) -> Result<Decimal, Unfit> {
    let unfit = |why: String| Unfit::Number { value: text.to_owned(), why };
    let value: Decimal = text.parse().map_err(|error| unfit(format!("{error}")))?;
    value.check_range().map_err(|error| unfit(error.to_string()))?;
    Ok(value)
}

/// One number alone, several as the text of a JSON object.
impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(label, value)] = self.0.as_slice()
            && label == SINGLE_LABEL
        {
            return value.fmt(f);
        }
        f.write_str("{")?;
        for (index, (label, value)) in self.0.iter().enumerate() {
            let label = serde_json::Value::from(label.as_str());
            write!(f, "{}{label}:\"{value}\"", if index == 0 { "" } else { "," })?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(values: &[(&str, &str)]) -> Prediction {
        Prediction::Many(
            values.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn text_and_back() {
        for prediction in [Prediction::One("1e-7".to_owned()), many(&[("a\"b", "0.10"), ("down", "-1e3")])] {
            let arity = if matches!(prediction, Prediction::One(_)) { Arity::Single } else { Arity::Multi };
            let values = Values::new(&prediction, arity).unwrap();
            assert_eq!(Values::from_journal(&values.to_string()).unwrap(), values);
        }
        let values = Values::new(&many(&[("up", "0.50"), ("down", "1e-7")]), Arity::Multi).unwrap();
        assert_eq!(values.to_string(), r#"{"up":"0.50","down":"1E-7"}"#);
    }

    #[test]
    fn arity_and_range_are_the_topics() {
        assert_eq!(Values::new(&Prediction::One("1".to_owned()), Arity::Multi), Err(Unfit::One));
        assert_eq!(Values::new(&many(&[("a", "1"), ("b", "2")]), Arity::Single), Err(Unfit::Several(2)));
        assert!(matches!(
            Values::new(&Prediction::One("1e41".to_owned()), Arity::Single),
            Err(Unfit::Number { .. })
        ));
        assert!(matches!(
            Values::new(&Prediction::One("nan".to_owned()), Arity::Single),
            Err(Unfit::Number { .. })
        ));
    }
}
