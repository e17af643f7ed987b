//! What Go's `encoding/json` says of a text that it cannot read: a node's answers have its words.

use serde_json::Value;

/// Deeper nesting than this is refused; Go's own limit.
const MAX_DEPTH: usize = 10_000;

const END: &str = "unexpected end of JSON input";

/// Reads a text of JSON. The error has Go's words.
pub(super) fn parse(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map_err(|error| {
        let mut scanner = Scanner { text, at: 0 };
        // What Go takes and this library does not, such as a number that is too large, keeps its words.
        scanner.document().err().unwrap_or_else(|| error.to_string())
    })
}

/// A value that is not of the type that a parameter has.
pub(super) fn mismatch(value: &Value, go_type: &str) -> String {
    let kind = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        // Where a number is wanted, the number itself is what is wrong.
        Value::Number(number) if go_type == "int64" => format!("number {number}"),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    format!("json: cannot unmarshal {kind} into Go value of type {go_type}")
}

/// Walks over a text up to the first character that may not stand where it stands.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), String> {
        self.value(0)?;
        match self.next_word() {
            None => Ok(()),
            Some(byte) => Err(wrong(byte, "after top-level value")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".into());
        }
        match self.next_word().ok_or(END)? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' => {
                let first = self.byte()?;
                self.number(first, "in numeric literal")
            }
            byte @ b'0'..=b'9' => self.number(byte, ""),
            byte => Err(wrong(byte, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), String> {
        let mut byte = self.next_word().ok_or(END)?;
        if byte == b'}' {
            return Ok(());
        }
        loop {
            if byte != b'"' {
                return Err(wrong(byte, "looking for beginning of object key string"));
            }
            self.string()?;
            match self.next_word().ok_or(END)? {
                b':' => self.value(depth + 1)?,
                byte => return Err(wrong(byte, "after object key")),
            }
            match self.next_word().ok_or(END)? {
                b',' => byte = self.next_word().ok_or(END)?,
                b'}' => return Ok(()),
                byte => return Err(wrong(byte, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), String> {
        let start = self.at;
        if self.next_word().ok_or(END)? == b']' {
            return Ok(());
        }
        self.at = start;
        loop {
            self.value(depth + 1)?;
            match self.next_word().ok_or(END)? {
                b',' => {}
                b']' => return Ok(()),
                byte => return Err(wrong(byte, "after array element")),
            }
        }
    }

    /// The rest of a text after its first quote.
    fn string(&mut self) -> Result<(), String> {
        loop {
            match self.byte()? {
                b'"' => return Ok(()),
                b'\\' => match self.byte()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let digit = self.byte()?;
                            if !digit.is_ascii_hexdigit() {
                                return Err(wrong(digit, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(wrong(byte, "in string escape code")),
                },
                byte if byte < 0x20 => return Err(wrong(byte, "in string literal")),
                _ => {}
            }
        }
    }

    /// The rest of a number after its first digit, which must be one.
    fn number(&mut self, first: u8, place: &str) -> Result<(), String> {
        match first {
            b'0' => {}
            b'1'..=b'9' => self.digits(),
            byte => return Err(wrong(byte, place)),
        }
        if self.take(|byte| byte == b'.') {
            self.some_digits("after decimal point in numeric literal")?;
        }
        if self.take(|byte| matches!(byte, b'e' | b'E')) {
            self.take(|byte| matches!(byte, b'+' | b'-'));
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn some_digits(&mut self, place: &str) -> Result<(), String> {
        let byte = self.byte()?;
        if !byte.is_ascii_digit() {
            return Err(wrong(byte, place));
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.take(|byte| byte.is_ascii_digit()) {}
    }

    /// The rest of a word after its first letter.
    fn literal(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes().skip(1) {
            let byte = self.byte()?;
            if byte != expected {
                let place = format!("in literal {word} (expecting {})", quoted(expected));
                return Err(wrong(byte, &place));
            }
        }
        Ok(())
    }

    /// Steps over the next byte if it is such a one.
    fn take(&mut self, is_such: impl Fn(u8) -> bool) -> bool {
        let is_there = self.text.get(self.at).is_some_and(|byte| is_such(*byte));
        self.at += usize::from(is_there);
        is_there
    }

    fn byte(&mut self) -> Result<u8, String> {
        let byte = *self.text.get(self.at).ok_or(END)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next byte that is no blank.
    fn next_word(&mut self) -> Option<u8> {
        while self.take(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {}
        self.byte().ok()
    }
}

fn wrong(byte: u8, place: &str) -> String {
    format!("invalid character {} {place}", quoted(byte))
}

/// A byte as Go quotes a character.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => "'\"'".into(),
        b'\\' => r"'\\'".into(),
        b'\n' => r"'\n'".into(),
        b'\r' => r"'\r'".into(),
        b'\t' => r"'\t'".into(),
        0..0x20 | 0x7f => format!(r"'\x{byte:02x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_gos() {
        for (text, words) in [
            ("", END),
            ("  ", END),
            ("not json", "invalid character 'o' in literal null (expecting 'u')"),
            ("/a/b", "invalid character '/' looking for beginning of value"),
            ("{\"a\": 1", END),
            ("{a}", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\": 1 \"b\"", "invalid character '\"' after object key:value pair"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1, ]", "invalid character ']' looking for beginning of value"),
            ("1x", "invalid character 'x' after top-level value"),
            ("01", "invalid character '1' after top-level value"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1e'", "invalid character '\\'' in exponent of numeric literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), words, "{text}");
        }
        assert_eq!(parse(b" [1, {\"a\": null}] ").unwrap(), serde_json::json!([1, {"a": null}]));
    }
}
