//! The lines of an environment file.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

/// What a name stands for.
pub struct Variable {
    /// Shown nowhere.
    pub value: Zeroizing<String>,
    /// Number of the line that it begins in, from 1.
    pub line: usize,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A name alone, and something behind it.
    NoEquals,
    /// No name at its beginning.
    BadName,
    /// A quote that is open at the end of the file.
    Unclosed,
    /// More behind the closing quote than a comment.
    AfterQuote,
    /// A value that no environment can hold.
    Nul,
}

impl Fault {
    /// The words for it.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoEquals => "there is no `=` behind the name",
            Self::BadName => "this is not the name of a variable",
            Self::Unclosed => "a quote is not closed",
            Self::AfterQuote => "something follows the closing quote",
            Self::Nul => "the value holds a NUL character",
        }
    }

    /// What the user should do.
    pub const fn fix(self) -> &'static str {
        match self {
            Self::NoEquals => "write NAME=value, or a # before a comment",
            Self::BadName => "use letters, digits and `_`, no digit first",
            Self::Unclosed => "close it, or write \\\" for a quote within double quotes",
            Self::AfterQuote => "put all of the value between the quotes",
            Self::Nul => "remove it",
        }
    }
}

/// What stands between words of a line. The `\r` of Windows is part of its end.
const BLANKS: [char; 3] = [' ', '\t', '\r'];

/// Every variable, the last of a name, and every fault with its line.
pub fn parse(text: &str) -> (BTreeMap<String, Variable>, Vec<(usize, Fault)>) {
    Parser::new(text).parse()
}

struct Parser<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
    }

    fn parse(mut self) -> (BTreeMap<String, Variable>, Vec<(usize, Fault)>) {
        let (mut variables, mut faults) = (BTreeMap::new(), Vec::new());
        while !self.rest.is_empty() {
            let line = self.line;
            match self.assignment() {
                Ok(Some((name, value))) => drop(variables.insert(name.to_owned(), Variable { value, line })),
                Ok(None) => {}
                Err(fault) => faults.push((line, fault)),
            }
            // Nobody knows where the value was to end.
            if faults.last().is_some_and(|(_, fault)| *fault == Fault::Unclosed) {
                break;
            }
            let end = self.rest.find('\n').map_or(self.rest.len(), |end| end + 1);
            self.take(end);
        }
        (variables, faults)
    }

    /// The assignment that the line begins with. `None`: it is empty, a comment, or a name alone, which `docker
    /// run` and shells leave as the environment has it.
    fn assignment(&mut self) -> Result<Option<(&'t str, Zeroizing<String>)>, Fault> {
        self.skip_blanks();
        if let Some(rest) = self.rest.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
            self.rest = rest;
            self.skip_blanks();
        }
        if self.is_at_end() {
            return Ok(None);
        }
        let end = self.rest.find(|c: char| c == '=' || c == '\n' || BLANKS.contains(&c));
        let name = self.take(end.unwrap_or(self.rest.len()));
        self.skip_blanks();
        if !is_name(name) {
            return Err(Fault::BadName);
        }
        if self.is_at_end() {
            return Ok(None);
        }
        if !self.rest.starts_with('=') {
            return Err(Fault::NoEquals);
        }
        self.take(1);
        let value = self.value()?;
        if value.contains('\0') { Err(Fault::Nul) } else { Ok(Some((name, value))) }
    }

    fn value(&mut self) -> Result<Zeroizing<String>, Fault> {
        let has_blank = self.skip_blanks();
        match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                self.take(1);
                let value = self.quoted(quote)?;
                self.skip_blanks();
                if self.is_at_end() { Ok(value) } else { Err(Fault::AfterQuote) }
            }
            Some('#') if has_blank => Ok(Zeroizing::default()),
            _ => {
                let line = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
                let comment = line.match_indices('#').find(|(at, _)| line[..*at].ends_with(BLANKS));
                let value = comment.map_or(line, |(at, _)| &line[..at]);
                Ok(Zeroizing::new(value.trim_end_matches(BLANKS).to_owned()))
            }
        }
    }

    /// What stands before the closing quote, which may be lines further down.
    fn quoted(&mut self, quote: char) -> Result<Zeroizing<String>, Fault> {
        let mut is_escaped = false;
        let mut closes = |(_, character): &(usize, char)| {
            let closes = *character == quote && !is_escaped;
            is_escaped = quote == '"' && *character == '\\' && !is_escaped;
            closes
        };
        let (end, _) = self.rest.char_indices().find(&mut closes).ok_or(Fault::Unclosed)?;
        let text = self.take(end);
        self.take(quote.len_utf8());
        Ok(unquoted(text, quote))
    }

    fn is_at_end(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with(['\n', '#'])
    }

    /// Whether there were any.
    fn skip_blanks(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start_matches(BLANKS);
        self.rest.len() < before
    }

    /// Goes on behind the next `length` bytes, and gives them.
    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

/// What a text between such quotes means.
fn unquoted(text: &str, quote: char) -> Zeroizing<String> {
    // As much as there can be: a text that grows leaves pieces of a secret behind.
    let mut value = Zeroizing::new(String::with_capacity(text.len()));
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\r', Some('\n')) => {}
            ('\\', Some(&escaped)) if quote == '"' => {
                characters.next();
                match escaped {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    '\\' | '"' | '\'' | '$' => value.push(escaped),
                    // It is none, and a path of Windows perhaps.
                    _ => value.extend(['\\', escaped]),
                }
            }
            _ => value.push(character),
        }
    }
    value
}

fn is_name(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    text.bytes().all(is_good) && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Name, value, line.
    type Parsed = (String, String, usize);

    fn read(text: &str) -> (Vec<Parsed>, Vec<(usize, Fault)>) {
        let (variables, faults) = parse(text);
        let shown = |(name, variable): (String, Variable)| (name, variable.value.to_string(), variable.line);
        (variables.into_iter().map(shown).collect(), faults)
    }

    fn value(line: &str) -> String {
        let (variables, faults) = read(line);
        assert_eq!(faults, [], "{line}");
        variables.into_iter().next().unwrap_or_else(|| panic!("{line}")).1
    }

    #[test]
    fn values_as_people_write_them() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("A= ", ""),
            ("  A = b c  ", "b c"),
            ("export A=b", "b"),
            ("export\tA=b", "b"),
            ("A=b # comment", "b"),
            ("A= # comment", ""),
            ("A=b#c", "b#c"),
            ("A=#b", "#b"),
            ("A=\"b # c\" # comment", "b # c"),
            ("A='b # c'#comment", "b # c"),
            (r#"A="a\tb\nc\\d\"e\$f""#, "a\tb\nc\\d\"e$f"),
            (r#"A="C:\users""#, r"C:\users"),
            (r"A='a\nb'", r"a\nb"),
            (r"A=a\nb", r"a\nb"),
            ("A='it is \"b\"'", "it is \"b\""),
            ("A=\"it's\"", "it's"),
            ("A=b's", "b's"),
            ("A=x=y==", "x=y=="),
            ("A=http://u:p@h:1/?k=v#f", "http://u:p@h:1/?k=v#f"),
            ("A=$B ${C}", "$B ${C}"),
            ("A=\"two\r\nlines\"\r\n", "two\nlines"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=b", "b"),
            ("A=é ñ", "é ñ"),
            ("exportA=b", "b"),
            ("A=old\nA=new", "new"),
        ] {
            assert_eq!(value(line), expected, "{line:?}");
        }
    }

    #[test]
    fn lines_are_counted_and_faults_are_told_all_at_once() {
        let text = "# comment\r\n\r\nA='x\ny'\nB=1\nexport\nPATH\nword word\n1C=2\nD: 3\nE='a' b\nF=\0\nG='open\nH=1\n";
        let (variables, faults) = read(text);
        assert_eq!(variables, [("A".to_owned(), "x\ny".to_owned(), 3), ("B".to_owned(), "1".to_owned(), 5)]);
        assert_eq!(
            faults,
            [
                (8, Fault::NoEquals),
                (9, Fault::BadName),
                (10, Fault::BadName),
                (11, Fault::AfterQuote),
                (12, Fault::Nul),
                (13, Fault::Unclosed),
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([A-Z='\"\\\\# \\n\\r\\t$]|export |\\PC|\u{0}){0,60}") {
            let (variables, faults) = read(&text);
            let lines = text.matches('\n').count() + 1;
            for (name, _, line) in variables {
                prop_assert!(is_name(&name) && (1..=lines).contains(&line));
            }
            for (line, _) in faults {
                prop_assert!((1..=lines).contains(&line));
            }
        }

        #[test]
        fn what_is_quoted_comes_back(values in prop::collection::vec("[^\u{0}\r]{0,20}", 1..6)) {
            let quoted = |value: &String| value.replace('\\', "\\\\").replace('"', "\\\"");
            let text: String = values.iter().enumerate()
                .map(|(number, value)| format!("export V{number} = \"{}\" # {number}\r\n", quoted(value)))
                .collect();
            let (variables, faults) = read(&text);
            prop_assert_eq!(faults, []);
            let back: Vec<_> = variables.into_iter().map(|(_, value, _)| value).collect();
            prop_assert_eq!(back, values);
        }
    }
}
