//! What people are told of, once at its beginning and once at its end, in `alerts.log` and by a webhook.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bootstrap::devnet::{BlockTime, Fault, FaultKind};
use serde_json::Value;

use crate::support::{Bench, PATIENCE, manual, quick, write_bundle};

const ONE: &str = "def predict(nonce):\n    return 1.5\n";
/// Whoever knows the path of the webhook may post.
const SECRET: &str = "T0-B0-9f8e7d6c";

/// `alerts.log`: beside the log file where there is one.
fn written(bench: &Bench) -> String {
    let read = |folder| fs::read_to_string(bench.folder.path().join(folder).join("alerts.log")).ok();
    ["logs", "state"].into_iter().find_map(read).unwrap_or_default()
}

/// `BEGIN` and `END` with their conditions, as `alerts.log` has them.
fn alerts(bench: &Bench) -> Vec<String> {
    let text = written(bench);
    let words = |line: &str| line.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect()
}

fn until_alert(bench: &Bench, alert: &str) {
    bench.until(alert, |bench| alerts(bench).iter().any(|line| line == alert).then_some(()));
}

fn count(bench: &Bench, alert: &str) -> usize {
    alerts(bench).iter().filter(|line| *line == alert).count()
}

/// The text of the line with this beginning.
fn detail(bench: &Bench, alert: &str) -> String {
    let text = written(bench);
    text.lines()
        .find(|line| line.contains(alert))
        .unwrap_or_else(|| panic!("no {alert} in {text}"))
        .to_owned()
}

/// What a webhook does with a post.
#[derive(Clone, Copy)]
enum Reply {
    Status(&'static str),
    /// Reads it and says nothing.
    Hang,
}

/// A server that replies so to the first posts and takes the others. Gives what came: whether it was taken, and
/// the post.
fn webhook(replies: &'static [Reply]) -> (String, Receiver<(bool, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/services/{SECRET}", listener.local_addr().unwrap());
    let (tell, posts) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        let mut replies = replies.iter();
        for stream in listener.incoming().map_while(Result::ok) {
            let reply = replies.next().copied();
            let Some(stream) = reply_to(stream, reply, &tell) else { continue };
            held.push(stream);
        }
    });
    (url, posts)
}

/// Gives the connection back that is to be left open.
fn reply_to(mut stream: TcpStream, reply: Option<Reply>, tell: &Sender<(bool, Value)>) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    // The test may be over.
    let _ = tell.send((reply.is_none(), serde_json::from_slice(&body).unwrap()));
    let status = match reply {
        Some(Reply::Hang) => return Some(stream),
        Some(Reply::Status(status)) => status,
        None => "200 OK",
    };
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    None
}

#[test]
fn what_rounds_come_to_is_told_of_and_posted_to_a_webhook_that_fails_at_first() {
    let code = format!(
        "import os, pathlib\nassert not any('{SECRET}' in value for value in os.environ.values())\n\
         value = pathlib.Path(__file__).with_name('value')\n\
         def predict(nonce):\n    return value.read_text()\n"
    );
    let bench = Bench::registered(quick(), &code);
    bench.extend_manifest("validation:\n  max_repeats: 3\n");
    let (url, posts) = webhook(&[
        Reply::Status("500 Internal Server Error"),
        Reply::Hang,
        Reply::Status("429 Too Many Requests\r\nRetry-After: 1"),
    ]);
    let bench = bench.set("ALLORA_ALERT_WEBHOOK", &url);
    let worker = bench.run(&[]);
    let value = bench.folder.path().join("bundle/src/value");

    until_alert(&bench, "BEGIN failures_in_a_row");
    until_alert(&bench, "BEGIN windows_missed");
    assert!(detail(&bench, "BEGIN failures_in_a_row").contains("exception: FileNotFoundError"));
    fs::write(&value, "1.5").unwrap();
    until_alert(&bench, "END failures_in_a_row");
    until_alert(&bench, "END windows_missed");
    until_alert(&bench, "BEGIN values_repeating");
    fs::write(&value, "2.5").unwrap();
    until_alert(&bench, "END values_repeating");
    bench.devnet.set_balance(&bench.address(), 90_000).unwrap();
    until_alert(&bench, "BEGIN balance_low");
    assert!(detail(&bench, "BEGIN balance_low").contains("days left"), "{:?}", alerts(&bench));
    bench.devnet.set_balance(&bench.address(), 1_000_000_000_000_000_000).unwrap();
    until_alert(&bench, "END balance_low");

    // The first is tried until it is taken; then the others come in their order.
    let mut taken = Vec::new();
    let mut tries = Vec::new();
    while taken.len() < 4 {
        let (is_taken, post) = posts.recv_timeout(PATIENCE).unwrap();
        if is_taken { taken.push(post) } else { tries.push(post) }
    }
    assert!(tries.len() == 3 && tries.iter().all(|post| *post == taken[0]), "{tries:?}");
    let said = |post: &Value| {
        let words = [&post["transition"], &post["condition"]].map(|word| word.as_str().unwrap().to_owned());
        format!("{} {}", words[0].to_uppercase(), words[1])
    };
    assert_eq!(taken.iter().map(said).collect::<Vec<_>>(), alerts(&bench)[..4]);
    let text = taken[0]["text"].as_str().unwrap();
    assert!(text.contains("topic 1") && text.contains(&bench.address()), "{text}");
    assert_eq!(worker.stop(), Some(0));
    assert!(!bench.log().contains(SECRET) && !written(&bench).contains(SECRET), "{}", bench.log());
}

#[test]
fn what_had_begun_before_a_restart_is_not_told_of_twice_and_ends() {
    let bench = Bench::registered(quick(), "import no_such_module\n");
    let state = bench.folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let large = state.join("large");
    File::create(&large).unwrap().set_len(101_000_000).unwrap();
    let worker = bench.run(&[]);
    until_alert(&bench, "BEGIN model_down");
    until_alert(&bench, "BEGIN disk");
    assert!(detail(&bench, "BEGIN model_down").contains("no_such_module"));
    worker.kill();

    let worker = bench.run(&[]);
    bench.until("a worker that knows of both", |bench| {
        bench.log().contains("not ready: the model").then_some(())
    });
    fs::remove_file(&large).unwrap();
    write_bundle(&bench.folder.path().join("bundle"), ONE, "");
    until_alert(&bench, "END model_down");
    until_alert(&bench, "END disk");
    for condition in ["model_down", "disk"] {
        let told = ["BEGIN", "END"].map(|transition| count(&bench, &format!("{transition} {condition}")));
        assert_eq!(told, [1, 1], "{:?}", alerts(&bench));
    }
    bench.until_ready();

    // Blocks are told of over the connection that is there, and no question is answered.
    bench.devnet.fault(Fault::new(FaultKind::HttpStatus { status: 503 })).unwrap();
    until_alert(&bench, "BEGIN chain_unreachable");
    assert!(detail(&bench, "BEGIN chain_unreachable").contains("cannot be asked"), "{}", written(&bench));
    assert_eq!(bench.heartbeat()["ready"], false);
    bench.devnet.clear_faults();
    until_alert(&bench, "END chain_unreachable");
    bench.until_ready();

    // Nothing comes over the connection that is there, and no other is made.
    bench.devnet.set_block_time(BlockTime::Manual).unwrap();
    bench.devnet.fault(Fault::new(FaultKind::DropRequest)).unwrap();
    bench.until("another chain_unreachable", |bench| {
        (count(bench, "BEGIN chain_unreachable") == 2).then_some(())
    });
    bench.devnet.clear_faults();
    bench.devnet.set_block_time(BlockTime::Every(Duration::from_millis(200))).unwrap();
    bench.until("its end", |bench| (count(bench, "END chain_unreachable") == 2).then_some(()));
    assert_eq!(worker.stop(), Some(0));
}

/// A window that is answered and admitted.
fn answer(bench: &Bench) {
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    until_ended(bench, nonce, "admitted");
}

fn until_ended(bench: &Bench, nonce: i64, state: &str) {
    bench.until(state, |bench| bench.round(nonce).filter(|round| round["state"] == state));
}

#[test]
fn windows_that_the_chain_or_validation_refuses_are_missed_and_a_large_log_is_told_of() {
    let code = "import pathlib\nvalue = pathlib.Path(__file__).with_name('value')\n\
                def predict(nonce):\n    return value.read_text()\n";
    let bench = Bench::registered(manual(), code);
    bench.extend_manifest("validation:\n  reject_above: 100\n");
    let logs = bench.folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    let rotated = logs.join("worker.log.20300101_000000.gz");
    File::create(&rotated).unwrap().set_len(101_000_000).unwrap();
    let file = logs.join("worker.log").display().to_string();
    let bench = bench.set("ALLORA_LOG_FILE", &file);
    let value = bench.folder.path().join("bundle/src/value");
    fs::write(&value, "1.5").unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    until_alert(&bench, "BEGIN disk");
    assert!(detail(&bench, "BEGIN disk").contains("the log file and the rotated ones have 101 MB"));
    fs::remove_file(rotated).unwrap();

    let refuse = || {
        let refused = FaultKind::CheckCode { code: 6, codespace: "emissions".to_owned() };
        bench.devnet.fault(Fault::new(refused).on("broadcast_tx_sync")).unwrap();
        let nonce = bench.mine_to_opening();
        until_ended(&bench, nonce, "refused");
        bench.devnet.clear_faults();
    };
    refuse();
    fs::write(&value, "1000").unwrap();
    let nonce = bench.mine_to_opening();
    bench.until("a rejection", |bench| bench.round(nonce).filter(|round| round["verdict"] == "rejected"));
    bench.devnet.mine(11).unwrap();
    until_ended(&bench, nonce, "expired");
    until_alert(&bench, "BEGIN windows_missed");
    assert!(detail(&bench, "BEGIN windows_missed").contains("2 of the last 2 windows went by unanswered"));
    fs::write(&value, "1.5").unwrap();
    refuse();
    until_alert(&bench, "BEGIN failures_in_a_row");
    answer(&bench);
    until_alert(&bench, "END failures_in_a_row");
    assert_eq!(count(&bench, "END windows_missed"), 0, "{:?}", alerts(&bench));
    answer(&bench);
    answer(&bench);
    until_alert(&bench, "END windows_missed");
    until_alert(&bench, "END disk");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_webhook_that_is_no_url_and_a_file_that_cannot_be_written_stop_the_start() {
    let bench = Bench::new(quick(), ONE);
    let worker = bench.run_with(&[("ALLORA_ALERT_WEBHOOK", SECRET)]);
    assert_eq!(worker.exit().code(), Some(78));
    assert!(bench.log().contains("ALLORA_ALERT_WEBHOOK") && !bench.log().contains(SECRET), "{}", bench.log());
    fs::create_dir_all(bench.folder.path().join("state/alerts.log")).unwrap();
    let worker = bench.run(&[]);
    assert_eq!(worker.exit().code(), Some(78));
    assert!(bench.log().contains("state/alerts.log"), "{}", bench.log());
}
