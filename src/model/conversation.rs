//! Speaking with a process, and what is made of its silence, its end and its nonsense.
//!
//! A process that fails here is killed and taken out of its `Option`: what is left in one is good
//! for another call.

use std::time::Duration;

use bootstrap_frames::{FromHost, ToHost};
use tokio::time::{Instant, sleep_until, timeout};

use super::failure::{Failure, FailureKind};
use super::memory::MIB;
use super::process::{Event, Process, describe};

/// How long a process may take to read a message.
const READING_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to leave in order.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// Sends a message to a process; an error means that the process is gone.
pub async fn say(process: &mut Option<Process>, message: &ToHost) -> Result<(), Failure> {
    let Some(running) = process.as_mut() else {
        return Err(Failure::new(FailureKind::Crash, "the process is gone"));
    };
    match timeout(READING_LIMIT, running.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(died(process.take()).await),
        Err(_) => Err(broke(process.take(), "it reads no messages").await),
    }
}

/// The next message of a process, unless its time or memory runs out or it ends: then it is killed
/// and gone.
pub async fn hear(process: &mut Option<Process>, deadline: Instant, what: &str) -> Result<FromHost, Failure> {
    let start = Instant::now();
    let Some(running) = process.as_mut() else {
        return Err(Failure::new(FailureKind::Crash, "the process is gone"));
    };
    tokio::select! {
        biased;
        event = running.next() => match event {
            Event::Said(message) => Ok(message),
            end => Err(ended(process.take(), end).await),
        },
        () = sleep_until(deadline) => {
            let seconds = start.elapsed().as_secs_f64();
            let message = format!("the model {what} within {seconds:.1} s and was killed");
            Err(killed(process.take(), FailureKind::Timeout, message).await)
        }
    }
}

/// What an event that ends a process, or has to, comes to.
pub async fn ended(process: Option<Process>, event: Event) -> Failure {
    match event {
        Event::Said(_) => broke(process, "it spoke unasked").await,
        Event::Ended | Event::Closed => died(process).await,
        Event::Garbage(error) => {
            broke(process, &format!("it sent something that is not a message: {error}")).await
        }
        Event::Overgrown { used, limit } => {
            let (used, limit) = (used.div_ceil(MIB), limit.bytes() / MIB);
            let message = format!(
                "the model used {used} MiB of memory, more than the {limit} MiB of runtime.memory_mb, and was \
                 killed; raise the limit, or hold less at a time"
            );
            killed(process, FailureKind::Memory, message).await
        }
    }
}

/// Kills a process for a reason of ours.
pub async fn killed(process: Option<Process>, kind: FailureKind, message: String) -> Failure {
    if let Some(process) = process {
        process.end().await;
    }
    Failure::new(kind, message)
}

/// The evidence of a process that ended by itself.
async fn died(process: Option<Process>) -> Failure {
    let Some(process) = process else { return Failure::new(FailureKind::Crash, "the process is gone") };
    // A connection closes a moment before its process ends; the status tells why, so wait for it.
    if timeout(GOODBYE_LIMIT, process.ended()).await.is_err() {
        return broke(Some(process), "it closed its connection to the worker").await;
    }
    let (status, last_lines) = process.end().await;
    let message = format!("the model process died: {}", describe(status));
    Failure { traceback: last_lines, ..Failure::new(FailureKind::Crash, message) }
}

/// A process that does not keep to the protocol is not to be trusted with another call.
pub async fn broke(process: Option<Process>, problem: &str) -> Failure {
    let last_lines = match process {
        Some(process) => process.end().await.1,
        None => None,
    };
    let message = format!("the model process was killed: {problem}");
    Failure { traceback: last_lines, ..Failure::new(FailureKind::Crash, message) }
}

/// One that answers another question.
pub async fn unexpected(process: Option<Process>) -> Failure {
    broke(process, "it answered what was not asked").await
}

/// Says goodbye, and kills what does not leave.
pub async fn leave(mut process: Process) {
    let _ = timeout(GOODBYE_LIMIT, async {
        if process.send(&ToHost::Bye).await.is_ok() {
            process.ended().await;
        }
    })
    .await;
    process.end().await;
}
