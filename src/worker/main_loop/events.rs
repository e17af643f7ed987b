//! What events tell, and whether they are believed.

use std::sync::Arc;

use super::MainLoop;
use crate::chain::events::ChainEvent;
use crate::chain::pool;
use crate::chain::query::Window;
use crate::worker::schedule::Subscribed;

impl MainLoop {
    /// The chain told us something.
    pub(super) fn heard(&mut self, event: ChainEvent) {
        match event {
            ChainEvent::Connected { endpoint } => {
                tracing::debug!(endpoint, "events come in");
                self.source = Some(endpoint);
                // What opened in the gap is not told again; and a node that was just started may catch up.
                self.schedule.look_now();
            }
            ChainEvent::Disconnected { endpoint, cause } => {
                if self.subscribed == Subscribed::Yes {
                    tracing::warn!(endpoint, cause, "no events, the chain is polled until they come again");
                    self.schedule.look_now();
                } else {
                    tracing::debug!(endpoint, cause, "still no events");
                }
                self.subscribed = Subscribed::No;
                self.source = None;
            }
            ChainEvent::Block { height, time, .. } => {
                if self.subscribed == Subscribed::Yes && self.context.clock.is_late(time) {
                    tracing::debug!(
                        height,
                        "an old block came in: the chain is polled until its source is looked at"
                    );
                    self.subscribed = Subscribed::No;
                    self.schedule.look_now();
                }
                self.told_of(height);
            }
            ChainEvent::WindowOpened { nonce, window_end, height } => {
                let is_believed = self.told_of(height);
                if window_end <= self.context.clock.head().height {
                    // A node that catches up tells of windows long closed.
                } else if is_believed {
                    self.schedule.opened(Window { nonce, end: window_end });
                } else {
                    self.schedule.look_now();
                }
            }
            ChainEvent::Tx(tx) => {
                self.told_of(tx.height);
                // Nobody listens when no round waits for it.
                let _ = self.context.delivered.send(Arc::from(tx));
            }
        }
    }

    /// An event tells of a block. Whether that is believed.
    fn told_of(&self, height: u64) -> bool {
        self.subscribed == Subscribed::Yes && self.context.clock.observe(height)
    }

    /// A look showed that the best endpoint does not catch up. What another one tells that is behind is not believed.
    pub(super) fn confirm_source(&mut self) {
        let Some(source) = &self.source else { return };
        let report = self.context.client().pool().report();
        let is_behind = report
            .iter()
            .any(|report| report.endpoint == *source && report.standing == pool::Standing::Behind);
        self.subscribed = if is_behind { Subscribed::No } else { Subscribed::Yes };
    }
}
