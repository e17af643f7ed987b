//! What happened, and what the loop makes of it.

use std::sync::Arc;

use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::look::LookError;
use super::pause::Pause;
use super::{Done, MainLoop, POOR_PAUSE, Standing, Trouble, UNWRITABLE_PAUSE, Work};
use crate::chain::events::ChainEvent;
use crate::chain::faucet::FaucetError;
use crate::chain::messages::Topic;
use crate::chain::outcome::Verdict;
use crate::chain::pool;
use crate::chain::query::{NoTopic, Window, WindowStatus};
use crate::health::alerts::Balance;
use crate::journal::{JournalError, RoundState};
use crate::worker::WorkerError;
use crate::worker::context::Broadcasting;
use crate::worker::means::{Means, Unaffordable};
use crate::worker::prediction::Arity;
use crate::worker::registration::RegistrationError;
use crate::worker::reporter::Reporter;
use crate::worker::round::{self, Finished};
use crate::worker::schedule::Subscribed;
use crate::worker::transact::Obstacle;

impl MainLoop {
    /// The chain told us something.
    pub(super) fn heard(&mut self, event: ChainEvent) {
        match event {
            ChainEvent::Connected { endpoint } => {
                tracing::debug!(endpoint, "events come in");
                self.source = Some(endpoint);
                // What opened in the gap is not told again; and a node that was just started may catch up.
                self.schedule.look_now();
            }
            ChainEvent::Disconnected { endpoint, cause } => {
                if self.subscribed == Subscribed::Yes {
                    tracing::warn!(endpoint, cause, "no events, the chain is polled until they come again");
                    self.schedule.look_now();
                } else {
                    tracing::debug!(endpoint, cause, "still no events");
                }
                self.subscribed = Subscribed::No;
                self.source = None;
            }
            ChainEvent::Block { height, time, .. } => {
                if self.subscribed == Subscribed::Yes && self.context.clock.is_late(time) {
                    tracing::debug!(
                        height,
                        "an old block came in: the chain is polled until its source is looked at"
                    );
                    self.subscribed = Subscribed::No;
                    self.schedule.look_now();
                }
                self.told_of(height);
            }
            ChainEvent::WindowOpened { nonce, window_end, height } => {
                let is_believed = self.told_of(height);
                if window_end <= self.context.clock.head().height {
                    // A node that catches up tells of windows long closed.
                } else if is_believed {
                    self.schedule.opened(Window { nonce, end: window_end });
                } else {
                    self.schedule.look_now();
                }
            }
            ChainEvent::Tx(tx) => {
                self.told_of(tx.height);
                // Nobody listens when no round waits for it.
                let _ = self.context.delivered.send(Arc::from(tx));
            }
        }
    }

    /// An event tells of a block. Whether that is believed.
    fn told_of(&self, height: u64) -> bool {
        self.subscribed == Subscribed::Yes && self.context.clock.observe(height)
    }

    /// A look showed that the best endpoint does not catch up. What another one tells that is behind is not believed.
    fn confirm_source(&mut self) {
        let Some(source) = &self.source else { return };
        let report = self.context.client().pool().report();
        let is_behind = report
            .iter()
            .any(|report| report.endpoint == *source && report.standing == pool::Standing::Behind);
        self.subscribed = if is_behind { Subscribed::No } else { Subscribed::Yes };
    }

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
            Done::JournalChecked(Ok(())) => {
                tracing::info!("the journal can be written again");
                self.unwritable = None;
            }
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
        }
        let why =
            format!("nothing is submitted, since the journal cannot be written: {error}; {}", error.hint());
        match &mut self.unwritable {
            Some(trouble) => {
                trouble.why = why;
                trouble.pause.again();
            }
            None => {
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

    fn means(&mut self, means: Means, reporter: &mut Reporter) {
        self.means_unknown = None;
        reporter.balance(Balance {
            uallo: means.balance,
            days_left: self.days_left(&means),
            is_enough: !matches!(means.next_cost, Err(Unaffordable::Funds { .. })),
        });
        let Err(why) = means.next_cost else {
            if self.unaffordable.take().is_some() {
                tracing::info!("the next transaction can be paid");
                if matches!(self.standing, Standing::Blocked(_)) {
                    // That may have been all that was missing.
                    self.schedule.look_now();
                }
            }
            return;
        };
        match &mut self.unaffordable {
            Some(trouble) => {
                trouble.why = why;
                trouble.pause.again();
            }
            None => {
                tracing::warn!("{why}");
                self.unaffordable = Some(Trouble { why, pause: Pause::new(POOR_PAUSE) });
            }
        }
    }

    /// For how many days the balance lasts at what a window costs now; `None` where the next transaction is not for
    /// a window, or the topic is not known.
    fn days_left(&self, means: &Means) -> Option<f64> {
        let cost = means.next_cost.as_ref().ok().filter(|_| self.standing == Standing::Good)?;
        let epoch = u32::try_from(self.schedule.epoch_length()?).ok()?;
        let window = self.context.clock.head().block_time * epoch;
        let windows = means.balance / (*cost).max(1);
        // More than that many last longer than anybody asks.
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        Some(f64::from(windows) * window.as_secs_f64() / 86_400.0)
    }

    fn funded(&mut self, funded: Result<u128, FaucetError>) {
        match funded {
            Ok(balance) => {
                tracing::info!(%balance, "the faucet gave money");
                self.faucet_pause.reset();
                self.ask_means();
            }
            Err(error) => {
                tracing::warn!(%error, "the faucet gave nothing");
                if let Some(pause) = error.retry_after() {
                    self.faucet_pause.at_least(pause);
                }
            }
        }
        self.faucet_after = Instant::now() + self.faucet_pause.length();
        self.faucet_pause.again();
    }

    /// Whether the next transaction can be paid is to be found out now.
    fn ask_means(&mut self) {
        self.context.funds().forget();
        self.means_for = None;
        if let Some(trouble) = &mut self.unaffordable {
            trouble.pause.expire();
        }
    }

    fn looked(&mut self, looked: Result<WindowStatus, LookError>) {
        let status = match looked {
            Ok(status) => status,
            Err(error @ LookError::CatchingUp) => {
                self.schedule.look_failed(Instant::now());
                self.subscribed = Subscribed::No;
                let why = error.to_string();
                if self.unseen.as_ref() != Some(&why) {
                    tracing::warn!("{why}: nothing is believed until one has caught up");
                }
                self.unseen = Some(why);
                return;
            }
            Err(LookError::Query(error)) => {
                self.schedule.look_failed(Instant::now());
                if !error.is_endpoint_fault() {
                    self.confirm_source();
                }
                if error.is_unknown_topic() {
                    self.unseen = None;
                    let topic = NoTopic(self.context.options.topic_id);
                    if !std::mem::replace(&mut self.is_topic_missing, true) {
                        tracing::warn!("{topic}: {}", NoTopic::HINT);
                    }
                    return self.block(format!("{topic}: {}", NoTopic::HINT));
                }
                tracing::warn!(%error, "cannot look at the chain");
                if error.is_endpoint_fault() {
                    self.unseen = Some(error.to_string());
                } else {
                    self.block(format!("the chain refuses to be asked: {error}"));
                }
                return;
            }
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
            self.standing = Standing::Unregistered;
        } else if !status.is_whitelisted {
            self.block(format!(
                "the whitelist of topic {topic_id} does not have {address}: ask the topic's owner"
            ));
        } else {
            self.standing = Standing::Good;
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

    fn block(&mut self, why: String) {
        match self.standing {
            Standing::Unknown | Standing::Good => self.blocked.reset(),
            Standing::Unregistered | Standing::Blocked(_) => self.blocked.again(),
        }
        self.standing = Standing::Blocked(why);
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
                tracing::warn!(%error, "not registered");
                // The next look tries again.
                self.block(error.to_string());
            }
        }
    }

    fn finished(&mut self, finished: Finished, work: Option<Work>, reporter: &mut Reporter) {
        // What was over before this life began is settled, and not what it was started for.
        let is_ours = match work {
            Some(Work::Round(window) | Work::Missed(window)) => window.end > self.started_at_height,
            _ => false,
        };
        reporter.finished(&finished);
        let Finished { nonce, state, reason, value, obstacle, row } = &finished;
        let (topic_id, value) = (self.context.options.topic_id, value.as_deref());
        let head = self.context.clock.head();
        let next = self
            .schedule
            .next_start()
            .filter(|start| start > nonce && head.is_paced)
            .map(|start| head.time_to(start).as_secs());
        let ending = match row {
            Some(_) => state.to_string(),
            None => format!("already {state}, in an earlier run"),
        };
        let line = match next {
            Some(seconds) => format!("window {nonce}: {ending}; the next one opens in {seconds} s"),
            None => format!("window {nonce}: {ending}"),
        };
        let reason_text = reason.as_deref();
        match state {
            RoundState::Admitted | RoundState::DryRun | RoundState::Skipped => {
                tracing::info!(topic_id, nonce, value, reason = reason_text, "{line}");
            }
            _ => tracing::warn!(topic_id, nonce, value, reason = reason_text, "{line}"),
        }
        if *obstacle == Some(Obstacle::Chain(Verdict::NotPermitted)) {
            self.block(reason.clone().unwrap_or_default());
            self.schedule.look_now();
        }
        if matches!(
            obstacle,
            Some(Obstacle::FeeCap | Obstacle::Chain(Verdict::InsufficientFunds | Verdict::UnknownAccount))
        ) {
            self.ask_means();
        }
        if *state == RoundState::AnsweredElsewhere && *nonce > self.started_at_height {
            tracing::warn!(nonce, "another instance answers for this wallet: standing by");
            self.standby = true;
        }
        if is_ours {
            // One that an earlier life ended has no row, and answers `--once` only.
            self.finished_rounds += u64::from(finished.row.is_some());
            self.last = Some(finished);
        }
    }
}
