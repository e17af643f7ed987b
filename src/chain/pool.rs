//! Several endpoints of one chain, ranked before they are needed.
//!
//! A background [`Pool::refresh`] measures; a call only walks the order. Healthy endpoints keep the
//! order in which the user named them, so nothing flaps. What the application of the chain answers, an
//! error too, never moves an endpoint: only silence, lag and a wrong chain do.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::task::JoinSet;

use super::rpc::{CheckTxAnswer, Endpoint, NodeStatus, RpcError};
use crate::bundle::SensitiveUrl;

/// Blocks that an endpoint may be behind the best one before it is put behind.
const LAG_BLOCKS: u64 = 2;
/// First pause of an endpoint after a fault; doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause of an endpoint that goes on failing.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// The shortest time that a single try is given, however many endpoints there are.
const MIN_TRY: Duration = Duration::from_millis(250);

/// Why no endpoint could be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PoolError {
    /// Each endpoint failed; the faults in the order of the tries.
    #[error("no endpoint answered: {}", list(.0))]
    Unusable(Vec<RpcError>),
    /// Every endpoint belongs to another chain.
    #[error("expected chain id `{expected}`, but {}", found.iter().map(|(e, c)| format!("{e} is on `{c}`")).collect::<Vec<_>>().join(", "))]
    WrongChain {
        /// The chain id that was asked for.
        expected: String,
        /// Endpoint and its chain id.
        found: Vec<(String, String)>,
    },
    /// The node refused the call itself; another would too.
    #[error(transparent)]
    Refused(RpcError),
}

fn list(errors: &[RpcError]) -> String {
    if errors.is_empty() {
        return "there is none".to_owned();
    }
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What was measured of one endpoint.
#[derive(Debug, Clone, Default)]
struct Measured {
    head: Option<u64>,
    catching_up: bool,
    other_chain: Option<String>,
    faults: u32,
    paused_until: Option<Instant>,
}

struct Member {
    endpoint: Endpoint,
    measured: Mutex<Measured>,
}

impl Member {
    fn measured(&self) -> MutexGuard<'_, Measured> {
        // Plain data: a panic while it was held leaves nothing half done.
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, error: &RpcError) {
        let mut measured = self.measured();
        let pause = match error {
            RpcError::HttpStatus { retry_after: Some(pause), .. } => (*pause).min(MAX_PAUSE),
            _ => FIRST_PAUSE.saturating_mul(1 << measured.faults.min(6)).min(MAX_PAUSE),
        };
        measured.faults = measured.faults.saturating_add(1);
        measured.paused_until = Some(Instant::now() + pause);
    }

    fn answered(&self) {
        let mut measured = self.measured();
        measured.faults = 0;
        measured.paused_until = None;
    }
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
            Err(error) => error.is_in_cache(),
        }
    }
}

/// The endpoints of one chain.
pub struct Pool {
    members: Vec<Arc<Member>>,
    chain_id: OnceLock<String>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.members.iter().map(|member| &member.endpoint)).finish()
    }
}

impl Pool {
    /// A pool of `urls`, in the user's order. Without an expected chain id, that of the first
    /// endpoint of the list that answers counts.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(urls: &[SensitiveUrl], expected_chain_id: Option<String>) -> Result<Self, RpcError> {
        let members = urls
            .iter()
            .map(|url| {
                let measured = Mutex::new(Measured::default());
                Ok(Arc::new(Member { endpoint: Endpoint::new(url.clone())?, measured }))
            })
            .collect::<Result<_, RpcError>>()?;
        let chain_id = OnceLock::new();
        if let Some(expected) = expected_chain_id {
            chain_id.get_or_init(|| expected);
        }
        Ok(Self { members, chain_id })
    }

    /// The chain id, once it is known.
    pub fn chain_id(&self) -> Option<&str> {
        self.chain_id.get().map(String::as_str)
    }

    /// Asks every endpoint for its status and ranks them anew. Returns the best head.
    ///
    /// # Errors
    /// When no endpoint of this chain answered.
    pub async fn refresh(&self, limit: Duration) -> Result<NodeStatus, PoolError> {
        let answers = join_all(self.members.iter().map(|member| member.endpoint.status(limit))).await;
        // In the user's order, so that the first endpoint that answers decides on the chain id.
        for status in answers.iter().flatten() {
            self.chain_id.get_or_init(|| status.chain_id.clone());
        }
        let expected = self.chain_id.get().cloned().unwrap_or_default();
        let (mut best, mut found, mut faults): (Option<NodeStatus>, _, _) = (None, Vec::new(), Vec::new());
        for (member, answer) in self.members.iter().zip(answers) {
            match answer {
                Ok(status) if status.chain_id != expected => {
                    let before = member.measured().other_chain.replace(status.chain_id.clone());
                    if before.is_none() {
                        tracing::error!(endpoint = %member.endpoint, chain_id = status.chain_id, expected,
                            "endpoint is on another chain and will not be used");
                    }
                    found.push((member.endpoint.to_string(), status.chain_id));
                }
                Ok(status) => {
                    member.answered();
                    {
                        let mut measured = member.measured();
                        measured.head = Some(status.height);
                        measured.catching_up = status.catching_up;
                    }
                    if best.as_ref().is_none_or(|best| {
                        (best.catching_up, status.height) > (status.catching_up, best.height)
                    }) {
                        best = Some(status);
                    }
                }
                Err(error) => {
                    member.fault(&error);
                    faults.push(error);
                }
            }
        }
        match best {
            Some(best) => Ok(best),
            None if faults.is_empty() && !found.is_empty() => Err(PoolError::WrongChain { expected, found }),
            None => Err(PoolError::Unusable(faults)),
        }
    }

    /// Whether there is more than one endpoint.
    #[must_use]
    pub fn is_choice(&self) -> bool {
        self.members.len() > 1
    }

    /// Endpoints of this chain, best first.
    pub fn ranked(&self) -> Vec<&Endpoint> {
        self.order().into_iter().map(|member| &member.endpoint).collect()
    }

    fn order(&self) -> Vec<&Arc<Member>> {
        let now = Instant::now();
        let best = self.members.iter().filter_map(|member| {
            let measured = member.measured();
            measured.head.filter(|_| measured.other_chain.is_none() && !measured.catching_up)
        });
        let best = best.max().unwrap_or(0);
        let mut order: Vec<(u8, &Arc<Member>)> = self
            .members
            .iter()
            .filter_map(|member| {
                let measured = member.measured();
                if measured.other_chain.is_some() {
                    return None;
                }
                let tier = if measured.paused_until.is_some_and(|until| until > now) {
                    2
                } else {
                    let behind = measured.head.is_some_and(|head| head.saturating_add(LAG_BLOCKS) < best);
                    u8::from(measured.catching_up || behind)
                };
                Some((tier, member))
            })
            .collect();
        // Stable: inside a tier the user's order stands.
        order.sort_by_key(|(tier, _)| *tier);
        order.into_iter().map(|(_, member)| member).collect()
    }

    /// Runs `call` against the endpoints in order until one answers, all within `limit`.
    ///
    /// # Errors
    /// [`PoolError::Refused`] at once when a node refuses the call itself, otherwise
    /// [`PoolError::Unusable`] with each fault.
    pub async fn first<T, F, Fut>(&self, limit: Duration, call: F) -> Result<T, PoolError>
    where
        F: Fn(Endpoint, Duration) -> Fut,
        Fut: Future<Output = Result<T, RpcError>>,
    {
        let end = Instant::now() + limit;
        let order = self.order();
        let mut faults = Vec::new();
        for (index, member) in order.iter().enumerate() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // A share of what is left, so that one silent endpoint leaves time for the others.
            let share = u32::try_from(order.len() - index).unwrap_or(u32::MAX);
            let try_limit = (left / share).max(MIN_TRY).min(left);
            match call(member.endpoint.clone(), try_limit).await {
                Ok(answer) => {
                    member.answered();
                    return Ok(answer);
                }
                Err(error) if error.is_endpoint_fault() => {
                    member.fault(&error);
                    faults.push(error);
                }
                Err(error) => {
                    member.answered();
                    return Err(PoolError::Refused(error));
                }
            }
        }
        Err(PoolError::Unusable(faults))
    }

    /// Sends the same bytes to every healthy endpoint at once, and returns the answers up to the first that
    /// has them in its mempool; the slower ones are left to finish by themselves. Identical bytes can be in
    /// a block only once.
    pub async fn broadcast(&self, bytes: &[u8], limit: Duration) -> Vec<Broadcast> {
        let order = self.order();
        // Those that pause after a fault would only cost the wait for their silence.
        let healthy = |member: &&&Arc<Member>| member.measured().paused_until.is_none();
        let mut chosen: Vec<_> = order.iter().filter(healthy).collect();
        if chosen.is_empty() {
            chosen = order.iter().collect();
        }
        let mut sends = JoinSet::new();
        for member in chosen {
            let (member, bytes) = (Arc::clone(member), bytes.to_vec());
            sends.spawn(async move {
                let answer = member.endpoint.broadcast(bytes, limit).await;
                match &answer {
                    Err(error) if error.is_endpoint_fault() => member.fault(error),
                    _ => member.answered(),
                }
                Broadcast { endpoint: member.endpoint.to_string(), answer }
            });
        }
        let mut answers = Vec::new();
        while let Some(sent) = sends.join_next().await {
            let Ok(sent) = sent else { continue };
            let accepted = sent.is_accepted();
            answers.push(sent);
            if accepted {
                sends.detach_all();
                break;
            }
        }
        answers
    }
}
