//! The one thread that model processes are children of.
//!
//! The kernel's parent-death signal fires when the *thread* that spawned a child ends, and threads
//! of a runtime come and go; so one thread lasts as long as the model and does nothing else.

use std::io;
use std::process::{Child, Command};
use std::sync::mpsc;

use tokio::sync::oneshot;

type Order = (Command, oneshot::Sender<io::Result<Child>>);

/// A handle of the thread; the thread ends with it, and the kernel then kills what it spawned.
#[derive(Debug)]
pub struct Spawner {
    orders: mpsc::Sender<Order>,
}

impl Spawner {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (orders, queue) = mpsc::channel::<Order>();
        std::thread::Builder::new().name("model-spawner".into()).spawn(move || {
            for (mut command, reply) in queue {
                // The asking side may have been dropped; the child then goes with `Child`'s owner.
                if let Err(Ok(mut orphan)) = reply.send(command.spawn()) {
                    let _ = orphan.kill();
                    let _ = orphan.wait();
                }
            }
        })?;
        Ok(Self { orders })
    }

    /// Spawns a child of the thread.
    pub async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = || io::Error::other("the spawning thread is gone");
        let (reply, answer) = oneshot::channel();
        self.orders.send((command, reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
