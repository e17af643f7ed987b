//! When a worker has done what it was started for.

use tokio::time::Instant;

use super::{MainLoop, Standing};
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
                None if self.rounds().next().is_some()
                    || self.deadline.is_none_or(|deadline| deadline > Instant::now()) =>
                {
                    None
                }
                None => Some(match (&self.standing, &self.unwritable) {
                    (_, Some(trouble)) => Ended::NothingSubmitted(trouble.why.clone()),
                    (Standing::Blocked(why), None) => Ended::NotPermitted(why.clone()),
                    (Standing::Unknown, None) => {
                        Ended::NoEndpoint("the chain did not say whether a window is open".to_owned())
                    }
                    (Standing::Unregistered, None) => {
                        Ended::NothingSubmitted("the worker is not registered yet".to_owned())
                    }
                    (Standing::Good, None) => Ended::NothingSubmitted("no window opened in time".to_owned()),
                }),
            },
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
        (_, Some(Obstacle::Chain(Verdict::NotPermitted))) => Ended::NotPermitted(reason),
        _ => Ended::NothingSubmitted(reason),
    }
}
