//! How every process of a cage is known, whatever became of its parents.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The variable that a worker hands down to all that descends from it.
pub const NAME: &str = "ZOO_CAGE";

/// A mark of one cage. Dropping it kills what carries it: a test that fails leaves nothing behind either.
pub struct Mark(pub String);

impl Mark {
    /// The processes that carry it. One that has ended and was not reaped has no environment any more: it
    /// counts when its parent carries the mark.
    pub fn processes(&self) -> Vec<Pid> {
        let mark = format!("{NAME}={}\0", self.0).into_bytes();
        let all: Vec<(i32, i32, bool)> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
                let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                Some((pid, parent, environment.windows(mark.len()).any(|part| part == mark)))
            })
            .collect();
        let carries = |pid: i32| all.iter().any(|(other, _, carries)| *other == pid && *carries);
        let found = all.iter().filter(|(_, parent, is_marked)| *is_marked || carries(*parent));
        found.map(|(pid, ..)| Pid::from_raw(*pid)).collect()
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        for pid in self.processes() {
            // It may have ended since it was seen.
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}
