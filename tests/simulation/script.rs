//! What happens in a run, drawn from its seed alone: when, in blocks, and for how long.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::devnet::{BlockTime, Options, Whitelist};
use fastrand::Rng;

use crate::trouble::{ModelFailure, Resource, Trouble};

/// Windows of one run: long enough for a journal with a past, short enough to be read when it fails.
pub const WINDOWS: i64 = 20;

/// Scripts with lower seeds have no limit of a day: with one, those that were kept before there was any would not show
/// any more what they were kept for.
const LIMITED_FROM: u64 = 1_000_000_000;

/// Scripts with lower seeds have neither windows of many blocks nor the troubles that came last, for the same reason.
const WIDE_FROM: u64 = 2_000_000_000;

/// In scripts with lower seeds windows are shorter and troubles longer, one endpoint alone and low limits of a day are
/// frequent: more of their windows are excused than asked for.
const BRIEF_FROM: u64 = 3_000_000_000;

/// In scripts with lower seeds no mempool is full.
const FULL_FROM: u64 = 4_000_000_000;
/// Seeds that are drawn afresh: those of scripts that have everything.
pub const FRESH: Range<u64> = FULL_FROM..FULL_FROM + 1_000_000_000;

/// A cap that forbids some of the prices of gas, in uallo.
const MAX_FEE: u128 = 2_000_000;
/// More gas than the worker ever offers.
const MOST_GAS: u128 = 400_000;
/// About what a window costs at the lowest price, in uallo.
const ONE_FEE: u128 = 160_000;

/// A point of time, in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The newest block.
    pub height: i64,
    pub phase: Phase,
}

/// Where in the time from a block to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The block is just there, the worker has not seen it.
    Early,
    /// The next block is about to be made, with what the mempool holds.
    Late,
}

impl Moment {
    pub const fn early(height: i64) -> Self {
        Self { height, phase: Phase::Early }
    }

    pub const fn late(height: i64) -> Self {
        Self { height, phase: Phase::Late }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Phase::Early => write!(f, "{}", self.height),
            Phase::Late => write!(f, "{}+", self.height),
        }
    }
}

/// Something that goes wrong, from a moment to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    pub from: Moment,
    pub until: Moment,
    pub trouble: Trouble,
}

impl Act {
    /// Whether it holds between these moments, for a block at least in part.
    pub fn overlaps(&self, from: i64, until: i64) -> bool {
        self.from.height <= until && from <= self.until.height
    }
}

/// What a script is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plot {
    /// Troubles of every kind, combined.
    Troubles,
    /// SIGKILL once in each window, at an instant that nobody chose.
    Kills,
}

impl Plot {
    /// The test that plays it.
    const fn test(self) -> &'static str {
        match self {
            Self::Troubles => "no_window",
            Self::Kills => "killed",
        }
    }
}

/// A chain, and all that befalls it and its worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    plot: Plot,
    pub seed: u64,
    /// Blocks from one opening to the next.
    pub epoch: i64,
    /// Blocks of a window.
    pub window: i64,
    /// Endpoints that the worker is told of.
    pub endpoints: usize,
    /// It is told of the first one by a second name too.
    pub has_alias: bool,
    pub whitelist: Whitelist,
    /// From block to block, in real time.
    pub pace: Duration,
    /// What the chain begins with.
    emissions: EmissionsVersion,
    /// The most that one transaction may cost, in uallo.
    pub max_fee: Option<u128>,
    /// The most that a day may cost, in uallo.
    pub max_fee_per_day: Option<u128>,
    /// In the order in which they begin.
    pub acts: Vec<Act>,
}

impl Script {
    /// A script over about [`WINDOWS`] windows.
    pub fn draw(plot: Plot, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        match plot {
            Plot::Troubles => Self::troubles(seed, &mut rng),
            Plot::Kills => Self::kills(seed, &mut rng),
        }
    }

    fn troubles(seed: u64, rng: &mut Rng) -> Self {
        let is_wide = match seed {
            BRIEF_FROM.. => rng.bool(),
            WIDE_FROM.. => rng.u8(0..3) == 0,
            _ => false,
        };
        // Where there are many blocks they are short.
        let (epoch, window, pace) = if is_wide {
            let window = rng.i64(12..=24);
            (window + rng.i64(0..=6), window, 2..=15)
        } else {
            let epoch = rng.i64(3..=9);
            (epoch, rng.i64(2..=epoch), 8..=60)
        };
        let mut script = Self {
            plot: Plot::Troubles,
            seed,
            epoch,
            window,
            endpoints: if seed >= BRIEF_FROM { [1, 2, 2, 3][rng.usize(0..4)] } else { rng.usize(1..=3) },
            has_alias: false,
            whitelist: if rng.bool() { Whitelist::On } else { Whitelist::Off },
            pace: Duration::from_millis(rng.u64(pace)),
            emissions: EmissionsVersion::V10,
            max_fee: None,
            max_fee_per_day: None,
            acts: vec![],
        };
        for slot in 1..=WINDOWS {
            for _ in 0..[0, 1, 1, 2, 2, 3][rng.usize(0..6)] {
                let trouble = Trouble::draw(rng, script.whitelist, script.endpoints);
                script.put(rng, 1 + slot * epoch, trouble);
            }
        }
        if rng.u8(0..4) == 0 {
            script.emissions = EmissionsVersion::V9;
            let at = Moment::early(rng.i64(2..WINDOWS * epoch));
            script.acts.push(Act { from: at, until: at, trouble: Trouble::Upgraded });
        }
        for slot in 1..=WINDOWS {
            if rng.u8(0..3) == 0 {
                let trouble = Trouble::draw_later(rng, script.endpoints);
                script.put(rng, 1 + slot * epoch, trouble);
            }
        }
        script.max_fee = (rng.u8(0..3) == 0).then_some(MAX_FEE);
        for slot in 1..=WINDOWS {
            if rng.u8(0..8) == 0 {
                script.put(rng, 1 + slot * epoch, Trouble::DiskFull);
            }
        }
        let is_limited = match seed {
            BRIEF_FROM.. => rng.u8(0..8) == 0,
            LIMITED_FROM.. => rng.bool(),
            _ => false,
        };
        let fewest = if seed >= BRIEF_FROM { 5 } else { 2 };
        script.max_fee_per_day = is_limited.then(|| ONE_FEE * rng.u128(fewest..=20));
        if seed >= WIDE_FROM {
            for slot in 1..=WINDOWS {
                if rng.bool() {
                    let trouble = Trouble::draw_last(rng, script.endpoints);
                    script.put(rng, 1 + slot * epoch, trouble);
                }
            }
            script.has_alias = rng.u8(0..4) == 0;
        }
        if seed >= FULL_FROM {
            for slot in 1..=WINDOWS {
                if rng.u8(0..6) == 0 {
                    let trouble = Trouble::full_mempool(rng.usize(0..script.endpoints));
                    script.put(rng, 1 + slot * epoch, trouble);
                }
            }
        }
        script.acts.sort_by_key(|act| (act.from, act.until));
        script
    }

    fn kills(seed: u64, rng: &mut Rng) -> Self {
        let (epoch, window) = (6, 5);
        let acts = (1..=WINDOWS).map(|slot| {
            let opening = 1 + slot * epoch;
            // Started again before the last block but one, so that each window is asked for.
            let last = Moment::late(opening + window - 2);
            // Near the opening, where most happens, or anywhere: the answer is sent, included, settled, finished.
            let (from, longest) = match rng.bool() {
                true => (Moment::early(opening), 20_000),
                false => {
                    let height = rng.i64(opening..=last.height);
                    (if rng.bool() { Moment::early(height) } else { Moment::late(height) }, 100_000)
                }
            };
            let until = Moment::late(rng.i64(from.height..=last.height));
            let after = Duration::from_micros(rng.u64(0..longest));
            Act { from, until, trouble: Trouble::Killed { after } }
        });
        let acts = acts.collect();
        let pace = Duration::from_millis(20);
        let (emissions, whitelist) = (EmissionsVersion::V10, Whitelist::Off);
        Self {
            plot: Plot::Kills,
            seed,
            epoch,
            window,
            endpoints: 1,
            has_alias: false,
            whitelist,
            pace,
            emissions,
            max_fee: None,
            max_fee_per_day: None,
            acts,
        }
    }

    /// Puts a trouble near the opening at `opening`, where nothing else holds what it needs.
    fn put(&mut self, rng: &mut Rng, opening: i64, trouble: Trouble) {
        let is_late = trouble.comes_with_a_block();
        let moment = |rng: &mut Rng, height| {
            if rng.bool() && !is_late { Moment::early(height) } else { Moment::late(height) }
        };
        let begin = (opening + rng.i64(-2..=self.epoch)).max(2);
        let usual = if self.seed >= BRIEF_FROM { self.window / 3 } else { self.window };
        let longest = if rng.u8(0..6) == 0 { 2 * self.epoch } else { usual };
        let end = begin + rng.i64(0..=longest);
        let from = moment(rng, begin);
        let until = moment(rng, end).max(from);
        let resource = trouble.resource();
        let is_free = |act: &Act| act.trouble.resource() != resource || act.until < from || until < act.from;
        if resource == Resource::None || self.acts.iter().all(is_free) {
            self.acts.push(Act { from, until, trouble });
        }
    }

    /// Whether the worker may pay at this price of gas.
    pub fn is_affordable(&self, price: u64) -> bool {
        self.max_fee.is_none_or(|most| most_of_one(price) <= most)
    }

    /// What the model does when it is asked for this nonce.
    pub fn model_failure(&self, nonce: i64) -> Option<(ModelFailure, u32)> {
        self.acts.iter().filter(|act| act.overlaps(nonce, nonce)).find_map(|act| match act.trouble {
            Trouble::Model { how, times } => Some((how, times)),
            _ => None,
        })
    }

    /// The last block by which something happens.
    pub fn last_block(&self) -> i64 {
        let windows = self.acts.iter().map(|act| act.until.height).max().unwrap_or(0);
        windows.max(1 + WINDOWS * self.epoch) + self.window
    }

    /// The chain that it plays on. Topic 2 is for what another program does with the same key.
    pub fn options(&self) -> Options {
        let blocks = |number: i64| u64::try_from(number).unwrap();
        Options {
            block_time: BlockTime::Manual,
            epoch_length: blocks(self.epoch),
            worker_submission_window: blocks(self.window),
            ground_truth_lag: blocks(self.epoch),
            topics: 2,
            max_active_topics_per_block: 2,
            whitelist: self.whitelist,
            emissions: self.emissions,
            ..Options::on_free_port()
        }
    }
}

/// More uallo than a transaction takes at this price of gas.
pub fn most_of_one(price: u64) -> u128 {
    u128::from(price) * MOST_GAS
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            plot,
            seed,
            epoch,
            window,
            endpoints,
            has_alias,
            whitelist,
            pace,
            emissions,
            max_fee,
            max_fee_per_day,
            acts,
        } = self;
        let test = plot.test();
        writeln!(f, "again: SIMULATION_SEED={seed} cargo test --test simulation {test} -- --nocapture")?;
        writeln!(
            f,
            "epoch {epoch}, window {window}, {endpoints} endpoints (an alias: {has_alias}), whitelist {whitelist:?}, {pace:?} \
             a block, emissions {emissions:?}, fee cap {max_fee:?}, per day {max_fee_per_day:?}"
        )?;
        for Act { from, until, trouble } in acts {
            writeln!(f, "  block {from:>4} to {until:>4}: {trouble:?}")?;
        }
        Ok(())
    }
}
