//! How often in a row the same value was submitted, or refused since it came again.

/// The last value and how often in a row it came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Repeats {
    last: Option<(String, u64)>,
}

impl Repeats {
    /// As an earlier life left it: the last value that the chain took, and how often in a row.
    #[must_use]
    pub const fn resume(last: Option<(String, u64)>) -> Self {
        Self { last }
    }

    /// How often in a row `value` would have come with this time.
    #[must_use]
    pub fn with(&self, value: &str) -> u64 {
        match &self.last {
            Some((last, times)) if last == value => times.saturating_add(1),
            _ => 1,
        }
    }

    /// How often in a row the last value came; `None` when there was none.
    #[must_use]
    pub fn times(&self) -> Option<u64> {
        self.last.as_ref().map(|(_, times)| *times)
    }

    /// `value` was submitted, or refused as a repetition of the last one.
    pub fn came(&mut self, value: &str) {
        self.last = Some((value.to_owned(), self.with(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_in_a_row() {
        let mut repeats = Repeats::default();
        for _ in 0..2 {
            repeats.came("1.5");
        }
        assert_eq!((repeats.with("1.5"), repeats.with("1.6")), (3, 1));
        repeats.came("1.6");
        assert_eq!(repeats.with("1.5"), 1);
        assert_eq!(Repeats::resume(Some(("1.5".to_owned(), 7))).with("1.5"), 8);
    }
}
