//! What an endpoint is told to do.

use std::{sync::mpsc::Sender, time::Duration};

/// How a node's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet) enum Ending {
    /// Asked to: it tells its subscribers.
    InOrder,
    /// By SIGKILL.
    Killed,
    /// By SIGKILL, when it has written the next block and not executed it: it does so as it starts again.
    KilledInBlock,
}

/// What an endpoint is told.
#[derive(Debug)]
pub(in crate::devnet) enum Order {
    /// To cut all connections and refuse new ones.
    Close(Done),
    /// To listen again.
    Open(Done),
    /// To do both, with a pause; `closed` hears of the first.
    Restart { down: Duration, closed: Option<Done> },
    /// To restart its node, and so itself.
    RestartNode(Ending, Done),
    /// To close for good.
    End,
}

/// Hears when an order has been carried out.
pub(in crate::devnet) type Done = Sender<std::io::Result<()>>;
