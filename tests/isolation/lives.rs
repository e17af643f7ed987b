//! What a model leaves for its successor, and what is left of a worker.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::{Bench, quick};
use crate::user::behind;

/// Puts links where folders were that it may write to, and dies. Its successor looks where they lead.
const HEIR: &str = "
import os
PLACES = os.environ['PLACES'].split(':')
WRITABLE = os.environ['WRITABLE']

def predict(nonce):
    links = [f'{WRITABLE}/{number}' for number in range(len(PLACES))]
    if not os.path.islink(links[0]):
        for link, place in zip(links, PLACES):
            os.rmdir(link)
            os.symlink(place, link)
        os._exit(1)
    opened = 0
    for link in links:
        assert os.path.islink(link)
        try:
            open(f'{link}/forged', 'w')
            opened += 1
        except PermissionError:
            pass
    return opened
";

#[test]
fn links_that_a_model_leaves_give_its_successor_nothing() {
    let manifest = "runtime:\n  writable: [w, w/0, w/1, w/2, w/3]\n";
    let bench = Bench::with_manifest(quick(), HEIR, manifest);
    let root = bench.folder.path().canonicalize().unwrap();
    for folder in ["bundle/w/0", "bundle/w/1", "bundle/w/2", "bundle/w/3", "state", "elsewhere"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    let places = ["state", "elsewhere", "bundle/src", ""].map(|name| root.join(name).display().to_string());
    let bench =
        bench.set("PLACES", &places.join(":")).set("WRITABLE", root.join("bundle/w").to_str().unwrap());
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--once"]).exit().code(), Some(0), "{}", bench.log());
    let round = &bench.rounds()[0];
    assert_eq!((&round["value"], &round["attempts"]), (&"0".into(), &2.into()), "{round}: {}", bench.log());
}

#[test]
fn a_refusal_by_the_walls_tells_the_author_where_to_write() {
    let code = "def predict():\n    open('/usr/forged-by-a-model', 'w')\n";
    let bench = Bench::new(quick(), code);
    bench.devnet.set_registered(1, &bench.address(), true).unwrap();
    assert_eq!(bench.run(&["--once"]).exit().code(), Some(75), "{}", bench.log());
    let reason = bench.rounds()[0]["reason"].as_str().unwrap().to_owned();
    for word in ["PermissionError", "TMPDIR", "runtime.writable"] {
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn a_worker_that_crashes_leaves_no_image_of_its_memory() {
    let unlimited = ["sh", "-c", "ulimit -c unlimited && exec \"$@\"", "sh"].map(str::to_owned);
    let bench = Bench::new(quick(), "def predict():\n    return 1\n");
    let mut dumps = Command::new("sh");
    dumps.args(["-c", "kill -ABRT $$"]);
    let status = behind(&unlimited, &dumps).current_dir(bench.folder.path()).status().unwrap();
    if !status.core_dumped() {
        println!("SKIPPED: no process leaves an image on this machine");
        return;
    }
    let mut command = bench.bootstrap();
    command.arg("run");
    let worker = bench.start(behind(&unlimited, &command).current_dir(bench.folder.path()));
    bench.until("a first turn", |bench| bench.heartbeat().is_object().then_some(()));
    worker.signal(Signal::SIGABRT);
    let status = worker.exit();
    assert_eq!((status.signal(), status.core_dumped()), (Some(Signal::SIGABRT as i32), false));
}
