//! What a model starts, and what must not be left of it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bootstrap::model::{Call, FailureKind, Model};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    BOOTSTRAP, Bundle, call, eventually, failure, is_alive, loaded, numbers, parent, pythons, value,
    with_one_python,
};

/// Starts what likes to stay: a child, one with a session of its own, and a daemon. Their numbers are
/// in `$TMPDIR/strays` when they run.
const STRAYS: &str = "
import os, signal, subprocess, sys, time
FILE = os.path.join(os.environ.get('STRAYS') or os.environ['TMPDIR'], 'strays')
def note(pid):
    with open(FILE, 'a') as file: file.write(f'{pid}\\n')
def daemon():
    if os.fork(): return os.wait()
    os.setsid()
    if os.fork(): os._exit(0)
    for ignored in [signal.SIGTERM, signal.SIGHUP]: signal.signal(ignored, signal.SIG_IGN)
    note(os.getpid())
    while True: time.sleep(1000)
def stray():
    note(subprocess.Popen(['sleep', '1000']).pid)
    note(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)
    daemon()
    while len(open(FILE).readlines()) % 3: time.sleep(0.01)
";

/// Time for all that a model is to start.
fn within_five_seconds(nonce: i64) -> Call {
    Call { limit: Duration::from_secs(5), ..call(nonce) }
}

/// Everything that such a model noted, once all of it runs.
async fn strays(folder: &Path) -> Vec<u32> {
    let file = folder.join("strays");
    eventually("three strays", || numbers(&file).len() == 3).await;
    let strays = numbers(&file);
    assert!(strays.iter().all(|&pid| is_alive(pid)), "{strays:?}");
    std::fs::remove_file(file).unwrap();
    strays
}

#[test]
fn sessions_and_daemons_end_with_the_model_however_that_ends() {
    let code = format!(
        "{STRAYS}
def predict(nonce):
    stray()
    if nonce == 1: raise RuntimeError(os.path.dirname(FILE))
    if nonce == 2: os._exit(0)
    time.sleep(1000)
"
    );
    let code = &*code.leak();
    with_one_python(|python| async move {
        let bundle = Bundle::new(code);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        let told = failure(&model, call(1)).await.message;
        let scratch = Path::new(told.strip_prefix("RuntimeError: ").unwrap());
        // A failed call is no reason to end what a model runs beside it.
        let of_the_first = strays(scratch).await;
        for (call, kind) in [(call(2), FailureKind::Crash), (within_five_seconds(3), FailureKind::Timeout)] {
            assert_eq!(failure(&model, call).await.kind, kind);
            let noted = numbers(&scratch.join("strays"));
            std::fs::remove_file(scratch.join("strays")).unwrap();
            assert_eq!(noted.len(), 3);
            // Already now: the answer comes after the end.
            for pid in noted.iter().chain(&of_the_first) {
                assert!(!is_alive(*pid), "{pid} of {noted:?}, {of_the_first:?}");
            }
        }
        loaded(&model).await;
        assert!(matches!(model.predict(call(1)).await, Err(failed) if failed.kind == FailureKind::Exception));
        let of_the_last = strays(scratch).await;
        model.stop().await;
        assert!(!of_the_last.iter().any(|&pid| is_alive(pid)));
    });
}

#[test]
fn a_worker_that_is_killed_leaves_nothing_behind() {
    let code =
        format!("{STRAYS}\ndef predict():\n    stray()\n    note(os.getpid())\n    time.sleep(1000)\n");
    with_one_python(|_| {
        let code = code.clone();
        async move {
            let marks = tempfile::tempdir().unwrap();
            let more = format!("runtime: {{max_seconds: 600, writable: [{}]}}", marks.path().display());
            let bundle = Bundle::with_manifest(&code, &more);
            let mut worker = Command::new(BOOTSTRAP)
                .args(["predict", "--python"])
                .arg(&pythons()[0].executable)
                .arg(bundle.root())
                .env("STRAYS", marks.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let file = marks.path().join("strays");
            eventually("the model and its strays", || numbers(&file).len() == 4).await;
            worker.kill().unwrap();
            worker.wait().unwrap();
            eventually("their end", || !numbers(&file).into_iter().any(is_alive)).await;
        }
    });
}

#[test]
fn a_keeper_that_is_stopped_or_killed_holds_nothing_up() {
    const CODE: &str = "
import time
def predict(nonce):
    if nonce: time.sleep(1000)
    return nonce
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        for (signal, kind) in [(Signal::SIGSTOP, FailureKind::Timeout), (Signal::SIGKILL, FailureKind::Crash)]
        {
            assert_eq!(value(&model, 0).await, "0");
            let pid = model.watch().borrow().pid.unwrap();
            let keeper = parent(pid);
            let (asked, ()) = tokio::join!(failure(&model, within_five_seconds(1)), async {
                // As the model could, where the kernel does not confine its signals.
                kill(Pid::from_raw(keeper.try_into().unwrap()), signal).unwrap();
            });
            assert_eq!(asked.kind, kind, "{asked:?}");
            assert!(!is_alive(pid) && !is_alive(keeper), "{signal}");
        }
        assert_eq!(value(&model, 0).await, "0");
    });
}

#[test]
fn a_fork_bomb_is_over_with_its_model() {
    // Processes that each leave their parent's session, and some that do so over and over: a child, and
    // the parent ends. Each ends by itself too, so that a keeper that fails costs the test, not the machine.
    const CODE: &str = "
import os, time
def hop():
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if os.fork(): os._exit(0)
        os.setsid()
def predict(nonce):
    if nonce == 0: raise RuntimeError(os.environ['TMPDIR'])
    for number in range(300):
        if os.fork() == 0:
            os.setsid()
            if number % 30 == 0: hop()
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        loaded(&model).await;
        let told = failure(&model, call(0)).await.message;
        let mark = format!("TMPDIR={}\0", told.strip_prefix("RuntimeError: ").unwrap());
        let bombs = || {
            let environments = std::fs::read_dir("/proc")
                .unwrap()
                .filter_map(|process| std::fs::read(process.ok()?.path().join("environ")).ok());
            environments.filter(|text| text.windows(mark.len()).any(|part| part == mark.as_bytes())).count()
        };
        let (told, ()) = tokio::join!(failure(&model, within_five_seconds(1)), async {
            eventually("the bomb", || bombs() > 200).await;
        });
        assert_eq!(told.kind, FailureKind::Timeout, "{told:?}");
        loaded(&model).await;
        model.stop().await;
        assert_eq!(bombs(), 0);
    });
}
