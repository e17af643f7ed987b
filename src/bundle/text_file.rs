//! Small text files of a bundle.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest file that is read without a reason to expect a longer text, in bytes: tables of a few thousand rows have less.
pub const MAX_BYTES: u64 = 1 << 20;

/// Bytes that are read of a file before it is taken for a text.
const BEGINNING: u64 = 8 * 1024;

/// The text of a file; nothing when it is no plain file, longer than `most` bytes, binary or unreadable.
pub fn read(path: &Path, most: u64) -> Option<String> {
    // Asked before it is opened: opening a pipe would wait for ever.
    let kind = std::fs::metadata(path).ok()?;
    if !kind.is_file() || kind.len() > most {
        return None;
    }
    // In one piece: a bundle may have thousands.
    let mut bytes = Vec::with_capacity(usize::try_from(kind.len()).ok()? + 1);
    let mut file = File::open(path).ok()?.take(most);
    // Most that are no text say so soon.
    file.by_ref().take(BEGINNING).read_to_end(&mut bytes).ok()?;
    if is_binary(&bytes) {
        return None;
    }
    file.read_to_end(&mut bytes).ok()?;
    decoded(bytes)
}

/// Whether there is a zero in what is not UTF-16.
fn is_binary(bytes: &[u8]) -> bool {
    !matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) && bytes.contains(&0)
}

/// UTF-8, or UTF-16 where it begins with its mark, as editors of Windows write. What is neither is shown as replaced: the rest
/// may be what is looked for.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ if is_binary(&bytes) => return None,
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    };
    (!text.contains('\0')).then_some(text)
}
