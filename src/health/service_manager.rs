//! What the worker tells the service manager that started it: that it has started, that its loop turns, and what it is
//! doing.
//!
//! The protocol is systemd's `sd_notify(3)`: one datagram for a turn. Nothing is sent by a timer, so that a loop that
//! hangs is as silent as it is.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

use super::{Heartbeat, Phase, probe};

/// How much time a turn before the start is over asks for: as long as a loop may hang before a probe calls it dead.
const PER_TURN: Duration = Duration::from_secs(20);

/// The service manager, where there is one.
#[derive(Debug)]
pub struct ServiceManager {
    listens: bool,
    /// The datagram that is on its way. A manager that hangs holds up one thread and no turn.
    sending: Option<JoinHandle<()>>,
}

impl ServiceManager {
    /// The manager that the environment names.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self { listens: std::env::var_os("NOTIFY_SOCKET").is_some(), sending: None }
    }

    /// A turn of the loop is completed, with this as its result.
    pub fn turn(&mut self, heartbeat: &Heartbeat) {
        if !self.listens || self.sending.as_ref().is_some_and(|sending| !sending.is_finished()) {
            return;
        }
        let (phase, has_started) = (heartbeat.phase, heartbeat.started);
        let status = status(heartbeat);
        self.sending = Some(tokio::task::spawn_blocking(move || {
            let mut states = vec![NotifyState::Watchdog, NotifyState::Status(&status)];
            // Each datagram says all, so that one that was lost is made good by the next.
            states.push(match phase {
                Phase::Stopping | Phase::Stopped => NotifyState::Stopping,
                _ if has_started => NotifyState::Ready,
                _ => NotifyState::ExtendTimeoutUsec(PER_TURN.as_micros().try_into().unwrap_or(u32::MAX)),
            });
            // A manager that does not listen any more will hear of it when it asks the system.
            let _ = sd_notify::notify(&states);
        }));
    }
}

/// The line that `systemctl status` shows.
fn status(heartbeat: &Heartbeat) -> String {
    let mut line = heartbeat.phase.as_str().to_owned();
    if let Some(why) = &heartbeat.why {
        return format!("{line}: {}", probe::one_line(why));
    }
    if let Some(head) = &heartbeat.head {
        line.push_str(&format!(" at height {}", head.height));
    }
    if let Some(last) = &heartbeat.last_result {
        line.push_str(&format!(", round {} {}", last.nonce, last.state));
    }
    line
}
