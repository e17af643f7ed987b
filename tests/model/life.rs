//! Processes that fail, end and are replaced.

use std::path::Path;
use std::time::Duration;

use bootstrap::model::{FailureKind, Model, ModelSpec, ModelState, RestartCause};

use crate::support::{
    Bundle, LATER, call, eventually, failure, happen, is_alive, loaded, quick, until, value,
    with_each_python, with_one_python,
};

#[test]
fn a_model_that_hangs_or_dies_is_replaced_and_asked_again() {
    const CODE: &str = "
import ctypes, itertools, os, signal
def predict(nonce):
    if nonce == 1: sum(itertools.repeat(0))
    if nonce == 2: os._exit(3)
    if nonce == 3: ctypes.string_at(0)
    if nonce == 4: os.kill(os.getpid(), signal.SIGKILL)
    if nonce == 5: os.write(3, b'\\xff\\xff\\xff\\xff')
    if nonce == 6: os.write(3, b'\\x0f\\0\\0\\0{\"type\":\"pong\"}')
    if nonce == 7: os.close(3)
    if nonce == 8:
        if os.fork() == 0: return 5
    if nonce == 9: os.kill(os.getpid(), signal.SIGSEGV)
    if nonce == 10: os.kill(os.getpid(), signal.SIGBUS)
    return nonce
";
    with_each_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        loaded(&model).await;
        let first = model.watch().borrow().pid.unwrap();
        let told = failure(&model, quick(1)).await;
        assert_eq!(told.kind, FailureKind::Timeout, "{told:?}");
        assert!(!is_alive(first), "the answer comes after the kill");
        for (nonce, says) in [
            (2, "exit code 3"),
            (3, "SIGSEGV"),
            (4, "SIGKILL"),
            (5, "not a message"),
            (6, "not asked"),
            (7, "died"),
            (9, "SIGSEGV"),
            (10, "SIGBUS"),
        ] {
            // The replacement is on its way; what died before does not cost this call its answer.
            while value(&model, 100).await != "100" {}
            let told = failure(&model, call(nonce)).await;
            assert_eq!(told.kind, FailureKind::Crash, "{told:?}");
            assert!(told.message.contains(says) || nonce == 7, "{nonce}: {told:?}");
        }
        assert_eq!(value(&model, 8).await, "8");
        assert!(model.watch().borrow().restarts.failures() >= 7);
    });
}

#[test]
fn a_process_that_dies_between_calls_is_replaced_before_the_next() {
    const CODE: &str = "
def predict(nonce):
    if nonce == 1: later(os._exit, 9)
    return nonce
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(&format!("{LATER}{CODE}"));
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        assert_eq!(value(&model, 1).await, "1");
        let first = model.watch().borrow().pid.unwrap();
        // That it had failed may be over before anybody looks; that it was replaced stays.
        let replaced = until(&model, "another process", |status| {
            status.restarts.of(RestartCause::Crash) == 1 && status.state == ModelState::Ready
        });
        let second = happen(&bundle, replaced).await.pid.unwrap();
        assert!(!is_alive(first) && is_alive(second));
        assert_eq!(value(&model, 2).await, "2");
        assert_eq!(model.watch().borrow().restarts.failures(), 1);
    });
}

#[test]
fn a_module_that_cannot_be_imported_says_why_and_is_tried_again() {
    with_one_python(|python| async move {
        for (code, says) in [
            ("import surely_no_such_module", "ModuleNotFoundError: No module named 'surely_no_such_module'"),
            ("def predict(: pass", "SyntaxError"),
            ("import sys; sys.exit(1)", "SystemExit"),
            ("raise BaseException('odd')", "BaseException: odd"),
        ] {
            let bundle = Bundle::new(code);
            let model = Model::start(bundle.spec(python, "predict")).unwrap();
            let told = failure(&model, call(1)).await;
            assert_eq!(told.kind, FailureKind::Import, "{told:?}");
            assert!(told.message.contains(says), "{told:?}");
            // Mended while the worker runs, it answers.
            std::fs::write(bundle.root().join("model.py"), "def predict(): return 1").unwrap();
            loaded(&model).await;
            assert_eq!(value(&model, 1).await, "1");
        }
        let bundle = Bundle::new("import time; time.sleep(1000)");
        let spec = bundle.spec(python, "predict");
        let spec = ModelSpec { load_limit: Duration::from_millis(300), ..spec };
        let model = Model::start(spec).unwrap();
        let told = failure(&model, call(1)).await;
        assert_eq!(told.kind, FailureKind::Timeout, "{told:?}");
    });
}

#[test]
fn stopping_ends_the_process_and_removes_its_folder() {
    const CODE: &str = "
import os
def predict(): raise RuntimeError(os.environ['TMPDIR'])
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        let told = failure(&model, call(1)).await;
        let scratch = told.message.strip_prefix("RuntimeError: ").unwrap().to_owned();
        assert!(Path::new(&scratch).is_dir());
        let mut status = model.watch();
        let pid = status.borrow().pid.unwrap();
        model.stop().await;
        assert_eq!(status.borrow_and_update().state, ModelState::Stopped);
        assert!(!is_alive(pid));
        eventually("the end of its folder", || !Path::new(&scratch).exists()).await;
    });
}

#[test]
fn neither_stops_nor_ignored_signals_nor_forks_hold_the_deadline_up() {
    const CODE: &str = "
import os, signal, time
def predict(nonce):
    if nonce == 0: return nonce
    for ignored in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
        signal.signal(ignored, signal.SIG_IGN)
    if nonce == 1: os.kill(os.getpid(), signal.SIGSTOP)
    if nonce == 2: time.sleep(1000)
    while True:
        if os.fork(): os.waitpid(-1, os.WNOHANG)
        else: os._exit(0)
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        for nonce in 1..=3 {
            assert_eq!(value(&model, 0).await, "0");
            let pid = model.watch().borrow().pid.unwrap();
            assert_eq!(failure(&model, quick(nonce)).await.kind, FailureKind::Timeout);
            assert!(!is_alive(pid), "{nonce}");
        }
        assert_eq!(model.watch().borrow().restarts.of(RestartCause::Timeout), 3);
    });
}

#[test]
fn a_model_that_cannot_be_loaded_says_so_all_the_while() {
    with_one_python(|python| async move {
        let bundle = Bundle::new("import time\ntime.sleep(0.2)\nraise RuntimeError('no weights')");
        let model = Model::start(bundle.spec(python, "predict")).unwrap();
        let failed =
            until(&model, "a failed import", |status| status.restarts.of(RestartCause::Load) == 1).await;
        // Also while the next attempt is under way.
        let again =
            until(&model, "another attempt", |status| status.pid.is_some() && status.pid != failed.pid);
        for status in [failed.clone(), again.await] {
            let ModelState::Failed(failure) = &status.state else { panic!("{status:?}") };
            assert_eq!(failure.message, "RuntimeError: no weights");
            assert!(failure.traceback.as_ref().unwrap().contains("model.py"), "{failure:?}");
        }
    });
}
