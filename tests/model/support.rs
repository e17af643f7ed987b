//! Models that are loaded, asked and waited for.

use std::path::Path;
use std::time::{Duration, Instant};

use bootstrap::model::{Answer, Call, Failure, Interpreter, Model, ModelState, ModelStatus, Prediction};

pub use crate::bundles::{BOOTSTRAP, Bundle, call, pythons};

/// Nothing here takes this long on a machine that is not stuck.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test with each Python.
pub fn with_each_python<F: Future<Output = ()>>(test: impl Fn(&'static Interpreter) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for python in pythons() {
        println!("{python:?}");
        runtime.block_on(test(python));
    }
}

/// Runs a test with one Python: what it shows does not depend on the version.
pub fn with_one_python<F: Future<Output = ()>>(test: impl Fn(&'static Interpreter) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test(&pythons()[0]));
}

pub async fn value(model: &Model, nonce: i64) -> String {
    match model.predict(call(nonce)).await {
        Ok(Answer::Value(Prediction::One(value))) => value,
        other => panic!("no value for {nonce}: {other:?}"),
    }
}

pub async fn failure(model: &Model, call: Call) -> Failure {
    match model.predict(call).await {
        Err(failure) => failure,
        Ok(answer) => panic!("an answer where none can be: {answer:?}"),
    }
}

pub fn quick(nonce: i64) -> Call {
    Call { limit: Duration::from_millis(500), ..call(nonce) }
}

pub async fn loaded(model: &Model) {
    until(model, "a loaded model", |status| status.state == ModelState::Ready).await;
}

pub fn is_alive(pid: u32) -> bool {
    // A zombie has ended, whoever is to reap it.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits for a state of the model.
pub async fn until(model: &Model, what: &str, reached: impl FnMut(&ModelStatus) -> bool) -> ModelStatus {
    let mut status = model.watch();
    let waited = tokio::time::timeout(PATIENCE, status.wait_for(reached)).await;
    match waited {
        Ok(status) => status.unwrap().clone(),
        Err(_) => panic!("{what} did not come: {:?}", model.watch().borrow()),
    }
}

/// Waits until something is so.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The parent of a process.
pub fn parent(pid: u32) -> u32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The numbers that a model wrote into this file, one a line.
pub fn numbers(file: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// For models: `later` does something when the test says so, by [`happen`].
pub const LATER: &str = "
import os, threading, time
def later(what, *arguments):
    mark = os.path.join(os.path.dirname(__file__), 'happen')
    def wait():
        while not os.path.exists(mark): time.sleep(0.01)
        what(*arguments)
    threading.Thread(target=wait, daemon=True).start()
";

/// What a model does `later` happens, until something is so.
pub async fn happen<T>(bundle: &Bundle, consequence: impl Future<Output = T>) -> T {
    let mark = bundle.root().join("happen");
    std::fs::write(&mark, "").unwrap();
    let seen = consequence.await;
    std::fs::remove_file(mark).unwrap();
    seen
}
