//! Endpoints that have several names and are one all the same.
//!
//! Two names of one node are no second chance: people who wrote both should know.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::member::Member;
use crate::chain::rpc::NodeStatus;

/// Which endpoint of the list leads where another one led before.
#[derive(Debug, Default)]
pub(super) struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// Compares the answers of one poll, in the user's order. What is new is said once.
    pub fn learn(&mut self, statuses: &[(&Arc<Member>, NodeStatus)]) {
        for (index, (member, status)) in statuses.iter().enumerate() {
            let same = |other: &&(&Arc<Member>, NodeStatus)| {
                other.1.node_id == status.node_id || (status.peer.is_some() && other.1.peer == status.peer)
            };
            let Some((first, of_first)) = statuses[..index].iter().find(same) else { continue };
            let (endpoint, same_as) = (member.endpoint.to_string(), first.endpoint.to_string());
            if self.0.insert(endpoint.clone(), same_as.clone()).is_none() {
                if of_first.node_id == status.node_id {
                    tracing::warn!(
                        endpoint,
                        same_as,
                        node_id = status.node_id,
                        "two endpoints are one node: if it fails, both do"
                    );
                } else {
                    tracing::warn!(endpoint, same_as, address = ?status.peer,
                        "two endpoints lead to one address: if it fails, both do");
                }
            }
        }
    }

    /// The endpoint that this one is another name of.
    pub fn of(&self, endpoint: &str) -> Option<&str> {
        self.0.get(endpoint).map(String::as_str)
    }
}
