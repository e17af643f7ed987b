//! Small text files of a bundle.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest file that is searched, in bytes. People write by hand what is looked for.
pub const MAX_BYTES: u64 = 256 * 1024;

/// The text of a file; nothing when it is no plain file, longer than `most` bytes, binary or unreadable.
pub fn read(path: &Path, most: u64) -> Option<String> {
    // Asked before it is opened: opening a pipe would wait for ever.
    let kind = std::fs::metadata(path).ok()?;
    if !kind.is_file() || kind.len() > most {
        return None;
    }
    // In one piece: a bundle may have thousands.
    let mut bytes = Vec::with_capacity(usize::try_from(kind.len()).ok()? + 1);
    File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then_some(text)
}
