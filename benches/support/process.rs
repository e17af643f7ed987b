//! Processes of the bench, and what the kernel knows of them.

use std::collections::HashMap;
use std::iter::Sum;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

/// The release binary; cargo builds it before the bench.
pub const BINARY: &str = env!("CARGO_BIN_EXE_bootstrap");

/// How long a process may take to end in order, and anything else here to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that ends with its value, in order.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it. Its output goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = std::fs::File::create(log)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Self(child))
    }

    /// Ends it as a machine that goes down would.
    pub fn kill(mut self) {
        // It may be gone already.
        let _ = self.0.kill();
    }

    /// Asks it to end.
    pub fn ask_to_end(&self) {
        // It may be gone already.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_end();
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.0.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.0.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The interpreter that `ALLORA_PYTHON` or PATH names: itself, not a script that looks for it, whose
/// time would be counted as ours.
pub fn python() -> Result<PathBuf> {
    let named = std::env::var_os("ALLORA_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(named).args(["-c", "import sys; print(sys.executable)"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// Asks every millisecond until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            bail!("{what}: not within {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Memory of a process or several, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Pages that it has in memory. Such as several processes share count in each.
    pub rss: u64,
    /// The same, each page shared among those that have it: in a sum it counts once.
    pub pss: u64,
}

impl Sum for Memory {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self { rss: sum.rss + one.rss, pss: sum.pss + one.pss })
    }
}

/// Memory of a process now.
pub fn memory(pid: u32) -> Result<Memory> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let bytes = |name: &str| -> Result<u64> {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes: u64 =
            line.context("an unknown smaps_rollup")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    };
    Ok(Memory { rss: bytes("Rss")?, pss: bytes("Pss")? })
}

/// These processes and all that they have started.
pub fn families(of: impl IntoIterator<Item = u32>) -> Result<Vec<u32>> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have ended meanwhile.
        if let Ok(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found: Vec<u32> = of.into_iter().collect();
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    Ok(found)
}

/// The parent of a process.
pub fn parent(pid: u32) -> Result<u32> {
    Ok(stat(pid)?.get(1).context("no parent in stat")?.parse()?)
}

/// What proc(5) lists of a process from its state on: behind the command's name, which may hold blanks.
fn stat(pid: u32) -> Result<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no command in stat")?;
    Ok(fields.split(' ').map(str::to_owned).collect())
}

/// CPU time that a process has used, in user and kernel mode, with that of its children that have ended. Its own is
/// exact; theirs is told in steps of 10 ms.
pub fn cpu(pid: u32) -> Result<Duration> {
    let own: Duration = ClockId::pid_cpu_clock_id(Pid::from_raw(pid.cast_signed()))?.now()?.into();
    let ticks: u64 = stat(pid)?.iter().skip(13).take(2).map(|ticks| ticks.parse().unwrap_or(0)).sum();
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.context("no CLK_TCK")?;
    Ok(own + Duration::from_secs_f64(ticks as f64 / per_second as f64))
}
