//! The height of the chain, by everybody who can say.

use std::time::Duration;

use super::pool::Standing;
use super::query::Client;

/// How long a node is waited for: one that says nothing must not hold up what depends on the others.
const PATIENCE: Duration = Duration::from_secs(2);

impl Client {
    /// Heights of the nodes of this chain that answer now, are synced and not behind, and are not contradicted by most of
    /// the others.
    pub async fn heights(&self) -> Vec<u64> {
        self.pool().look_again(self.limit().min(PATIENCE)).await;
        let fresh = self.pool().report().into_iter().filter(|endpoint| endpoint.standing == Standing::Fresh);
        fresh.filter_map(|endpoint| endpoint.height).collect()
    }
}
