//! The end of a round, on its way into the journal.

use super::{Ended, Finished};
use crate::chain::delivered::Admission;
use crate::chain::query::Window;
use crate::journal::{Begin, Ending, FinishError, JournalError, RoundKey, Timestamp};
use crate::worker::context::Context;
use crate::worker::prediction::Values;
use crate::worker::transact::Obstacle;

/// Records a window that went by without a round.
///
/// # Errors
/// When the journal cannot be written.
pub async fn missed(
    context: &Context,
    window: Window,
    why: String,
    obstacle: Option<Obstacle>,
) -> Result<Ended, JournalError> {
    let key = RoundKey { topic_id: context.options.topic_id, nonce: window.nonce };
    match context.begin(key, window).await? {
        Begin::Finished(_) => Ok(Ended::Interrupted),
        Begin::Fresh | Begin::Resume(_) => {
            let end = End { ending: Ending::Expired { reason: why }, note: None, value: None, obstacle };
            finish(context, key, end).await
        }
    }
}

/// The end of a round, before it is in the journal.
pub(super) struct End {
    pub ending: Ending,
    /// For the log, where the ending has no reason of its own.
    pub note: Option<String>,
    pub value: Option<Values>,
    pub obstacle: Option<Obstacle>,
}

pub(super) async fn finish(context: &Context, key: RoundKey, end: End) -> Result<Ended, JournalError> {
    let End { ending, note, value, obstacle } = end;
    let state = ending.state();
    let reason = match &ending {
        Ending::Refused { reason } | Ending::Expired { reason } | Ending::Skipped { reason } => {
            Some(reason.clone())
        }
        _ => note,
    };
    let finished = context.journal.call(move |journal| {
        journal.finish_round(key, &ending, Timestamp::now())?;
        Ok(journal.reader().round(key)?)
    });
    let row = match finished.await {
        Ok(row) => row,
        Err(FinishError::Journal(error)) => return Err(error),
        // The journal knows better: it is asked again after a restart.
        Err(error) => {
            tracing::error!(%error, "the round cannot be ended as {state}; this is a fault of this program");
            None
        }
    };
    let value = value.map(|value| value.to_string());
    Ok(Ended::Finished(Box::new(Finished { nonce: key.nonce, state, reason, value, obstacle, row })))
}

pub(super) fn judged(admission: Admission) -> Answered {
    match admission {
        Admission::Admitted => (Ending::Admitted, None, None),
        Admission::NotAdmitted => {
            let note = "the active set is full of better scores; ours was updated".to_owned();
            (Ending::NotAdmitted, Some(note), None)
        }
    }
}

pub(super) fn expired(reason: String, obstacle: Option<Obstacle>) -> Answered {
    (Ending::Expired { reason }, None, obstacle)
}

/// An ending, what the log should say of it, and what stood in the way.
pub(super) type Answered = (Ending, Option<String>, Option<Obstacle>);
