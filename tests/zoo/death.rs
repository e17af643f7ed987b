//! Models that end, or break what connects them with the worker.

use crate::cage::{Cage, skipped};

const ANIMALS: &str = r"
import ctypes, os, signal, struct, time

def segfaults(context):
    ctypes.string_at(0)

def aborts(context):
    os.abort()

def leaves(context):
    os._exit(0)

def kills_itself(context):
    os.kill(os.getpid(), signal.SIGKILL)

def closes_everything(context):
    os.closerange(0, 1 << 16)
    return 1

def closes_everything_and_stays(context):
    os.closerange(0, 1 << 16)
    time.sleep(3600)

def frame(text):
    return struct.pack('<I', len(text)) + text

def writes_garbage(context):
    os.write(3, os.urandom(1 << 12))
    time.sleep(3600)

def writes_no_json(context):
    os.write(3, frame(b'\xff\xfe not json'))
    time.sleep(3600)

def announces_too_much(context):
    os.write(3, b'\xff\xff\xff\x7f')
    time.sleep(3600)

def answers_another_question(context):
    os.write(3, frame(b'{\'type\':\'done\',\'id\':999999,\'value\':\'5\'}'.replace(b'\'', b'\x22')))
    time.sleep(3600)

def kills_its_parent(context):
    os.kill(os.getppid(), signal.SIGKILL)
";

#[test]
fn a_model_that_dies_is_replaced_and_asked_again() {
    let cage = Cage::new(ANIMALS, "max_seconds: 20");
    for (animal, says) in [
        ("segfaults", "the model process died: it was killed by SIGSEGV"),
        ("aborts", "the model process died: it was killed by SIGABRT"),
        ("leaves", "the model process died: it ended with exit code 0"),
        ("kills_itself", "the model process died: it was killed by SIGKILL"),
    ] {
        cage.fails(animal, "crash", says);
    }
    cage.answers("", "1");
    cage.close();
}

#[test]
fn a_model_that_breaks_its_connection_is_replaced_and_asked_again() {
    let cage = Cage::new(ANIMALS, "max_seconds: 20");
    for (animal, says) in [
        ("closes_everything", "the model process died: it ended with exit code"),
        ("closes_everything_and_stays", "it closed its connection to the worker"),
        ("writes_garbage", "it sent something that is not a message"),
        ("writes_no_json", "it sent something that is not a message"),
        ("announces_too_much", "it sent something that is not a message"),
        ("answers_another_question", "it answered what was not asked"),
    ] {
        cage.fails(animal, "crash", says);
    }
    cage.answers("", "1");
    cage.close();
}

#[test]
fn a_model_cannot_kill_the_worker() {
    let cage = Cage::new(ANIMALS, "max_seconds: 20");
    if cage.status()["isolation"]["signals"] != true {
        return skipped("this kernel does not keep a model from sending signals, and `status` says so");
    }
    cage.fails("kills_its_parent", "exception", "PermissionError");
    cage.close();
}
