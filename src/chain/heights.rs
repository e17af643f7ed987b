//! The height of the chain, by everybody who can say.

use std::time::Duration;

use super::query::Client;

/// How long a node is waited for at first: one that says nothing must not hold up what depends on the others.
const PATIENCE: Duration = Duration::from_secs(2);

impl Client {
    /// The highest height that most of the nodes agree on which answer now and are synced, and of
    /// which they have the block. Where all are slow they are given the client's whole limit.
    pub async fn height(&self) -> Option<u64> {
        match self.pool().agreed_height(self.limit().min(PATIENCE)).await {
            None => self.pool().agreed_height(self.limit()).await,
            height => height,
        }
    }
}
