//! Points in time as they are stored and shown.

use std::fmt;
use std::io::Write as _;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A time in UTC to the millisecond, as RFC 3339 text of fixed width: `2026-11-21T11:22:14.123Z`. The
/// order of the texts is the order of the times. Kept as text because a listing of a hundred thousand
/// rounds would otherwise spend most of its time in parsing what it prints again at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp([u8; Self::WIDTH]);

/// A text is not a time in RFC 3339.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a time in RFC 3339")]
pub struct NotATime(String);

impl Timestamp {
    const WIDTH: usize = 24;

    /// A zero stands for any digit.
    const FORM: [u8; Self::WIDTH] = *b"0000-00-00T00:00:00.000Z";

    /// This moment, by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        OffsetDateTime::now_utc().into()
    }

    /// Reads any RFC 3339 text.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(Self::from)
            .map_err(|_| NotATime(text.chars().take(40).collect()))
    }

    /// RFC 3339 text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The day in UTC: `2026-11-21`.
    #[must_use]
    pub fn day(&self) -> &str {
        &self.as_str()[..10]
    }

    /// Seconds from `earlier` to this, negative when it is the other way round.
    #[must_use]
    pub fn seconds_since(&self, earlier: Self) -> f64 {
        (self.datetime() - earlier.datetime()).as_seconds_f64()
    }

    /// Seconds since 1970, as Prometheus counts time.
    #[must_use]
    pub fn unix_seconds(self) -> f64 {
        (self.datetime() - OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
    }

    fn datetime(self) -> OffsetDateTime {
        OffsetDateTime::parse(self.as_str(), &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(at: OffsetDateTime) -> Self {
        let at = at.to_offset(UtcOffset::UTC);
        let mut text = Self::FORM;
        // Four digits of year and three of second always fit the width.
        let _ = write!(
            text.as_mut_slice(),
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year().clamp(0, 9999),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond(),
        );
        Self(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        // The journal's own form is enough: parsing would find nothing that matters. Of a hundred thousand rounds it is
        // looked at half a million times, so all bytes at once and without a branch.
        let has_form = |bytes: &[u8; Self::WIDTH]| {
            bytes.iter().zip(&Self::FORM).fold(true, |so_far, (byte, form)| {
                so_far & if *form == b'0' { byte.is_ascii_digit() } else { byte == form }
            })
        };
        match text.as_bytes().try_into() {
            Ok(bytes) if has_form(&bytes) => Ok(Self(bytes)),
            _ => Err(FromSqlError::other(NotATime(text.chars().take(40).collect()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_fixed_width_and_is_in_utc() {
        let at = Timestamp::parse("2026-11-21T13:22:14.1239+02:00").unwrap();
        assert_eq!(at.as_str(), "2026-11-21T11:22:14.123Z");
        assert_eq!(at.day(), "2026-11-21");
    }

    #[test]
    fn differences_have_a_sign() {
        let early = Timestamp::parse("2026-11-21T23:59:59.500Z").unwrap();
        let late = Timestamp::parse("2026-11-22T00:00:01Z").unwrap();
        assert!((late.seconds_since(early) - 1.5).abs() < 1e-9);
        assert!((early.seconds_since(late) + 1.5).abs() < 1e-9);
        assert!(early < late);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "yesterday", "2026-11-21", "2026-11-21T11:22:14", "2026-13-01T00:00:00Z"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
