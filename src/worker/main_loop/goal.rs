//! When a worker has done what it was started for.

use tokio::time::Instant;

use super::{MainLoop, Standing, Work};
use crate::chain::outcome::Verdict;
use crate::journal::RoundState;
use crate::worker::round::Finished;
use crate::worker::transact::Obstacle;
use crate::worker::{Ended, Goal};

impl MainLoop {
    /// Whether the goal is reached.
    pub(super) fn ended(&self) -> Option<Ended> {
        match self.goal {
            Goal::Forever => None,
            Goal::Windows(wanted) => (self.finished_rounds >= wanted).then_some(Ended::Done),
            Goal::Once { .. } => match &self.last {
                Some(finished) => Some(once(finished)),
                None if self.may_still_answer() => None,
                None => Some(self.nothing_submitted()),
            },
        }
    }

    /// Whether a window is being answered, or may still open in time. However short that time is, the chain is
    /// asked once.
    fn may_still_answer(&self) -> bool {
        self.rounds().next().is_some()
            || self.standing == Standing::Unknown && self.is_at(Work::Look)
            || self.deadline.is_none_or(|deadline| deadline > Instant::now())
    }

    /// Why no window was answered, for `--once`.
    fn nothing_submitted(&self) -> Ended {
        match (&self.unwritable, &self.unseen, &self.standing) {
            (Some(trouble), _, _) => Ended::NothingSubmitted(trouble.why.clone()),
            (None, Some(why), _) => Ended::NoEndpoint(format!("the chain cannot be asked: {why}")),
            (None, None, Standing::Blocked(why)) => Ended::NotPermitted(why.clone()),
            (None, None, Standing::Unknown) => {
                Ended::NoEndpoint("the chain did not say whether a window is open".to_owned())
            }
            (None, None, Standing::Unregistered) => {
                Ended::NothingSubmitted("the worker is not registered yet".to_owned())
            }
            (None, None, Standing::Good) => Ended::NothingSubmitted("no window opened in time".to_owned()),
        }
    }
}

/// What one round means for `--once`.
fn once(finished: &Finished) -> Ended {
    let reason = finished.reason.clone().unwrap_or_else(|| finished.state.to_string());
    match (finished.state, finished.obstacle) {
        (
            RoundState::Admitted
            | RoundState::NotAdmitted
            | RoundState::DryRun
            | RoundState::AnsweredElsewhere,
            _,
        ) => Ended::Done,
        // A wallet without money waits for people as one does that is on no whitelist.
        (
            _,
            Some(Obstacle::Chain(
                Verdict::NotPermitted | Verdict::InsufficientFunds | Verdict::UnknownAccount,
            )),
        ) => Ended::NotPermitted(reason),
        _ => Ended::NothingSubmitted(reason),
    }
}
