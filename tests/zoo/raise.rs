//! Models that raise, in the call and while they are imported.

use crate::cage::{Cage, Habitat};

const IN_CALLS: &str = r"
import asyncio, sys

class Unprintable(Exception):
    def __str__(self):
        raise ValueError
    __repr__ = __str__

def raises(context):
    raise ValueError('no price')

def raises_unprintable(context):
    raise Unprintable

def raises_at_length(context):
    raise ValueError('x' * 10_000_000)

def raises_surrogates(context):
    raise ValueError('\ud800\n\x1b[2J')

def exits(context):
    sys.exit('bye')

def interrupts(context):
    raise KeyboardInterrupt

def recurses(context):
    return recurses(context)

def raises_in_a_coroutine(context):
    async def price():
        raise LookupError('no such market')
    return price()

def uses_a_coroutine_as_a_number(context):
    async def price():
        return 1
    return price() * 2

def returns_a_coroutine_in_a_dict(context):
    async def price():
        return 1
    return {'y': price()}

def forgets_to_await(context):
    async def price():
        return 1
    price()
    return 3
";

#[test]
fn a_model_that_raises_keeps_its_process_and_is_asked_again() {
    let cage = Cage::new(IN_CALLS, "max_seconds: 20");
    let process = cage.status()["model"]["pid"].clone();
    for (animal, says) in [
        ("raises", "ValueError: no price"),
        ("raises_unprintable", "Unprintable: <its text cannot be shown>"),
        ("raises_at_length", "bytes left out"),
        ("raises_surrogates", "ValueError: "),
        ("exits", "SystemExit: bye (the code asked Python to exit, which a model must not)"),
        ("interrupts", "KeyboardInterrupt"),
        ("recurses", "RecursionError"),
        ("raises_in_a_coroutine", "LookupError: no such market"),
        ("uses_a_coroutine_as_a_number", "TypeError"),
    ] {
        cage.fails(animal, "exception", says);
    }
    cage.fails("returns_a_coroutine_in_a_dict", "bad_value", "coroutine");
    cage.answers("forgets_to_await", "3");
    cage.bench.until("Python's warning", |bench| bench.log().contains("was never awaited").then_some(()));
    let model = &cage.status()["model"];
    assert_eq!((&model["pid"], &model["restarts"]), (&process, &0.into()));
    let longest = cage.bench.log().lines().map(str::len).max().unwrap();
    assert!(longest < 64 * 1024, "a line of {longest} bytes: 10 MB of a message do not reach the log");
    cage.close();
}

const AT_IMPORT: &str = r"
import os, sys, time

class Unprintable(Exception):
    def __str__(self):
        raise ValueError
    __repr__ = __str__

def import_raises():
    raise RuntimeError('no artifact')

def import_raises_unprintable():
    raise Unprintable

def import_raises_at_length():
    raise RuntimeError('x' * 10_000_000)

def import_exits():
    sys.exit(7)

def import_leaves():
    os._exit(7)

def import_crashes():
    os.abort()

def import_never_ends():
    while True:
        pass
";

#[test]
fn a_model_that_cannot_be_imported_says_why_and_is_tried_again() {
    let cage = Cage::new(AT_IMPORT, "max_seconds: 20, load_seconds: 0.5");
    for (animal, kind, says) in [
        ("import_raises", "import", "RuntimeError: no artifact"),
        ("import_raises_unprintable", "import", "Unprintable: <its text cannot be shown>"),
        ("import_raises_at_length", "import", "bytes left out"),
        ("import_exits", "import", "SystemExit: 7"),
        ("import_leaves", "crash", "exit code 7"),
        ("import_crashes", "crash", "SIGABRT"),
        ("import_never_ends", "timeout", "was not imported within 0.5 s"),
    ] {
        cage.fails(animal, kind, says);
    }
    // The traceback is shown once, however often it is tried.
    let log = cage.bench.log();
    assert_eq!(log.matches("raise RuntimeError('no artifact')").count(), 1, "{log}");
    cage.answers("", "1");
    cage.close();
}

/// From the start, not between two windows: nothing was ever loaded.
#[test]
fn a_model_that_was_never_loaded_is_a_clear_state() {
    let habitat = Habitat {
        animals: AT_IMPORT,
        runtime: "max_seconds: 20",
        order: "import_raises",
        ..Habitat::default()
    };
    let cage = Cage::start(&habitat);
    let status = cage.bench.until("a reason", |_| {
        Some(cage.status())
            .filter(|status| status["why"].as_str().is_some_and(|why| why.contains("no artifact")))
    });
    assert_eq!((&status["live"], &status["ready"]), (&true.into(), &false.into()), "{status}");
    let before = cage.last_turn();
    let nonce = cage.open("import_raises");
    cage.names_the_failure(nonce, "import", "RuntimeError: no artifact");
    cage.is_live_after(before);
    cage.answers_when_it_behaves(nonce);
    cage.close();
}
