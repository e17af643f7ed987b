//! What came of the tasks, and what the loop makes of it.

use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::look::LookError;
use super::pause::Pause;
use super::{Done, MainLoop, Standing, Trouble, UNWRITABLE_PAUSE, Work};
use crate::chain::messages::Topic;
use crate::chain::query::{NoTopic, WindowStatus};
use crate::journal::JournalError;
use crate::worker::WorkerError;
use crate::worker::context::Broadcasting;
use crate::worker::prediction::Arity;
use crate::worker::registration::RegistrationError;
use crate::worker::reporter::Reporter;
use crate::worker::round;
use crate::worker::schedule::Subscribed;

/// Why a window was lost to a journal that could not be written.
fn lost_to(error: &JournalError) -> String {
    format!("the journal could not be written while the window was open: {error}")
}

impl MainLoop {
    /// A task is done, or panicked.
    pub(super) fn joined(
        &mut self,
        joined: Result<(Id, Done), JoinError>,
        reporter: &mut Reporter,
    ) -> Result<(), WorkerError> {
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let work = self.works.remove(&id).map(|task| task.work);
        match (joined, work) {
            (Ok((_, done)), work) => self.done(done, work, reporter),
            (Err(error), work) => {
                if !error.is_cancelled() {
                    tracing::error!(%error, ?work, "a task of the worker failed; this is a fault of this program");
                }
                match work {
                    Some(Work::Look) => self.schedule.look_failed(Instant::now()),
                    // The journal knows how far it got.
                    Some(Work::Round(window)) => self.schedule.resume(window),
                    _ => {}
                }
                Ok(())
            }
        }
    }

    fn done(&mut self, done: Done, work: Option<Work>, reporter: &mut Reporter) -> Result<(), WorkerError> {
        match done {
            Done::Looked(looked) => self.looked(looked),
            Done::Topic(Ok(topic)) => self.learn(&topic),
            Done::Topic(Err(error)) => {
                // The next look at the chain says so of one that is not there.
                if !error.is_unknown_topic() {
                    tracing::warn!(%error, "the topic cannot be read");
                }
                self.topic_pause.again();
            }
            Done::Registered(Err(RegistrationError::Journal(error))) => self.not_written(error, None)?,
            Done::Registered(registered) => self.registered(registered),
            Done::Means(Ok(means)) => self.means(means, reporter),
            Done::Means(Err(error)) => {
                tracing::debug!(%error, "it is not known whether the next transaction can be paid");
                let poor = self.unaffordable.as_mut().map(|trouble| &mut trouble.pause);
                if let Some(pause) = self.means_unknown.as_mut().or(poor) {
                    pause.again();
                }
            }
            Done::Consensus(Ok(())) => {}
            // A look at the chain says so of a topic that is not there.
            Done::Consensus(Err(error)) if error.is_unknown_topic() => {}
            Done::Consensus(Err(error)) => {
                tracing::warn!(%error, "predictions are not compared with those of other inferers");
            }
            Done::Funded(funded) => self.funded(funded),
            Done::Round(Ok(round::Ended::Finished(finished))) => self.finished(*finished, work, reporter),
            Done::Round(Ok(round::Ended::Interrupted)) => {}
            Done::Round(Err(error)) => self.not_written(error, work)?,
            Done::Witnessed { nonce, answered: Some(false) } => {
                tracing::warn!(nonce, "nobody answered for this wallet: taking over");
                self.standby = false;
            }
            Done::Witnessed { .. } => {}
            Done::WentBy { opened, why } => self.learnt_of_past(opened, why),
            Done::JournalChecked(Ok(())) => {
                tracing::info!("the journal can be written again");
                self.unwritable = None;
                self.missed_unwritten();
            }
            Done::Ranked(Ok(_)) => {}
            Done::Ranked(Err(error)) => tracing::debug!(%error, "no endpoint could be measured"),
            Done::Heights(height) => self.context.clock.judge(height.as_slice()),
            Done::JournalChecked(Err(error)) => self.not_written(error, None)?,
        }
        Ok(())
    }

    /// The journal could not be written. What may pass is waited for, and nothing is sent meanwhile; the window
    /// is taken up again from what is written.
    fn not_written(&mut self, error: JournalError, work: Option<Work>) -> Result<(), WorkerError> {
        if !error.may_pass() {
            return Err(error.into());
        }
        if let Some(Work::Round(window) | Work::Missed(window)) = work {
            self.schedule.resume(window);
            self.unwritten.insert(window.nonce, lost_to(&error));
        }
        let why =
            format!("nothing is submitted, since the journal cannot be written: {error}; {}", error.hint());
        match &mut self.unwritable {
            Some(trouble) => {
                trouble.why = why;
                trouble.pause.again();
            }
            None => {
                self.last_unwritten = lost_to(&error);
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "nothing is submitted until the journal can be written");
                self.unwritable = Some(Trouble { why, pause: Pause::new(UNWRITABLE_PAUSE) });
            }
        }
        Ok(())
    }

    /// What the topic says of its windows and values.
    pub(super) fn learn(&mut self, topic: &Topic) {
        self.context.set_arity(Some(Arity::of(topic)));
        self.schedule.set_lengths(topic.epoch_length, topic.worker_submission_window);
        self.topic_pause.reset();
    }

    fn looked(&mut self, looked: Result<WindowStatus, LookError>) {
        let status = match looked {
            Ok(status) => status,
            Err(error) => return self.not_looked(error),
        };
        self.unseen = None;
        self.context.clock.observe(status.height);
        if self.context.clock.is_contradicted_by(status.height) {
            // Which of the two is the chain's height is asked of all nodes first: the other one would close windows that
            // are open, or open such as are closed.
            self.schedule.look_failed(Instant::now());
            return;
        }
        self.confirm_source();
        self.schedule.looked(&status, Instant::now());
        for window in self.schedule.unseen() {
            self.went_by(window);
        }
        self.is_topic_missing = false;
        self.is_topic_active = status.is_topic_active;
        let address = self.context.address();
        let topic_id = self.context.options.topic_id;
        if !status.is_registered && self.context.options.broadcasting == Broadcasting::DryRun {
            self.rehearse();
        } else if !status.is_registered {
            match self.standing {
                // What was in the way stays so until it is known to be gone.
                Standing::Refused(..) => self.register(),
                _ => self.standing = Standing::Unregistered,
            }
        } else if !status.is_whitelisted {
            self.block(format!(
                "the whitelist of topic {topic_id} does not have {address}: ask the topic's owner"
            ));
        } else {
            self.standing = Standing::Good;
        }
    }

    /// A look showed nothing.
    fn not_looked(&mut self, error: LookError) {
        self.schedule.look_failed(Instant::now());
        let error = match error {
            LookError::CatchingUp => {
                self.subscribed = Subscribed::No;
                let why = error.to_string();
                if self.unseen.as_ref() != Some(&why) {
                    tracing::warn!("{why}: nothing is believed until one has caught up");
                }
                self.unseen = Some(why);
                return;
            }
            LookError::Query(error) => error,
        };
        if error.is_endpoint_fault() {
            tracing::warn!(%error, "cannot look at the chain");
            self.unseen = Some(error.to_string());
            return;
        }
        self.confirm_source();
        if error.is_unknown_topic() {
            self.unseen = None;
            let topic = NoTopic(self.context.options.topic_id);
            if !std::mem::replace(&mut self.is_topic_missing, true) {
                tracing::warn!("{topic}: {}", NoTopic::HINT);
            }
            self.block(format!("{topic}: {}", NoTopic::HINT));
        } else {
            tracing::warn!(%error, "cannot look at the chain");
            self.block(format!("the chain refuses to be asked: {error}"));
        }
    }

    /// A dry run registers nobody, and asks the model all the same.
    fn rehearse(&mut self) {
        if self.standing != Standing::Good {
            let (topic_id, address) = (self.context.options.topic_id, self.context.address());
            tracing::warn!(
                "{address} is not registered in topic {topic_id}: `run` without --dry-run registers it first"
            );
        }
        self.standing = Standing::Good;
    }

    pub(super) fn block(&mut self, why: String) {
        self.pause_for(Standing::Blocked(why));
    }

    /// Until we may submit, the chain is looked at with growing pauses.
    fn pause_for(&mut self, standing: Standing) {
        match self.standing {
            Standing::Unknown | Standing::Good => self.blocked.reset(),
            Standing::Unregistered | Standing::Refused(..) | Standing::Blocked(_) => self.blocked.again(),
        }
        self.standing = standing;
    }

    fn registered(&mut self, registered: Result<(), RegistrationError>) {
        match registered {
            Ok(()) => {
                tracing::info!(topic_id = self.context.options.topic_id, "registered");
                // The chain says whether that is all.
                self.standing = Standing::Unknown;
                self.schedule.look_now();
            }
            Err(RegistrationError::Interrupted) => {}
            Err(error) => {
                // The next look tries again.
                let refused = Standing::Refused(error.to_string(), error.obstacle());
                if self.standing != refused {
                    tracing::warn!(%error, "not registered");
                }
                self.pause_for(refused);
            }
        }
    }
}
