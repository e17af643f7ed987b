//! Registration of the worker in its topic.

use std::sync::Arc;

use super::context::{Context, QUERY_LIMIT};
use super::means::{self, Means, MeansError, Unaffordable};
use super::transact::{self, Intent, Obstacle, Transacted, block_verdict};
use crate::chain::messages::RegisterRequest;
use crate::chain::outcome::Verdict;
use crate::journal::{JournalError, Purpose};

/// Blocks in which a registration may be included.
const TIMEOUT_BLOCKS: i64 = 20;

/// Why the worker is not registered.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The chain said no; nothing or only a fee was paid.
    #[error("the chain refuses to register {address} in topic {topic_id}: {text}")]
    Refused {
        /// The worker.
        address: String,
        /// The topic.
        topic_id: u64,
        /// What the chain said.
        text: String,
    },
    /// It was not sent: the user's own limits are in the way.
    #[error("{address} is not registered in topic {topic_id}: {text}")]
    NotSent {
        /// The worker.
        address: String,
        /// The topic.
        topic_id: u64,
        /// Which limit.
        text: String,
        /// The same, for programs.
        obstacle: Obstacle,
    },
    /// It was not sent: nothing would be left for a submission.
    #[error("not registered: {0}")]
    Unaffordable(Unaffordable),
    /// It was not included in time.
    #[error("the registration was not included: {0}")]
    NotIncluded(String),
    /// The worker stops.
    #[error("the worker is stopping")]
    Interrupted,
    /// Nothing is sent that is not in the journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl RegistrationError {
    /// What stood in the way, where somebody has to move it.
    pub const fn obstacle(&self) -> Option<Obstacle> {
        match self {
            Self::Refused { .. } => Some(Obstacle::Chain(Verdict::NotPermitted)),
            Self::NotSent { obstacle, .. } => Some(*obstacle),
            Self::Unaffordable(_) => Some(Obstacle::Chain(Verdict::InsufficientFunds)),
            Self::NotIncluded(_) | Self::Interrupted | Self::Journal(_) => None,
        }
    }
}

/// Registers the wallet's address, which pays the registration fee and becomes the owner. A wallet with which nothing
/// could be submitted afterwards pays for nothing.
///
/// # Errors
/// See [`RegistrationError`]. An address that is registered already is a success.
pub async fn register(context: &Arc<Context>) -> Result<(), RegistrationError> {
    let (topic_id, address) = (context.options.topic_id, context.address().to_string());
    let purpose = Purpose::Registration { topic_id };
    match means::check(context, purpose, QUERY_LIMIT).await {
        Ok(Means { next_cost: Err(why @ Unaffordable::Funds { .. }), .. }) => {
            return Err(RegistrationError::Unaffordable(why));
        }
        Err(MeansError::Journal(error)) => return Err(error.into()),
        // What else is in the way is found out by trying.
        Ok(_) | Err(MeansError::Query(_)) => {}
    }
    let message =
        RegisterRequest { sender: address.clone(), topic_id, owner: address.clone(), is_reputer: false };
    let intent = Intent {
        purpose,
        message: context.client().version().any(&message),
        timeout_height: context.clock.head().height + TIMEOUT_BLOCKS,
        blocks: TIMEOUT_BLOCKS.unsigned_abs(),
    };
    let refused = |obstacle: Obstacle, text: String| match obstacle {
        Obstacle::Chain(Verdict::AlreadyDone) => Ok(()),
        Obstacle::Chain(_) => Err(RegistrationError::Refused { address, topic_id, text }),
        Obstacle::FeeCap | Obstacle::LostFees => {
            Err(RegistrationError::NotSent { address, topic_id, text, obstacle })
        }
    };
    match transact::transact(context, &intent).await? {
        Transacted::Delivered(tx) => match block_verdict(&tx) {
            None => Ok(()),
            Some(verdict) => refused(Obstacle::Chain(verdict), tx.log.clone()),
        },
        Transacted::Witnessed => Ok(()),
        Transacted::Refused(refusal) => refused(refusal.obstacle, refusal.text),
        Transacted::Dead(why) => Err(RegistrationError::NotIncluded(why)),
        // Everything but the broadcast: what comes after would be refused for want of it.
        Transacted::DryRun { .. } => {
            Err(RegistrationError::NotIncluded("nothing is sent in a dry run".to_owned()))
        }
        Transacted::Interrupted => Err(RegistrationError::Interrupted),
    }
}
