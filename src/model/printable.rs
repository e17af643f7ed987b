//! What a model says, fit to be shown.

/// Text of one line, without what could move a terminal's cursor, begin a line, or turn the direction of
/// reading.
pub fn printable(text: &str) -> String {
    let harmful = |c: char| {
        (c.is_control() && c != '\t')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace(harmful, "\u{fffd}")
}

/// The same of several lines.
pub fn printable_lines(text: &str) -> String {
    text.split('\n')
        .map(|line| printable(line.strip_suffix('\r').unwrap_or(line)))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_is_shown() {
        assert_eq!(printable("\x1b[2Jred\n\r\0"), "\u{fffd}[2Jred\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(printable("a\u{2028}b\u{202e}c\td"), "a\u{fffd}b\u{fffd}c\td");
        assert_eq!(printable_lines("one\r\n\ttwo\x1b[A\n"), "one\n\ttwo\u{fffd}[A\n");
    }
}
