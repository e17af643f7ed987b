//! When a worker has done what it was started for.

use tokio::time::Instant;

use super::{MainLoop, Standing, Work};
use crate::chain::outcome::Verdict;
use crate::chain::query::NoTopic;
use crate::journal::RoundState;
use crate::model::ModelState;
use crate::worker::means::Unaffordable;
use crate::worker::round::Finished;
use crate::worker::transact::Obstacle;
use crate::worker::{Ended, Goal, Reason};

/// Where time alone was missing.
const LONGER: &str = "--wait SECONDS waits longer; without it the wait is the topic's epoch";
/// Where the topic asks nobody.
const INACTIVE: &str =
    "name another topic with --topic-id, or run it again when somebody has funded this one";
/// Where the model is at fault.
const MODEL: &str = "`bootstrap predict` asks the model without a chain; the log above has its output";
/// Where the user's own limit was.
const FEES: &str = "raise the limit that this names, ALLORA_MAX_FEE or ALLORA_MAX_FEE_PER_DAY, or run it again when it costs less";
/// Where money was.
const FUNDS: &str = "send uallo to the wallet; `bootstrap doctor` says how much is missing";

impl MainLoop {
    /// Whether the goal is reached.
    pub(super) fn ended(&self) -> Option<Ended> {
        match self.goal {
            Goal::Forever => None,
            Goal::Windows(wanted) => (self.finished_rounds >= wanted).then_some(Ended::Done),
            Goal::Once { .. } => match &self.last {
                Some(finished) => Some(self.once(finished)),
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
        if self.is_topic_missing {
            return Ended::NoTopic(NoTopic(self.context.options.topic_id));
        }
        let why_not = self.why_not(self.context.clock.head(), &self.models.borrow().state);
        if let (Standing::Unregistered | Standing::Refused(..) | Standing::Good, Some(why)) =
            (&self.standing, self.lack_of_funds())
        {
            return Ended::NotPermitted(Reason { why, hint: FUNDS });
        }
        if self.standing == Standing::Good && !self.is_topic_active {
            let why = format!("topic {} is not active", self.context.options.topic_id);
            return Ended::NothingSubmitted(Reason { why, hint: INACTIVE });
        }
        match (&self.standing, why_not) {
            (_, Some(why)) if self.unwritable.is_some() => Ended::NothingSubmitted(Reason::to_examine(why)),
            (_, Some(why)) if self.unseen.is_some() => Ended::NoEndpoint(Reason::of_endpoints(why)),
            (Standing::Unknown, _) => {
                let why = "the chain did not say whether a window is open".to_owned();
                Ended::NoEndpoint(Reason::of_endpoints(why))
            }
            (Standing::Refused(why, Some(Obstacle::FeeCap)), _) => {
                Ended::NothingSubmitted(Reason { why: why.clone(), hint: FEES })
            }
            (Standing::Refused(why, None | Some(Obstacle::LostFees)), _) => {
                Ended::NothingSubmitted(Reason::to_examine(why.clone()))
            }
            (Standing::Refused(why, Some(Obstacle::Chain(_))) | Standing::Blocked(why), _) => {
                Ended::NotPermitted(Reason::to_examine(why.clone()))
            }
            (Standing::Unregistered, Some(why))
                if matches!(self.models.borrow().state, ModelState::Failed(_)) =>
            {
                Ended::NothingSubmitted(Reason { why, hint: MODEL })
            }
            (Standing::Unregistered, _) => {
                let why = "the worker was not registered in time; the model is loaded before".to_owned();
                Ended::NothingSubmitted(Reason { why, hint: LONGER })
            }
            (Standing::Good, Some(why)) => Ended::NothingSubmitted(Reason::to_examine(why)),
            (Standing::Good, None) => {
                let why = "no window opened in time".to_owned();
                Ended::NothingSubmitted(Reason { why, hint: LONGER })
            }
        }
    }

    /// What is missing in the wallet for its next transaction. That takes people, as a whitelist does.
    fn lack_of_funds(&self) -> Option<String> {
        let why = self.unaffordable()?;
        matches!(why, Unaffordable::Funds { .. }).then(|| why.to_string())
    }

    /// What one round means for `--once`.
    fn once(&self, finished: &Finished) -> Ended {
        let why = finished.reason.clone().unwrap_or_else(|| finished.state.to_string());
        match (finished.state, finished.obstacle) {
            (
                RoundState::Admitted
                | RoundState::NotAdmitted
                | RoundState::DryRun
                | RoundState::AnsweredElsewhere,
                _,
            ) => Ended::Done,
            // A wallet without money waits for people as one does that is on no whitelist.
            (_, Some(Obstacle::Chain(Verdict::InsufficientFunds | Verdict::UnknownAccount))) => {
                let known = self.lack_of_funds();
                let why = known.unwrap_or_else(|| format!("{} needs funds: {why}", self.context.address()));
                Ended::NotPermitted(Reason { why, hint: FUNDS })
            }
            (_, Some(Obstacle::Chain(Verdict::NotPermitted))) => Ended::NotPermitted(Reason::to_examine(why)),
            (RoundState::Skipped, _) => {
                let hint =
                    "the model left this window out itself; the next run asks it about the next window";
                Ended::NothingSubmitted(Reason { why, hint })
            }
            (_, Some(Obstacle::FeeCap)) => Ended::NothingSubmitted(Reason { why, hint: FEES }),
            (RoundState::Expired, None) => Ended::NothingSubmitted(Reason { why, hint: MODEL }),
            _ => Ended::NothingSubmitted(Reason::to_examine(why)),
        }
    }
}
