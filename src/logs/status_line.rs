//! A line at the bottom of a terminal, below the log: what takes long, and how long still.

use std::io::{self, Write as _, stderr};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Between two drawings.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the end of the line is waited for: a terminal may have stopped reading.
const LAST_DRAWING: Duration = Duration::from_millis(500);

static LINE: OnceLock<ProgressBar> = OnceLock::new();

/// The line of this process, drawn by a thread of its own until this is dropped. A terminal that stops reading holds
/// that thread and the one that writes the log, and nobody else.
pub struct StatusLine {
    /// Dropped to end the thread.
    goes_on: Option<Sender<()>>,
    ended: Receiver<()>,
}

impl StatusLine {
    /// Draws what `text` gives, several times a second. To be called where stderr is a terminal.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(mut text: impl FnMut() -> String + Send + 'static) -> io::Result<Self> {
        let (goes_on, stopped) = channel();
        let (end, ended) = channel();
        thread::Builder::new().name("status-line".into()).spawn(move || {
            let line = LINE.get_or_init(|| {
                let style = ProgressStyle::with_template("{spinner} {wide_msg}");
                ProgressBar::new_spinner()
                    .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
            });
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                line.set_message(printable(&text()));
                line.tick();
            }
            line.finish_and_clear();
            // Nobody waits where that took too long.
            let _ = end.send(());
        })?;
        Ok(Self { goes_on: Some(goes_on), ended })
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.goes_on = None;
        let _ = self.ended.recv_timeout(LAST_DRAWING);
    }
}

/// Writes a line of the log to stderr, above the status line where there is one: neither tears the other.
///
/// # Errors
/// Those of stderr.
pub fn write_above(line: &[u8]) -> io::Result<()> {
    let write = || stderr().lock().write_all(line);
    match LINE.get() {
        Some(status) => status.suspend(write),
        None => write(),
    }
}

/// Without what moves a cursor: a part of the text may come from a node or a model.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
