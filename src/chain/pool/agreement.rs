//! Which of the heights that several nodes claim can be true.
//!
//! A block has one height and one time, the same on every node. So two heads with one time and two heights contradict
//! each other, and so do two that are further apart than the chain can have come between their times.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::chain::rpc::NodeStatus;

/// Blocks that may come in a bunch, as after a halt, before a node is doubted.
const BUNCH: u128 = 100;
/// How much faster than its mean a chain may be for a while.
const HASTE: u128 = 4;
/// The slowest pace that is believed: a mean counts halts too.
const SLOWEST: Duration = Duration::from_secs(5);

/// The highest that most nodes can agree on, of two groups of one size that of the lower one, which closes no window. A
/// higher height is contradicted. `None` where no node is synced.
pub fn top<'a>(statuses: impl IntoIterator<Item = &'a NodeStatus>) -> Option<&'a NodeStatus> {
    let mut synced: Vec<_> = statuses.into_iter().filter(|status| !status.catching_up).collect();
    synced.sort_by_key(|status| (status.height, status.time));
    let groups = synced.chunk_by(|lower, upper| can_both_be_true(lower, upper));
    // A node that has several names has one vote.
    let votes = groups.filter_map(|group| {
        let nodes: BTreeSet<_> = group.iter().map(|status| &status.node_id).collect();
        Some((nodes.len(), *group.last()?))
    });
    votes.reduce(|most, higher| if higher.0 > most.0 { higher } else { most }).map(|(_, top)| top)
}

fn can_both_be_true(lower: &NodeStatus, upper: &NodeStatus) -> bool {
    let blocks = upper.height.saturating_sub(lower.height);
    if blocks == 0 {
        return true;
    }
    let Some(time) = Duration::try_from(upper.time - lower.time).ok().filter(|time| !time.is_zero()) else {
        return false;
    };
    // Of the lower one: a height that is too high makes the mean of its node too short.
    let pace = lower.block_time.unwrap_or(SLOWEST).min(SLOWEST).as_nanos().max(1);
    u128::from(blocks) <= BUNCH.saturating_add(time.as_nanos().saturating_mul(HASTE) / pace)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the node of this name says, of a chain with one block each second: its height, the height at which its newest
    /// block was made in truth.
    fn status(node_id: &str, height: u64, made_at: i64) -> NodeStatus {
        NodeStatus {
            chain_id: "chain".into(),
            node_id: node_id.into(),
            peer: None,
            height,
            time: time::OffsetDateTime::from_unix_timestamp(made_at).unwrap(),
            earliest: 1,
            block_time: Some(Duration::from_secs(1)),
            catching_up: false,
            date: None,
        }
    }

    fn agreed(statuses: &[NodeStatus]) -> Option<u64> {
        top(statuses).map(|status| status.height)
    }

    #[test]
    fn the_one_alone_is_contradicted_and_of_two_the_higher() {
        let (honest, other) = (status("a", 500, 500), status("b", 501, 501));
        for lie in [502, 600, 5_000, u64::MAX] {
            let liar = status("c", lie, 501);
            assert_eq!(agreed(&[liar.clone(), honest.clone(), other.clone()]), Some(501), "{lie}");
            assert_eq!(agreed(&[liar.clone(), other.clone()]), Some(501), "{lie}");
            assert_eq!(agreed(&[liar]), Some(lie), "nobody is there to contradict it");
        }
    }

    #[test]
    fn a_node_with_two_names_has_one_vote() {
        let liar = status("liar", 5_000, 500);
        assert_eq!(agreed(&[liar.clone(), liar.clone(), status("a", 500, 500)]), Some(500));
    }

    #[test]
    fn one_that_is_behind_does_not_contradict_those_ahead_of_it() {
        for behind in [1, 20, 300, 100_000] {
            let lagging = status("a", 200_000 - behind, 200_000 - i64::try_from(behind).unwrap());
            let newest = status("b", 200_000, 200_000);
            assert_eq!(agreed(&[lagging, newest]), Some(200_000), "{behind}");
        }
        let bunch = status("b", 100, 21);
        assert_eq!(agreed(&[status("a", 20, 20), bunch]), Some(100), "blocks that came fast");
    }

    #[test]
    fn means_that_are_missing_or_full_of_halts_contradict_nobody() {
        for mean in [None, Some(Duration::ZERO), Some(Duration::from_secs(3_600))] {
            let lagging = NodeStatus { block_time: mean, ..status("a", 1_000, 1_000) };
            assert_eq!(agreed(&[lagging, status("b", 1_400, 3_000)]), Some(1_400), "{mean:?}");
        }
    }

    #[test]
    fn who_syncs_has_no_vote() {
        let syncing = NodeStatus { catching_up: true, ..status("a", 10, 10) };
        assert_eq!(agreed(&[syncing.clone(), status("b", 500, 500)]), Some(500));
        assert_eq!(agreed(&[syncing]), None);
    }
}
