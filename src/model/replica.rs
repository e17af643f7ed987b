//! One loaded process: asked, and watched while nobody asks.

use std::time::Duration;

use bootstrap_frames::{Context, FromHost, ToHost};
use tokio::time::{Instant, sleep_until};

use super::call::{Answer, Call};
use super::conversation::{broke, ended, hear, killed, leave, say, unexpected};
use super::failure::{Failure, FailureKind};
use super::handle::Order;
use super::memory::{MIB, MemoryLimit, Pace};
use super::nursery::{Facts, Nursery};
use super::process::{Event, Process};
use super::status::RestartCause;

/// Pings of an idle process within the time that it has for an answer.
const PINGS: u32 = 6;

/// How often the memory of an idle process is looked at for those who want to know it, and how soon after a call.
const WEIGHING: Duration = Duration::from_secs(10);
const AFTER_CALL: Duration = Duration::from_millis(50);

/// What came of watching an idle process.
#[derive(Debug)]
pub enum Watched {
    /// Its memory was looked at.
    Weighed,
    /// It has ended or has to: it is for [`Replica::bury`].
    Ended(End),
}

/// How it comes that an idle process ends.
#[derive(Debug)]
pub enum End {
    /// What it did, or what became of it.
    By(Event),
    /// Nothing was heard of it for too long.
    Silent,
}

/// A loaded process.
#[derive(Debug)]
pub struct Replica {
    /// None when it had to be killed.
    process: Option<Process>,
    /// What is known of it.
    pub facts: Facts,
    /// Bytes of memory when last looked at.
    pub memory: u64,
    limit: Option<MemoryLimit>,
    /// From how many bytes on it is to be replaced.
    recycling: Option<u64>,
    /// Whether its memory counts in the verdict on its one answer: a quick model is gone before it is looked at.
    is_tried: bool,
    calls: u64,
    next_weighing: Instant,
    /// Whether there was a call since the last look at its memory, and whether there had been one when
    /// that look was taken.
    is_unweighed: bool,
    has_just_answered: bool,
    /// How long it may take to answer a ping.
    silence_limit: Duration,
    next_ping: Instant,
    /// Since when it owes the answer to a ping.
    pinged: Option<Instant>,
}

impl Replica {
    /// A process that has just been loaded.
    pub async fn new(process: Option<Process>, facts: Facts, nursery: &Nursery) -> Self {
        let (limit, silence_limit) = (nursery.memory_limit(), nursery.spec.silence_limit);
        let now = Instant::now();
        let memory = match &process {
            Some(process) => process.memory(limit).await,
            None => 0,
        };
        let mut fresh = Self {
            process,
            facts,
            memory,
            limit,
            recycling: None,
            is_tried: nursery.spec.is_asked_once,
            calls: 0,
            next_weighing: now + WEIGHING,
            is_unweighed: false,
            has_just_answered: false,
            silence_limit,
            next_ping: now + silence_limit / PINGS,
            pinged: None,
        };
        fresh.watch_memory(Pace::Idle);
        if let Some(limit) = limit {
            let recycling = limit.recycling(fresh.memory);
            fresh.recycling = Some(recycling);
            if recycling > limit.recycling(0) {
                let (used, limit) = (fresh.memory / MIB, limit.bytes() / MIB);
                tracing::warn!("the model uses {used} of its {limit} MiB of memory just after loading");
            }
        }
        fresh
    }

    /// Whether the process still is there.
    pub const fn is_alive(&self) -> bool {
        self.process.is_some()
    }

    /// The memory limit, when it has grown so near to it that it is to be replaced. Just after a call is
    /// the time for that: the next one is as far as it can be.
    pub fn overgrown(&self) -> Option<MemoryLimit> {
        let recycling = self.recycling.filter(|_| self.has_just_answered)?;
        self.limit.filter(|_| self.memory >= recycling)
    }

    /// Watches it while nobody asks. Loses nothing when it is dropped before it is ready.
    ///
    /// A process may be stopped, or all of its threads wait for one that holds the interpreter's lock
    /// for ever: only asking shows it. A thread that holds the lock for some time is no reason to kill
    /// it, so the limit is longer than a call usually has: what is silent for so long would have cost
    /// a window.
    pub async fn watch(&mut self) -> Watched {
        loop {
            let Some(process) = &mut self.process else { return Watched::Ended(End::By(Event::Ended)) };
            let look = self.pinged.map_or(self.next_ping, |since| since + self.silence_limit);
            tokio::select! {
                event = process.next() => match event {
                    Event::Said(FromHost::Pong) if self.pinged.take().is_some() => {}
                    event => return Watched::Ended(End::By(event)),
                },
                () = sleep_until(self.next_weighing) => {
                    self.memory = process.memory(self.limit).await;
                    self.next_weighing = Instant::now() + WEIGHING;
                    self.has_just_answered = std::mem::take(&mut self.is_unweighed);
                    return Watched::Weighed;
                }
                () = sleep_until(look) => {
                    if self.pinged.is_some() {
                        return Watched::Ended(End::Silent);
                    }
                    // Before sending: what is interrupted there must not be sent twice.
                    self.pinged = Some(Instant::now());
                    self.next_ping = Instant::now() + self.silence_limit / PINGS;
                    if process.send(&ToHost::Ping).await.is_err() {
                        return Watched::Ended(End::By(Event::Closed));
                    }
                }
            }
        }
    }

    /// Ends it for what was found, and says how it comes to that.
    pub async fn bury(self, end: End) -> (Failure, RestartCause) {
        match end {
            End::By(event) => {
                let failure = ended(self.process, event).await;
                let cause = RestartCause::of(failure.kind);
                (failure, cause)
            }
            End::Silent => {
                let seconds = self.silence_limit.as_secs_f64();
                let message = format!(
                    "the model process gave no sign of life for {seconds:.0} s between two calls and was killed: it \
                     is stopped, or one of its threads keeps the interpreter to itself"
                );
                (killed(self.process, FailureKind::Timeout, message).await, RestartCause::Silence)
            }
        }
    }

    /// One call. The process is gone afterwards when it had to be killed.
    pub async fn answer(&mut self, order: &Order) -> Result<Answer, Failure> {
        self.calls += 1;
        let id = self.calls;
        let Call { nonce, topic_id, window_closes_at, ref network, .. } = order.call;
        if let Some(process) = &mut self.process {
            process.output.begin(topic_id, nonce);
        }
        self.watch_memory(Pace::Close);
        let seconds_left = order.deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        let context = Context { topic_id, window_closes_at, network: network.clone(), seconds_left };
        say(&mut self.process, &ToHost::Predict { id, nonce, context }).await?;
        let answer = loop {
            match hear(&mut self.process, order.deadline, "did not answer").await? {
                FromHost::Pong if self.pinged.take().is_some() => {}
                FromHost::Done { id: of, prediction } if of == id => match Answer::value(prediction) {
                    Some(answer) => break Ok(answer),
                    None => return Err(broke(self.process.take(), "its prediction is too large").await),
                },
                FromHost::Skipped { id: of, why } if of == id => break Ok(Answer::skipped(why)),
                FromHost::Failed { id: of, fault } if of == id => break Err(fault.into()),
                _ => return Err(unexpected(self.process.take()).await),
            }
        };
        self.watch_memory(Pace::Idle);
        self.next_ping = Instant::now() + self.silence_limit / PINGS;
        self.next_weighing = Instant::now() + AFTER_CALL;
        self.is_unweighed = true;
        if self.is_tried {
            self.weigh().await?;
        }
        answer
    }

    fn watch_memory(&self, pace: Pace) {
        if let Some(process) = &self.process {
            process.watch_memory(pace);
        }
    }

    /// Kills it when it took more memory than it may, just after loading or now.
    async fn weigh(&mut self) -> Result<(), Failure> {
        let (Some(process), Some(limit)) = (&self.process, self.limit) else { return Ok(()) };
        let used = process.memory(Some(limit)).await.max(self.memory);
        if used <= limit.bytes() {
            return Ok(());
        }
        Err(ended(self.process.take(), Event::Overgrown { used, limit }).await)
    }

    /// Ends it in order.
    pub async fn leave(self) {
        if let Some(process) = self.process {
            leave(process).await;
        }
    }
}
