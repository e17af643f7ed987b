//! Which Python a bundle asks for.

use std::fmt;
use std::str::FromStr;

use super::value::BadValue;

/// The oldest and newest minor version of Python 3 that a manifest may name.
const MINORS: std::ops::RangeInclusive<u8> = 9..=14;

/// `python.version`: one minor version, or that one and every later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PythonVersion {
    /// `3.11`.
    Exact {
        /// The 11 of 3.11.
        minor: u8,
    },
    /// `>=3.11`.
    AtLeast {
        /// The 11 of 3.11.
        minor: u8,
    },
}

impl PythonVersion {
    /// May an interpreter of version `major.minor` run the bundle?
    #[must_use]
    pub fn fits(self, major: u8, minor: u8) -> bool {
        major == 3
            && match self {
                Self::Exact { minor: exact } => minor == exact,
                Self::AtLeast { minor: least } => minor >= least,
            }
    }
}

impl FromStr for PythonVersion {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let bound = text.strip_prefix(">=");
        let number = bound.unwrap_or(text).trim();
        let minor = number
            .strip_prefix("3.")
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'))
            .and_then(|digits| digits.parse().ok())
            .filter(|minor| MINORS.contains(minor));
        match (minor, bound) {
            (Some(minor), None) => Ok(Self::Exact { minor }),
            (Some(minor), Some(_)) => Ok(Self::AtLeast { minor }),
            (None, _) => {
                let (oldest, newest) = (MINORS.start(), MINORS.end());
                let fix = "write one version, such as \"3.11\", or a lower bound, such as \">=3.10\"";
                Err(BadValue::new(text, format!("a Python version from 3.{oldest} to 3.{newest}"), fix))
            }
        }
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact { minor } => write!(f, "3.{minor}"),
            Self::AtLeast { minor } => write!(f, ">=3.{minor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_and_lower_bound_fit_what_they_say() {
        let exact: PythonVersion = "3.10".parse().unwrap();
        assert!(exact.fits(3, 10));
        assert!(!exact.fits(3, 1) && !exact.fits(3, 11) && !exact.fits(2, 10));
        let bound: PythonVersion = ">=3.10".parse().unwrap();
        assert!(bound.fits(3, 10) && bound.fits(3, 15));
        assert!(!bound.fits(3, 9) && !bound.fits(4, 10));
        assert_eq!(bound, ">= 3.10".parse().unwrap());
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "", "3", "3.8", "3.15", "3.1", "3.011", "2.7", "4.0", "3.11.2", "~=3.10", ">3.10", "<3.12", "3.",
            "3.+9",
        ] {
            assert!(text.parse::<PythonVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_shown_as_it_is_written() {
        for text in ["3.9", ">=3.14"] {
            assert_eq!(text.parse::<PythonVersion>().unwrap().to_string(), text);
        }
    }
}
