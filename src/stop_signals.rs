//! SIGINT and SIGTERM, by which people and service managers ask a program to stop.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// What comes within this time of a signal is the same wish: `timeout` signals its child and then its whole group.
const SAME_WISH: Duration = Duration::from_millis(500);

/// Which of the two came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT, as of Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Both signals. From the moment on at which this is made they end this process no more by themselves.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Listens for them, within a runtime.
    ///
    /// # Errors
    /// When the system refuses to.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one, or gives one that came since they are listened for.
    pub async fn recv(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
        }
    }

    /// After a signal: lets those pass that mean the same. The next one is a wish of its own.
    pub async fn settle(&mut self) {
        let end = Instant::now() + SAME_WISH;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(end) => return,
                _ = self.recv() => {}
            }
        }
    }
}
