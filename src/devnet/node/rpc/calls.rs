//! What was asked for at an endpoint.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Names that are counted; those of a client that makes some up are not.
const MAX_NAMES: usize = 1_000;

/// Calls so far, by method; of `abci_query` by path.
#[derive(Debug, Clone, Default)]
pub(in crate::devnet) struct Calls(Arc<Mutex<BTreeMap<String, u64>>>);

impl Calls {
    /// Counts a call of `method`, or of the `path` of a query.
    pub(super) fn count(&self, method: &str, path: &str) {
        let name = if path.is_empty() { method } else { path };
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = calls.get_mut(name) {
            *count += 1;
        } else if calls.len() < MAX_NAMES {
            calls.insert(name.to_owned(), 1);
        }
    }

    /// All of them.
    pub fn so_far(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
