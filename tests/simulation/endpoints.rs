//! The worker's endpoints, and whether it can rely on them.

use std::iter;
use std::sync::Arc;

use bootstrap::devnet::{Devnet, Endpoint, Fault, FaultKind};

use crate::trouble::{self, NodeEnd};

/// Whether an endpoint is reachable and tells the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Honesty {
    Honest,
    Faulty,
    /// It names heights that are too high.
    Ahead,
    /// Its node has restarted, or was behind: the next block puts it right.
    FromNextBlock,
    /// The worker has seen it on another chain.
    Never,
}

impl Honesty {
    /// What an endpoint is while these faults are in force; `None`: what it was.
    fn during(faults: &[Fault]) -> Option<Self> {
        let mut dishonest = faults.iter().filter(|fault| trouble::is_dishonest(fault)).peekable();
        dishonest.peek()?;
        let is_ahead = dishonest.any(|fault| matches!(fault.kind, FaultKind::Ahead { .. }));
        Some(if is_ahead { Self::Ahead } else { Self::Faulty })
    }

    /// What an endpoint is when these faults are cleared; `None`: what it was.
    fn after(faults: &[Fault]) -> Option<Self> {
        Self::during(faults)?;
        let has = |wanted: fn(&FaultKind) -> bool| faults.iter().any(|fault| wanted(&fault.kind));
        Some(if has(|kind| matches!(kind, FaultKind::WrongChainId)) {
            Self::Never
        } else if has(|kind| matches!(kind, FaultKind::Lag { .. } | FaultKind::CatchingUp)) {
            Self::FromNextBlock
        } else {
            Self::Honest
        })
    }
}

pub struct Endpoints {
    devnet: Arc<Devnet>,
    /// All but the first, which is the chain's own.
    further: Vec<Endpoint>,
    /// What can be said of each of all of them.
    honesty: Vec<Honesty>,
    /// The validator is killed as it makes the next block.
    is_killed_in_next_block: bool,
}

impl Endpoints {
    pub fn open(devnet: &Arc<Devnet>, count: usize) -> Self {
        Self {
            devnet: Arc::clone(devnet),
            further: (1..count).map(|_| devnet.open_endpoint().unwrap()).collect(),
            honesty: vec![Honesty::Honest; count],
            is_killed_in_next_block: false,
        }
    }

    /// What the worker is told of them; with `alias`, of the first one by another name too.
    pub fn urls(&self, has_alias: bool) -> String {
        let alias = format!("http://localhost:{}", self.devnet.address().port());
        let urls = iter::once(self.devnet.endpoint()).chain(&self.further).map(Endpoint::rpc_url);
        urls.chain(has_alias.then_some(alias)).collect::<Vec<_>>().join(",")
    }

    pub fn fault(&mut self, index: usize, faults: &[Fault]) {
        for fault in faults {
            self.at(index).fault(fault.clone()).unwrap();
        }
        self.turn(index, Honesty::during(faults));
    }

    pub fn clear(&mut self, index: usize, faults: &[Fault]) {
        self.at(index).clear_faults();
        self.turn(index, Honesty::after(faults));
    }

    pub fn close(&mut self, index: usize) {
        self.at(index).close().unwrap();
        self.turn(index, Some(Honesty::Faulty));
    }

    pub fn reopen(&mut self, index: usize) {
        self.at(index).open().unwrap();
        self.turn(index, Some(Honesty::Honest));
    }

    pub fn restart(&mut self, index: usize, how: NodeEnd) {
        if how == NodeEnd::KilledInBlock {
            self.is_killed_in_next_block = true;
            return;
        }
        self.at(index).fault(how.fault()).unwrap();
        self.turn(index, Some(Honesty::FromNextBlock));
    }

    /// All nodes have restarted.
    pub fn have_restarted(&mut self) {
        let honest = self.honesty.iter_mut().filter(|honesty| **honesty == Honesty::Honest);
        honest.for_each(|honesty| *honesty = Honesty::FromNextBlock);
    }

    /// Makes a block, and gives its height.
    pub fn mine(&mut self) -> i64 {
        let is_killed = std::mem::take(&mut self.is_killed_in_next_block);
        if is_killed {
            self.at(0).fault(NodeEnd::KilledInBlock.fault()).unwrap();
        } else {
            self.devnet.mine(1).unwrap();
        }
        for honesty in self.honesty.iter_mut().filter(|honesty| **honesty == Honesty::FromNextBlock) {
            *honesty = Honesty::Honest;
        }
        if is_killed {
            self.turn(0, Some(Honesty::FromNextBlock));
        }
        i64::try_from(self.devnet.height().unwrap()).unwrap()
    }

    /// Which of them are reachable and honest.
    pub fn honest(&self) -> Vec<bool> {
        self.honesty.iter().map(|honesty| *honesty == Honesty::Honest).collect()
    }

    /// Whether one names heights that are too high, and no other can say so.
    pub fn are_misleading(&self) -> bool {
        self.honesty.contains(&Honesty::Ahead) && !self.honesty.contains(&Honesty::Honest)
    }

    fn at(&self, index: usize) -> &Endpoint {
        if index == 0 { self.devnet.endpoint() } else { &self.further[index - 1] }
    }

    /// Nothing makes an endpoint honest that was of another chain.
    fn turn(&mut self, index: usize, honesty: Option<Honesty>) {
        let now = &mut self.honesty[index];
        if let Some(honesty) = honesty.filter(|_| *now != Honesty::Never) {
            *now = honesty;
        }
    }
}
