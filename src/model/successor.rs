//! The process that comes next: loaded when it is wanted, or beforehand and kept at hand.

use std::fmt;
use std::sync::Arc;

use bootstrap_frames::Confinement;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::failure::Failure;
use super::nursery::{Newborn, Nursery};
use super::replica::{Replica, Watched};
use super::status::RestartCause;

/// The process that comes next.
pub struct Successor {
    nursery: Arc<Nursery>,
    stop: CancellationToken,
    backoff: Backoff,
    state: State,
}

enum State {
    /// Nobody wants one.
    Unwanted,
    /// The last one failed; the next one begins later.
    Waiting(Instant),
    /// The one before it leaves: both may not fit into memory.
    Clearing(BoxFuture<'static, ()>),
    Spawning(BoxFuture<'static, Result<Newborn, Failure>>),
    Loading(BoxFuture<'static, Result<Replica, Failure>>),
    Loaded(Box<Replica>),
    /// It ended while it was at hand.
    Ending(BoxFuture<'static, (Failure, RestartCause)>),
}

/// What became of it.
#[derive(Debug)]
pub enum News {
    /// There is a process with this number behind these walls, which loads.
    Spawned(u32, Confinement),
    /// It is loaded.
    Loaded(u32),
    /// It failed, and another one follows in time.
    Failed(Failure, RestartCause),
}

impl Successor {
    /// Of nobody so far, and not wanted.
    pub fn new(nursery: Arc<Nursery>, stop: CancellationToken) -> Self {
        Self { nursery, stop, backoff: Backoff::default(), state: State::Unwanted }
    }

    /// Wanted now.
    pub fn want(&mut self) {
        if matches!(self.state, State::Unwanted) {
            self.state = self.spawning();
        }
    }

    /// Wanted because its predecessor died, after a while when that happens often.
    pub fn want_after_death(&mut self) {
        let delay = self.backoff.after_death();
        if matches!(self.state, State::Unwanted) {
            self.state =
                if delay.is_zero() { self.spawning() } else { State::Waiting(Instant::now() + delay) };
        }
    }

    /// Wanted as soon as its predecessor has left.
    pub fn want_after(&mut self, predecessor: Replica) {
        self.state = State::Clearing(Box::pin(predecessor.leave()));
    }

    /// Its predecessor did what it is for, so all is well.
    pub fn reset_backoff(&mut self) {
        self.backoff.reset();
    }

    /// Whether the next attempt waits for its time.
    pub const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Whether it could take over.
    pub const fn is_loaded(&self) -> bool {
        matches!(self.state, State::Loaded(_))
    }

    /// Takes it, when it is loaded.
    pub fn take(&mut self) -> Option<Replica> {
        match std::mem::replace(&mut self.state, State::Unwanted) {
            State::Loaded(replica) => Some(*replica),
            state => {
                self.state = state;
                None
            }
        }
    }

    /// Brings it on; ends when there is something to tell. Loses nothing when it is dropped before.
    pub async fn advance(&mut self) -> News {
        loop {
            match &mut self.state {
                State::Unwanted => std::future::pending().await,
                State::Waiting(until) => {
                    sleep_until(*until).await;
                    self.state = self.spawning();
                }
                State::Clearing(left) => {
                    left.await;
                    self.state = self.spawning();
                }
                State::Spawning(spawned) => match spawned.await {
                    Ok(newborn) => {
                        let news = News::Spawned(newborn.pid, newborn.walls);
                        let (nursery, stop) = (self.nursery.clone(), self.stop.clone());
                        let loaded = async move { nursery.load(newborn, stop).await };
                        self.state = State::Loading(Box::pin(loaded));
                        return news;
                    }
                    Err(failure) => return self.failed(failure, RestartCause::Load),
                },
                State::Loading(loaded) => match loaded.await {
                    Ok(replica) => {
                        let pid = replica.facts.pid;
                        self.state = State::Loaded(Box::new(replica));
                        return News::Loaded(pid);
                    }
                    Err(failure) => return self.failed(failure, RestartCause::Load),
                },
                State::Loaded(replica) => {
                    let Watched::Ended(end) = replica.watch().await else { continue };
                    if let Some(replica) = self.take() {
                        self.state = State::Ending(Box::pin(replica.bury(end)));
                    }
                }
                State::Ending(buried) => {
                    let (failure, cause) = buried.await;
                    return self.failed(failure, cause);
                }
            }
        }
    }

    /// Ends it, wherever it is.
    pub async fn end(self) {
        match self.state {
            State::Unwanted | State::Waiting(_) => {}
            State::Clearing(left) => left.await,
            State::Spawning(spawned) => {
                if let Ok(newborn) = spawned.await {
                    newborn.end().await;
                }
            }
            // The stopping ends it.
            State::Loading(loaded) => {
                if let Ok(replica) = loaded.await {
                    replica.leave().await;
                }
            }
            State::Loaded(replica) => replica.leave().await,
            State::Ending(buried) => drop(buried.await),
        }
    }

    fn failed(&mut self, failure: Failure, cause: RestartCause) -> News {
        self.state = State::Unwanted;
        self.want_after_death();
        News::Failed(failure, cause)
    }

    fn spawning(&self) -> State {
        let nursery = self.nursery.clone();
        State::Spawning(Box::pin(async move { nursery.spawn().await }))
    }
}

impl fmt::Debug for Successor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Successor").field("backoff", &self.backoff).finish_non_exhaustive()
    }
}
