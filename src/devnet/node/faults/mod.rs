//! What goes wrong at an endpoint on request.
//!
//! | file | noun |
//! |---|---|
//! | `kind` | what can go wrong |
//! | `fault` | one fault: what, with which calls, how often |
//! | `strike` | what the faults that are armed do to one call |
//! | `outlook` | how the node is that answers it |
//! | `broken` | what comes in place of an answer |

mod broken;
mod fault;
mod kind;
mod outlook;
mod strike;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub(super) use self::{
    broken::{Broken, Dropped},
    fault::Target,
    outlook::Outlook,
    strike::Strike,
};
pub use self::{
    fault::{Fault, InvalidFault},
    kind::FaultKind,
};
use super::rpc::jsonrpc::RpcError;

/// Faults that may be armed at a time; a test that needs more has a loop without an end.
const MAX_ARMED: usize = 1_000;

/// Those that are armed.
#[derive(Debug, Clone, Default)]
pub(in crate::devnet) struct Faults(Arc<Armed>);

#[derive(Debug, Default)]
struct Armed {
    /// Oldest first.
    faults: Mutex<Vec<Fault>>,
    /// Told when there is one more or less.
    changed: watch::Sender<()>,
}

impl Faults {
    /// Lets a fault strike from now on.
    pub fn arm(&self, fault: Fault) -> Result<(), RpcError> {
        fault.validate()?;
        let mut armed = self.armed();
        if armed.len() >= MAX_ARMED {
            return Err(RpcError::InvalidParams(format!("{MAX_ARMED} faults are armed; clear them first")));
        }
        armed.push(fault);
        drop(armed);
        self.0.changed.send_replace(());
        Ok(())
    }

    /// Disarms all.
    pub fn clear(&self) {
        self.armed().clear();
        self.0.changed.send_replace(());
    }

    /// Hears of every change from now on.
    pub(in crate::devnet::node) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// What hits a call: all delays and states of the node, and of the others the oldest. That counts as
    /// one hit of each of them.
    pub(in crate::devnet::node) fn strike(&self, target: Target<'_>) -> Strike {
        let mut strike = Strike::default();
        let mut armed = self.armed();
        let before = armed.len();
        armed.retain_mut(|fault| !(fault.hits(target) && strike.take(&fault.kind) && fault.use_up()));
        let spent = armed.len() < before;
        drop(armed);
        if spent {
            self.0.changed.send_replace(());
        }
        strike
    }

    /// How the node is that makes the frames of subscriptions. That hits nothing.
    pub(in crate::devnet::node) fn outlook(&self) -> Outlook {
        let mut outlook = Outlook::default();
        for fault in self.armed().iter().filter(|fault| fault.is_of_frames()) {
            outlook.take(&fault.kind);
        }
        outlook
    }

    fn armed(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TX: Target<'_> = Target::Call { method: "tx", path: "" };

    #[test]
    fn faults_strike_as_often_as_they_say_the_oldest_first() {
        let faults = Faults::default();
        faults.arm(Fault::new(FaultKind::DropReply).on("tx").times(2)).unwrap();
        faults.arm(Fault::new(FaultKind::Error)).unwrap();
        let seen: Vec<_> = (0..4).map(|_| faults.strike(TX).damage).collect();
        let (dropped, error) = (Some(FaultKind::DropReply), Some(FaultKind::Error));
        assert_eq!(seen, [dropped.clone(), dropped, error.clone(), error]);
        faults.clear();
        assert_eq!(faults.strike(TX), Strike::default());
    }

    #[test]
    fn delays_add_up_and_come_with_the_rest() {
        let faults = Faults::default();
        let second = Duration::from_secs(1);
        faults.arm(Fault::new(FaultKind::Delay { time: second }).times(1)).unwrap();
        faults.arm(Fault::new(FaultKind::Lag { blocks: 3 })).unwrap();
        faults.arm(Fault::new(FaultKind::Html).on("tx").times(1)).unwrap();
        faults.arm(Fault::new(FaultKind::Delay { time: second })).unwrap();
        let outlook = Outlook { lag: 3, ..Outlook::default() };
        let strike = faults.strike(TX);
        assert_eq!(strike, Strike { delay: 2 * second, outlook, damage: Some(FaultKind::Html) });
        assert_eq!(faults.strike(TX), Strike { delay: second, outlook, damage: None });
    }

    #[test]
    fn there_is_an_end_of_faults() {
        let faults = Faults::default();
        let arm = || faults.arm(Fault::new(FaultKind::Html));
        (0..MAX_ARMED).for_each(|_| arm().unwrap());
        assert!(matches!(arm(), Err(RpcError::InvalidParams(_))));
    }
}
