//! A second process, loaded beforehand.

use bootstrap::model::{FailureKind, Model, ModelSpec, ModelState, RestartCause};

use crate::support::{Bundle, call, failure, is_alive, quick, until, value, with_one_python};

#[test]
fn the_spare_process_takes_over_when_the_first_dies_or_is_killed_or_has_grown() {
    const CODE: &str = "
import os, time
held = []
def predict(nonce):
    if nonce == 1: os._exit(3)
    if nonce == 2: time.sleep(1000)
    if nonce == 3: held.append(b'x' * (120 * 1024 * 1024))
    return os.getpid()
";
    with_one_python(|python| async move {
        let bundle = Bundle::new(CODE);
        let spec = ModelSpec { spare: true, memory_mb: Some(150), ..bundle.spec(python, "predict") };
        let model = Model::start(spec).unwrap();
        for nonce in 1..=3 {
            let both = until(&model, "a spare process", |status| {
                status.state == ModelState::Ready && status.spare.is_some()
            });
            let both = both.await;
            let (first, spare) = (both.pid.unwrap(), both.spare.unwrap());
            match nonce {
                1 => assert_eq!(failure(&model, call(1)).await.kind, FailureKind::Crash),
                2 => assert_eq!(failure(&model, quick(2)).await.kind, FailureKind::Timeout),
                _ => {
                    assert_eq!(value(&model, 3).await, first.to_string());
                    let has =
                        |status: &bootstrap::model::ModelStatus| status.restarts.of(RestartCause::Recycled);
                    until(&model, "a swap", |status| has(status) == 1).await;
                }
            }
            // Loaded long ago: it never was the turn of anything else.
            assert_eq!(model.watch().borrow().state, ModelState::Ready);
            assert_eq!(value(&model, 4).await, spare.to_string());
            let next =
                until(&model, "another spare process", |status| status.spare.is_some()).await.spare.unwrap();
            assert!(![first, spare].contains(&next) && !is_alive(first) && is_alive(next));
        }
        let (pid, spare) = {
            let status = model.watch();
            let status = status.borrow();
            (status.pid, status.spare)
        };
        model.stop().await;
        assert!(!is_alive(pid.unwrap()) && !is_alive(spare.unwrap()));
    });
}

#[test]
fn a_spare_process_that_dies_is_replaced_and_disturbs_nobody() {
    with_one_python(|python| async move {
        let bundle = Bundle::new("import os\ndef predict(): return os.getpid()");
        let spec = ModelSpec { spare: true, ..bundle.spec(python, "predict") };
        let model = Model::start(spec).unwrap();
        let both = until(&model, "a spare process", |status| status.spare.is_some()).await;
        let (first, spare) = (both.pid.unwrap(), both.spare.unwrap());
        let spare_pid = nix::unistd::Pid::from_raw(spare.try_into().unwrap());
        nix::sys::signal::kill(spare_pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        let replaced = |status: &bootstrap::model::ModelStatus| status.spare.is_some_and(|pid| pid != spare);
        let status = until(&model, "another spare process", replaced).await;
        assert_eq!((&status.state, status.restarts.of(RestartCause::Crash)), (&ModelState::Ready, 1));
        assert_eq!(value(&model, 1).await, first.to_string());
    });
}
