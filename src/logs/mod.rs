//! The log on its way out: to stderr, and to a file that rotates.
//!
//! | module | noun |
//! |---|---|
//! | `queue` | lines that wait for the thread that writes them |
//! | `file` | the file that they are appended to, by one writer |
//! | `archive` | files that were rotated: named, compressed, kept for a time |

mod archive;
mod file;
mod queue;

pub use file::{LogFile, LogFileError};
pub use queue::{LogQueue, Sink, Stderr};
