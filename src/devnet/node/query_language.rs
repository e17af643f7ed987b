//! CometBFT's query language: `tm.event='Tx' AND message.sender='allo1...'`.
//!
//! A condition is `key op value`, with `=`, `<`, `<=`, `>`, `>=` and `CONTAINS`, or `key EXISTS`;
//! a value is a text in single quotes or a bare number. A query matches when each condition is met
//! by some value of its key. Dates and times are not part of it here.

use std::{cmp::Ordering, collections::BTreeMap, str::FromStr};

use bigdecimal::BigDecimal;

/// Longest query that is parsed; CometBFT's limit.
const MAX_LENGTH: usize = 512;

/// Longest number that is compared; longer texts never match.
const MAX_DIGITS: usize = 128;

/// Values of each `type.key` of what happened.
pub(super) type Attributes = BTreeMap<String, Vec<String>>;

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query(Vec<Condition>);

#[derive(Debug, Clone, PartialEq)]
struct Condition {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equals(String),
    Contains(String),
    Exists,
    Number(Comparison, BigDecimal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A text that is no query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidQuery {
    /// Longer than any client needs.
    #[error("maximum query length exceeded")]
    TooLong,
    /// Something else stands where this was expected.
    #[error("failed to parse query: expected {expected} at byte {at}")]
    Expected {
        /// What the grammar wants.
        expected: &'static str,
        /// Where, from 0.
        at: usize,
    },
}

impl Query {
    /// Whether every condition is met.
    pub fn matches(&self, attributes: &Attributes) -> bool {
        self.0.iter().all(|condition| {
            attributes
                .get(&condition.key)
                .is_some_and(|values| values.iter().any(|value| condition.test.met_by(value)))
        })
    }
}

impl Test {
    fn met_by(&self, value: &str) -> bool {
        match self {
            Self::Equals(text) => value == text,
            Self::Contains(text) => value.contains(text),
            Self::Exists => true,
            Self::Number(comparison, number) => {
                leading_number(value).is_some_and(|value| comparison.holds(value.cmp(number)))
            }
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// The digits that a value starts with, as CometBFT reads `10uallo`.
fn leading_number(text: &str) -> Option<BigDecimal> {
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let fraction = text[whole..].strip_prefix('.').map_or(0, digits);
    let end = if fraction > 0 { whole + 1 + fraction } else { whole };
    (whole > 0 && end <= MAX_DIGITS).then(|| text[..end].parse().ok()).flatten()
}

impl FromStr for Query {
    type Err = InvalidQuery;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MAX_LENGTH {
            return Err(InvalidQuery::TooLong);
        }
        let mut scanner = Scanner { text, at: 0 };
        let mut conditions = vec![scanner.condition()?];
        while !scanner.at_end() {
            if !scanner.take_word("AND") {
                return Err(scanner.expected("AND"));
            }
            conditions.push(scanner.condition()?);
        }
        Ok(Self(conditions))
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn condition(&mut self) -> Result<Condition, InvalidQuery> {
        let key = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':'));
        if key.is_empty() {
            return Err(self.expected("an attribute"));
        }
        let test = if self.take_word("EXISTS") {
            Test::Exists
        } else if self.take_word("CONTAINS") {
            Test::Contains(self.quoted()?)
        } else {
            let comparison = self.comparison()?;
            self.skip_blanks();
            if comparison == Comparison::Equal && self.rest().starts_with('\'') {
                Test::Equals(self.quoted()?)
            } else {
                Test::Number(comparison, self.number()?)
            }
        };
        Ok(Condition { key: key.into(), test })
    }

    fn comparison(&mut self) -> Result<Comparison, InvalidQuery> {
        self.skip_blanks();
        // The longer ones first: `<=` starts with `<`.
        for (sign, comparison) in [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ] {
            if self.rest().starts_with(sign) {
                self.at += sign.len();
                return Ok(comparison);
            }
        }
        Err(self.expected("an operator"))
    }

    fn quoted(&mut self) -> Result<String, InvalidQuery> {
        self.skip_blanks();
        let Some(rest) = self.rest().strip_prefix('\'') else { return Err(self.expected("a quoted text")) };
        let Some(end) = rest.find('\'') else { return Err(self.expected("a closing quote")) };
        self.at += end + 2;
        Ok(rest[..end].into())
    }

    fn number(&mut self) -> Result<BigDecimal, InvalidQuery> {
        let text = self.take_while(|c| c.is_ascii_digit() || c == '.');
        let whole_text_is_a_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match leading_number(text) {
            Some(number) if whole_text_is_a_number => Ok(number),
            _ => Err(self.expected("a number")),
        }
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        self.skip_blanks();
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let found = self.rest().strip_prefix(word).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '\'')
        });
        if found {
            self.at += word.len();
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.rest().is_empty()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> InvalidQuery {
        InvalidQuery::Expected { expected, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attributes() -> Attributes {
        let pairs = [
            ("tm.event", vec!["NewBlockEvents"]),
            ("emissions.v10.EventWorkerSubmissionWindowOpened.topic_id", vec!["\"1\"", "\"169\""]),
            ("transfer.amount", vec!["10uallo"]),
            ("tx.height", vec!["1188"]),
        ];
        pairs
            .into_iter()
            .map(|(key, values)| (key.into(), values.into_iter().map(Into::into).collect()))
            .collect()
    }

    #[test]
    fn the_queries_that_clients_send() {
        for (text, expected) in [
            ("tm.event='NewBlockEvents'", true),
            ("tm.event = 'Tx'", false),
            (
                "tm.event='NewBlockEvents' AND emissions.v10.EventWorkerSubmissionWindowOpened.topic_id = '\"1\"'",
                true,
            ),
            (
                "tm.event='NewBlockEvents' AND emissions.v10.EventWorkerSubmissionWindowOpened.topic_id = '1'",
                false,
            ),
            ("emissions.v10.EventWorkerSubmissionWindowOpened.topic_id CONTAINS '69'", true),
            ("emissions.v10.EventWorkerSubmissionWindowOpened.topic_id EXISTS", true),
            ("nothing.here EXISTS", false),
            ("tx.height>0", true),
            ("tx.height >= 1188 AND tx.height <= 1188 AND tx.height = 1188", true),
            ("tx.height < 1188", false),
            ("tx.height > 1188", false),
            ("transfer.amount = 10", true),
            ("transfer.amount > 9.5", true),
            ("tm.event > 1", false),
        ] {
            assert_eq!(text.parse::<Query>().unwrap().matches(&attributes()), expected, "{text}");
        }
    }

    #[test]
    fn wrong_queries_are_refused() {
        for text in [
            "",
            "bad query",
            "a=",
            "a='b",
            "a='b' OR c='d'",
            "a='b' AND",
            "a='b'c='d'",
            "a CONTAINS 1",
            "a<'b'",
            "a=1.2.3x",
            "='b'",
            "a = 5 5",
        ] {
            assert!(text.parse::<Query>().is_err(), "{text}");
        }
        assert_eq!("a".repeat(513).parse::<Query>(), Err(InvalidQuery::TooLong));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,80}", value in "\\PC{0,40}") {
            if let Ok(query) = text.parse::<Query>() {
                query.matches(&Attributes::from([("a".into(), vec![value])]));
            }
        }

        #[test]
        fn any_text_without_a_quote_can_be_asked_for(value in "[^']{0,60}") {
            let query: Query = format!("a.b = '{value}'").parse().unwrap();
            prop_assert!(query.matches(&Attributes::from([("a.b".into(), vec![value])])));
        }
    }
}
