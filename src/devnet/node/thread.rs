//! The thread that owns the node: it keeps the clock and runs what others ask of the node.

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{Semaphore, oneshot};

use super::Node;

/// Calls that may wait for the node at a time; further ones wait for a place.
const MAX_WAITING: usize = 1_000;

/// How long the handle in this process waits for the node. A thousand blocks at once take less.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

type Job = Box<dyn FnOnce(&mut Node) + Send>;

/// The node's thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has stopped")]
pub struct Stopped;

/// Runs code on the node. The thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(in crate::devnet) struct NodeHandle {
    jobs: mpsc::Sender<Job>,
    places: Arc<Semaphore>,
}

/// Starts the thread.
pub(in crate::devnet) fn spawn(node: Node) -> std::io::Result<(NodeHandle, JoinHandle<()>)> {
    let (jobs, receiver) = mpsc::channel();
    let thread =
        std::thread::Builder::new().name("devnet-node".into()).spawn(move || drive(node, &receiver))?;
    Ok((NodeHandle { jobs, places: Arc::new(Semaphore::new(MAX_WAITING)) }, thread))
}

fn drive(mut node: Node, jobs: &mpsc::Receiver<Job>) {
    loop {
        let job = match node.until_next_block() {
            Some(Duration::ZERO) => Err(mpsc::RecvTimeoutError::Timeout),
            Some(wait) => jobs.recv_timeout(wait),
            None => jobs.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
        };
        match job {
            Ok(job) => job(&mut node),
            Err(mpsc::RecvTimeoutError::Timeout) => node.tick(),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl NodeHandle {
    /// Runs `job` between two others and gives its answer.
    pub async fn run<T, F>(&self, job: F) -> Result<T, Stopped>
    where
        T: Send + 'static,
        F: FnOnce(&mut Node) -> T + Send + 'static,
    {
        let _place = self.places.acquire().await.map_err(|_| Stopped)?;
        let (answer, answered) = oneshot::channel();
        self.send(job, move |value| drop(answer.send(value)))?;
        answered.await.map_err(|_| Stopped)
    }

    /// The same for code that is not async: waits, at most a minute.
    pub fn run_blocking<T, F>(&self, job: F) -> Result<T, Stopped>
    where
        T: Send + 'static,
        F: FnOnce(&mut Node) -> T + Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(job, move |value| drop(answer.send(value)))?;
        answered.recv_timeout(CALL_TIMEOUT).map_err(|_| Stopped)
    }

    fn send<T, F, A>(&self, job: F, answer: A) -> Result<(), Stopped>
    where
        F: FnOnce(&mut Node) -> T + Send + 'static,
        A: FnOnce(T) + Send + 'static,
    {
        self.jobs.send(Box::new(move |node| answer(job(node)))).map_err(|_| Stopped)
    }
}
