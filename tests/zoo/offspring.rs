//! Models that start other processes and threads: allowed, and none outlives its model.

use std::process::Command;

use crate::cage::{Cage, skipped};

/// A fork bomb up to this.
const FORKS: usize = 64;

const BAD: &str = r"
import os, signal, subprocess, sys, time

def sleeper(**options):
    return subprocess.Popen(['sleep', '3600'], **options)

def leaves_a_child(context):
    sleeper()
    os._exit(0)

def leaves_a_child_in_a_session(context):
    sleeper(start_new_session=True)
    os._exit(0)

def leaves_an_orphan_in_a_session(context):
    # Twice forked, as a daemon is.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    time.sleep(0.1)
    os._exit(0)

def hangs_with_children(context):
    for session in (False, True):
        sleeper(start_new_session=session)
    time.sleep(3600)

def bombs(context, limit):
    # Each fork forks on, until there are as many as were ordered.
    for _ in range(int(limit).bit_length() - 1):
        os.fork()
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass

def forgets_a_fork(context):
    # Both come back from here; only one of them was asked.
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    raise ValueError('two of us')
";

#[test]
fn what_a_model_starts_goes_with_it() {
    let cage = Cage::new(BAD, "max_seconds: 1");
    for animal in ["leaves_a_child", "leaves_a_child_in_a_session", "leaves_an_orphan_in_a_session"] {
        cage.fails(animal, "crash", "exit code 0");
    }
    cage.fails("hangs_with_children", "timeout", "did not answer");
    cage.fails(&format!("bombs {FORKS}"), "timeout", "did not answer");
    cage.fails("forgets_a_fork", "exception", "ValueError: two of us");
    cage.answers("", "1");
    cage.close();
}

const GOOD: &str = r"
import multiprocessing, subprocess, threading, time

def square(number):
    return number * number

def pools(context, method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return sum(pool.map(square, [2, 3]))

def starts_threads(context):
    started = [threading.Thread(target=time.sleep, args=(3600,)) for _ in range(64)]
    for thread in started:
        thread.start()
    return len(started)

def starts_a_program(context):
    return subprocess.run(['echo', '42'], capture_output=True, text=True).stdout.strip()

def leaves_a_child_and_answers(context):
    subprocess.Popen(['sleep', '3600'], start_new_session=True)
    return 5
";

#[test]
fn a_model_may_use_processes_and_threads_and_all_end_with_the_worker() {
    let cage = Cage::new(GOOD, "max_seconds: 50");
    for method in ["fork", "spawn", "forkserver"] {
        cage.answers(&format!("pools {method}"), "13");
    }
    cage.answers("starts_a_program", "42");
    cage.answers("leaves_a_child_and_answers", "5");
    cage.answers("starts_threads", "64");
    // 64 threads that never end do not hold the goodbye up.
    cage.close();
}

const JOBLIB: &str = r"
import joblib

def square(number):
    return number * number

def uses_every_processor(context):
    return sum(joblib.Parallel(n_jobs=-1)(joblib.delayed(square)(number) for number in [2, 3]))
";

#[test]
fn joblib_uses_every_processor() {
    let python = std::env::var_os("ALLORA_PYTHON").unwrap_or_else(|| "python3".into());
    if !Command::new(python).args(["-c", "import joblib"]).output().unwrap().status.success() {
        return skipped("joblib is not installed");
    }
    let cage = Cage::new(JOBLIB, "max_seconds: 50");
    cage.answers("uses_every_processor", "13");
    cage.close();
}
