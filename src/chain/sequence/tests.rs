//! Each situation once, then all of them against a model of the chain.

use proptest::prelude::*;

use super::*;

fn hash(n: u64) -> TxHash {
    TxHash::of(&n.to_le_bytes())
}

fn at(sequence: u64) -> Sequence {
    let mut state = Sequence::default();
    state.committed(Account { number: 5, sequence });
    state
}

fn next(state: &Sequence) -> Option<u64> {
    state.next().map(|account| account.sequence)
}

#[test]
fn unknown_before_the_chain_was_asked() {
    let mut state = Sequence::default();
    assert_eq!(next(&state), None);
    assert_eq!(state.mismatch(9, 7), Mismatch::AskChain);
    state.used(7);
    assert_eq!(next(&state), None, "a block says nothing of the account's number");
    state.committed(Account { number: 5, sequence: 8 });
    assert_eq!(state.next(), Some(Account { number: 5, sequence: 8 }));
}

#[test]
fn advances_with_each_transaction_that_was_taken() {
    let mut state = at(7);
    state.sent(7, hash(1));
    assert_eq!(next(&state), Some(8));
    state.sent(8, hash(2));
    assert_eq!(next(&state), Some(9));
    state.used(7);
    assert_eq!(next(&state), Some(9), "the second one still waits");
}

#[test]
fn a_dead_or_refused_transaction_gives_its_sequence_back() {
    let mut state = at(7);
    state.sent(7, hash(1));
    state.freed(&hash(1));
    assert_eq!(next(&state), Some(7));
    state.freed(&hash(2));
    assert_eq!(next(&state), Some(7), "never heard of it");
}

#[test]
fn a_node_that_is_behind_does_not_take_us_back() {
    let mut state = at(7);
    state.used(7);
    state.committed(Account { number: 5, sequence: 7 });
    assert_eq!(next(&state), Some(8));
    assert_eq!(state.mismatch(6, 8), Mismatch::NodeBehind);
    assert_eq!(next(&state), Some(8));
}

#[test]
fn a_foreign_transaction_moves_us_on() {
    let mut state = at(7);
    assert_eq!(state.mismatch(9, 7), Mismatch::Advance);
    assert_eq!(next(&state), Some(9));
    state.committed(Account { number: 5, sequence: 9 });
    assert_eq!(next(&state), Some(9));
}

#[test]
fn foreign_transactions_that_a_mempool_forgot_are_not_waited_for() {
    let mut state = at(7);
    state.mismatch(9, 7);
    assert_eq!(state.mismatch(7, 9), Mismatch::AskChain);
    assert_eq!(next(&state), None, "it may have been the node that is behind");
    state.committed(Account { number: 5, sequence: 7 });
    assert_eq!(next(&state), Some(7));
}

#[test]
fn a_node_that_lacks_what_others_have_committed_is_found_out() {
    let mut state = at(7);
    state.mismatch(9, 7);
    state.mismatch(8, 9);
    state.committed(Account { number: 5, sequence: 9 });
    assert_eq!(next(&state), Some(9));
    assert_eq!(state.mismatch(8, 9), Mismatch::NodeBehind);
}

#[test]
fn a_node_that_restarted_lacks_ours_which_is_sent_again() {
    let mut state = at(7);
    state.sent(7, hash(1));
    assert_eq!(state.mismatch(7, 8), Mismatch::NodeBehind);
    assert_eq!(next(&state), Some(8));
}

#[test]
fn a_foreign_transaction_beside_ours() {
    // Ours waits with 7, and another program sends with 8 before we do.
    let mut state = at(7);
    state.sent(7, hash(1));
    assert_eq!(state.mismatch(9, 8), Mismatch::Advance);
    assert_eq!(next(&state), Some(9));
    // Ours is evicted: the one behind it can no longer come either, until 7 is filled again.
    state.freed(&hash(1));
    assert_eq!(state.mismatch(7, 9), Mismatch::AskChain);
    state.committed(Account { number: 5, sequence: 7 });
    assert_eq!(next(&state), Some(7));
}

/// A chain, a node that is up to date and one that is behind, and two programs with one key.
#[derive(Debug, Default)]
struct World {
    /// The account's next sequence in the last block.
    committed: u64,
    /// The same, as the node that is behind has it.
    behind: u64,
    /// Waiting in the first node's mempool, from `committed` on without a gap: ours by number, or another's.
    mempool: Vec<Option<u64>>,
    /// Ours whose outcome we do not know, by sequence.
    open: BTreeMap<u64, TxHash>,
    sent: u64,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    /// We sign and send; the answer is lost on the way.
    Send { lost: bool },
    /// We simulate at the node that is behind.
    AskBehind,
    /// Another program sends.
    Foreign,
    /// A block with this many of those that wait.
    Block(usize),
    /// The mempool forgets all from this place on: a restart, or an eviction.
    Forget(usize),
    /// The other node takes blocks over, but not all.
    CatchUp(u64),
    /// The account is asked for.
    Query { from_behind: bool },
}

impl World {
    fn expected(&self) -> u64 {
        self.committed + self.mempool.len() as u64
    }

    /// Looks every open transaction up, as who waits for it does: included, dead, or sent again.
    fn settle(&mut self, state: &mut Sequence) {
        for (sequence, hash) in std::mem::take(&mut self.open) {
            let waits =
                self.mempool.iter().any(|tx| tx.is_some_and(|number| super::tests::hash(number) == hash));
            if waits {
                self.open.insert(sequence, hash);
            } else if sequence < self.committed {
                state.used(sequence);
            } else {
                state.freed(&hash);
            }
        }
    }

    fn apply(&mut self, state: &mut Sequence, event: Event) {
        match event {
            Event::Send { lost } => {
                let Some(Account { sequence, .. }) = state.next() else { return };
                self.sent += 1;
                let hash = hash(self.sent);
                state.sent(sequence, hash);
                if sequence == self.expected() {
                    self.mempool.push(Some(self.sent));
                    self.open.insert(sequence, hash);
                } else if !lost {
                    state.freed(&hash);
                    state.mismatch(self.expected(), sequence);
                } else {
                    self.open.insert(sequence, hash);
                }
            }
            Event::AskBehind => {
                let Some(Account { sequence, .. }) = state.next() else { return };
                if sequence != self.behind {
                    state.mismatch(self.behind, sequence);
                }
            }
            Event::Foreign => self.mempool.push(None),
            Event::Block(txs) => {
                let txs = txs.min(self.mempool.len());
                self.mempool.drain(..txs);
                self.committed += txs as u64;
            }
            Event::Forget(from) => self.mempool.truncate(from),
            Event::CatchUp(blocks) => self.behind = (self.behind + blocks).min(self.committed),
            Event::Query { from_behind } => {
                let sequence = if from_behind { self.behind } else { self.committed };
                state.committed(Account { number: 5, sequence });
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<bool>().prop_map(|lost| Event::Send { lost }),
        1 => Just(Event::AskBehind),
        2 => Just(Event::Foreign),
        3 => (0_usize..4).prop_map(Event::Block),
        1 => (0_usize..4).prop_map(Event::Forget),
        1 => (0_u64..4).prop_map(Event::CatchUp),
        2 => any::<bool>().prop_map(|from_behind| Event::Query { from_behind }),
    ]
}

proptest! {
    /// Whatever happened: nothing is signed that a block is known to have used up, and one look at a chain
    /// that is quiet is enough to sign with the right sequence again.
    #[test]
    fn never_a_used_sequence_and_never_stuck(events in prop::collection::vec(event(), 0..60)) {
        let (mut world, mut state) = (World::default(), Sequence::default());
        let mut proved = 0;
        for event in events {
            world.apply(&mut state, event);
            if let Event::Query { from_behind: false } = event {
                proved = world.committed;
            }
            if let Some(next) = next(&state) {
                prop_assert!(next >= proved, "{next} was used up before {proved}");
                prop_assert!(!state.pending.contains_key(&next));
            }
        }
        // Quiet: what waits is in a block or forgotten, ours are settled. Each answer makes us wiser.
        world.apply(&mut state, Event::Block(usize::MAX));
        world.settle(&mut state);
        for _ in 0..3 {
            if next(&state).is_none() {
                world.apply(&mut state, Event::Query { from_behind: false });
            }
            if let Some(next) = next(&state).filter(|next| *next != world.expected()) {
                state.mismatch(world.expected(), next);
            }
        }
        prop_assert_eq!(next(&state), Some(world.expected()));
    }
}

#[test]
fn others_are_behind_us_once_a_block_has_them() {
    let mut state = at(7);
    assert!(!state.is_behind_others());
    state.mismatch(9, 7);
    state.others_wait(20);
    state.committed(Account { number: 5, sequence: 8 });
    assert!(state.is_behind_others(), "one of two");
    assert_eq!([23, 24].map(|height| state.heard_others_within(3, height)), [true, false]);
    state.committed(Account { number: 5, sequence: 9 });
    assert!(!state.is_behind_others());
    assert_eq!(next(&state), Some(9));
}

#[test]
fn nothing_is_signed_in_the_block_in_which_anothers_was_heard_to_wait() {
    let mut state = Sequence::default();
    assert_eq!(state.signs_above(7), None);
    state.others_wait(7);
    assert_eq!(state.signs_above(7), Some(7));
    assert_eq!(state.signs_above(8), None);
}

#[test]
fn what_another_sent_is_remembered_by_its_height() {
    let mut state = Sequence::default();
    assert!(!state.others_sent_since(0));
    state.others_sent(7);
    assert!(state.others_sent_since(7) && !state.others_sent_since(8));
}
