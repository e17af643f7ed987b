//! The journal against a plain model of it, with crashes at any point.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::tests::{at, inclusion, signed};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Begin(RoundKey),
    Failed(RoundKey),
    Predicted(RoundKey),
    Prepare(RoundKey, u64, u8),
    Broadcasting(usize),
    Included(usize, u32),
    Rejected(usize),
    Dead(usize, u64),
    Finish(RoundKey, Ending),
    /// Close in order and open again.
    Reopen,
    /// The process is killed: all that was committed is there.
    Kill,
    /// Power is lost and the end of the write-ahead log with it, as a share of its length.
    Tear(f64),
    /// The same, and the end is garbage.
    Garble(f64),
}

fn key() -> impl Strategy<Value = RoundKey> {
    (1..3u64, 1..4i64).prop_map(|(topic_id, nonce)| RoundKey { topic_id, nonce })
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Admitted),
        Just(Ending::NotAdmitted),
        Just(Ending::Refused { reason: "refused".into() }),
        Just(Ending::Expired { reason: "expired".into() }),
        Just(Ending::Skipped { reason: "skipped".into() }),
        Just(Ending::AnsweredElsewhere),
        Just(Ending::DryRun),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let tx = 0..8usize;
    prop_oneof![
        6 => key().prop_map(Step::Begin),
        2 => key().prop_map(Step::Failed),
        4 => key().prop_map(Step::Predicted),
        8 => (key(), 0..3u64, 0..2u8).prop_map(|(key, sequence, salt)| Step::Prepare(key, sequence, salt)),
        3 => tx.clone().prop_map(Step::Broadcasting),
        3 => (tx.clone(), prop_oneof![Just(0u32), Just(78)]).prop_map(|(tx, code)| Step::Included(tx, code)),
        2 => tx.clone().prop_map(Step::Rejected),
        2 => (tx, 129..133u64).prop_map(|(tx, head)| Step::Dead(tx, head)),
        3 => (key(), ending()).prop_map(|(key, ending)| Step::Finish(key, ending)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        1 => (0.0..1.0f64).prop_map(Step::Tear),
        1 => (0.0..1.0f64).prop_map(Step::Garble),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Prepared,
    Broadcast,
    Included(u32),
    Rejected,
    Dead,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ModelTx {
    key: RoundKey,
    sequence: u64,
    fate: Fate,
}

impl ModelTx {
    const fn is_live(&self) -> bool {
        matches!(self.fate, Fate::Prepared | Fate::Broadcast)
    }
}

/// What one can see of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ModelRound {
    state: RoundState,
    value: Option<String>,
    attempts: u64,
    fee: Option<Uallo>,
}

/// The rules, without disk or SQL. Transactions by hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Model {
    rounds: BTreeMap<RoundKey, ModelRound>,
    txs: BTreeMap<String, ModelTx>,
    spent: u128,
}

impl Model {
    fn of(&self, key: RoundKey) -> impl Iterator<Item = (&String, &ModelTx)> {
        self.txs.iter().filter(move |(_, tx)| tx.key == key)
    }

    fn open(&mut self, key: RoundKey) -> Option<&mut ModelRound> {
        self.rounds.get_mut(&key).filter(|round| !round.state.is_final())
    }

    /// Whether a transaction may be prepared.
    fn may_prepare(&self, key: RoundKey, sequence: u64, hash: &str) -> bool {
        self.rounds.get(&key).is_some_and(|round| !round.state.is_final())
            && !self.txs.get(hash).is_some_and(|tx| matches!(tx.fate, Fate::Included(_)))
            && !self.of(key).any(|(_, tx)| tx.fate == Fate::Included(0))
            && !self.of(key).any(|(_, tx)| tx.is_live() && tx.sequence != sequence)
    }

    fn may_finish(&self, key: RoundKey, ending: &Ending) -> bool {
        let Some(round) = self.rounds.get(&key) else { return false };
        if round.state.is_final() {
            return round.state == ending.state();
        }
        let judged = matches!(ending, Ending::Admitted | Ending::NotAdmitted);
        !self.of(key).any(|(_, tx)| tx.is_live())
            && judged == self.of(key).any(|(_, tx)| tx.fate == Fate::Included(0))
    }

    fn step_back(&mut self, key: RoundKey) {
        let holds = self.of(key).any(|(_, tx)| tx.is_live() || matches!(tx.fate, Fate::Included(_)));
        if let Some(round) = self.open(key).filter(|_| !holds)
            && matches!(round.state, RoundState::Prepared | RoundState::Broadcast)
        {
            round.state = RoundState::Predicted;
        }
    }

    fn observe(journal: &Journal) -> Self {
        let reader = journal.reader();
        let rows = reader.rounds().unwrap();
        let rounds = rows.iter().map(|row| {
            let RoundRow { state, value, attempts, fee, .. } = row.clone();
            (row.key(), ModelRound { state, value, attempts, fee })
        });
        let mut query = reader
            .db()
            .prepare(
                "SELECT t.hash, r.topic_id, r.nonce, t.sequence, t.state, t.code FROM transactions t \
                 JOIN rounds r ON r.id = t.round_id",
            )
            .unwrap();
        let txs = query.query_map([], |row| {
            let fate = match row.get::<_, String>(4)?.as_str() {
                "prepared" => Fate::Prepared,
                "broadcast" => Fate::Broadcast,
                "included" => Fate::Included(row.get(5)?),
                "rejected" => Fate::Rejected,
                _ => Fate::Dead,
            };
            let key = RoundKey { topic_id: row.get(1)?, nonce: row.get(2)? };
            Ok((row.get(0)?, ModelTx { key, sequence: row.get(3)?, fate }))
        });
        Self {
            rounds: rounds.collect(),
            txs: txs.unwrap().collect::<Result<_, _>>().unwrap(),
            spent: reader.spent_on_day_of(at(0)).unwrap().0,
        }
    }
}

/// A journal and its model, in step.
struct Pair {
    folder: tempfile::TempDir,
    journal: Option<Journal>,
    model: Model,
    /// What the model was after each step since the log was last emptied.
    past: Vec<Model>,
    prepared: Vec<Prepared>,
}

const CHAIN: &str = "localnet";
const ADDRESS: &str = "allo1wallet";

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Some(Journal::open(folder.path(), CHAIN, ADDRESS).unwrap());
        let model = Model::default();
        Self { folder, journal, past: vec![model.clone()], model, prepared: Vec::new() }
    }

    fn journal(&mut self) -> &mut Journal {
        self.journal.as_mut().unwrap()
    }

    fn tx(&self, index: usize) -> Option<Prepared> {
        (!self.prepared.is_empty()).then(|| self.prepared[index % self.prepared.len()].clone())
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Begin(key) => {
                // A dry run is no answer.
                let known = self.model.rounds.get_mut(&key);
                if let Some(round) = known.filter(|round| round.state == RoundState::DryRun) {
                    (round.state, round.value) = (RoundState::Predicting, None);
                }
                let known = self.model.rounds.get(&key).map(|round| round.state.is_final());
                let begin = self.journal().begin_round(key, at(0), 130).unwrap();
                match begin {
                    Begin::Fresh => assert_eq!(known, None),
                    Begin::Resume(round) => {
                        assert_eq!(known, Some(false));
                        let live = self.model.of(key).filter(|(_, tx)| tx.is_live());
                        let mut hashes: Vec<_> = live.map(|(hash, _)| hash.as_str()).collect();
                        hashes.sort_unstable();
                        let mut found: Vec<_> = round.live.iter().map(Prepared::hash).collect();
                        found.sort_unstable();
                        assert_eq!(found, hashes);
                    }
                    Begin::Finished(_) => assert_eq!(known, Some(true)),
                }
                let fresh = ModelRound { state: RoundState::Predicting, value: None, attempts: 0, fee: None };
                self.model.rounds.entry(key).or_insert(fresh);
            }
            Step::Failed(key) => {
                let failure = Failure { kind: "exception".into(), message: "no".into() };
                let done = self.journal().failed(key, &failure, at(1)).is_ok();
                assert_eq!(done, self.model.rounds.contains_key(&key));
                if let Some(round) = self.model.rounds.get_mut(&key) {
                    round.attempts += 1;
                }
            }
            Step::Predicted(key) => {
                let done = self.journal().predicted(key, "0.5", &Limits::default(), at(1)).is_ok();
                assert_eq!(done, self.model.rounds.contains_key(&key));
                if let Some(round) = self.model.rounds.get_mut(&key) {
                    round.attempts += 1;
                    round.value = Some("0.5".into());
                    if round.state == RoundState::Predicting {
                        round.state = RoundState::Predicted;
                    }
                }
            }
            Step::Prepare(key, sequence, salt) => {
                let tx = signed(sequence, &format!("{key} {salt}"));
                let hash = hex::encode_upper(Sha256::digest(&tx.bytes));
                let outcome = self.journal().prepare(Purpose::Payload(key), tx, SpendLimit::None, at(2));
                assert_eq!(outcome.is_ok(), self.model.may_prepare(key, sequence, &hash), "{outcome:?}");
                if let Ok(tx) = outcome {
                    let known = self.model.txs.get(tx.hash()).is_some_and(ModelTx::is_live);
                    if !known {
                        let fresh = ModelTx { key, sequence, fate: Fate::Prepared };
                        self.model.txs.insert(tx.hash().to_owned(), fresh);
                        self.model.open(key).unwrap().state = RoundState::Prepared;
                    }
                    self.prepared.push(tx);
                }
            }
            Step::Broadcasting(index) => {
                let Some(tx) = self.tx(index) else { return };
                self.journal().broadcasting(&tx, "http://one", at(3)).unwrap();
                let Some(known) = self.model.txs.get_mut(tx.hash()) else { return };
                if known.fate == Fate::Prepared {
                    known.fate = Fate::Broadcast;
                }
                let key = known.key;
                if let Some(round) = self.model.open(key)
                    && round.state == RoundState::Prepared
                {
                    round.state = RoundState::Broadcast;
                }
            }
            Step::Included(index, code) => {
                let Some(tx) = self.tx(index) else { return };
                self.journal().included(tx.hash(), &inclusion(code), at(4)).unwrap();
                let Some(known) = self.model.txs.get_mut(tx.hash()) else { return };
                if matches!(known.fate, Fate::Included(_)) {
                    return;
                }
                known.fate = Fate::Included(code);
                let (key, sequence) = (known.key, known.sequence);
                for rival in self.model.txs.values_mut().filter(|rival| rival.sequence == sequence) {
                    if rival.is_live() {
                        rival.fate = Fate::Dead;
                    }
                }
                self.model.spent += 1_010;
                let round = self.model.rounds.get_mut(&key).unwrap();
                round.fee = Some(round.fee.unwrap_or_default().plus(Uallo(1_010)));
                self.settle_rivals();
            }
            Step::Rejected(index) => {
                let Some(tx) = self.tx(index) else { return };
                let why = Refusal { code: 32, codespace: "sdk".into(), log: String::new() };
                self.journal().rejected(&tx, &why).unwrap();
                self.settle(&tx, Fate::Rejected);
            }
            Step::Dead(index, head) => {
                let Some(tx) = self.tx(index) else { return };
                let dead = self.journal().dead(&tx, Death::TimedOut { head });
                assert_eq!(dead.is_ok(), head > 130);
                if dead.is_ok() {
                    self.settle(&tx, Fate::Dead);
                }
            }
            Step::Finish(key, ending) => {
                let outcome = self.journal().finish_round(key, &ending, at(5));
                assert_eq!(outcome.is_ok(), self.model.may_finish(key, &ending), "{outcome:?}");
                if outcome.is_ok()
                    && let Some(round) = self.model.open(key)
                {
                    round.state = ending.state();
                    round.attempts += u64::from(matches!(ending, Ending::Skipped { .. }));
                }
            }
            Step::Reopen => {
                self.journal = None;
                self.reopen();
                self.past.clear();
            }
            Step::Kill => {
                self.crash(|_| {});
                assert_eq!(Model::observe(self.journal()), self.model);
            }
            Step::Tear(share) => self.crash(|log| log.truncate(keep(log, share))),
            Step::Garble(share) => self.crash(|log| {
                let from = keep(log, share);
                log[from..].fill(0xa5);
            }),
        }
    }

    fn settle(&mut self, tx: &Prepared, fate: Fate) {
        let Some(known) = self.model.txs.get_mut(tx.hash()) else { return };
        if known.is_live() {
            known.fate = fate;
        }
        let key = known.key;
        self.model.step_back(key);
    }

    /// Rounds whose last live transaction has died with its sequence go back to their prediction.
    fn settle_rivals(&mut self) {
        for key in self.model.rounds.keys().copied().collect::<Vec<_>>() {
            self.model.step_back(key);
        }
    }

    fn reopen(&mut self) {
        self.journal = Some(Journal::open(self.folder.path(), CHAIN, ADDRESS).unwrap());
    }

    /// Takes the files as they are while the journal is open, spoils the log, and opens the copy.
    fn crash(&mut self, spoil: impl FnOnce(&mut Vec<u8>)) {
        let path = self.journal().path().to_owned();
        let copy = tempfile::tempdir().unwrap();
        let target = |path: &Path| -> PathBuf { copy.path().join(path.file_name().unwrap()) };
        let log = PathBuf::from(format!("{}-wal", path.display()));
        fs::copy(&path, target(&path)).unwrap();
        let mut bytes = fs::read(&log).unwrap();
        spoil(&mut bytes);
        fs::write(target(&log), bytes).unwrap();

        self.journal = None;
        self.folder = copy;
        self.reopen();
        // Whatever was lost, what is left is a state that there once was.
        let seen = Model::observe(self.journal());
        let last = self.past.iter().rposition(|past| *past == seen);
        assert!(seen == self.model || last.is_some(), "{seen:#?}");
        if seen != self.model {
            self.past.truncate(last.map_or(0, |last| last + 1));
        }
        self.model = seen;
        let known = &self.model.txs;
        self.prepared.retain(|tx| known.contains_key(tx.hash()));
    }
}

fn keep(log: &[u8], share: f64) -> usize {
    (log.len() as f64 * share) as usize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_does_what_its_rules_say(steps in proptest::collection::vec(step(), 1..60)) {
        let mut pair = Pair::new();
        for step in steps {
            let told = format!("{step:?}");
            pair.take(step);
            let seen = Model::observe(pair.journal());
            prop_assert_eq!(&seen, &pair.model, "after {}", told);
            // The rule that everything is for: of what can still land, the chain can take one at most.
            for key in seen.rounds.keys() {
                let live = seen.of(*key).filter(|(_, tx)| tx.is_live());
                let mut live: Vec<_> = live.map(|(_, tx)| tx.sequence).collect();
                live.dedup();
                prop_assert!(live.len() <= 1);
            }
            pair.past.push(seen);
        }
    }
}
