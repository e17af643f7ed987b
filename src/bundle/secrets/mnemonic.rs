//! Mnemonics of BIP-39 (https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki), however they are written down.

use std::sync::LazyLock;

use bip39::{Language, Mnemonic};

/// Letters of the longest word of the list.
const LONGEST: usize = 8;
/// Words of the longest mnemonic.
const MOST: usize = 24;

/// The words of the list by their first two letters.
static LISTED: LazyLock<Vec<&'static [&'static str]>> = LazyLock::new(|| {
    let letters = || b'a'..=b'z';
    let pairs = letters().flat_map(|first| letters().map(move |second| [first, second]));
    let list = Language::English.word_list();
    let starts = |pair: [u8; 2]| list.partition_point(|word| word.as_bytes() < &pair[..]);
    pairs.map(|[first, second]| &list[starts([first, second])..starts([first, second + 1])]).collect()
});

/// Is the word one of the list, in either case?
pub fn lists(word: &str) -> bool {
    if !(3..=LONGEST).contains(&word.len()) {
        return false;
    }
    let place = |byte: u8| byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_lowercase() - b'a'));
    let [first, second, ..] = word.as_bytes() else { return false };
    let (Some(first), Some(second)) = (place(*first), place(*second)) else { return false };
    LISTED[first * 26 + second].iter().any(|listed| listed.eq_ignore_ascii_case(word))
}

/// Words of the list in a row, with the same between each two of them, but for numbers and the length of blanks.
pub struct Run<'t> {
    text: &'t str,
    /// Does a line's end end it?
    is_one_line: bool,
    /// The words with where they begin. One more than the longest mnemonic has stands for any number.
    words: Vec<(usize, &'t str)>,
    /// Where the last word ends.
    end: usize,
    /// What is between two of them.
    between: &'t str,
}

impl<'t> Run<'t> {
    /// For a mnemonic that is wrapped, or has a line for each word.
    pub fn over_lines(text: &'t str) -> Self {
        Self { text, is_one_line: false, words: Vec::new(), end: 0, between: "" }
    }

    /// For a mnemonic in a line of its own.
    pub fn of_one_line(text: &'t str) -> Self {
        Self { is_one_line: true, ..Self::over_lines(text) }
    }

    /// Takes the next word. Where the mnemonic begins that has ended before it.
    pub fn push(&mut self, start: usize, word: &'t str) -> Option<usize> {
        let between = if self.words.is_empty() { "" } else { &self.text[self.end..start] };
        let mut found = None;
        if self.is_one_line && between.contains('\n') {
            found = self.end();
        } else if self.words.len() > 1 && !shape(between).eq(shape(self.between)) {
            // `phrase: legal winner`: the last word may be the first of what follows.
            let last = self.words.last().copied();
            found = self.end();
            self.words.extend(last);
        }
        self.words.truncate(MOST);
        self.words.push((start, word));
        (self.between, self.end) = (between, start + word.len());
        found
    }

    /// Another word follows. Where the mnemonic begins, if the row was one.
    pub fn end(&mut self) -> Option<usize> {
        let is_mnemonic = matches!(self.words.len(), 12 | 15 | 18 | 21 | MOST) && {
            let words: Vec<&str> = self.words.iter().map(|(_, word)| *word).collect();
            let phrase = words.join(" ").to_ascii_lowercase();
            Mnemonic::parse_in_normalized(Language::English, &phrase).is_ok()
        };
        let start = self.words.first().map(|(start, _)| *start);
        self.words.clear();
        start.filter(|_| is_mnemonic)
    }
}

/// What is between two words, without numbers, and with one blank for any.
fn shape(between: &str) -> impl Iterator<Item = u8> {
    let mut last = 0;
    between
        .bytes()
        .filter(|byte| !byte.is_ascii_digit())
        .map(|byte| if byte.is_ascii_whitespace() { b' ' } else { byte })
        .filter(move |byte| std::mem::replace(&mut last, *byte) != b' ' || *byte != b' ')
}
