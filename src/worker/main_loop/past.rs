//! What the journal knows of the topic from the lives before this one.

use crate::chain::query::Window;
use crate::health::alerts::WINDOWS;
use crate::journal::{Journal, JournalError, JournalHandle, RoundState, Timestamp, Unfinished};

/// What a worker goes on from.
pub(super) struct Past {
    /// Windows whose rounds have not ended, newest first.
    pub(super) unfinished: Vec<Window>,
    /// The value that was submitted last, and in how many rounds in a row.
    pub(super) repeated: Option<(String, u64)>,
    /// Final states of the last rounds, the oldest first.
    pub(super) endings: Vec<RoundState>,
    /// How many of them failed in a row.
    pub(super) failures: u64,
    /// When a round was last admitted.
    pub(super) last_success: Option<Timestamp>,
}

impl Past {
    /// Reads all of it.
    pub(super) async fn read(journal: &JournalHandle, topic_id: u64) -> Result<Self, JournalError> {
        let read = move |journal: &mut Journal| {
            let reader = journal.reader();
            let of_topic = reader.unfinished()?.into_iter().filter(|round| round.row.topic_id == topic_id);
            let window = |round: Unfinished| Window {
                nonce: round.row.nonce,
                end: i64::try_from(round.window_end).unwrap_or(i64::MAX),
            };
            Ok(Self {
                unfinished: of_topic.map(window).collect(),
                repeated: reader.repeated_value(topic_id)?,
                endings: reader.last_endings(topic_id, WINDOWS)?,
                failures: reader.consecutive_failures(topic_id)?,
                last_success: reader.last_success(topic_id)?,
            })
        };
        journal.call(read).await
    }
}
