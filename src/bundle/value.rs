//! Texts of settings and manifests into values, and what is said about a text that is none.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use bigdecimal::BigDecimal;

use super::problem::Code;

/// Longest time that a setting may name. Anything above overflows clocks and helps nobody.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;
/// What to write where a number above 0 is meant.
const NUMBER: &str = "write a number, such as 1 or 0.5";

/// A text that its key does not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown} is not {expected}")]
pub struct BadValue {
    /// The text, quoted, escaped and cut.
    shown: String,
    /// What the key takes.
    expected: String,
    /// What to write instead.
    pub fix: String,
    /// The kind of problem.
    pub code: Code,
}

impl BadValue {
    /// `text` is not `expected`; `fix` says what to write instead.
    pub fn new(text: &str, expected: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { shown: quoted(text), expected: expected.into(), fix: fix.into(), code: Code::BadValue }
    }

    /// What the key takes, for a message that must not quote the text.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

/// What to write instead of `text`: the closest of the words that would do, or any of them when none is close.
#[must_use]
pub fn one_of<const N: usize>(text: &str, known: [&str; N]) -> String {
    match closest(text, known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("write one of {}", known.map(|word| format!("`{word}`")).join(", ")),
    }
}

/// `text` between back quotes, on one line, of a length that fits a message.
#[must_use]
pub fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("`{}`", shown.replace("\\'", "'").replace("\\\"", "\""))
}

/// The known word that `text` was probably meant to be.
#[must_use]
pub fn closest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Hostile input must not cost a comparison of its length with each word.
    if text.len() > 64 {
        return None;
    }
    let text = text.to_lowercase().replace(['-', ' '], "_");
    known
        .into_iter()
        .map(|word| (strsim::normalized_damerau_levenshtein(&text, &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
}

/// Any text that is not blank.
pub fn text(text: &str) -> Result<String, BadValue> {
    if text.trim().is_empty() {
        Err(BadValue::new(text, "a text", "write at least one letter"))
    } else {
        Ok(text.to_owned())
    }
}

/// A whole number that is at least 1.
pub fn positive(text: &str) -> Result<u64, BadValue> {
    digits(text)
        .filter(|number| *number > 0)
        .ok_or_else(|| BadValue::new(text, "a whole number from 1 on", "write digits alone, such as 1"))
}

/// Whole seconds, at least 1.
pub fn whole_seconds(text: &str) -> Result<Duration, BadValue> {
    digits(text)
        .filter(|seconds| (1..=MAX_SECONDS as u64).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            BadValue::new(text, "a whole number of seconds, at least 1", "write digits alone, such as 120")
        })
}

/// Seconds, more than none, fractions allowed.
pub fn seconds(text: &str) -> Result<Duration, BadValue> {
    float(text)
        .filter(|seconds| *seconds > 0.0 && *seconds <= MAX_SECONDS)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| {
            BadValue::new(
                text,
                "a number of seconds above 0",
                "write a number without a unit, such as 25 or 2.5",
            )
        })
}

/// A time with its unit: `500ms`, `30s`, `2m`, `12h`, `1d`.
pub fn duration(text: &str) -> Result<Duration, BadValue> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let millis = digits(number).zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    let time = millis.filter(|millis| *millis > 0).map(Duration::from_millis);
    time.filter(|time| time.as_secs_f64() <= MAX_SECONDS).ok_or_else(|| {
        BadValue::new(
            text,
            "a time",
            "write a number and a unit, such as `500ms`, `30s`, `2m`, `12h` or `1d`",
        )
    })
}

/// A time in whole days.
pub fn days(text: &str) -> Result<Duration, BadValue> {
    const MOST: u64 = 36_500;
    let days = digits(text).filter(|days| (1..=MOST).contains(days));
    days.map(|days| Duration::from_secs(days * 86_400)).ok_or_else(|| {
        BadValue::new(
            text,
            format!("a whole number of days from 1 to {MOST}"),
            "write digits alone, such as 30",
        )
    })
}

/// A number of bytes, alone or with its unit: `KiB`, `MiB` or `GiB`.
pub fn bytes(text: &str) -> Result<u64, BadValue> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes =
        digits(number).zip(factor).and_then(|(number, factor): (u64, u64)| number.checked_mul(factor));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| {
        BadValue::new(
            text,
            "a size",
            "write a number of bytes, or one with a unit: `500KiB`, `10MiB`, `1GiB`",
        )
    })
}

/// A number above 0.
pub fn positive_number(text: &str) -> Result<f64, BadValue> {
    float(text).filter(|number| *number > 0.0).ok_or_else(|| BadValue::new(text, "a number above 0", NUMBER))
}

/// `true` or `false`.
pub fn boolean(text: &str) -> Result<bool, BadValue> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => Err(BadValue::new(text, "`true` or `false`", "write `true` or `false`")),
    }
}

/// A decimal that a prediction can be compared with: 0, or from 1e-40 to 1e40 in size, as the chain
/// takes them.
pub fn decimal(text: &str) -> Result<BigDecimal, BadValue> {
    let bad =
        || BadValue::new(text, "a number between -1e40 and 1e40", "write it in digits, such as 0.5 or 1e6");
    if text.len() > 128
        || !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'))
    {
        return Err(bad());
    }
    let number: BigDecimal = text.parse().map_err(|_| bad())?;
    // Digits before the point, negative for zeros behind it: a check without unfolding the exponent.
    let (digits, scale) = number.as_bigint_and_exponent();
    if digits == 0.into() {
        return Ok(BigDecimal::default());
    }
    let magnitude = i128::from(number.digits()) - i128::from(scale);
    if (-39..=40).contains(&magnitude) { Ok(number) } else { Err(bad()) }
}

/// The same, above 0.
pub fn positive_decimal(text: &str) -> Result<BigDecimal, BadValue> {
    decimal(text)
        .ok()
        .filter(|number| *number > BigDecimal::default())
        .ok_or_else(|| BadValue::new(text, "a number above 0", NUMBER))
}

/// A word that can be part of a file name and of an image tag.
pub fn file_name(text: &str) -> Result<String, BadValue> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.chars().all(good)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.contains(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 128
    {
        return Ok(text.to_owned());
    }
    let fix = "use at most 128 letters, digits, `.`, `_` and `-`, a letter or digit first";
    Err(BadValue::new(text, "fit for file names and image tags", fix))
}

/// A Python identifier.
pub fn identifier(text: &str) -> Result<String, BadValue> {
    let good = |c: char| c == '_' || c.is_alphanumeric();
    if text.chars().all(good) && text.starts_with(|c: char| good(c) && !c.is_numeric()) {
        return Ok(text.to_owned());
    }
    let fix = "write what stands after `def`, without parentheses and module, such as `predict`";
    Err(BadValue::new(text, "the name of a Python function", fix))
}

/// A dotted Python module.
pub fn module(text: &str) -> Result<String, BadValue> {
    if text.split('.').all(|part| identifier(part).is_ok()) && !text.is_empty() {
        return Ok(text.to_owned());
    }
    let module = text.split(':').next().unwrap_or_default().trim_start_matches("./");
    let module = module.strip_suffix(".py").unwrap_or(module).trim_matches('/').replace('/', ".");
    let fix = if module.split('.').all(|part| identifier(part).is_ok()) {
        format!("write `{module}`")
    } else {
        "name its folders and its file with dots between, such as `src.my_model.runner`".to_owned()
    };
    Err(BadValue::new(text, "a dotted Python module", fix))
}

/// A path below the bundle's root, without `.` and `..`.
pub fn inner_path(text: &str) -> Result<PathBuf, BadValue> {
    let outside = |fix: &str| BadValue {
        code: Code::OutsideBundle,
        ..BadValue::new(text, "a path in the bundle", fix)
    };
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            Component::ParentDir => {
                return Err(outside("it leaves the bundle; move what it names into the bundle"));
            }
            Component::RootDir | Component::Prefix(_) => {
                return Err(outside("write it relative to the bundle's root"));
            }
        }
    }
    if text.is_empty() || text.contains('\0') { Err(outside("name a file or folder")) } else { Ok(path) }
}

/// An absolute path, or one below the bundle's root.
pub fn path(text: &str) -> Result<PathBuf, BadValue> {
    if text.starts_with('/') && !text.contains('\0') { Ok(PathBuf::from(text)) } else { inner_path(text) }
}

/// Any path: absolute, or relative to the working directory.
pub fn file(text: &str) -> Result<PathBuf, BadValue> {
    if text.is_empty() || text.contains('\0') {
        Err(BadValue::new(text, "a path", "name a file or folder"))
    } else {
        Ok(PathBuf::from(text))
    }
}

/// A host and a port to listen on.
pub fn listen_address(text: &str) -> Result<String, BadValue> {
    let parts = text.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains(['/', ' ', '@']));
    match parts.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(_) => Ok(text.to_owned()),
        None => Err(BadValue::new(text, "a host and a port", "write it as 127.0.0.1:9090 or 0.0.0.0:9090")),
    }
}

/// A file that the textfile collector of node_exporter reads.
pub fn prom_file(text: &str) -> Result<PathBuf, BadValue> {
    let path = file(text)?;
    if path.extension().is_some_and(|extension| extension == "prom") {
        return Ok(path);
    }
    Err(BadValue::new(text, "a file that node_exporter reads", "let its name end in `.prom`"))
}

/// An amount of uallo, at least 1.
pub fn uallo(text: &str) -> Result<u128, BadValue> {
    let amount = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    amount.filter(|amount| *amount > 0).ok_or_else(|| {
        BadValue::new(text, "an amount of uallo, at least 1", "write digits alone, such as 500000")
    })
}

/// A level, or a filter in the syntax of `tracing`. Two names of Python's levels are taken as well.
pub fn log_filter(text: &str) -> Result<String, BadValue> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let parts = text.split(',').map(|part| match part.trim().to_ascii_lowercase().as_str() {
        "warning" => Ok("warn".to_owned()),
        "critical" => Ok("error".to_owned()),
        // A bare word would be taken as a target and everything of it be logged: a typo stays silent.
        word if !word.contains(['=', '[', ':']) && !LEVELS.contains(&word) => {
            Err(BadValue::new(text, "a log level", one_of(word, LEVELS)))
        }
        _ => Ok(part.trim().to_owned()),
    });
    let filter = parts.collect::<Result<Vec<_>, _>>()?.join(",");
    match tracing_subscriber::EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(error) => Err(BadValue::new(text, "a log filter", format!("correct it: {error}"))),
    }
}

/// `str::parse` takes a leading plus; nobody means it.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
