//! Models that print more than anybody can read.

use serde_json::Value;

use crate::cage::{Cage, GROWTH, log_lines};

const ANIMALS: &str = r"
import json, logging, os, struct, sys, time

PIECE = 1 << 16

def write(descriptor, bytes_, total):
    left = total
    while left > 0:
        left -= os.write(descriptor, bytes_)

FLOODS = {
    'line': b'x' * PIECE,
    'lines': (b'y' * 255 + b'\n') * 256,
    'noise': os.urandom(PIECE),
    'forgery': b'\r\x1b[2K\x1b[31m{\x22level\x22:\x22ERROR\x22,\x22message\x22:\x22forged\x22}\r' * 1024,
}

def floods(context, what):
    for descriptor in (1, 2):
        write(descriptor, FLOODS[what], 63_000_000)
        # Whatever it was, it ends here.
        os.write(descriptor, b'\n')
    return 7

def answers_at_length(context):
    text = json.dumps({'type': 'done', 'id': 1, 'value': '1' * 4_000_000}).encode()
    left = struct.pack('<I', len(text)) + text
    while left:
        left = left[os.write(3, left):]
    time.sleep(3600)

def fails_at_length(context):
    raise type('T' * 3_000_000, (Exception,), {})

def replaces_stdout(context):
    class Broken:
        def write(self, text): raise OSError('no')
        def flush(self): raise OSError('no')
    sys.stdout = sys.stderr = Broken()
    return 2

def closes_stdout(context):
    sys.stdout.close()
    return 3

def configures_logging(context):
    logging.basicConfig(level=logging.DEBUG, force=True, stream=sys.__stderr__)
    logging.getLogger('prices').error('price of %s is old', 'ETH')
    return 4
";

#[test]
fn half_a_gigabyte_of_output_costs_no_memory_and_little_log() {
    let cage = Cage::new(ANIMALS, "max_seconds: 50");
    cage.answers("", "1");
    let peak = cage.memory("VmHWM");
    let (before, written) = (cage.last_turn(), cage.bench.log().len());
    // A line without end, lines, bytes that are no text, and escapes that would forge a line: 126 MB of each.
    let nonces = ["line", "lines", "noise", "forgery"].map(|what| {
        let nonce = cage.open(&format!("floods {what}"));
        cage.admits(nonce, "7");
        nonce
    });
    cage.is_live_after(before);

    let grown = cage.memory("VmHWM") - peak;
    assert!(grown < GROWTH, "{grown} kB more at the peak");

    // What is missing is counted and said, of each window and stream, though the model says nothing any more.
    let sum = |nonce: i64, stream: &str, field: &str| {
        let lines = log_lines(&cage.bench).into_iter();
        let of_stream = lines.filter(|line| line["nonce"] == nonce && line["stream"] == stream);
        of_stream.filter_map(|line| line[field].as_u64()).sum::<u64>()
    };
    let [line, lines, noise, _] = nonces;
    for stream in ["stdout", "stderr"] {
        for (nonce, field, least) in [
            (line, "cut", 1),
            (line, "bytes", 62_000_000),
            (lines, "dropped", 62_000_000 / 256),
            // A line end every 256 bytes on average; the same noise again and again may have fewer.
            (noise, "dropped", 62_000_000 / 512),
        ] {
            cage.bench
                .until("a count of what is missing", |_| (sum(nonce, stream, field) >= least).then_some(()));
        }
    }
    let log = cage.bench.log();
    let more = log.len() - written;
    assert!(more < 4 * 1024 * 1024, "{more} bytes of log");
    // Nothing that it printed is a line of ours.
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of our own");
        assert_ne!(line["level"], "ERROR", "{line}");
    }
    assert!(!log.contains('\u{1b}'));
    cage.answers("", "1");
    cage.close();
}

/// It has the descriptor of our module, and may send longer texts than that does.
#[test]
fn a_model_that_speaks_at_length_in_place_of_our_module_is_cut_short() {
    let cage = Cage::new(ANIMALS, "max_seconds: 20");
    cage.fails("answers_at_length", "crash", "its prediction is too large");
    cage.fails("fails_at_length", "exception", "TTTT");
    let longest = cage.bench.log().lines().map(str::len).max().unwrap();
    assert!(longest < 64 * 1024, "a line of {longest} bytes");
    cage.close();
}

#[test]
fn a_model_may_do_what_it_likes_with_its_output() {
    let cage = Cage::new(ANIMALS, "max_seconds: 50");
    cage.answers("configures_logging", "4");
    cage.bench.until("what it logs", |bench| bench.log().contains("price of ETH is old").then_some(()));
    cage.answers("closes_stdout", "3");
    cage.answers("replaces_stdout", "2");
    // What it did to its process stays done.
    cage.answers("", "1");
    cage.close();
}
