//! Plays a script: block by block, with a real worker.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::script::{Moment, Script};
use crate::stage::Stage;
use crate::trouble::{ALWAYS, Trouble};

/// How long a window's last two blocks last while its answer is missing: together the ten seconds that they last on
/// the public networks. The last one has most of it, so that a run does not stand still for long where the worker
/// rightly waits for a block.
const LAST_BUT_ONE: Duration = Duration::from_secs(2);
const LAST: Duration = Duration::from_secs(8);
/// How long a process may take until it works, beside that.
const START: Duration = Duration::from_secs(30);
/// How often it is looked whether the answer is there.
const GLANCE: Duration = Duration::from_millis(4);
/// How long the worker may take to settle everything when all is well again.
const SETTLE: Duration = Duration::from_secs(60);
/// How many windows after the answer of another machine the worker may leave to it: it sees only at the end of one that
/// nobody answers any more.
const STANDBY_WINDOWS: i64 = 3;

/// A window of the worker's topic.
#[derive(Debug, Clone)]
pub struct Window {
    pub nonce: i64,
    /// The last block that may hold an answer.
    pub end: i64,
    /// Why nobody can ask for an answer.
    pub excuse: Option<&'static str>,
    /// The journal was lost after it had opened.
    pub is_forgotten: bool,
    /// Which endpoints were honest in its last two blocks, as far as these are over.
    honest: Vec<bool>,
    pub opened_at: OffsetDateTime,
    pub closed_at: OffsetDateTime,
}

impl Window {
    fn excuse(&mut self, why: &'static str) {
        self.excuse.get_or_insert(why);
    }
}

/// A run that is over; its chain can still be asked.
pub struct Played {
    pub stage: Stage,
    pub windows: BTreeMap<i64, Window>,
    /// The worker's exit code at the end.
    pub exit: Option<i32>,
}

pub fn play(script: &Script) -> Played {
    let stage = Stage::new(script);
    let mut play =
        Play { script, stage, windows: BTreeMap::new(), height: 2, next_opening: 1, standby_until: 0 };
    play.observe_openings(1);
    play.run();
    play.settle();
    let exit = play.stage.close();
    Played { stage: play.stage, windows: play.windows, exit }
}

struct Play<'a> {
    script: &'a Script,
    stage: Stage,
    windows: BTreeMap<i64, Window>,
    height: i64,
    /// The first block that may open a window.
    next_opening: i64,
    /// The last block in which the worker may leave its windows to another machine.
    standby_until: i64,
}

impl Play<'_> {
    fn run(&mut self) {
        // Nothing is asked of a worker that is just being started for the first time.
        self.wait_until_ready();
        while self.height < self.script.last_block() {
            self.act(Moment::early(self.height));
            let begun = Instant::now();
            std::thread::sleep(self.stage.pace);
            self.hold(begun);
            self.act(Moment::late(self.height));
            // A node that restarts has forgotten what waited there.
            self.hold(begun);
            self.mine();
        }
    }

    fn open_windows(&mut self) -> impl Iterator<Item = &mut Window> {
        self.windows.range_mut(self.height - self.script.window + 1..).map(|(_, window)| window)
    }

    fn wait_until_ready(&self) {
        self.stage.bench.until("ready", |bench| (bench.heartbeat()["ready"] == true).then_some(()));
    }

    /// Ends and begins what the script says for this moment.
    fn act(&mut self, now: Moment) {
        let acts = &self.script.acts;
        for act in acts.iter().filter(|act| act.from < now && act.until == now) {
            self.ended(&act.trouble, now);
        }
        for act in acts.iter().filter(|act| act.from == now) {
            self.stage.begin(&act.trouble, self.script);
            match act.trouble {
                Trouble::OtherMachine => self.answer_elsewhere(),
                Trouble::JournalLost { .. } => self.forget(&[]),
                Trouble::JournalTorn { .. } => self.forget(&self.stage.ended()),
                _ => {}
            }
            self.disturb(&act.trouble, now);
            if act.until == now {
                self.ended(&act.trouble, now);
            }
        }
        self.stage.tend();
        self.judge(now);
    }

    /// The journal may not know any more of windows but those.
    fn forget(&mut self, known: &[i64]) {
        let forgotten = self.windows.values_mut().filter(|window| !known.contains(&window.nonce));
        forgotten.for_each(|window| window.is_forgotten = true);
    }

    fn answer_elsewhere(&mut self) {
        if let Some(nonce) = self.open_windows().map(|window| window.nonce).max() {
            self.stage.answer_elsewhere(nonce);
            self.standby_until = self.height + STANDBY_WINDOWS * self.script.epoch;
        }
    }

    fn ended(&mut self, trouble: &Trouble, now: Moment) {
        self.stage.end(trouble, self.script);
        self.disturb(trouble, now);
        if *trouble == Trouble::TopicInactive && self.next_opening <= self.height {
            self.next_opening = self.height + self.script.epoch;
        }
    }

    /// What undoes a waiting transaction while the last block is made leaves no time for another.
    fn disturb(&mut self, trouble: &Trouble, now: Moment) {
        if trouble.spoils_the_mempool() {
            for window in self.open_windows().filter(|window| Moment::early(window.end - 1) <= now) {
                window.excuse("disturbed in its last block");
            }
        }
    }

    /// Finds what excuses the worker in the windows that are open.
    fn judge(&mut self, now: Moment) {
        let stage = &self.stage;
        let is_permitted = stage.is_funded && stage.is_registered && stage.is_whitelisted;
        let (is_running, honest) = (stage.is_running(), stage.endpoints.honest());
        let (is_affordable, is_disk_full) = (stage.is_affordable, stage.is_disk_full);
        let is_within_the_day = stage.is_within_the_day(self.height - self.script.window);
        let is_standing_by = self.height <= self.standby_until && stage.is_standing_by();
        let is_misled = stage.endpoints.are_misleading();
        for window in self.open_windows() {
            let is_ending = now.height >= window.end - 2;
            if is_ending && !is_permitted {
                window.excuse("the chain did not let the worker");
            }
            if is_ending && !is_affordable {
                window.excuse("the fee cap was below the price");
            }
            if is_misled {
                window.excuse("no node contradicted a height that was too high");
            }
            if !is_within_the_day {
                window.excuse("the limit of the day was near");
            }
            if is_standing_by {
                window.excuse("another machine was at work");
            }
            if now.height == window.end - 1 && !is_running {
                window.excuse("the worker was not running in its last block");
            }
            if is_ending && is_disk_full {
                window.excuse("the disk was full in its last two blocks");
            }
            if is_ending {
                window.honest.iter_mut().zip(&honest).for_each(|(so_far, now)| *so_far &= now);
                if !window.honest.contains(&true) {
                    window.excuse("no endpoint was honest in its last two blocks");
                }
            }
        }
    }

    /// The last two blocks of a window are not made faster than those of a public network, as long as its answer
    /// is neither in a block nor on its way to one. The newest block was there when it had `begun`.
    fn hold(&mut self, begun: Instant) {
        let height = self.height;
        let held: Vec<(i64, Duration)> = self
            .open_windows()
            .filter(|window| window.excuse.is_none())
            .filter_map(|window| match window.end - height {
                1 => Some((window.nonce, LAST)),
                2 => Some((window.nonce, LAST_BUT_ONE)),
                _ => None,
            })
            .collect();
        // A busy machine may take long to start a process: that is not the worker's time.
        let start_limit = begun + START;
        let mut since = begun;
        let is_held = |stage: &Stage, since: Instant, (nonce, limit): &(i64, Duration)| {
            since.elapsed() < *limit && !stage.is_answered(*nonce)
        };
        while held.iter().any(|window| is_held(&self.stage, since, window)) {
            std::thread::sleep(GLANCE);
            self.stage.tend();
            if self.stage.is_starting() && Instant::now() < start_limit {
                since = Instant::now();
            }
        }
    }

    fn mine(&mut self) {
        self.height = self.stage.endpoints.mine();
        for window in self.windows.values_mut().filter(|window| window.end == self.height) {
            window.closed_at = OffsetDateTime::now_utc();
        }
        self.observe_openings(self.height);
    }

    /// The chain's own rule: a topic that is active opens a window once an epoch has passed.
    fn observe_openings(&mut self, height: i64) {
        if !self.stage.is_topic_active || height < self.next_opening {
            return;
        }
        self.next_opening = height + self.script.epoch;
        let now = OffsetDateTime::now_utc();
        let mut window = Window {
            nonce: height,
            end: height + self.script.window,
            excuse: None,
            is_forgotten: false,
            honest: vec![true; self.script.endpoints],
            opened_at: now,
            closed_at: now,
        };
        if height == 1 {
            window.excuse("it opened before the worker was started");
        }
        if self.script.model_failure(height).is_some_and(|(_, times)| times == ALWAYS) {
            window.excuse("the model never answered");
        }
        self.windows.insert(height, window);
    }

    /// All troubles are over: lets the worker come to an end with every round.
    fn settle(&mut self) {
        self.stage.begin(&Trouble::TopicInactive, self.script);
        for window in self.open_windows() {
            window.excuse("the run was over");
        }
        let last = self.windows.values().map(|window| window.end).max().unwrap_or(0);
        let end = Instant::now() + SETTLE;
        let is_busy =
            |stage: &Stage, height| height <= last || !stage.is_turning() || stage.has_unfinished_rounds();
        while is_busy(&self.stage, self.height) && Instant::now() < end {
            std::thread::sleep(self.script.pace);
            self.stage.tend();
            self.mine();
        }
    }
}
