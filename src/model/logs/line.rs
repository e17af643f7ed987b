//! One line of what a model prints.

use std::io::BufRead;

use crate::model::printable::printable;

/// Longest line, in bytes; what follows is left out.
const LONGEST: usize = 4096;

/// A line that grows to a limit.
#[derive(Debug, Default)]
pub struct Line {
    bytes: Vec<u8>,
    /// The last byte was a carriage return: what comes next is written over what is there.
    returned: bool,
    begun: bool,
    cut: bool,
}

/// What became of the bytes of a push.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// All are in the line.
    Whole,
    /// The line is full now; so many are left out.
    Cut(usize),
    /// It had been full; so many are left out.
    Beyond(usize),
}

impl Line {
    /// How bytes that hold no end of line are shown.
    pub fn shown(bytes: &[u8]) -> String {
        let mut line = Self::default();
        line.push(bytes);
        line.text()
    }

    /// Adds bytes that hold no end of line.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        self.begun = true;
        if self.cut {
            return Pushed::Beyond(bytes.len());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (part, behind) = split_after(rest, b'\r');
            rest = behind;
            let text = part.strip_suffix(b"\r").unwrap_or(part);
            // Progress bars draw themselves again and again; the last drawing is the line.
            if !text.is_empty() && std::mem::take(&mut self.returned) {
                self.bytes.clear();
            }
            self.returned |= text.len() < part.len();
            let room = LONGEST - self.bytes.len();
            if text.len() > room {
                self.bytes.extend_from_slice(&text[..room]);
                self.cut = true;
                return Pushed::Cut(text.len() - room + behind.len());
            }
            self.bytes.extend_from_slice(text);
        }
        Pushed::Whole
    }

    /// Whether its end is left out.
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether anything was pushed.
    pub const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Bytes that are in it.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The line so far, fit to be shown.
    pub fn text(&self) -> String {
        let mut text = printable(&String::from_utf8_lossy(&self.bytes));
        if self.cut {
            text.push_str(" [cut]");
        }
        text
    }

    /// Begins the next one.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.returned, self.begun, self.cut) = (false, false, false);
    }
}

/// The bytes up to and with the first of this kind, and those behind it.
pub fn split_after(bytes: &[u8], byte: u8) -> (&[u8], &[u8]) {
    // Reading from memory cannot fail. The standard library searches words, not bytes.
    let length = { bytes }.skip_until(byte).unwrap_or(bytes.len());
    bytes.split_at(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let mut line = Line::default();
        assert_eq!(line.push(&[b'x'; LONGEST]), Pushed::Whole);
        assert_eq!(line.push(b""), Pushed::Whole);
        assert_eq!(line.push(b"yyy"), Pushed::Cut(3));
        assert_eq!(line.push(b"zz"), Pushed::Beyond(2));
        assert!(line.text().starts_with("xxx") && line.text().ends_with("x [cut]"));
        line.clear();
        assert!(!line.has_begun() && !line.is_cut());
        assert_eq!(line.text(), "");
    }

    #[test]
    fn a_carriage_return_begins_the_line_again() {
        assert_eq!(Line::shown(b"one\r"), "one", "as lines of other systems end");
        assert_eq!(Line::shown(b"\r 10 %\r 20 %\r100 %"), "100 %");
        let mut bar = Line::default();
        for _ in 0..1000 {
            assert_eq!(bar.push(b"\r[#####     ]"), Pushed::Whole);
        }
        assert_eq!(bar.text(), "[#####     ]");
    }
}
