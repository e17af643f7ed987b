//! Models that never answer: they are killed at their deadline.

use crate::cage::Cage;

const ANIMALS: &str = r"
import itertools, os, re, signal, time

def spins(context):
    while True:
        pass

def spins_in_c(context):
    sum(itertools.repeat(0))

def backtracks(context):
    re.match('(a+)+$', 'a' * 64 + 'b')

def sleeps(context):
    while True:
        time.sleep(3600)

def swallows_everything(context):
    while True:
        try:
            while True:
                time.sleep(0.01)
        except BaseException:
            pass

def ignores_signals(context):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        signal.pause()

def stops_itself(context):
    os.kill(os.getpid(), signal.SIGSTOP)

def blocks_its_loop(context):
    async def blocks():
        time.sleep(3600)
    return blocks()
";

#[test]
fn a_model_that_never_answers_is_killed_and_asked_again() {
    let cage = Cage::new(ANIMALS, "max_seconds: 0.5");
    for animal in [
        "spins",
        "spins_in_c",
        "backtracks",
        "sleeps",
        "swallows_everything",
        "ignores_signals",
        "stops_itself",
        "blocks_its_loop",
    ] {
        cage.fails(animal, "timeout", "did not answer within 0.5 s and was killed");
    }
    cage.answers("", "1");
    cage.close();
}

#[test]
fn the_loop_turns_while_the_model_hangs_and_a_stop_is_in_order() {
    let cage = Cage::new(ANIMALS, "max_seconds: 50");
    cage.open("spins_in_c");
    let busy = |after: f64| {
        cage.bench.until("a turn while the model hangs", |bench| {
            (cage.last_turn() > after && bench.heartbeat()["model"]["state"] == "busy").then_some(())
        });
    };
    busy(cage.last_turn());
    let before = cage.last_turn();
    busy(before);
    cage.is_live_after(before);
    cage.close();
}
