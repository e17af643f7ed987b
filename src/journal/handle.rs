//! The journal on a thread of its own, for async callers.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Journal, JournalError};

/// A flush takes milliseconds. A disk that takes longer than this is taken for hung.
const LIMIT: Duration = Duration::from_secs(10);

/// What it is given for closing. Nothing is lost where it takes longer: what was committed is flushed.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

type Call = Box<dyn FnOnce(Journal) -> Option<Journal> + Send>;

/// The journal for callers that must not block. Calls run one after another, in the order in which they
/// were made, and a call that was begun runs to its end even when its caller has gone.
#[derive(Debug, Clone)]
pub struct JournalHandle {
    calls: mpsc::Sender<Call>,
}

impl JournalHandle {
    /// Moves the journal to a thread of its own. The thread ends, and the lock with it, at
    /// [`close`](Self::close) or with the last handle.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(journal: Journal) -> std::io::Result<Self> {
        let (calls, queue) = mpsc::channel::<Call>();
        thread::Builder::new().name("journal".into()).spawn(move || {
            let mut journal = journal;
            for call in queue {
                match call(journal) {
                    Some(still_open) => journal = still_open,
                    None => return,
                }
            }
        })?;
        Ok(Self { calls })
    }

    /// Runs `work` on the journal.
    ///
    /// # Errors
    /// Those of `work`; the journal is closed; or the disk did not answer within ten seconds, in which case
    /// the work may still be done.
    pub async fn call<T, E>(
        &self,
        work: impl FnOnce(&mut Journal) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<JournalError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |mut journal| {
            // A caller that has gone does not want the answer.
            let _ = answer.send(work(&mut journal));
            Some(journal)
        });
        self.calls.send(call).map_err(|_| JournalError::Closed)?;
        match tokio::time::timeout(LIMIT, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(JournalError::Closed.into()),
            Err(_) => Err(JournalError::Slow(LIMIT).into()),
        }
    }

    /// Closes the journal and gives the lock back, after all calls made so far.
    ///
    /// # Errors
    /// The disk did not answer within two seconds; it may be closed later.
    pub async fn close(&self) -> Result<(), JournalError> {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |journal| {
            drop(journal);
            let _ = answer.send(());
            None
        });
        if self.calls.send(call).is_err() {
            return Ok(());
        }
        match tokio::time::timeout(CLOSE_LIMIT, answered).await {
            Ok(_) => Ok(()),
            Err(_) => Err(JournalError::Slow(CLOSE_LIMIT)),
        }
    }
}
