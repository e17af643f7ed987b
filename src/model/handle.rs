//! The handle of a model: what the rest of the program holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::call::{Answer, Call};
use super::failure::{Failure, FailureKind};
use super::spec::{ModelSpec, StartError};
use super::status::{ModelState, ModelStatus};
use super::supervise::Supervisor;

/// Calls that may wait for the one that runs.
const QUEUE: usize = 16;

/// A handle of a model. All clones speak to the same one; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Model {
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<ModelStatus>,
    stop: CancellationToken,
    /// Stops it with the last of the clones, loaded or not.
    _last: Arc<DropGuard>,
}

/// A call on its way.
#[derive(Debug)]
pub struct Order {
    /// What is asked.
    pub call: Call,
    /// When it has to be answered.
    pub deadline: Instant,
    /// Whose it is to answer.
    pub claim: Claim,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Answer, Failure>>,
}

impl Order {
    /// Answers it with a failure, unless somebody else has answered it.
    pub fn refuse(self, failure: &Failure) {
        if self.claim.take() {
            // The asking side may have left.
            let _ = self.reply.send(Err(failure.clone()));
        }
    }
}

/// Whose it is to say how a call ended: the first to take it.
#[derive(Debug, Clone, Default)]
pub struct Claim(Arc<AtomicBool>);

impl Claim {
    /// True for the first who asks.
    pub fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Model {
    /// Starts loading at once. To be called within a runtime.
    ///
    /// # Errors
    /// [`StartError`]: this system or these paths cannot have a model at all.
    pub fn start(spec: ModelSpec) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        let supervisor = Supervisor::new(spec, stop.clone())?;
        let (orders, queue) = mpsc::channel(QUEUE);
        let status = supervisor.status();
        tokio::spawn(supervisor.run(queue));
        let last = Arc::new(stop.clone().drop_guard());
        Ok(Self { orders, status, stop, _last: last })
    }

    /// Asks the model, once it is loaded. The call's limit is kept by killing.
    ///
    /// # Errors
    /// [`Failure`]: why there is no answer. The model is or will be there again for the next call.
    pub async fn predict(&self, call: Call) -> Result<Answer, Failure> {
        let stopped = |_| Failure::new(FailureKind::Crash, "the model was stopped");
        let deadline = Instant::now() + call.limit;
        let (reply, mut answer) = oneshot::channel();
        let claim = Claim::default();
        let late = |claim: &Claim, limit: Duration| {
            claim.take().then(|| {
                let message = format!("the model was not ready within {} s", limit.as_secs_f64());
                Failure::new(FailureKind::Timeout, message)
            })
        };
        let limit = call.limit;
        let order = Order { call, deadline, claim: claim.clone(), reply };
        let mut waited = std::pin::pin!(sleep_until(deadline));
        tokio::select! {
            sent = self.orders.send(order) => {
                sent.map_err(|_| Failure::new(FailureKind::Crash, "the model was stopped"))?;
            }
            () = &mut waited => {
                return Err(Failure::new(FailureKind::Timeout, "too many calls wait for the model"));
            }
        }
        tokio::select! {
            answer = &mut answer => return answer.map_err(stopped)?,
            () = waited => if let Some(failure) = late(&claim, limit) { return Err(failure) },
        }
        // The call has begun: it ends with the kill that is due now.
        answer.await.map_err(stopped)?
    }

    /// Where the model is in its life, and every change of it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ModelStatus> {
        self.status.clone()
    }

    /// Ends the process: a goodbye, a short wait, a kill.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // An error means that the supervisor is gone, which is what is waited for.
        let _ = self.status.wait_for(|status| status.state == ModelState::Stopped).await;
    }
}
