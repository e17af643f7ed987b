//! A full node that follows the validator and serves one endpoint. It shares the validator's blocks and
//! states and may show old ones.

use tokio::sync::mpsc::UnboundedSender;

use super::{
    event_bus::EventBus,
    faults::{Faults, Outlook},
    order::Order,
};
use crate::devnet::app::Uptime;

/// How far behind a node begins to catch up, in blocks.
const CATCHES_UP_FROM: u64 = 100;

/// How many blocks it then takes while the chain makes one.
const CATCHES_UP_BY: u64 = 5;

/// Names a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::devnet) struct FollowerId(pub(super) u64);

impl FollowerId {
    /// The validator's own door: when that node restarts, the chain stands still.
    pub const VALIDATOR: Self = Self(0);
}

/// What is a follower's own.
#[derive(Debug)]
pub(super) struct Follower {
    /// Where `status` says that it listens.
    pub rpc_address: String,
    /// What goes wrong there.
    pub faults: Faults,
    /// Who subscribed there.
    pub events: EventBus,
    /// Its server.
    pub orders: UnboundedSender<Order>,
    /// Its last start.
    pub uptime: Uptime,
    /// The last block that its subscribers heard of.
    told: u64,
    /// How far it has caught up, while it catches up.
    synced: Option<u64>,
}

impl Follower {
    pub fn new(rpc_address: String, faults: Faults, orders: UnboundedSender<Order>, latest: u64) -> Self {
        Self {
            rpc_address,
            faults,
            events: EventBus::default(),
            orders,
            uptime: Uptime::Running,
            told: latest,
            synced: None,
        }
    }

    /// The validator has made a block: the heights of which its subscribers hear now. A node whose head
    /// went back tells of the same blocks again as it passes them.
    pub fn advance(&mut self, latest: u64) -> std::ops::RangeInclusive<u64> {
        self.uptime = Uptime::Running;
        let outlook = self.faults.outlook();
        let before = self.synced(latest.saturating_sub(1));
        self.synced = outlook.catching_up.then(|| (before + CATCHES_UP_BY).min(latest));
        if outlook.catching_up {
            self.told = self.told.min(before);
        }
        let head = self.head(outlook, latest);
        let from = self.told.min(head) + 1;
        self.told = head;
        from..=head
    }

    /// It tells nobody of blocks up to `latest`.
    pub fn passed(&mut self, latest: u64) {
        self.told = self.told.max(latest);
    }

    /// The last block that it shows.
    pub fn head(&self, outlook: Outlook, latest: u64) -> u64 {
        if outlook.no_block {
            return 0;
        }
        let synced = if outlook.catching_up { self.synced(latest) } else { latest };
        latest.saturating_sub(outlook.lag).min(synced).max(latest.min(1))
    }

    fn synced(&self, latest: u64) -> u64 {
        self.synced.unwrap_or_else(|| latest.saturating_sub(CATCHES_UP_FROM).max(1))
    }
}
