//! Numbers of the command line, refused in words of our own.

use std::str::FromStr;
use std::time::Duration;

use crate::bundle::value;

/// The longest time that may be waited for: a year.
const MAX_WAIT: Duration = Duration::from_secs(31_536_000);

/// A whole number.
///
/// # Errors
/// It is none, or out of range.
pub fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "write a whole number, such as 100".to_owned())
}

/// How many: at least 1.
///
/// # Errors
/// It is no such number.
pub fn count(text: &str) -> Result<u64, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "write a whole number from 1 on".to_owned())
}

/// A time to wait, also none: seconds, or with a unit such as `2m`; a year at most.
///
/// # Errors
/// It is no such time.
pub fn wait(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let time = seconds.or_else(|| value::duration(text).ok()).filter(|time| *time <= MAX_WAIT);
    time.ok_or_else(|| {
        "write seconds, or a time with a unit such as 30s, 2m or 12h; a year at most".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_unit_or_is_in_seconds() {
        for (text, seconds) in [("0", 0), ("240", 240), ("2m", 120), ("12h", 43_200), ("365d", 31_536_000)] {
            assert_eq!(wait(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "-1", "1.5", "2 m", "366d", "31536001"] {
            assert!(wait(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refusals_say_what_to_write() {
        for refusal in [whole::<i64>("abc").unwrap_err(), count("0").unwrap_err(), wait("soon").unwrap_err()]
        {
            assert!(refusal.starts_with("write "), "{refusal}");
        }
        assert_eq!(whole::<i64>("-3"), Ok(-3));
        assert_eq!(count("1"), Ok(1));
    }
}
