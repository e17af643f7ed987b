//! Texts within bounds.

/// `text` within `limit` bytes: its beginning and, since the last lines of a traceback say most,
/// three times as much of its end.
#[must_use]
pub fn cut(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let boundary = |index: &usize| text.is_char_boundary(*index);
    let head = (0..=limit / 4).rev().find(boundary).unwrap_or(0);
    let tail = (text.len() - limit / 4 * 3..=text.len()).find(boundary).unwrap_or(text.len());
    format!("{}\n[{} bytes left out]\n{}", &text[..head], tail - head, &text[tail..])
}
