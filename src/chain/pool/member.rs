//! One endpoint of the pool, and what was measured of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::chain::rpc::{Endpoint, NodeStatus, RpcError};

/// Blocks that an endpoint may be behind the best one before it is put behind.
pub const LAG_BLOCKS: u64 = 2;
/// Blocks that it may be behind to be taken back. Less than [`LAG_BLOCKS`], so that nothing flaps.
const CAUGHT_UP_BLOCKS: u64 = 1;
/// Fast chains commit several blocks between two answers to one poll: that is no lag yet.
pub const LAG_TIME: Duration = Duration::from_secs(1);
/// First pause of an endpoint after a fault; doubles with each fault up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause of an endpoint that goes on failing.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Longest pause that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// How good an endpoint is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It answers, and from the newest state.
    Fresh,
    /// It answers from an old state: still syncing, lagging, or gone back in time.
    Behind,
    /// It answers, and claims a height that the other nodes contradict.
    Ahead,
    /// It failed just now, or asked to be left alone.
    Resting,
    /// It is on another chain, and is never used again.
    OtherChain,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fresh => "fresh",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Resting => "resting",
            Self::OtherChain => "other chain",
        })
    }
}

/// Which lag puts an endpoint behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lag {
    /// One that is more than the time between two answers.
    Lasting,
    /// Even of one block: one of the nodes gave an answer of old state.
    Any,
}

/// The newest block that a node has, as far as it told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub height: u64,
    pub time: time::OffsetDateTime,
}

impl Head {
    pub const fn of(status: &NodeStatus) -> Self {
        Self { height: status.height, time: status.time }
    }
}

/// Where a node is among the others.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Level,
    Behind,
    Ahead,
}

#[derive(Debug, Default)]
struct Measured {
    head: Option<Head>,
    /// The newest head so far: a node that goes back in time is behind itself.
    newest: Option<Head>,
    place: Place,
    other_chain: Option<String>,
    /// Faults, less half of them with each answer.
    faults: u32,
    resting_until: Option<Instant>,
    /// It did not answer since its last fault.
    is_silent: bool,
    /// It asked for that pause itself.
    asked_to_rest: bool,
    /// When the head was first seen.
    seen: Option<Instant>,
    /// Faults since the start, by kind.
    errors: BTreeMap<&'static str, u64>,
}

/// An endpoint with what was measured of it.
pub(super) struct Member {
    pub endpoint: Endpoint,
    measured: Mutex<Measured>,
}

impl Member {
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, measured: Mutex::default() }
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        // Plain data: a panic while it was held leaves nothing half done.
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn standing(&self) -> Standing {
        let measured = self.measured();
        if measured.other_chain.is_some() {
            Standing::OtherChain
        } else if measured.resting_until.is_some_and(|until| until > Instant::now()) {
            Standing::Resting
        } else {
            match measured.place {
                Place::Level => Standing::Fresh,
                Place::Behind => Standing::Behind,
                Place::Ahead => Standing::Ahead,
            }
        }
    }

    /// Whether its height was contradicted when it was last measured.
    pub fn is_ahead(&self) -> bool {
        self.measured().place == Place::Ahead
    }

    /// Whether it rests because it failed, and did not ask to be left alone.
    pub fn may_be_woken(&self) -> bool {
        self.standing() == Standing::Resting && !self.measured().asked_to_rest
    }

    pub fn head(&self) -> Option<Head> {
        self.measured().head
    }

    /// When that head was first seen.
    pub fn seen(&self) -> Option<Instant> {
        self.measured().seen
    }

    /// Faults since the start, by kind.
    pub fn errors(&self) -> Vec<(&'static str, u64)> {
        self.measured().errors.iter().map(|(kind, count)| (*kind, *count)).collect()
    }

    pub fn other_chain(&self) -> Option<String> {
        self.measured().other_chain.clone()
    }

    /// Whether it did not answer since its last fault.
    pub fn is_silent(&self) -> bool {
        self.measured().is_silent
    }

    /// Never used again. Returns whether that is news.
    pub fn is_on(&self, chain_id: &str) -> bool {
        self.measured().other_chain.replace(chain_id.to_owned()).is_none()
    }

    /// A fault of the endpoint, not of what it was asked.
    pub fn failed(&self, error: &RpcError) {
        let mut measured = self.measured();
        let pause = match error {
            RpcError::HttpStatus { retry_after: Some(pause), .. } => (*pause).min(MAX_RETRY_AFTER),
            _ => FIRST_PAUSE.saturating_mul(1 << measured.faults.min(6)).min(MAX_PAUSE),
        };
        measured.asked_to_rest = matches!(error, RpcError::HttpStatus { retry_after: Some(_), .. });
        measured.faults = measured.faults.saturating_add(1);
        measured.is_silent = true;
        *measured.errors.entry(error.kind()).or_default() += 1;
        measured.resting_until = Some(Instant::now() + pause);
    }

    /// It answered, whatever the application said. One that fails every other time goes on resting longer
    /// than one that failed once.
    pub fn answered(&self) {
        let mut measured = self.measured();
        measured.faults /= 2;
        measured.resting_until = None;
        measured.is_silent = false;
    }

    /// The other nodes contradict its height. Returns whether that is news.
    pub fn contradicted(&self, status: &NodeStatus) -> bool {
        let mut measured = self.measured();
        measured.show(Head::of(status));
        std::mem::replace(&mut measured.place, Place::Ahead) != Place::Ahead
    }

    /// Holds its status against the `best` head of the same poll.
    pub fn measure(&self, status: &NodeStatus, best: Option<Head>, lag: Lag) {
        let mut measured = self.measured();
        let head = Head::of(status);
        let behind_best = best.map_or(0, |best| best.height.saturating_sub(head.height));
        // A higher one that was older was a mistake of the node.
        let newest = measured.newest.filter(|newest| newest.time >= head.time);
        let behind_itself = newest.map_or(0, |newest| newest.height.saturating_sub(head.height));
        let blocks = behind_best.max(behind_itself);
        let seconds = best.map_or(time::Duration::ZERO, |best| best.time - head.time);
        let is_behind = status.catching_up
            || match (lag, measured.place) {
                (Lag::Any, _) => blocks > 0,
                (Lag::Lasting, Place::Behind) => blocks > CAUGHT_UP_BLOCKS,
                (Lag::Lasting, Place::Level | Place::Ahead) => {
                    blocks > LAG_BLOCKS && (seconds > LAG_TIME || behind_itself > LAG_BLOCKS)
                }
            };
        measured.place = if is_behind { Place::Behind } else { Place::Level };
        if newest.is_none() {
            measured.newest = Some(head);
        }
        measured.show(head);
    }
}

impl Measured {
    fn show(&mut self, head: Head) {
        if self.head.is_none_or(|known| known.height != head.height) {
            self.seen = Some(Instant::now());
        }
        self.head = Some(head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> Member {
        Member::new(Endpoint::new("http://127.0.0.1:1".parse().unwrap()).unwrap())
    }

    /// A head with one block each second.
    fn head(height: u64) -> Head {
        let seconds = i64::try_from(height).unwrap();
        Head { height, time: time::OffsetDateTime::from_unix_timestamp(seconds).unwrap() }
    }

    fn status(height: u64, catching_up: bool) -> NodeStatus {
        NodeStatus {
            chain_id: "chain".into(),
            node_id: "node".into(),
            peer: None,
            height,
            time: head(height).time,
            earliest: 1,
            block_time: None,
            catching_up,
            date: None,
        }
    }

    fn standing(member: &Member, height: u64, best: u64) -> Standing {
        member.measure(&status(height, false), Some(head(best)), Lag::Lasting);
        member.standing()
    }

    #[test]
    fn lag_puts_behind_and_is_made_up_before_it_is_forgiven() {
        let member = member();
        assert_eq!(standing(&member, 100, 100), Standing::Fresh);
        assert_eq!(standing(&member, 101, 103), Standing::Fresh, "answers do not come at one time");
        assert_eq!(standing(&member, 101, 104), Standing::Behind, "its head stands still");
        assert_eq!(standing(&member, 104, 106), Standing::Behind, "nothing flaps");
        assert_eq!(standing(&member, 108, 109), Standing::Fresh);
    }

    #[test]
    fn short_blocks_are_no_lag_by_their_number() {
        let member = member();
        let mut best = head(110);
        best.time = head(100).time + Duration::from_millis(900);
        member.measure(&status(100, false), Some(best), Lag::Lasting);
        assert_eq!(member.standing(), Standing::Fresh);
        member.measure(&status(100, false), Some(best), Lag::Any);
        assert_eq!(member.standing(), Standing::Behind, "where some node is");
    }

    #[test]
    fn a_node_that_goes_back_in_time_or_syncs_is_behind() {
        let member = member();
        assert_eq!(standing(&member, 100, 100), Standing::Fresh);
        assert_eq!(standing(&member, 50, 50), Standing::Behind, "though it is the best that answers");
        assert_eq!(standing(&member, 99, 99), Standing::Fresh);
        member.measure(&status(100, true), None, Lag::Lasting);
        assert_eq!(member.standing(), Standing::Behind);
    }

    #[test]
    fn a_height_that_was_a_mistake_is_forgotten_with_the_next_block() {
        let member = member();
        member.contradicted(&status(5_000, false));
        assert_eq!(member.standing(), Standing::Ahead);
        assert_eq!(standing(&member, 101, 101), Standing::Fresh, "its lie was never taken for its height");
        let lonely = NodeStatus { height: 5_000, ..status(102, false) };
        member.measure(&lonely, Some(Head::of(&lonely)), Lag::Lasting);
        assert_eq!(
            standing(&member, 103, 103),
            Standing::Fresh,
            "nobody contradicted it, and a newer block is lower"
        );
    }

    #[test]
    fn faults_rest_longer_and_answers_shorten_that() {
        let member = member();
        let broken = RpcError::Broken { endpoint: String::new(), cause: String::new() };
        let pause = |member: &Member| {
            member.failed(&broken);
            assert_eq!(member.standing(), Standing::Resting);
            member.measured().resting_until.unwrap() - Instant::now()
        };
        assert!(pause(&member) <= FIRST_PAUSE);
        for _ in 0..20 {
            pause(&member);
        }
        assert!(pause(&member) > MAX_PAUSE - FIRST_PAUSE);
        assert!(member.is_silent());
        member.answered();
        assert!(!member.is_silent());
        assert_eq!(member.standing(), Standing::Fresh);
        assert!(pause(&member) > FIRST_PAUSE, "one answer is not forgiveness");
    }

    #[test]
    fn a_server_may_ask_for_a_pause_within_reason() {
        let member = member();
        let status = |seconds| RpcError::HttpStatus {
            endpoint: String::new(),
            status: 429,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        let pause = |seconds| {
            member.failed(&status(seconds));
            member.measured().resting_until.unwrap() - Instant::now()
        };
        assert!(pause(60) > Duration::from_secs(58));
        assert!(pause(1 << 40) <= MAX_RETRY_AFTER);
    }

    #[test]
    fn another_chain_is_for_good() {
        let member = member();
        assert!(member.is_on("other"));
        assert!(!member.is_on("other"), "said once");
        member.answered();
        assert_eq!(standing(&member, 100, 100), Standing::OtherChain);
    }
}
