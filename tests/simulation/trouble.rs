//! The kinds of trouble.

use std::time::Duration;

use bootstrap::devnet::{Fault, FaultKind, Whitelist};
use fastrand::Rng;

/// One thing that goes wrong. All but the instants last until their act ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// SIGKILL so long after the moment came; started again at the end.
    Killed { after: Duration },
    /// SIGKILL so long after the moment came, and the state folder is gone; started again at the end.
    JournalLost { after: Duration },
    /// SIGKILL so long after the moment came, and the journal's end is gone, so many bytes of it; started again at the
    /// end.
    JournalTorn { after: Duration, bytes: u64 },
    /// An instant: the worker is started once more, beside the one that runs.
    SecondProcess,
    /// SIGTERM; started again at the end.
    Terminated,
    /// SIGSTOP; SIGCONT at the end.
    Stopped,
    /// The worker's disk is full: it can write no journal and no log.
    DiskFull,
    /// The account has nothing.
    Drained,
    /// The registration is gone.
    Unregistered,
    /// Off the topic's whitelist.
    NotWhitelisted,
    /// Gas costs so much, in uallo.
    GasPrice(u64),
    /// The topic opens no windows.
    TopicInactive,
    /// An instant: no block for so long.
    Halt(Duration),
    /// Blocks come so far apart.
    Pace(Duration),
    /// An instant: another program with our key sends a payload for topic 2.
    Foreign,
    /// An instant: another machine with our key answers the window that is open.
    OtherMachine,
    /// An instant: our next sequence was used, where we cannot see by what.
    SequenceUsed,
    /// The model fails for the nonces that open meanwhile.
    Model { how: ModelFailure, times: u32 },
    /// An endpoint of the worker, by its place in the list, has faults.
    Endpoint { index: usize, faults: Vec<Fault> },
    /// An endpoint refuses connections.
    Closed { index: usize },
    /// An instant: the node behind an endpoint ends and starts again.
    Restarted { index: usize, how: NodeEnd },
    /// An instant: all nodes restart with emissions v10.
    Upgraded,
}

/// How a model fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFailure {
    Exception,
    Hang,
    Crash,
}

/// How a node ends that starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeEnd {
    InOrder,
    Killed,
    /// The validator, in the middle of the next block, which it replays.
    KilledInBlock,
}

impl NodeEnd {
    pub fn fault(self) -> Fault {
        Fault::new(match self {
            Self::InOrder => FaultKind::Restart,
            Self::Killed => FaultKind::Crash,
            Self::KilledInBlock => FaultKind::CrashInBlock,
        })
    }
}

/// What two troubles at a time would fight over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Process,
    Balance,
    Registration,
    Whitelist,
    GasPrice,
    Topic,
    Pace,
    Model,
    Endpoint(usize),
    /// It ends as soon as it begins.
    None,
}

/// More failures than any window has time for.
pub const ALWAYS: u32 = 1_000;

impl Trouble {
    pub fn draw(rng: &mut Rng, whitelist: Whitelist, endpoints: usize) -> Self {
        let milliseconds = |rng: &mut Rng, range| Duration::from_millis(rng.u64(range));
        let index = rng.usize(0..endpoints);
        match rng.u8(0..44) {
            24..=39 => {
                let faults = (0..rng.usize(1..=2)).map(|_| fault(rng, index)).collect();
                Self::Endpoint { index, faults }
            }
            40..=41 => Self::Closed { index },
            42..=43 => Self::Restarted { index, how: NodeEnd::InOrder },
            0..=2 => Self::Killed { after: milliseconds(rng, 0..150) },
            3 => Self::Terminated,
            4..=5 => Self::Stopped,
            6..=7 => Self::Drained,
            8..=9 => Self::Unregistered,
            10..=11 if whitelist == Whitelist::On => Self::NotWhitelisted,
            10..=12 => Self::GasPrice(rng.u64(2..20)),
            13 => Self::TopicInactive,
            14 => Self::Halt(milliseconds(rng, 100..1_500)),
            15 => Self::Pace(milliseconds(rng, 5..200)),
            16..=18 => Self::Foreign,
            19..=20 => Self::SequenceUsed,
            _ => {
                let how = [ModelFailure::Exception, ModelFailure::Hang, ModelFailure::Crash][rng.usize(0..3)];
                Self::Model { how, times: [1, 1, 2, ALWAYS][rng.usize(0..4)] }
            }
        }
    }

    /// One of those that came later. They are drawn after all others, so that a seed keeps the troubles that it had.
    pub fn draw_later(rng: &mut Rng, endpoints: usize) -> Self {
        match rng.u8(0..16) {
            0..=2 => Self::OtherMachine,
            3..=5 => Self::JournalLost { after: Duration::from_millis(rng.u64(0..150)) },
            6..=8 => Self::GasPrice(rng.u64(2..20)),
            9 => Self::Halt(Duration::from_millis(rng.u64(1_500..6_000))),
            _ => {
                let kind = match rng.u8(0..4) {
                    0 => FaultKind::Error,
                    1 => FaultKind::HttpStatus { status: 503 },
                    2 => FaultKind::DropReply,
                    _ => FaultKind::HalfOpen,
                };
                let fault = Fault::new(kind).on(["tx", SIMULATE][rng.usize(0..2)]);
                Self::Endpoint { index: rng.usize(0..endpoints), faults: vec![fault] }
            }
        }
    }

    /// One of those that came last, for the scripts that have them.
    pub fn draw_last(rng: &mut Rng, endpoints: usize) -> Self {
        let index = rng.usize(0..endpoints);
        let endpoint = |fault| Self::Endpoint { index, faults: vec![fault] };
        match rng.u8(0..16) {
            0..=2 => endpoint(Fault::new(FaultKind::Ahead { blocks: rng.u32(1_000..1_000_000) })),
            3..=4 => endpoint(Fault::new(FaultKind::NoGrpc)),
            5..=6 => endpoint(Fault::new(FaultKind::NoIndex)),
            7 => endpoint(Fault::new(FaultKind::Flood { frames: rng.u32(200..5_000) }).on("event")),
            8..=9 => Self::Restarted { index, how: NodeEnd::Killed },
            10..=11 => Self::Restarted { index: 0, how: NodeEnd::KilledInBlock },
            12..=13 => {
                // As much as the last few pages.
                let after = Duration::from_millis(rng.u64(0..150));
                Self::JournalTorn { after, bytes: rng.u64(1..10_000) }
            }
            _ => Self::SecondProcess,
        }
    }

    /// An endpoint takes no transactions for want of room.
    pub fn full_mempool(index: usize) -> Self {
        Self::Endpoint { index, faults: vec![Fault::new(FaultKind::MempoolFull)] }
    }

    pub fn resource(&self) -> Resource {
        match self {
            Self::Killed { .. }
            | Self::JournalLost { .. }
            | Self::JournalTorn { .. }
            | Self::SecondProcess
            | Self::Terminated
            | Self::Stopped
            | Self::DiskFull => Resource::Process,
            Self::Drained => Resource::Balance,
            Self::Unregistered => Resource::Registration,
            Self::NotWhitelisted => Resource::Whitelist,
            Self::GasPrice(_) => Resource::GasPrice,
            Self::TopicInactive => Resource::Topic,
            Self::Pace(_) => Resource::Pace,
            Self::Model { .. } => Resource::Model,
            Self::Endpoint { index, .. } | Self::Closed { index } | Self::Restarted { index, .. } => {
                Resource::Endpoint(*index)
            }
            Self::Halt(_) | Self::Foreign | Self::OtherMachine | Self::SequenceUsed | Self::Upgraded => {
                Resource::None
            }
        }
    }

    /// Its names in the table of what was drawn.
    pub fn kinds(&self) -> Vec<&'static str> {
        match self {
            Self::Endpoint { faults, .. } => faults.iter().map(kind_of_fault).collect(),
            other => vec![other.kind()],
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Endpoint { .. } => "endpoint",
            Self::Closed { .. } => "connections refused",
            Self::Restarted { how: NodeEnd::InOrder, .. } => "node restarted",
            Self::Restarted { how: NodeEnd::Killed, .. } => "node killed",
            Self::Restarted { how: NodeEnd::KilledInBlock, .. } => "node killed in a block",
            Self::Upgraded => "emissions upgraded",
            Self::Killed { .. } => "worker killed",
            Self::JournalLost { .. } => "journal lost",
            Self::JournalTorn { .. } => "journal torn",
            Self::SecondProcess => "two processes",
            Self::Terminated => "worker asked to stop",
            Self::Stopped => "worker stands still",
            Self::DiskFull => "disk full",
            Self::Drained => "account drained",
            Self::Unregistered => "unregistered",
            Self::NotWhitelisted => "off the whitelist",
            Self::GasPrice(_) => "price of gas",
            Self::TopicInactive => "topic inactive",
            Self::Halt(time) if *time >= LONG => "chain halts for long",
            Self::Halt(_) => "chain halts",
            Self::Pace(_) => "another pace of blocks",
            Self::Foreign => "another program sends",
            Self::OtherMachine => "another machine answers",
            Self::SequenceUsed => "sequence used",
            Self::Model { how: ModelFailure::Exception, .. } => "model raises",
            Self::Model { how: ModelFailure::Hang, .. } => "model hangs",
            Self::Model { how: ModelFailure::Crash, .. } => "model crashes",
        }
    }

    /// Whether it can only be as a block is made.
    pub fn comes_with_a_block(&self) -> bool {
        matches!(self, Self::Restarted { how: NodeEnd::KilledInBlock, .. })
    }

    /// Whether it can undo a transaction that waits for a block.
    pub fn spoils_the_mempool(&self) -> bool {
        matches!(self, Self::GasPrice(_) | Self::SequenceUsed | Self::Upgraded | Self::Foreign)
    }
}

/// Longer than the worker takes a block for late.
const LONG: Duration = Duration::from_millis(1_500);

/// The path of the query that simulates.
const SIMULATE: &str = "/cosmos.tx.v1beta1.Service/Simulate";

/// Methods of the websocket: without it a chain is still reachable.
const EVENTS: [&str; 3] = ["websocket", "subscribe", "event"];
/// Methods that the worker's calls use.
const CALLS: [&str; 5] = ["*", "broadcast_tx_sync", "abci_query", "tx", "status"];

/// A fault of an endpoint, until it is cleared or for some calls.
fn fault(rng: &mut Rng, index: usize) -> Fault {
    let any = |rng: &mut Rng, of: &[&'static str]| of[rng.usize(0..of.len())];
    let status = [429, 500, 502, 503][rng.usize(0..4)];
    let code = [5, 13, 20, 32][rng.usize(0..4)];
    let kind = match rng.u8(0..15) {
        0 => FaultKind::Error,
        1 => FaultKind::Delay { time: Duration::from_millis(rng.u64(50..3_000)) },
        2 => FaultKind::DropRequest,
        3..=4 => FaultKind::DropReply,
        5..=6 => FaultKind::HttpStatus { status },
        7 => FaultKind::Html,
        8 => FaultKind::Garbage,
        9..=10 => FaultKind::HalfOpen,
        11 => FaultKind::CheckCode { code, codespace: "sdk".to_owned() },
        12 => FaultKind::Lag { blocks: rng.u64(1..20) },
        13 => FaultKind::CatchingUp,
        // Not the first one: an endpoint that was once on another chain is not used again.
        _ if index > 0 => FaultKind::WrongChainId,
        _ => FaultKind::Error,
    };
    let method = match kind {
        FaultKind::Lag { .. } | FaultKind::CatchingUp | FaultKind::WrongChainId => "*",
        FaultKind::CheckCode { .. } => "broadcast_tx_sync",
        _ if rng.u8(0..3) == 0 => any(rng, &EVENTS),
        _ => any(rng, &CALLS),
    };
    let fault = Fault::new(kind).on(method);
    if rng.u8(0..4) == 0 { fault.times(rng.u64(1..4)) } else { fault }
}

/// Whether the worker's calls meet it.
fn hits_calls(fault: &Fault) -> bool {
    !EVENTS.contains(&fault.method.as_str())
}

/// Whether an endpoint that has it cannot be relied on. One without simulation, or without an index, can.
pub fn is_dishonest(fault: &Fault) -> bool {
    hits_calls(fault) && !matches!(fault.kind, FaultKind::NoGrpc | FaultKind::NoIndex)
}

fn kind_of_fault(fault: &Fault) -> &'static str {
    let is_event = !hits_calls(fault);
    match fault.kind {
        FaultKind::HalfOpen if is_event => "websocket silent",
        FaultKind::Delay { .. } if is_event => "websocket late",
        FaultKind::Html | FaultKind::Garbage if is_event => "websocket garbled",
        _ if fault.method == "subscribe" => "subscription refused",
        _ if fault.method == "websocket" => "websocket refused",
        _ if fault.method == "event" => "websocket dropped",
        _ if fault.method == SIMULATE => "simulation fails alone",
        _ if fault.method == "tx" => "look-up fails alone",
        FaultKind::Error => "error",
        FaultKind::Delay { .. } => "delay",
        FaultKind::DropRequest => "request lost",
        FaultKind::DropReply => "reply lost",
        FaultKind::HttpStatus { status: 429 } => "429",
        FaultKind::HttpStatus { .. } => "5xx",
        FaultKind::Html => "html",
        FaultKind::Garbage => "garbage",
        FaultKind::HalfOpen => "half-open",
        FaultKind::CheckCode { .. } => "check code",
        FaultKind::MempoolFull => "mempool full",
        FaultKind::Lag { .. } => "lag",
        FaultKind::Ahead { .. } => "ahead",
        FaultKind::WrongChainId => "wrong chain id",
        FaultKind::CatchingUp => "catching up",
        FaultKind::NoBlock => "no block yet",
        FaultKind::NoGrpc => "no gRPC",
        FaultKind::NoIndex => "no index",
        FaultKind::Flood { .. } => "websocket floods",
        FaultKind::Restart | FaultKind::Crash | FaultKind::CrashInBlock => "node restarted",
    }
}
