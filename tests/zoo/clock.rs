//! Somebody sets the time of the machine while the worker runs.

use std::fs;
use std::process::Command;

use crate::cage::{Cage, Habitat};

/// Put before the C library of the worker and all that it starts: their wall clock is ours to set.
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/zoo/clock.c");

const DAY: i64 = 24 * 3600;

const ANIMALS: &str = r"
import time

def tells_the_time(context):
    return int(time.time())

def sleeps(context):
    time.sleep(3600)
";

#[test]
fn a_wall_clock_that_jumps_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (shim, shift) = (at("clock.so"), at("shift"));
    // What linked this test can compile that.
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o", &shim, SHIM]).status().unwrap();
    assert!(compiled.success());
    fs::write(&shift, "0").unwrap();
    let settings = [("LD_PRELOAD", &*shim), ("CLOCK_SHIFT", &*shift)];
    let habitat =
        Habitat { animals: ANIMALS, runtime: "max_seconds: 0.5", settings: &settings, ..Habitat::default() };
    let cage = Cage::start(&habitat).ready();

    for jump in [DAY, -DAY, 400 * DAY, 0] {
        let before = cage.last_turn();
        fs::write(&shift, jump.to_string()).unwrap();
        let nonce = cage.open("tells_the_time");
        cage.bench.until_sent();
        cage.bench.devnet.mine(1).unwrap();
        let round = cage
            .bench
            .until("an answer", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
        let told: i64 = round["value"].as_str().unwrap().parse().unwrap();
        let true_time = time::OffsetDateTime::now_utc().unix_timestamp();
        assert!((told - jump).abs_diff(true_time) < 3600, "the model sees the jump: {told}");
        cage.is_live_after(before);
        let status = cage.status();
        assert_eq!((&status["ready"], &status["why"]), (&true.into(), &serde_json::Value::Null), "{status}");
        assert!(status["height_age_seconds"].as_f64().unwrap() < 3600.0, "{status}");
        // Deadlines go by a clock that only goes forward.
        cage.fails("sleeps", "timeout", "did not answer within 0.5 s");
    }
    cage.close();
}
