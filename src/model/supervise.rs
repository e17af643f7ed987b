//! A model that is always there: one process answers, another takes its place.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::handle::Order;
use super::memory::MIB;
use super::nursery::Nursery;
use super::replica::{Replica, Watched};
use super::spec::{ModelSpec, StartError};
use super::status::{Board, ModelState, ModelStatus, RestartCause};
use super::successor::{News, Successor};

/// Owner of the processes of one model.
#[derive(Debug)]
pub struct Supervisor {
    /// Whether the successor is to be there beforehand.
    keeps_spare: bool,
    active: Option<Replica>,
    successor: Successor,
    board: Board,
    stop: CancellationToken,
}

impl Supervisor {
    /// Prepares what all of its processes share. `stop` ends it.
    pub fn new(spec: ModelSpec, stop: CancellationToken) -> Result<Self, StartError> {
        let (keeps_spare, board) = (spec.spare, Board::new(spec.is_asked_once));
        let successor = Successor::new(Arc::new(Nursery::new(spec)?), stop.clone());
        Ok(Self { keeps_spare, active: None, successor, board, stop })
    }

    /// Where the model is in its life.
    pub fn status(&self) -> watch::Receiver<ModelStatus> {
        self.board.watch()
    }

    /// One process after the other, until it is asked to stop or nobody is left to ask.
    pub async fn run(mut self, mut queue: mpsc::Receiver<Order>) {
        self.successor.want();
        let stop = self.stop.clone();
        loop {
            // Who asks while a process loads waits for it; while none does, nothing is to be waited for.
            let is_served = self.active.is_some() || self.successor.is_waiting();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                order = queue.recv(), if is_served => match order {
                    Some(order) => self.serve(order).await,
                    None => break,
                },
                watched = watch_idle(&mut self.active) => self.watched(watched).await,
                news = self.successor.advance() => self.hear_of_successor(news, &mut queue),
            }
        }
        // Also when nobody is left to ask: what loads must not be waited for.
        stop.cancel();
        if let Some(active) = self.active {
            active.leave().await;
        }
        self.successor.end().await;
        self.board.stopped();
    }

    /// Answers a call, unless nobody waits for it any more.
    async fn serve(&mut self, order: Order) {
        let Some(active) = &mut self.active else {
            if let ModelState::Failed(failure) = &self.board.watch().borrow().state {
                order.refuse(failure);
            }
            return;
        };
        if !order.claim.take() {
            return;
        }
        self.board.is(ModelState::Busy);
        let answer = {
            let mut asked = std::pin::pin!(active.answer(&order));
            loop {
                tokio::select! {
                    biased;
                    answer = &mut asked => break answer,
                    () = self.stop.cancelled() => return,
                    news = self.successor.advance() => tell_of_spare(&self.board, &news),
                }
            }
        };
        match &answer {
            Err(failure) if !active.is_alive() => {
                let cause = RestartCause::of(failure.kind);
                self.replace(failure, cause);
            }
            _ => {
                self.successor.reset_backoff();
                self.board.is(ModelState::Ready);
            }
        }
        // The asking side may have left.
        let _ = order.reply.send(answer);
    }

    /// What became of the active process while nobody asked.
    async fn watched(&mut self, watched: Watched) {
        match watched {
            Watched::Ended(end) => {
                if let Some(active) = self.active.take() {
                    let (failure, cause) = active.bury(end).await;
                    self.replace(&failure, cause);
                }
            }
            Watched::Weighed => {
                if let Some(active) = &self.active {
                    self.board.weighed(active);
                }
                self.recycle();
            }
        }
    }

    /// The active process is gone: its successor takes over, at once when it is loaded.
    fn replace(&mut self, failure: &Failure, cause: RestartCause) {
        self.active = self.successor.take();
        self.board.died(failure, cause, self.active.as_ref());
        self.successor.want_after_death();
    }

    /// Replaces a process that has grown too much. A spare one that is not loaded yet is waited for.
    fn recycle(&mut self) {
        let Some(limit) = self.active.as_ref().and_then(Replica::overgrown) else { return };
        if self.keeps_spare && !self.successor.is_loaded() {
            return;
        }
        let Some(old) = self.active.take() else { return };
        let (used, limit) = (old.memory / MIB, limit.bytes() / MIB);
        tracing::info!("the model uses {used} of its {limit} MiB of memory: a fresh process takes its place");
        self.active = self.successor.take();
        self.board.recycled(self.active.as_ref());
        self.successor.want_after(old);
    }

    fn hear_of_successor(&mut self, news: News, queue: &mut mpsc::Receiver<Order>) {
        if self.active.is_some() {
            return tell_of_spare(&self.board, &news);
        }
        match news {
            News::Spawned(pid, walls) => self.board.begins(pid, walls),
            News::Loaded(_) => {
                self.active = self.successor.take();
                if let Some(active) = &self.active {
                    self.board.answers(active);
                }
                if self.keeps_spare {
                    self.successor.want();
                }
            }
            News::Failed(failure, cause) => {
                self.board.died(&failure, cause, None);
                // Who waited for the loading learns at once what became of it.
                while let Ok(order) = queue.try_recv() {
                    order.refuse(&failure);
                }
            }
        }
    }
}

/// The successor is the spare process as long as another answers.
fn tell_of_spare(board: &Board, news: &News) {
    match news {
        News::Spawned(..) => {}
        News::Loaded(pid) => board.spare(Some(*pid)),
        News::Failed(failure, cause) => board.spare_died(failure, *cause),
    }
}

async fn watch_idle(active: &mut Option<Replica>) -> Watched {
    match active {
        Some(active) => active.watch().await,
        None => std::future::pending().await,
    }
}
