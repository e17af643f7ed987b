//! Several endpoints of one chain, ranked before they are needed.
//!
//! Whoever has the pool has it ranked, ahead of need; a call only walks the order. Healthy endpoints keep the order in which the
//! user named them, so nothing flaps. What the application of the chain answers, an error too, never moves
//! an endpoint: only silence, faults of the connection, lag and a wrong chain do.

mod agreement;
mod alias;
mod broadcast;
mod member;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

pub(crate) use self::broadcast::durable;
pub use self::broadcast::{AllRefused, Answers, Broadcast, Durable};
pub use self::member::{LAG_BLOCKS, LAG_TIME, Standing};
use self::{
    alias::Aliases,
    member::{Head, Lag, Member},
};
use super::rpc::{Endpoint, NodeStatus, RpcError};
use crate::bundle::SensitiveUrl;

/// Silence after which the next endpoint is asked too.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why no endpoint could be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PoolError {
    /// Each endpoint failed; the faults as they came.
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
        return "there was no time".to_owned();
    }
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What is known of one endpoint, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointReport {
    /// The address without credentials.
    pub endpoint: String,
    /// How good it is.
    pub standing: Standing,
    /// Its newest block, at the last poll that it answered.
    pub height: Option<u64>,
    /// When that block was first seen there.
    pub seen: Option<Instant>,
    /// Faults since the start, by [kind](RpcError::kind).
    pub errors: Vec<(&'static str, u64)>,
    /// Another endpoint of the list that leads to the same node.
    pub same_as: Option<String>,
}

/// The endpoints of one chain.
pub struct Pool {
    members: Vec<Arc<Member>>,
    chain_id: OnceLock<String>,
    aliases: Mutex<Aliases>,
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
        let member = |url: &SensitiveUrl| Ok(Arc::new(Member::new(Endpoint::new(url.clone())?)));
        let members = urls.iter().map(member).collect::<Result<_, RpcError>>()?;
        let chain_id = OnceLock::new();
        if let Some(expected) = expected_chain_id {
            chain_id.get_or_init(|| expected);
        }
        Ok(Self { members, chain_id, aliases: Mutex::default() })
    }

    /// The chain id, once it is known.
    pub fn chain_id(&self) -> Option<&str> {
        self.chain_id.get().map(String::as_str)
    }

    /// Asks the endpoints for their status and ranks them anew. Those that asked to be left alone are, unless
    /// there is no other. Returns the best head.
    ///
    /// # Errors
    /// When no endpoint of this chain answered.
    pub async fn refresh(&self, limit: Duration) -> Result<NodeStatus, PoolError> {
        self.rank(limit, Lag::Lasting).await
    }

    /// Asks again how the endpoints are, where one gave an answer of old state, or refuses what another may take:
    /// the least lag counts, and those that rest after a fault are asked too, unless they asked to be left alone.
    /// True when another is to be asked first, or one more at once.
    pub async fn look_again(&self, limit: Duration) -> bool {
        let fresh = || {
            let members = self.order().into_iter().filter(|member| member.standing() == Standing::Fresh);
            members.map(|member| member.endpoint.to_string()).collect::<Vec<_>>()
        };
        let before = fresh();
        if let Err(error) = self.rank(limit, Lag::Any).await {
            tracing::debug!(%error, "the endpoints cannot be ranked anew");
        }
        let after = fresh();
        after.first() != before.first() || after.iter().any(|endpoint| !before.contains(endpoint))
    }

    /// The highest height that most of the nodes agree on which answer now and are synced. Asked as by
    /// [`Pool::look_again`]. `None` too where those that claim it have no such block: who is wrong about its height, and
    /// alone, has nobody to contradict it.
    pub async fn agreed_height(&self, limit: Duration) -> Option<u64> {
        let best = self.rank(limit, Lag::Any).await.ok().filter(|best| !best.catching_up)?;
        let claimants = self.members.iter().filter(|member| member.head() == Some(Head::of(&best)));
        let blocks = join_all(claimants.map(|member| member.endpoint.has_block(best.height, limit))).await;
        // Who cannot say is believed, as one is that keeps blocks to itself.
        blocks.into_iter().any(|has_it| has_it.unwrap_or(true)).then_some(best.height)
    }

    async fn rank(&self, limit: Duration, lag: Lag) -> Result<NodeStatus, PoolError> {
        let awake = self.members.iter().filter(|member| member.standing() < Standing::Resting);
        let mut asked: Vec<_> = awake.map(|member| (member, limit)).collect();
        if lag == Lag::Any {
            // Who rests may be silent still, and is not waited for long, unless there is nobody else.
            let patience = if asked.is_empty() { limit } else { limit.min(PATIENCE) };
            let woken = self.members.iter().filter(|member| member.may_be_woken());
            asked.extend(woken.map(|member| (member, patience)));
        }
        if asked.is_empty() {
            asked = self.order().into_iter().map(|member| (member, limit)).collect();
        }
        let answers = join_all(asked.iter().map(|(member, limit)| member.endpoint.status(*limit))).await;
        // In the user's order, so that the first endpoint that answers decides on the chain id.
        for status in answers.iter().flatten() {
            self.chain_id.get_or_init(|| status.chain_id.clone());
        }
        let (mut statuses, mut faults) = (Vec::new(), Vec::new());
        for ((member, _), answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(status) if Some(status.chain_id.as_str()) != self.chain_id() => {
                    self.exclude(member, &status.chain_id);
                }
                Ok(status) => {
                    member.answered();
                    statuses.push((member, status));
                }
                Err(error) => {
                    // Who is woken in vain does not rest longer for it.
                    if lag == Lag::Lasting || !member.may_be_woken() {
                        member.failed(&error);
                    }
                    faults.push(error);
                }
            }
        }
        self.aliases.lock().unwrap_or_else(PoisonError::into_inner).learn(&statuses);
        let top = agreement::top(statuses.iter().map(|(_, status)| status)).map(|top| top.height);
        let is_contradicted = |status: &NodeStatus| top.is_some_and(|top| status.height > top);
        let agreed = statuses.iter().map(|(_, status)| status).filter(|status| !is_contradicted(status));
        let best = agreed.max_by_key(|status| (!status.catching_up, status.height));
        for (member, status) in &statuses {
            if !is_contradicted(status) {
                member.measure(status, best.map(Head::of), lag);
            } else if member.contradicted(status) {
                let agreed = best.map(|best| best.height);
                tracing::warn!(endpoint = %member.endpoint, height = status.height, agreed,
                    "the other nodes contradict the height of an endpoint");
            }
        }
        best.cloned().ok_or_else(|| self.unusable(faults))
    }

    /// The endpoint turned out to be on another chain: it is not used any more.
    pub fn is_on_other_chain(&self, endpoint: &Endpoint, chain_id: &str) {
        let named = endpoint.to_string();
        for member in self.members.iter().filter(|member| member.endpoint.to_string() == named) {
            self.exclude(member, chain_id);
        }
    }

    fn exclude(&self, member: &Member, chain_id: &str) {
        if member.is_on(chain_id) {
            let expected = self.chain_id();
            tracing::error!(endpoint = %member.endpoint, chain_id, expected,
                "endpoint is on another chain and will not be used");
        }
    }

    /// Nobody answered: since all are on another chain, or for these faults.
    fn unusable(&self, faults: Vec<RpcError>) -> PoolError {
        let found = |member: &Arc<Member>| Some((member.endpoint.to_string(), member.other_chain()?));
        match self.members.iter().map(found).collect::<Option<Vec<_>>>() {
            Some(found) if !found.is_empty() => {
                PoolError::WrongChain { expected: self.chain_id().unwrap_or_default().to_owned(), found }
            }
            _ => PoolError::Unusable(faults),
        }
    }

    /// Whether there is one endpoint only: it needs no ranking, and is spared.
    #[must_use]
    pub fn is_single(&self) -> bool {
        self.members.len() < 2
    }

    /// Whether every endpoint of this chain is fresh, as far as is known.
    #[must_use]
    pub fn is_all_fresh(&self) -> bool {
        self.order().into_iter().all(|member| member.standing() == Standing::Fresh)
    }

    /// Whether any endpoint is fresh.
    #[must_use]
    pub fn has_fresh(&self) -> bool {
        self.members.iter().any(|member| member.standing() == Standing::Fresh)
    }

    /// Whether no endpoint of this chain answered since its last fault.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.order().into_iter().all(|member| member.is_silent())
    }

    /// Endpoints of this chain, best first.
    pub fn ranked(&self) -> Vec<&Endpoint> {
        self.order().into_iter().map(|member| &member.endpoint).collect()
    }

    /// The same without those whose height the others contradict.
    pub fn agreeing(&self) -> Vec<&Endpoint> {
        let agreeing = self.order().into_iter().filter(|member| !member.is_ahead());
        agreeing.map(|member| &member.endpoint).collect()
    }

    /// What is known of each endpoint, in the user's order.
    #[must_use]
    pub fn report(&self) -> Vec<EndpointReport> {
        let aliases = self.aliases.lock().unwrap_or_else(PoisonError::into_inner);
        let report = |member: &Arc<Member>| {
            let endpoint = member.endpoint.to_string();
            EndpointReport {
                standing: member.standing(),
                height: member.head().map(|head| head.height),
                seen: member.seen(),
                errors: member.errors(),
                same_as: aliases.of(&endpoint).map(ToOwned::to_owned),
                endpoint,
            }
        };
        self.members.iter().map(report).collect()
    }

    fn order(&self) -> Vec<&Arc<Member>> {
        let mut order: Vec<_> = self.members.iter().map(|member| (member.standing(), member)).collect();
        order.retain(|(standing, _)| *standing != Standing::OtherChain);
        // Stable: among equals the user's order stands.
        order.sort_by_key(|(standing, _)| *standing);
        order.into_iter().map(|(_, member)| member).collect()
    }

    /// Runs `call` against the best endpoint. Where that fails, or stays silent for its share of `limit`, the
    /// next is asked too; the first answer counts.
    ///
    /// # Errors
    /// [`PoolError::Refused`] at once when a node refuses the call itself, otherwise
    /// [`PoolError::Unusable`] with each fault.
    pub async fn first<T, F, Fut>(&self, limit: Duration, call: F) -> Result<T, PoolError>
    where
        F: Fn(Endpoint, Duration) -> Fut,
        Fut: Future<Output = Result<T, RpcError>>,
    {
        self.first_sound(limit, |_| true, call).await
    }

    /// The same for answers that may be unsound: the next endpoint is asked at once then, and where no other gives a sound
    /// one soon, the first of them is all there is.
    ///
    /// # Errors
    /// Those of [`Pool::first`].
    pub async fn first_sound<T, F, Fut>(
        &self,
        limit: Duration,
        is_sound: impl Fn(&T) -> bool,
        call: F,
    ) -> Result<T, PoolError>
    where
        F: Fn(Endpoint, Duration) -> Fut,
        Fut: Future<Output = Result<T, RpcError>>,
    {
        let end = Instant::now() + limit;
        let order = self.order();
        let patience = (limit / u32::try_from(order.len() + 1).unwrap_or(u32::MAX)).min(PATIENCE);
        let mut next = order.into_iter();
        let mut tries = FuturesUnordered::new();
        let mut running: Vec<(&Arc<Member>, Instant)> = Vec::new();
        let (mut faults, mut unsound) = (Vec::new(), None);
        loop {
            let now = Instant::now();
            if let Some(member) = next.next().filter(|_| now < end) {
                let tried = call(member.endpoint.clone(), end - now);
                tries.push(async move { (member, tried.await) });
                running.push((member, now));
            }
            // Each call keeps the limit by itself.
            let answered = if next.len() == 0 && unsound.is_none() {
                tries.next().await
            } else {
                match tokio::time::timeout_at(now + patience, tries.next()).await {
                    Ok(answered) => answered,
                    Err(_) if next.len() > 0 => continue,
                    Err(_) => None,
                }
            };
            let Some((member, answer)) = answered else {
                return unsound.ok_or_else(|| self.unusable(faults));
            };
            running.retain(|(other, _)| !Arc::ptr_eq(other, member));
            match answer {
                Err(error) if error.is_endpoint_fault() => {
                    member.failed(&error);
                    faults.push(error);
                }
                Ok(answer) if !is_sound(&answer) => {
                    member.answered();
                    unsound.get_or_insert(answer);
                }
                answer => {
                    member.answered();
                    for (silent, since) in running {
                        // It was given its time, and somebody else had to answer.
                        let waited = since.elapsed();
                        if waited >= patience {
                            let endpoint = silent.endpoint.to_string();
                            silent.failed(&RpcError::TimedOut { endpoint, limit: waited });
                        }
                    }
                    return answer.map_err(PoolError::Refused);
                }
            }
        }
    }
}
