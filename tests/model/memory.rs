//! How much memory a model may take.

use bootstrap::model::{FailureKind, Model, ModelSpec, ModelState, RestartCause};

use crate::support::{Bundle, LATER, call, failure, happen, is_alive, loaded, until, value, with_one_python};

#[test]
fn the_memory_limit_is_kept_in_calls_between_them_and_while_loading_with_children_too() {
    const CODE: &str = "
MIB = 1024 * 1024
def hold(mib):
    held = bytearray(os.urandom(1) * (mib * MIB))
    time.sleep(1000)
def children(count, mib):
    for _ in range(count):
        if os.fork() == 0: hold(mib)
    time.sleep(1000)
def predict(nonce):
    if nonce == 1: hold(300)
    if nonce == 2: children(2, 100)
    if nonce == 3: later(hold, 300)
    return nonce
def never(): pass
if os.path.exists(os.path.join(os.path.dirname(__file__), 'large')): hold(300)
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(&format!("{LATER}{CODE}"));
        let spec = ModelSpec { memory_mb: Some(150), ..bundle.spec(python, "predict") };
        let model = Model::start(spec.clone()).unwrap();
        for nonce in [1, 2] {
            let told = failure(&model, call(nonce)).await;
            assert_eq!(told.kind, FailureKind::Memory, "{told:?}");
            let figures = ["MiB of memory, more than the 150 MiB of runtime.memory_mb", "raise the limit"];
            assert!(figures.iter().all(|figure| told.message.contains(figure)), "{told:?}");
        }
        loaded(&model).await;
        assert_eq!(value(&model, 3).await, "3");
        // A look in the moment between 80 % and all of the limit may come first.
        let replaced = until(&model, "another process", |status| {
            let restarts =
                [RestartCause::Memory, RestartCause::Recycled].map(|cause| status.restarts.of(cause));
            restarts.iter().sum::<u64>() == 3 && status.state == ModelState::Ready
        });
        happen(&bundle, replaced).await;
        assert_eq!(value(&model, 4).await, "4");

        std::fs::write(bundle.root().join("large"), "").unwrap();
        let model = Model::start(spec).unwrap();
        let told = failure(&model, call(4)).await;
        assert_eq!(told.kind, FailureKind::Memory, "{told:?}");
    });
}

#[test]
fn what_processes_share_counts_once() {
    // By resident sizes alone these were five times 100 MiB.
    const CODE: &str = "
import os, time
held = bytearray(b'x' * (100 * 1024 * 1024))
def predict():
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        children.append(child)
    time.sleep(1)
    return len(children)
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let spec = ModelSpec { memory_mb: Some(250), ..bundle.spec(python, "predict") };
        let model = Model::start(spec).unwrap();
        assert_eq!(value(&model, 1).await, "4");
        assert_eq!(model.watch().borrow().restarts.failures(), 0);
    });
}

#[test]
fn a_model_that_leaks_is_replaced_between_calls_and_no_call_fails() {
    const CODE: &str = "
held = []
def predict(nonce):
    held.append(b'x' * (10 * 1024 * 1024))
    return nonce
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let spec = ModelSpec { memory_mb: Some(100), ..bundle.spec(python, "predict") };
        let model = Model::start(spec).unwrap();
        assert_eq!(value(&model, 0).await, "0");
        let first = model.watch().borrow().pid.unwrap();
        for nonce in 1.. {
            assert_eq!(value(&model, nonce).await, nonce.to_string());
            // As between two windows: time to look at its memory.
            let looked_at = until(&model, "a look", |status| {
                let used = status.rss_bytes.unwrap_or(0) / 1024 / 1024;
                status.restarts.of(RestartCause::Recycled) > 0 || used > 10 * nonce.unsigned_abs()
            });
            if looked_at.await.restarts.of(RestartCause::Recycled) > 0 {
                break;
            }
        }
        until(&model, "a fresh process", |status| status.state == ModelState::Ready).await;
        assert_eq!(value(&model, 7).await, "7");
        let status = model.watch().borrow().clone();
        assert!(!is_alive(first) && status.pid != Some(first), "{status:?}");
        assert_eq!(status.restarts.failures(), 0);
    });
}
