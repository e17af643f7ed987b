//! Models that take more memory than they may.

use crate::cage::Cage;

const ANIMALS: &str = r"
import multiprocessing, time

def takes_it_all(context):
    held = bytearray(400 << 20)
    time.sleep(3600)

def has_a_child_take_it(context):
    child = multiprocessing.get_context('fork').Process(target=takes_it_all, args=(context,))
    child.start()
    child.join()

leaked = []

def leaks(context):
    leaked.append(bytearray(10 << 20))
    return 5
";

#[test]
fn a_model_beyond_its_limit_is_killed_and_asked_again() {
    let cage = Cage::new(ANIMALS, "max_seconds: 50, memory_mb: 120");
    for animal in ["takes_it_all", "has_a_child_take_it"] {
        cage.fails(animal, "memory", "more than the 120 MiB of runtime.memory_mb, and was killed");
    }
    cage.answers("", "1");
    cage.close();
}

#[test]
fn a_model_that_leaks_is_replaced_between_windows() {
    let cage = Cage::new(ANIMALS, "max_seconds: 50, memory_mb: 120");
    let first = cage.status()["model"]["pid"].clone();
    // Beyond the limit, were it one process that answers them all.
    for _ in 0..14 {
        // At the first try: nobody waits for the replacement.
        cage.answers("leaks", "5");
    }
    let model = &cage.status()["model"];
    assert_ne!(model["pid"], first, "{model}");
    cage.close();
}
