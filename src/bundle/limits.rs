//! How much a bundle may hold.

/// Most entries and bytes of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files, folders and links.
    pub entries: u64,
    /// Bytes of its files together, unpacked.
    pub bytes: u64,
}

/// More than the limits allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Too many.
    #[error("it holds more than {0} entries")]
    Entries(u64),
    /// Too much.
    #[error("its files have more than {0} bytes, unpacked")]
    Bytes(u64),
}

impl Limits {
    /// What is taken when nothing else is asked for: 20,000 entries, 2 GiB.
    pub const DEFAULT: Self = Self { entries: 20_000, bytes: 2 << 30 };

    /// Does so much fit?
    ///
    /// # Errors
    /// When it does not.
    pub fn allow(self, entries: usize, bytes: u64) -> Result<(), Exceeded> {
        if u64::try_from(entries).unwrap_or(u64::MAX) > self.entries {
            return Err(Exceeded::Entries(self.entries));
        }
        if bytes > self.bytes { Err(Exceeded::Bytes(self.bytes)) } else { Ok(()) }
    }
}
