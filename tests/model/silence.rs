//! Processes that give no sign of life between two calls.

use std::time::Duration;

use bootstrap::model::{Model, ModelSpec, ModelState, RestartCause};

use crate::support::{Bundle, LATER, happen, is_alive, loaded, until, value, with_one_python};

#[test]
fn a_process_that_is_stopped_or_locked_between_calls_is_replaced_before_the_next() {
    const CODE: &str = "
import ctypes, signal
def predict(nonce):
    if nonce == 1: later(os.kill, os.getpid(), signal.SIGSTOP)
    # Called through PyDLL, C keeps the interpreter's lock.
    if nonce == 2: later(ctypes.PyDLL(None).sleep, 1000)
    return nonce
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(&format!("{LATER}{CODE}"));
        let spec = ModelSpec { silence_limit: Duration::from_millis(1500), ..bundle.spec(python, "predict") };
        let model = Model::start(spec).unwrap();
        for nonce in 1..=2_u32 {
            assert_eq!(value(&model, nonce.into()).await, nonce.to_string());
            let first = model.watch().borrow().pid.unwrap();
            let replaced = until(&model, "another process", |status| {
                status.restarts.of(RestartCause::Silence) == u64::from(nonce)
                    && status.state == ModelState::Ready
            });
            let second = happen(&bundle, replaced).await.pid.unwrap();
            assert!(!is_alive(first) && is_alive(second));
        }
        assert_eq!(value(&model, 3).await, "3");
    });
}

#[test]
fn a_process_that_answers_pings_stays_and_a_call_may_come_between_ping_and_answer() {
    const CODE: &str = "
import ctypes, threading
def predict(nonce):
    # Holds the lock over several pings, and is not dead for it.
    threading.Timer(0.01, ctypes.PyDLL(None).usleep, [400_000]).start()
    return nonce
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let spec = ModelSpec { silence_limit: Duration::from_secs(3), ..bundle.spec(python, "predict") };
        let model = Model::start(spec).unwrap();
        loaded(&model).await;
        for nonce in 0..5 {
            assert_eq!(value(&model, nonce).await, nonce.to_string());
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        assert_eq!(model.watch().borrow().restarts.failures(), 0);
    });
}
