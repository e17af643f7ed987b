//! Broadcasts: which bytes may leave, what endpoints say to them, and what all of that together proves.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Pool;
use super::member::Member;
use crate::chain::outcome::Verdict;
use crate::chain::rpc::{CheckTxAnswer, RpcError};

/// Bytes that are on disk, and so may leave: whatever becomes of the broadcast and of this process, it is
/// known what was sent. Signed bytes alone are not:
///
/// ```compile_fail,E0277
/// # use std::time::Duration;
/// # use bootstrap::chain::{pool::Pool, tx::SignedTx};
/// async fn send(pool: &Pool, signed: &SignedTx) {
///     pool.broadcast(signed, Duration::from_secs(1)).await; // `SignedTx` is not `Durable`
/// }
/// ```
///
/// Nor is there a way past the pool:
///
/// ```compile_fail,E0624
/// # use std::time::Duration;
/// # use bootstrap::chain::{rpc::Endpoint, tx::SignedTx};
/// async fn send(endpoint: &Endpoint, signed: SignedTx) {
///     endpoint.broadcast(signed.bytes, Duration::from_secs(1)).await; // private
/// }
/// ```
///
/// And nobody outside of this crate, where the journal alone writes them down, can say so of bytes of its own:
///
/// ```compile_fail,E0277
/// struct Forged;
/// impl bootstrap::chain::pool::Durable for Forged { // `Forged` is not `Sealed`
///     fn tx_bytes(&self) -> &[u8] {
///         b"in no journal"
///     }
/// }
/// ```
pub trait Durable: durable::Sealed {
    /// The transaction, as it was signed.
    fn tx_bytes(&self) -> &[u8];
}

/// What nobody outside of this crate can name.
pub(crate) mod durable {
    /// Keeps [`Durable`](super::Durable) to what the journal made.
    pub trait Sealed {}
}

/// What one endpoint said to a broadcast.
#[derive(Debug, Clone)]
pub struct Broadcast {
    /// The address without credentials.
    pub endpoint: String,
    /// CheckTx's answer, or why there is none.
    pub answer: Result<CheckTxAnswer, RpcError>,
}

impl Broadcast {
    /// Whether the bytes are in this node's mempool, or were.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        match &self.answer {
            Ok(check) => check.code == 0,
            Err(error) => error.verdict() == Some(Verdict::InCache),
        }
    }

    /// Whether this node certainly has not got the bytes from this broadcast: CheckTx refused them, or they
    /// never left.
    #[must_use]
    pub fn is_certainly_not_there(&self) -> bool {
        match &self.answer {
            Ok(_) => self.is_refused(),
            Err(error) => error.is_unsent(),
        }
    }

    /// Whether CheckTx refused the bytes: then they are not in this node's mempool, however they may have come there.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.answer.as_ref().is_ok_and(|check| check.code != 0)
    }
}

/// What was said to one broadcast: by every endpoint that was asked, or up to the first that has the bytes in its mempool.
/// Only [`Pool`] makes one, so that none can be left out.
#[derive(Debug, Clone)]
pub struct Answers {
    said: Vec<Broadcast>,
    /// Whether every endpoint of this chain was asked.
    is_of_all: bool,
}

impl Deref for Answers {
    type Target = [Broadcast];

    fn deref(&self) -> &[Broadcast] {
        &self.said
    }
}

/// The proof that no node has the bytes: it is made from the answers of all that may have them, and from nothing else.
///
/// ```compile_fail,E0308
/// # use bootstrap::chain::pool::{AllRefused, Broadcast};
/// fn forge(some: &[Broadcast]) -> Option<AllRefused> {
///     AllRefused::at_first(some) // not the `Answers` of a pool
/// }
/// ```
///
/// ```compile_fail,E0451
/// # use bootstrap::chain::{pool::AllRefused, rpc::CheckTxAnswer};
/// fn forge(check: CheckTxAnswer) -> AllRefused {
///     AllRefused { check } // private
/// }
/// ```
#[derive(Debug, Clone)]
pub struct AllRefused {
    check: CheckTxAnswer,
}

impl AllRefused {
    /// Of the answers to bytes that no node has from before: an endpoint that they never reached has not got them.
    /// `None` where one may have them.
    #[must_use]
    pub fn at_first(answers: &Answers) -> Option<Self> {
        Self::of(answers, Broadcast::is_certainly_not_there)
    }

    /// Of the answers to bytes that were sent before: one that they do not reach now may have them since then. `None` where
    /// one may have them, or was not asked ([`Pool::broadcast_to_all`] asks everyone).
    #[must_use]
    pub fn again(answers: &Answers) -> Option<Self> {
        Self::of(answers, Broadcast::is_refused).filter(|_| answers.is_of_all)
    }

    fn of(answers: &Answers, is_without: fn(&Broadcast) -> bool) -> Option<Self> {
        let check = answers.iter().find_map(|sent| sent.answer.as_ref().ok())?;
        answers.iter().all(is_without).then(|| Self { check: check.clone() })
    }

    /// What the first of them said.
    #[must_use]
    pub fn check(&self) -> &CheckTxAnswer {
        &self.check
    }
}

impl Pool {
    /// Sends the same bytes to every fresh endpoint at once, and to the others where none of those answers.
    /// Returns the answers up to the first that has them in its mempool; the slower ones are left to finish by
    /// themselves. Identical bytes can be in a block only once.
    pub async fn broadcast(&self, tx: &impl Durable, limit: Duration) -> Answers {
        let order = self.order();
        let best = order.first().map(|member| member.standing());
        let (first, rest) = order.into_iter().partition(|member| Some(member.standing()) == best);
        Answers { said: Self::offer(tx, first, rest, limit).await, is_of_all: false }
    }

    /// Sends the same bytes to every endpoint of this chain at once, also to those that rest. Returns the answers of
    /// all, unless one has them in its mempool.
    pub async fn broadcast_to_all(&self, tx: &impl Durable, limit: Duration) -> Answers {
        Answers { said: Self::offer(tx, self.order(), Vec::new(), limit).await, is_of_all: true }
    }

    /// Sends to `first`, and to the `rest` where none of those answers.
    async fn offer(
        tx: &impl Durable,
        first: Vec<&Arc<Member>>,
        mut rest: Vec<&Arc<Member>>,
        limit: Duration,
    ) -> Vec<Broadcast> {
        let end = Instant::now() + limit;
        let mut sends = JoinSet::new();
        let send = |sends: &mut JoinSet<Broadcast>, members: Vec<&Arc<Member>>| {
            for member in members {
                sends.spawn(send(Arc::clone(member), tx.tx_bytes().to_vec(), end));
            }
        };
        send(&mut sends, first);
        let mut answers: Vec<Broadcast> = Vec::new();
        loop {
            // Each send keeps the limit by itself.
            let sent = if rest.is_empty() {
                sends.join_next().await
            } else if let Ok(Some(sent)) = tokio::time::timeout_at(end - limit / 2, sends.join_next()).await {
                Some(sent)
            } else {
                let others = std::mem::take(&mut rest);
                if answers.iter().all(|sent| sent.answer.is_err()) {
                    send(&mut sends, others);
                }
                continue;
            };
            match sent {
                None => return answers,
                Some(Ok(sent)) => answers.push(sent),
                Some(Err(error)) => {
                    tracing::error!(%error, "a broadcast failed; this is a fault of this program")
                }
            }
            if answers.last().is_some_and(Broadcast::is_accepted) {
                sends.detach_all();
                return answers;
            }
        }
    }
}

async fn send(member: Arc<Member>, bytes: Vec<u8>, end: Instant) -> Broadcast {
    let limit = end.saturating_duration_since(Instant::now());
    let answer = member.endpoint.broadcast(bytes, limit).await;
    match &answer {
        Err(error) if error.is_endpoint_fault() => member.failed(error),
        _ => member.answered(),
    }
    Broadcast { endpoint: member.endpoint.to_string(), answer }
}
