//! The height of the chain, by everybody who can say.

use std::time::Duration;

use futures::future::join_all;

use super::query::Client;

/// How much older than that of the others the newest block of a node may be: one that stands still has no say.
const STALE: Duration = Duration::from_secs(60);

impl Client {
    /// Heights of all nodes of this chain that answer, are synced, do not stand still, and are not contradicted by most
    /// of the others.
    pub async fn heights(&self) -> Vec<u64> {
        // What was said before somebody came to contradict it does not count.
        self.pool().look_again(self.limit()).await;
        let asked = self.pool().agreeing().into_iter().map(|endpoint| self.status_of(endpoint));
        let mut heads: Vec<_> = join_all(asked).await.into_iter().flatten().flatten().collect();
        heads.retain(|status| !status.catching_up);
        let newest = heads.iter().map(|status| status.time).max();
        let is_fresh = |time| newest.is_some_and(|newest| newest - time <= STALE);
        heads.iter().filter(|status| is_fresh(status.time)).map(|status| status.height).collect()
    }
}
