//! A rotation under a thousand lines a second.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bootstrap::logs::{LogFile, LogQueue, Sink};
use bootstrap::settings::Rotation;
use flate2::read::GzDecoder;

use crate::support::figures::{Table, percentile};

const SIZE: u64 = 100_000_000;
/// As long as a line of a round.
const LINE: usize = 400;
const LINES: usize = 20_000;
const PACE: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);

/// A log file that notes how old each line is when it is written.
struct Timed {
    file: LogFile,
    begun: Instant,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl Sink for Timed {
    const TOO_SLOW: &'static str = LogFile::TOO_SLOW;

    fn write(&mut self, line: &[u8]) {
        self.file.write(line);
        let sent = line
            .split(|byte| *byte == b' ')
            .nth(1)
            .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let wait = self.begun.elapsed().saturating_sub(Duration::from_nanos(sent.unwrap_or(0)));
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).push(wait);
    }
}

/// Measures how long a caller and a line have to wait, and counts the lines.
pub fn measure(table: &mut Table) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("worker.log");
    let filler = format!("{}\n", "filler ".repeat(LINE / 7)).repeat(1_000);
    let mut file = File::create(&path)?;
    // The rotation comes after a third of the lines.
    let before = SIZE - (LINES / 3 * LINE) as u64;
    for _ in 0..before / filler.len() as u64 {
        file.write_all(filler.as_bytes())?;
    }
    drop(file);
    let (begun, waits) = (Instant::now(), Arc::default());
    let file = LogFile::open(&path, Rotation { max_bytes: SIZE, every: DAY, keep: DAY })?;
    let mut queue = LogQueue::start(Timed { file, begun, waits: Arc::clone(&waits) })?;
    let mut pushes = Vec::with_capacity(LINES);
    for number in 0..LINES {
        thread::sleep((PACE * number as u32).saturating_sub(begun.elapsed()));
        let line = format!("{number:08} {} ", begun.elapsed().as_nanos());
        let line = format!("{line:x<width$}\n", width = LINE - 1);
        let pushed = Instant::now();
        queue.write_all(line.as_bytes())?;
        pushes.push(pushed.elapsed());
    }
    queue.flush(Instant::now() + Duration::from_secs(10));
    let lost = LINES - numbers(folder.path())?;
    let waits = waits.lock().unwrap_or_else(PoisonError::into_inner);
    table.count("rotation of 100 MB under 1,000 lines/s: lines lost", 0.0, lost as f64);
    table.time("the same: longest wait of who logs", 20.0, percentile(&pushes, 100.0));
    table.time("the same: longest time from a line to its file", 20.0, percentile(&waits, 100.0));
    table.time("the same, p99", None, percentile(&waits, 99.0));
    Ok(())
}

/// How many different numbers are in the files, none twice, once the rotated one is compressed.
fn numbers(folder: &Path) -> Result<usize> {
    let end = Instant::now() + Duration::from_secs(120);
    let rotated = loop {
        let paths = folder.read_dir()?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        let rotated: Vec<_> = paths
            .into_iter()
            .filter(|path| !path.ends_with("worker.log") && !path.ends_with("worker.log.lock"))
            .collect();
        if let [one] = &*rotated
            && one.extension().is_some_and(|end| end == "gz")
        {
            break one.clone();
        }
        ensure!(Instant::now() < end, "the log was not rotated and compressed: {rotated:?}");
        thread::sleep(Duration::from_millis(100));
    };
    let mut text = String::new();
    GzDecoder::new(File::open(rotated)?).read_to_string(&mut text)?;
    let rotated = text.len();
    text.push_str(&fs::read_to_string(folder.join("worker.log"))?);
    ensure!(rotated > SIZE as usize / 2 && rotated < text.len(), "the rotation came at the wrong time");
    let lines = text.lines().filter(|line| !line.starts_with("filler"));
    let mut numbers: Vec<usize> = lines
        .map(|line| line.split(' ').next().context("a number")?.parse().context("a number"))
        .collect::<Result<_>>()?;
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    ensure!(all == numbers.len(), "a line is there twice");
    Ok(all)
}
