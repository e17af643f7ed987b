//! Shell commands that stop and start a given node, or start another one.

use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::bench::PATIENCE;
use crate::rpc::Rpc;

/// Pause before a node that did not start is started again.
const PAUSE: Duration = Duration::from_secs(1);

/// A node that was left behind answers before this.
const RETURN: Duration = Duration::from_secs(30);

/// How a node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// SIGTERM: it tells its subscribers.
    InOrder,
    /// SIGKILL.
    Killed,
}

/// What a node offers beside CometBFT's RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Services {
    /// What its settings say.
    AsConfigured,
    /// gRPC and REST are off, and Simulate with them.
    Off,
}

/// `REALCHAIN_STOP` and `REALCHAIN_START`.
pub struct Commands {
    pub stop: String,
    pub start: String,
}

impl Commands {
    /// Stops the node and starts it again, within `limit`.
    pub fn restart(&self, rpc: &Rpc, ending: Ending, services: Services, limit: Duration) {
        let Self { stop, start } = self;
        // Another node of the chain may be dead all the time.
        let nodes = rpc.heads().len();
        let signal = if ending == Ending::InOrder { "TERM" } else { "KILL" };
        let mut stopping = shell(stop).env("REALCHAIN_SIGNAL", signal).spawn().unwrap();
        rpc.until("the end of the node", PATIENCE, || (rpc.heads().len() < nodes).then_some(()));
        let stopped = rpc.until("the end of REALCHAIN_STOP", PATIENCE, || stopping.try_wait().unwrap());
        assert!(stopped.success(), "REALCHAIN_STOP failed: {stop}");
        let spawn = || {
            let mut command = shell(start);
            if services == Services::Off {
                command.env("REALCHAIN_SERVICES", "off");
            }
            command.spawn().unwrap()
        };
        let (mut starting, mut begun) = (spawn(), Instant::now());
        rpc.until("the node's return by REALCHAIN_START", limit, || {
            // The one before may have its ports and its data for a moment longer, and a command that leaves the node
            // behind does not know of it.
            let pause = |status: ExitStatus| if status.success() { RETURN } else { PAUSE };
            if starting.try_wait().unwrap().is_some_and(|status| begun.elapsed() > pause(status)) {
                (starting, begun) = (spawn(), Instant::now());
            }
            (rpc.heads().len() >= nodes).then_some(())
        });
        // It may be the node itself: once that ends, somebody has to wait for it.
        std::thread::spawn(move || starting.wait());
    }
}

/// A command that ends with its test, and everything that it started.
pub struct Running {
    process: Child,
    /// What it says first.
    pub first_line: String,
}

impl Running {
    /// Starts it, and waits for its first line.
    pub fn new(command: &str) -> Self {
        let mut process = shell(command).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let (told, line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            output.read_line(&mut line).and_then(|_| told.send(line).map_err(io::Error::other))?;
            io::copy(&mut output, &mut io::sink())
        });
        let mut running = Self { process, first_line: String::new() };
        let line = line.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{command} says nothing"));
        line.trim().clone_into(&mut running.first_line);
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = killpg(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

/// A command in a process group of its own: what ends the tests does not end a node that they have started.
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).process_group(0);
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}
