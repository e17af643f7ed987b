//! What a service manager hears of the worker, by the protocol of `sd_notify`.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use bootstrap::devnet::Options;
use nix::sys::signal::Signal;

use crate::support::{Bench, PATIENCE, manual};

/// Fails where the model can reach the manager.
const CODE: &str = "import os, time\ntime.sleep(1)\nassert not {'NOTIFY_SOCKET', 'WATCHDOG_USEC'} & set(os.environ)\n\n\
                    def predict(nonce):\n    return 1\n";

/// The lines of the next datagram.
fn heard(manager: &UnixDatagram) -> Vec<String> {
    let mut bytes = [0; 4096];
    let length = manager.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap().lines().map(str::to_owned).collect()
}

/// Started is the end of the first load, well or not, whatever the chain and its windows do meanwhile.
#[test]
fn a_start_is_over_with_the_first_load_and_not_before() {
    let late = "import os, time\nwhile not os.path.exists(os.environ['GATE']): time.sleep(0.05)\n";
    for (ends, gone) in [("def predict():\n    return 1\n", false), ("raise ValueError\n", true)] {
        let long = Options { epoch_length: 40, ground_truth_lag: 40, ..manual() };
        let bench = Bench::registered(long, &format!("{late}{ends}"));
        let gate = bench.folder.path().join("bundle/gate");
        let bench = bench.set("GATE", gate.to_str().unwrap());
        let nobody = [("ALLORA_NETWORK", "http://127.0.0.1:1")];
        let worker = bench.run_with(if gone { &nobody } else { &[] });
        if gone {
            bench.until_why("127.0.0.1:1");
        } else {
            bench.mine_to_opening();
            bench.until("a window", |bench| (bench.heartbeat()["phase"] == "predicting").then_some(()));
        }
        assert_eq!((bench.probe("startup"), bench.probe("live")), (Some(1), Some(0)), "{}", bench.log());
        fs::write(&gate, "").unwrap();
        bench.until("the end of the start", |bench| (bench.probe("startup") == Some(0)).then_some(()));
        assert_eq!(worker.stop(), Some(0));
    }
}

#[test]
fn a_manager_hears_of_turns_and_of_nothing_else() {
    let bench = Bench::registered(manual(), CODE);
    let path = bench.folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let socket = path.to_str().unwrap();
    let worker = bench.run_with(&[("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "20000000")]);

    let is = |lines: &[String], word: &str| lines.iter().any(|line| line == word);
    let first = heard(&manager);
    assert!(is(&first, "WATCHDOG=1") && is(&first, "EXTEND_TIMEOUT_USEC=20000000"), "{first:?}");
    assert!(is(&first, "STATUS=starting: the worker is starting"), "{first:?}");
    // Ready is said when the model is loaded, and not before.
    let ready = std::iter::repeat_with(|| heard(&manager)).find(|lines| is(lines, "READY=1")).unwrap();
    assert_eq!(bench.probe("startup"), Some(0));
    assert!(is(&ready, "WATCHDOG=1"), "{ready:?}");
    bench.until_ready();

    // A loop that stands still says nothing. What was on its way is heard before.
    worker.signal(Signal::SIGSTOP);
    manager.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
    let mut bytes = [0; 4096];
    while manager.recv(&mut bytes).is_ok() {}
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    worker.signal(Signal::SIGCONT);
    assert!(is(&heard(&manager), "WATCHDOG=1"));

    worker.signal(Signal::SIGTERM);
    std::iter::repeat_with(|| heard(&manager)).find(|lines| is(lines, "STOPPING=1")).unwrap();
    assert_eq!(worker.exit().code(), Some(0));
}
