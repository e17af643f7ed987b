//! The log on its way out: to stderr, and to a file that rotates.
//!
//! | module | noun |
//! |---|---|
//! | `queue` | lines that wait for the thread that writes them |
//! | `file` | the file that they are appended to, by one writer |
//! | `status_line` | a line below the log, on a terminal: what takes long, and how long still |
//! | `archive` | files that were rotated: named, compressed, kept for a time |

mod archive;
mod file;
mod queue;
mod status_line;

pub use file::{LogFile, LogFileError};
pub use queue::{LogQueue, Sink, Stderr};
pub use status_line::StatusLine;
