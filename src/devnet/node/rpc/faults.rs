//! The faults that are armed, and what a call that they hit meets.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::sync::watch;

use super::{
    fault::{Fault, FaultKind, InvalidFault, Target},
    jsonrpc::RpcError,
};

/// Faults that may be armed at a time; a test that needs more has a loop without an end.
const MAX_ARMED: usize = 1_000;

/// A page as a proxy shows it.
const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>\
    <body><h1>Checking your browser</h1></body></html>\n";

/// The beginning of an answer, and bytes that are not text.
const GARBAGE: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\xff\xfe\x00";

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

/// What hits one call.
#[derive(Debug, Default, PartialEq)]
pub(in crate::devnet::node) struct Strike {
    /// How much later it is answered.
    pub delay: Duration,
    /// How the node is that answers.
    pub outlook: Outlook,
    /// What becomes of it.
    pub damage: Option<FaultKind>,
}

/// How a node differs from one that is up to date.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) struct Outlook {
    /// Blocks that it is behind.
    pub lag: u64,
    /// Blocks that it claims to be ahead.
    pub ahead: u32,
    /// Whether it catches up.
    pub catching_up: bool,
    /// Whether it belongs to another chain.
    pub wrong_chain_id: bool,
    /// Whether its gRPC and REST are off.
    pub no_grpc: bool,
    /// Whether it keeps no index of transactions and blocks.
    pub no_index: bool,
    /// Whether its mempool takes nothing.
    pub mempool_full: bool,
}

impl Outlook {
    /// Adds a fault; false when it is none of the node's state.
    fn take(&mut self, kind: &FaultKind) -> bool {
        match kind {
            FaultKind::Lag { blocks } => self.lag = self.lag.max(*blocks),
            FaultKind::Ahead { blocks } => self.ahead = self.ahead.max(*blocks),
            FaultKind::CatchingUp => self.catching_up = true,
            FaultKind::WrongChainId => self.wrong_chain_id = true,
            FaultKind::NoGrpc => self.no_grpc = true,
            FaultKind::NoIndex => self.no_index = true,
            FaultKind::MempoolFull => self.mempool_full = true,
            _ => return false,
        }
        true
    }
}

/// What comes in place of an answer of JSON-RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) enum Broken {
    /// Nothing; the connection is closed.
    Closed,
    /// Nothing at all.
    Silent,
    /// Something else.
    Page(Page),
}

/// What is sent in place of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) enum Page {
    Status(StatusCode),
    Html,
    Garbage,
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

impl Fault {
    /// Counts a hit; true after the last one.
    fn use_up(&mut self) -> bool {
        match &mut self.times {
            None => false,
            Some(left) => {
                *left -= 1;
                *left == 0
            }
        }
    }
}

impl Strike {
    /// Adds a fault; false when the call has met another, and this one must wait for the next call.
    fn take(&mut self, kind: &FaultKind) -> bool {
        match kind {
            FaultKind::Delay { time } => self.delay += *time,
            kind if self.outlook.take(kind) => {}
            kind if self.damage.is_none() => self.damage = Some(kind.clone()),
            _ => return false,
        }
        true
    }

    /// How often what is said is said.
    pub fn copies(&self) -> u32 {
        match self.damage {
            Some(FaultKind::Flood { frames }) => frames,
            _ => 1,
        }
    }

    /// Lets the call happen, or not, and spoils its outcome. `Ok` is what is answered.
    pub async fn through<T>(
        self,
        call: impl Future<Output = Result<T, RpcError>>,
    ) -> Result<Result<T, RpcError>, Broken> {
        let outcome = match self.damage {
            Some(FaultKind::Error) => Ok(Err(RpcError::internal("a fault of devnet_fault"))),
            Some(FaultKind::DropRequest) => Err(Broken::Closed),
            Some(FaultKind::DropReply) => {
                drop(call.await);
                Err(Broken::Closed)
            }
            Some(FaultKind::HttpStatus { status }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(Broken::Page(Page::Status(status)))
            }
            Some(FaultKind::Html) => Err(Broken::Page(Page::Html)),
            Some(FaultKind::Garbage) => {
                drop(call.await);
                Err(Broken::Page(Page::Garbage))
            }
            Some(FaultKind::HalfOpen) => Err(Broken::Silent),
            // What else there is has its place in the call itself.
            _ => Ok(call.await),
        };
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        outcome
    }
}

/// The connection ends without an answer. A response that carries it is never sent.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(super) struct Dropped;

impl Broken {
    /// What a client of HTTP sees.
    pub async fn into_response(self) -> Response {
        match self {
            Self::Closed => {
                let mut never_sent = Response::default();
                never_sent.extensions_mut().insert(Dropped);
                never_sent
            }
            // Ends when the client goes away or the chain stops.
            Self::Silent => std::future::pending().await,
            Self::Page(page) => page.into_response(),
        }
    }
}

impl Page {
    /// What is sent of it over a websocket that is open; `None`: the connection is closed, since
    /// there is no place for a status.
    pub fn body(self) -> Option<&'static [u8]> {
        match self {
            Self::Status(_) => None,
            Self::Html => Some(HTML.as_bytes()),
            Self::Garbage => Some(GARBAGE),
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        match self {
            Self::Status(status) => {
                let mut response = (status, format!("{status}\n")).into_response();
                if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                    response.headers_mut().insert(header::RETRY_AFTER, 1.into());
                }
                response
            }
            Self::Html => ([(header::CONTENT_TYPE, "text/html; charset=UTF-8")], HTML).into_response(),
            Self::Garbage => ([(header::CONTENT_TYPE, "application/json")], GARBAGE).into_response(),
        }
    }
}

impl From<InvalidFault> for RpcError {
    fn from(error: InvalidFault) -> Self {
        Self::InvalidParams(error.to_string())
    }
}

#[cfg(test)]
mod tests {
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
