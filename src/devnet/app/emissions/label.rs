//! Labels of an inference.

use crate::devnet::app::error::{AbciError, emissions};

/// Bytes that a canonical label may have.
pub const MAX_BYTES: usize = 64;

/// The canonical form: trimmed and in lower case, of `A-Z a-z 0-9 _ - space / .` only.
pub fn canonical(label: &str) -> Result<String, AbciError> {
    let trimmed = label.trim();
    if trimmed.is_empty() {
        return Err(emissions::INVALID_LABEL.wrap("label is empty after trimming"));
    }
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '/' | '.');
    if let Some(wrong) = trimmed.chars().find(|c| !allowed(c)) {
        let code = u32::from(wrong);
        return Err(
            emissions::INVALID_LABEL.wrap(format!("label contains a disallowed character: U+{code:04X}"))
        );
    }
    if trimmed.len() > MAX_BYTES {
        let length = trimmed.len();
        return Err(emissions::INVALID_LABEL.wrap(format!("label exceeds {MAX_BYTES} bytes (got {length})")));
    }
    Ok(trimmed.to_ascii_lowercase())
}

/// The canonical forms of a submission's labels: not too many, each once, all in the whitelist.
pub fn validate<'a>(
    labels: impl ExactSizeIterator<Item = &'a str>,
    most: u64,
    whitelist: &[String],
) -> Result<Vec<String>, AbciError> {
    let count = labels.len();
    if count as u64 > most {
        let text = format!("submission has {count} labels, per-topic cap is {most}");
        return Err(emissions::TOO_MANY_LABELS.wrap(text));
    }
    let mut canonicals = Vec::with_capacity(count);
    for (index, label) in labels.enumerate() {
        let label = canonical(label)
            .map_err(|error| error.context(format!("input labeled value at index {index}")))?;
        if canonicals.contains(&label) {
            let text = format!("duplicate label after canonicalization at index {index}: {label:?}");
            return Err(emissions::INVALID_LABEL.wrap(text));
        }
        if !whitelist.is_empty() && !whitelist.contains(&label) {
            let text = format!("label {label:?} is not in topic label whitelist");
            return Err(emissions::LABEL_NOT_WHITELISTED.wrap(text));
        }
        canonicals.push(label);
    }
    Ok(canonicals)
}
