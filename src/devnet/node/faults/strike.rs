//! What the faults do to one call.

use std::time::Duration;

use axum::http::StatusCode;

use super::{
    broken::{Broken, Page},
    kind::FaultKind,
    outlook::Outlook,
};
use crate::devnet::node::rpc::jsonrpc::RpcError;

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

impl Strike {
    /// Adds a fault; false when the call has met another, and this one must wait for the next call.
    pub(super) fn take(&mut self, kind: &FaultKind) -> bool {
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
