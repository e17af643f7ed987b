//! One look at the chain: who may be believed, and what the topic's window is.

use std::sync::Arc;
use std::time::Duration;

use crate::chain::pool::Pool;
use crate::chain::query::{Client, QueryError, WindowStatus};
use crate::chain::rpc::Endpoint;
use crate::worker::context::{Context, QUERY_LIMIT};

/// Finding out which endpoint is ahead. One that says nothing must leave time for the others.
const RANK_LIMIT: Duration = Duration::from_secs(1);

/// Why a look showed nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    /// Whoever answers does so from an old state: it shows windows that are over and forgets registrations.
    #[error("every endpoint that answers is still catching up")]
    CatchingUp,
    /// Nobody answered, or the chain refused.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// One look. Where the node that answers is behind what is known, as one that lags, or far ahead, as one that is wrong
/// about itself, the best of the others is asked too: it would hide a window as long as it is taken for fresh.
pub(super) async fn look(context: &Context) -> Result<WindowStatus, LookError> {
    if is_catching_up(context.client().pool()).await {
        return Err(LookError::CatchingUp);
    }
    let status = look_once(context).await?;
    if !context.clock.is_current(status.height) && context.client().pool().look_again(RANK_LIMIT).await {
        Ok(look_once(context).await?)
    } else {
        Ok(status)
    }
}

/// Whether the best endpoint still catches up, once all have been ranked by that. One that says nothing of itself is
/// judged by its answers.
async fn is_catching_up(pool: &Pool) -> bool {
    let status = async |endpoint: Endpoint, limit| endpoint.status(limit).await;
    let best = async || pool.first(QUERY_LIMIT, status).await.is_ok_and(|status| status.catching_up);
    // Nobody else ranks a single endpoint, and so takes it back when it has caught up.
    let had_fresh = pool.has_fresh();
    if !best().await && had_fresh {
        return false;
    }
    pool.look_again(RANK_LIMIT).await;
    best().await
}

/// A chain that was upgraded meanwhile speaks another version: it is found out and asked again.
async fn look_once(context: &Context) -> Result<WindowStatus, QueryError> {
    let client = context.client().within(QUERY_LIMIT);
    let (topic_id, address) = (context.options.topic_id, context.address());
    match client.window_status(topic_id, address).await {
        Err(error) if error.is_unknown_path() => {
            let client = Client::probe(Arc::clone(client.pool()), QUERY_LIMIT).await?;
            context.replace_client(client.clone());
            client.window_status(topic_id, address).await
        }
        looked => looked,
    }
}
