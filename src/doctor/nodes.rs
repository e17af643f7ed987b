//! The endpoints: whether they answer, for which chain, from which state, and what their clocks say.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::future::join_all;
use time::OffsetDateTime;

use super::check::{Check, Subject, in_full};
use crate::bundle::SensitiveUrl;
use crate::chain::networks::{KnownNetwork, Remote};
use crate::chain::pool::{LAG_BLOCKS, LAG_TIME, Pool};
use crate::chain::query::{Client, QueryError};
use crate::chain::rpc::{Endpoint, NodeStatus, RpcError};

/// One question to a node.
pub const LIMIT: Duration = Duration::from_secs(4);
/// A chain without a block for so long halts, or its node is stuck. Blocks come every few seconds.
const STALE: Duration = Duration::from_secs(60);
/// By how much this machine's clock may be off without notice, in seconds. `Date` is exact to one.
const CLOCK_NOTICE: f64 = 5.0;
/// By how much it may be off at all: certificates, days of spending and `--until` go by it.
const CLOCK_LIMIT: f64 = 60.0;

/// What the endpoints said.
pub struct Survey {
    /// Endpoint, chain id, sync, clock.
    pub checks: Vec<Check>,
    /// A client of the best endpoint; otherwise what has to be fixed first.
    pub client: Result<Client, Subject>,
}

/// An endpoint, and what it said of itself.
struct Node {
    url: SensitiveUrl,
    status: Result<NodeStatus, RpcError>,
    /// Seconds by which this machine's clock is ahead of that of the answer.
    ahead: Option<f64>,
    /// Whether it answers for the application too, where it is of the right chain.
    client: Option<Result<Client, QueryError>>,
}

/// Asks every endpoint at once.
pub async fn survey(remote: &Remote) -> Survey {
    let mut nodes = join_all(remote.urls.iter().cloned().map(Node::ask)).await;
    let said = nodes.iter().find_map(|node| Some(node.status.as_ref().ok()?.chain_id.clone()));
    let chain_id = remote.chain_id.clone().or(said).unwrap_or_default();
    join_all(nodes.iter_mut().map(|node| node.probe(&chain_id))).await;
    let usable: Vec<_> = nodes.iter().filter_map(Node::usable).collect();
    let client = match usable.iter().max_by_key(|(_, status, _)| (!status.catching_up, status.height)) {
        Some((_, status, _)) if status.catching_up => Err(Subject::Synced),
        Some((_, _, client)) => Ok((*client).clone()),
        None if nodes.iter().any(|node| node.is_of_other(&chain_id)) => Err(Subject::ChainId),
        None => Err(Subject::Endpoint),
    };
    let synced = synced(&usable).unwrap_or_else(|| {
        // There is no client either.
        Subject::Synced.awaits(client.as_ref().err().copied().unwrap_or(Subject::Endpoint))
    });
    let of_chain_id = of_chain_id(&nodes, &chain_id, remote.chain_id.is_some());
    Survey { checks: vec![endpoint(&nodes), of_chain_id, synced, clock(&nodes)], client }
}

impl Node {
    async fn ask(url: SensitiveUrl) -> Self {
        let status = match Endpoint::new(url.clone()) {
            Ok(endpoint) => endpoint.status(LIMIT).await,
            Err(error) => Err(error),
        };
        let ahead = status.as_ref().ok().and_then(seconds_ahead);
        Self { url, status, ahead, client: None }
    }

    /// A node may answer for itself and not for the application.
    async fn probe(&mut self, chain_id: &str) {
        if !self.status.as_ref().is_ok_and(|status| status.chain_id == chain_id) {
            return;
        }
        let pool = match Pool::new(std::slice::from_ref(&self.url), Some(chain_id.to_owned())) {
            Ok(pool) => Arc::new(pool),
            Err(error) => {
                self.status = Err(error);
                return;
            }
        };
        self.client = Some(Client::probe(pool, LIMIT).await);
    }

    fn usable(&self) -> Option<(&SensitiveUrl, &NodeStatus, &Client)> {
        Some((&self.url, self.status.as_ref().ok()?, self.client.as_ref()?.as_ref().ok()?))
    }

    fn is_of_other(&self, chain_id: &str) -> bool {
        self.status.as_ref().is_ok_and(|status| status.chain_id != chain_id)
    }

    /// Why it does not answer.
    fn fault(&self) -> Option<String> {
        match (&self.status, &self.client) {
            (Err(error), _) => Some(in_full(error)),
            (_, Some(Err(error))) => Some(in_full(error)),
            _ => None,
        }
    }
}

/// Seconds by which this machine's clock is ahead, at the moment of an answer. A node without `Date` shows
/// only that it is behind: no block is of the future.
fn seconds_ahead(status: &NodeStatus) -> Option<f64> {
    let now = OffsetDateTime::now_utc();
    match status.date {
        Some(date) => Some((now - OffsetDateTime::from(date)).as_seconds_f64()),
        None => Some((now - status.time).as_seconds_f64()).filter(|ahead| *ahead < 0.0),
    }
}

fn endpoint(nodes: &[Node]) -> Check {
    let subject = Subject::Endpoint;
    let faults: Vec<_> = nodes.iter().filter_map(Node::fault).collect();
    let silent = nodes.iter().find(|node| node.fault().is_some()).map(|node| &node.url);
    let fix = silent.map(what_to_look_at).unwrap_or_default();
    match (faults.len(), nodes.len()) {
        (0, 1) => subject.ok(format_args!("{} answers", listed(nodes.iter().map(|node| &node.url)))),
        (0, _) => subject.ok(format_args!("{} answer", listed(nodes.iter().map(|node| &node.url)))),
        (faulty, all) if faulty == all => subject.failed(listed(faults), fix),
        (faulty, all) => subject.warning(format_args!("{faulty} of {all} fail: {}", listed(faults)), fix),
    }
}

/// What may keep an endpoint from answering. Addresses that come with this program are nobody's mistake.
fn what_to_look_at(url: &SensitiveUrl) -> String {
    if KnownNetwork::has_endpoint(url) {
        format!(
            "look at what stands between this machine and the internet (DNS, proxy, firewall): try `curl {url}/status`; \
             your model can be tried without it by --network devnet"
        )
    } else {
        format!(
            "correct the addresses in ALLORA_NETWORK or --network, or what stands between: try `curl {url}/status`"
        )
    }
}

fn of_chain_id(nodes: &[Node], chain_id: &str, is_expected: bool) -> Check {
    let subject = Subject::ChainId;
    if nodes.iter().all(|node| node.status.is_err()) {
        return subject.awaits(Subject::Endpoint);
    }
    let other = |node: &Node| {
        let status = node.status.as_ref().ok().filter(|status| status.chain_id != chain_id)?;
        Some(format!("{} is on `{}`", node.url, status.chain_id))
    };
    let others: Vec<_> = nodes.iter().filter_map(other).collect();
    let is_there = nodes.iter().any(|node| node.status.is_ok() && !node.is_of_other(chain_id));
    let fix = "set ALLORA_CHAIN_ID to the chain that you mean, or correct the addresses";
    match (others.is_empty(), is_there) {
        (true, _) if is_expected => subject.ok(format_args!("{chain_id}, as expected")),
        (true, _) => subject.ok(chain_id),
        (false, true) => subject.warning(format_args!("{chain_id}; not used: {}", listed(others)), fix),
        (false, false) => subject.failed(format_args!("expected `{chain_id}`, but {}", listed(others)), fix),
    }
}

/// `None` when there is no node to judge.
fn synced(usable: &[(&SensitiveUrl, &NodeStatus, &Client)]) -> Option<Check> {
    let subject = Subject::Synced;
    let best = usable.iter().map(|(_, status, _)| *status).max_by_key(|status| status.height)?;
    let old = |(url, status, _): &(&SensitiveUrl, &NodeStatus, &Client)| {
        let height = status.height;
        let behind = best.height.saturating_sub(height);
        let now = status.date.unwrap_or_else(SystemTime::now);
        let age = OffsetDateTime::from(now) - status.time;
        if status.catching_up {
            Some(format!("{url} is still syncing, at height {height}"))
        } else if behind > LAG_BLOCKS && best.time - status.time > LAG_TIME {
            Some(format!("{url} is {behind} blocks behind, at height {height}"))
        } else if age > STALE {
            Some(format!("{url} has had no block for {} s, since height {height}", age.whole_seconds()))
        } else {
            None
        }
    };
    let olds: Vec<_> = usable.iter().filter_map(old).collect();
    let fix = "wait until the node has the newest block, or name another one in ALLORA_NETWORK";
    Some(match (olds.len(), usable.len()) {
        (0, _) => subject.ok(format_args!("at height {}", best.height)),
        (old, all) if old == all => subject.failed(listed(olds), fix),
        (old, all) => subject.warning(format_args!("{old} of {all} are old: {}", listed(olds)), fix),
    })
}

fn clock(nodes: &[Node]) -> Check {
    let subject = Subject::Clock;
    if nodes.iter().all(|node| node.status.is_err()) {
        return subject.awaits(Subject::Endpoint);
    }
    // The node that agrees best: another one's clock may be wrong itself.
    let nearest = nodes.iter().filter_map(|node| node.ahead).min_by(|a, b| a.abs().total_cmp(&b.abs()));
    let Some(ahead) = nearest else {
        return subject.ok("no node says its time, and no block is of the future");
    };
    let way = if ahead < 0.0 { "behind" } else { "ahead of" };
    let off = format!("{:.0} s {way} the nodes", ahead.abs());
    let fix = "set the clock: `timedatectl set-ntp true`, or chrony; in a container, on its host";
    match ahead.abs() {
        small if small <= CLOCK_NOTICE => subject.ok("as the nodes'"),
        large if large <= CLOCK_LIMIT => subject.warning(off, fix),
        _ => subject.failed(off, fix),
    }
}

fn listed<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join("; ")
}
