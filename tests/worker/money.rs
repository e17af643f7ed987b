//! Fees, caps, and a wallet that runs dry: the worker stays, says what is missing, and goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use bootstrap::devnet::{Fault, FaultKind, Options};
use serde_json::Value;

use crate::support::{Bench, http_get, manual, quick};

const ONE: &str = "def predict(nonce):\n    return 1.5\n";

#[test]
fn a_wallet_that_runs_dry_says_how_much_is_missing_between_windows_too() {
    let bench = Bench::registered(manual(), ONE);
    bench.devnet.set_balance(&bench.address(), 5_000).unwrap();
    let worker = bench.run(&[]);
    let why = bench.until_why("are missing");
    assert!(why.contains("has 5000 uallo"), "{why}");
    assert_eq!((bench.probe("live"), bench.probe("ready")), (Some(0), Some(1)));
    let nonce = bench.mine_to_opening();
    bench.until("a try", |bench| (bench.heartbeat()["phase"] == "blocked").then_some(()));
    bench.devnet.set_balance(&bench.address(), 1_000_000_000_000).unwrap();
    bench.devnet.mine(1).unwrap();
    bench.until_admitted();
    assert_eq!(bench.inferences(nonce), 1);
    bench.until_ready();
    assert_eq!(worker.stop(), Some(0));
}

/// CheckTx saw more than the block: the block takes the fee, and what the module charges beside it is not there.
#[test]
fn a_wallet_that_is_drained_before_the_block_goes_on_when_funded() {
    // Room for the blocks that are made until each state is seen.
    let chain =
        Options { epoch_length: 300, worker_submission_window: 290, ground_truth_lag: 300, ..manual() };
    let bench = Bench::registered(chain, ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    let offered: String =
        bench.journal().query_row("SELECT fee FROM transactions", [], |row| row.get(0)).unwrap();
    bench.devnet.set_balance(&bench.address(), offered.parse::<u128>().unwrap() + 5).unwrap();
    bench.devnet.mine(1).unwrap();
    bench.until("a simulation that is refused", |bench| {
        bench.devnet.mine(1).unwrap();
        (bench.heartbeat()["phase"] == "blocked").then_some(())
    });
    let why = bench.until_why("are missing");
    assert!(why.contains("has 5 uallo"), "{why}");
    assert_eq!((bench.mempool(), bench.paid().len()), (0, 1), "{}", bench.log());
    bench.devnet.set_balance(&bench.address(), 1_000_000_000_000).unwrap();
    bench.until("an answer", |bench| {
        bench.devnet.mine(1).unwrap();
        (bench.inferences(nonce) == 1).then_some(())
    });
    let round =
        bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!(bench.paid().len(), 2, "{round}");
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn the_days_limit_is_hard_and_ends_with_the_day() {
    // Just what the first window is expected to take, with what the module charges; not enough for two.
    let bench = Bench::registered(manual(), ONE).set("ALLORA_MAX_FEE_PER_DAY", "250010");
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.mine_to_opening();
    bench.until_admitted();
    let second = bench.mine_to_opening();
    bench.until_why("max_fee_per_day");
    assert_eq!(bench.probe("live"), Some(0));
    assert_eq!(bench.mempool(), 0);

    // The day is over.
    let journal = bench.journal();
    journal.execute("UPDATE spend SET day = '2001-01-01'", []).unwrap();
    bench.devnet.mine(1).unwrap();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| (bench.inferences(second) == 1).then_some(()));
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn a_price_that_jumps_is_paid_up_to_the_limit() {
    let bench = Bench::registered(manual(), ONE).set("ALLORA_MAX_FEE", "1000000");
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    // The price was asked for before the window opened: CheckTx names the new one.
    bench.until_admitted();
    bench.devnet.set_gas_price("100".parse().unwrap()).unwrap();
    let dear = bench.mine_to_opening();
    let why = bench.until_why("max_fee");
    assert!(why.contains("more than the 1000000"), "{why}");
    bench.devnet.set_gas_price("5".parse().unwrap()).unwrap();
    bench.devnet.mine(1).unwrap();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("an answer", |bench| (bench.inferences(dear) == 1).then_some(()));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 2));
    assert_eq!(worker.stop(), Some(0));
}

/// A node may keep bytes that failed in a block for nothing, and bring them into another one.
#[test]
fn what_failed_for_nothing_and_lands_later_is_ours() {
    let bench = Bench::registered(manual(), ONE);
    let worker = bench.run(&[]);
    bench.until_ready();
    let nonce = bench.mine_to_opening();
    bench.until_sent();
    let bytes = bench.devnet.unconfirmed_txs().unwrap().remove(0);
    // Dearer than at CheckTx: in its block the fee is too small.
    bench.devnet.set_gas_price("9".parse().unwrap()).unwrap();
    bench.devnet.mine(1).unwrap();
    bench.devnet.set_gas_price("1".parse().unwrap()).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let sent = http_get(&bench.devnet.address().to_string(), &format!("/broadcast_tx_sync?tx=0x{hex}"));
    bench.devnet.mine(1).unwrap();
    bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    assert_eq!((bench.inferences(nonce), bench.paid().len()), (1, 1), "{sent}: {}", bench.log());
    assert_ne!(bench.heartbeat()["phase"], "standby");
    assert_eq!(worker.stop(), Some(0));
}

/// A proxy through which the faucet is reached: its address, and what it is asked. It gives this answer, or none ever.
fn proxy(answer: Option<&'static str>) -> (String, mpsc::Receiver<String>) {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let (asked, requests) = mpsc::channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in proxy.incoming().map_while(Result::ok) {
            let mut text = [0; 64];
            let read = stream.read(&mut text).unwrap_or(0);
            if asked.send(String::from_utf8_lossy(&text[..read]).into_owned()).is_err() {
                return;
            }
            match answer {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                None => held.push(stream),
            }
        }
    });
    (address, requests)
}

#[test]
fn a_faucet_that_hangs_or_has_had_enough_requests_costs_no_window() {
    for answer in [None, Some("HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\n\r\n")] {
        let (address, requests) = proxy(answer);
        let chain = Options { chain_id: "allora-testnet-1".into(), ..quick() };
        let bench = Bench::new(chain, ONE).set("HTTPS_PROXY", &address).set("ALLORA_API_KEY", "k");
        bench.devnet.set_registered(1, &bench.address(), true).unwrap();
        bench.devnet.set_balance(&bench.address(), 0).unwrap();
        let worker = bench.run(&[]);
        let request = requests.recv_timeout(crate::support::PATIENCE).unwrap();
        assert!(request.starts_with("CONNECT faucet.testnet.allora.run:443"), "{request}");
        bench.until_why("are missing");
        if answer.is_some() {
            bench.until("a refusal", |bench| bench.log().contains("the faucet gave nothing").then_some(()));
        }
        bench.devnet.set_balance(&bench.address(), 1_000_000_000_000).unwrap();
        bench.until_a_round_is("admitted");
        assert_eq!(worker.stop(), Some(0));
    }
}

/// Nothing can be simulated, so that each try costs its fee. What was missing comes on another day.
#[test]
fn a_registration_that_failed_in_blocks_is_tried_again_on_another_day() {
    let bench = Bench::new(manual(), ONE);
    bench.devnet.mine(2).unwrap();
    let has = |uallo| bench.devnet.set_balance(&bench.address(), uallo).unwrap();
    bench.devnet.fault(Fault::new(FaultKind::Error).on("/cosmos.tx.v1beta1.Service/Simulate")).unwrap();
    let worker = bench.run(&[]);
    for _ in 0..2 {
        bench.until_sent();
        // Enough for the fee, and not for what a registration costs beside it.
        has(210_100);
        bench.devnet.mine(1).unwrap();
        has(1_000_000_000_000);
    }
    bench.until_why("2 fees were lost for it");
    bench.journal().execute("UPDATE transactions SET prepared_at = '2020-01-01T00:00:00.000Z'", []).unwrap();
    bench.until_sent();
    bench.devnet.mine(1).unwrap();
    bench.until("a registration", |bench| bench.log().contains("\"registered\"").then_some(()));
    assert_eq!(bench.paid().len(), 3);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn no_registration_is_paid_for_that_leaves_nothing_for_a_submission() {
    let bench = Bench::new(manual(), ONE);
    bench.devnet.mine(2).unwrap();
    let has = |uallo| bench.devnet.set_balance(&bench.address(), uallo).unwrap();
    // What the registration takes alone.
    has(210_200);
    let worker = bench.run(&[]);
    let why = bench.until_why("its registration and the first submission after it take about ");
    let (_, rest) = why.split_once("take about ").unwrap();
    let needed = rest.split(',').next().unwrap().parse().unwrap();
    assert_eq!((bench.mempool(), bench.paid().len()), (0, 0), "{why}");
    has(needed);
    for _registration_and_answer in 0..2 {
        bench.until_sent();
        bench.devnet.mine(1).unwrap();
    }
    bench.until_a_round_is("admitted");
    assert_eq!(bench.paid().len(), 2);
    assert_eq!(worker.stop(), Some(0));
}

#[test]
fn what_runs_out_of_gas_in_a_block_is_sent_again_with_more() {
    let bench = Bench::registered(manual(), ONE);
    bench.devnet.fault(Fault::new(FaultKind::Error).on("/cosmos.tx.v1beta1.Service/Simulate")).unwrap();
    let worker = bench.run(&[]);
    bench.until_ready();
    bench.mine_to_opening();
    bench.until_admitted();
    // By what is known the next one needs less than it does; the first signature of an account costs gas of its own.
    bench.journal().execute("UPDATE transactions SET gas_used = gas_used * 7 / 10", []).unwrap();
    let nonce = bench.mine_to_opening();
    for _ in 0..2 {
        bench.until_sent();
        bench.devnet.mine(1).unwrap();
    }
    let round =
        bench.until("an end", |bench| bench.round(nonce).filter(|round| round["state"] == "admitted"));
    let payments = bench.devnet.payments(&bench.address()).unwrap();
    assert_eq!((bench.inferences(nonce), payments.len()), (1, 3), "{}", bench.log());
    let lost_and_paid: u128 = payments[1..].iter().map(|row| row.fee).sum();
    assert_eq!(round["fee"], lost_and_paid.to_string(), "{round}");
    assert_eq!(worker.stop(), Some(0));
}

/// It is the user's limit, not the chain's word, and said once, however often it is tried.
#[test]
fn a_registration_that_costs_more_than_the_user_allows() {
    let bench = Bench::new(quick(), ONE).set("ALLORA_MAX_FEE", "10");
    let why = "more than the 10 that `max_fee` allows";
    let worker = bench.run(&[]);
    bench.until_why(why);
    let begun = bench.devnet.height().unwrap();
    bench
        .until("a window and its tries", |bench| (bench.devnet.height().unwrap() > begun + 20).then_some(()));
    bench.until_why(why);
    let log = bench.log();
    let lines = || log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<_> = lines().filter(|line| line["message"] == "not registered").collect();
    // A node that is slow to simulate makes it cost something else.
    assert!(told.windows(2).all(|two| two[0]["error"] != two[1]["error"]), "{told:#?}");
    let tries = lines().filter(|line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("not ready: registering"))
    });
    assert!(tries.count() <= 1, "what stands in the way stays so: {log}");
    assert_eq!((worker.stop(), bench.paid().len()), (Some(0), 0));

    let output = bench.bootstrap().args(["run", "--once", "--wait", "5"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{said}");
    assert!(said.contains("error: nothing was submitted this time") && said.contains(why), "{said}");
    assert!(said.contains("hint: raise the limit that this names, ALLORA_MAX_FEE"), "{said}");
}
