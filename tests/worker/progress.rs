//! What a terminal shows while something takes long, and that nobody else sees any of it.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bootstrap::devnet::BlockTime;
use nix::pty::{Winsize, openpty};
use serde_json::Value;

use crate::support::{Bench, Worker, manual};

const LOADS_SLOWLY: &str =
    "import time\ntime.sleep(1.5)\ndef predict(nonce):\n    time.sleep(1)\n    return nonce / 8\n";

/// Enough that no line is cut and none leaves the screen.
const SIZE: Winsize = Winsize { ws_row: 500, ws_col: 2_000, ws_xpixel: 0, ws_ypixel: 0 };

/// A terminal that keeps what was written to it.
struct Terminal {
    written: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts `command` with its stderr on a terminal.
    fn start(bench: &Bench, command: &mut Command) -> (Self, Worker) {
        let pty = openpty(&SIZE, None).unwrap();
        let worker = bench.start_on(pty.slave, command);
        let written = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&written);
        let reader = thread::spawn(move || {
            let mut master = File::from(pty.master);
            let mut bytes = [0; 4_096];
            // A terminal whose last writer is gone gives an error.
            while let Ok(read @ 1..) = master.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        (Self { written, reader }, worker)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    fn until(&self, bench: &Bench, words: &str) {
        bench.until(words, |_| self.text().contains(words).then_some(()));
    }

    /// The lines that are on the screen in the end.
    fn screen(self) -> Vec<String> {
        self.reader.join().unwrap();
        let mut terminal = vt100::Parser::new(SIZE.ws_row, SIZE.ws_col, 0);
        terminal.process(&self.written.lock().unwrap());
        let lines = terminal.screen().rows(0, SIZE.ws_col).map(|line| line.trim_end().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    }
}

fn pretty(bench: &Bench, arguments: &[&str]) -> Command {
    let mut command = bench.bootstrap();
    command.env_remove("ALLORA_LOG_FORMAT").args(arguments);
    command
}

#[test]
fn a_terminal_shows_what_takes_long_below_a_log_that_is_whole() {
    let bench = Bench::new(manual(), LOADS_SLOWLY);
    bench.devnet.mine(2).unwrap();
    let (terminal, worker) = Terminal::start(&bench, &mut pretty(&bench, &["run"]));
    terminal.until(&bench, "loading the model for 0 s, at most 300 s more");
    terminal.until(&bench, &format!("registering {}", bench.address()));
    bench.until("a registration", |bench| (bench.mempool() > 0).then_some(()));
    // From here on a second a block: time enough to be seen doing each of it.
    bench.devnet.set_block_time(BlockTime::Every(Duration::from_secs(1))).unwrap();
    for words in ["the model predicts, for at most", "submitting; the window closes in", "waiting for window"]
    {
        terminal.until(&bench, words);
    }
    bench.until_a_round_is("admitted");
    assert_eq!(worker.stop(), Some(0));

    let screen = terminal.screen();
    assert!(screen.iter().any(|line| line.contains(": admitted")), "{screen:#?}");
    for line in &screen {
        let is_event = line.starts_with("20") && line.contains("Z ");
        let is_continued = line.starts_with("    ");
        assert!(is_event || is_continued, "no line of a log: {line}: {screen:#?}");
        assert!(!line.contains("waiting for window") && !line.contains("loading the model"), "torn: {line}");
    }
}

#[test]
fn a_prediction_by_hand_shows_how_long_the_model_still_loads() {
    let bench = Bench::new(manual(), LOADS_SLOWLY);
    let (terminal, worker) = Terminal::start(&bench, pretty(&bench, &["predict"]).stdout(Stdio::null()));
    terminal.until(&bench, "loading the model for 0 s, at most 300 s more");
    assert_eq!(worker.exit().code(), Some(0));
    assert!(!terminal.screen().iter().any(|line| line.contains("loading the model for")));
}

#[test]
fn nothing_moves_a_cursor_where_no_terminal_is_or_json_was_asked_for() {
    let bench = Bench::new(manual(), LOADS_SLOWLY);
    let piped = pretty(&bench, &["predict", "--log-format", "pretty"]).output().unwrap();
    assert!(!piped.stderr.is_empty() && !piped.stderr.iter().any(|byte| b"\x1b\r".contains(byte)));
    let (terminal, worker) =
        Terminal::start(&bench, pretty(&bench, &["predict", "--log-format", "json"]).stdout(Stdio::null()));
    assert_eq!(worker.exit().code(), Some(0));
    for line in terminal.screen() {
        assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
    }
}
