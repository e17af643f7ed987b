//! How many payloads a local chain takes on one core: CheckTx, execution with both signatures, and the inference in its
//! state. The goal is 2,000 a second.
//!
//! `cargo bench --bench devnet`. The time is that of the processor, so that other programs do not count. Signing is the
//! worker's and is left out; so are HTTP and the window's end.
#![allow(clippy::print_stdout)] // the result

#[path = "../support/mod.rs"]
mod support;

use anyhow::{Result, ensure};
use bootstrap::chain::gas_price::GasPrice;
use bootstrap::chain::messages::EmissionsVersion;
use bootstrap::chain::payload::{Inference, WorkerPayload};
use bootstrap::chain::tx::{Fee, SignerData, UnsignedTx};
use bootstrap::devnet::app::App;
use bootstrap::devnet::genesis::{Genesis, TopicOutput};
use bootstrap::devnet::{TopicSpec, Whitelist};
use bootstrap::wallet::Wallet;
use nix::time::ClockId;
use time::{Duration, OffsetDateTime};

use support::figures::Table;

/// Workers, each with one payload.
const WORKERS: usize = 4_000;

/// Payloads of one block.
const BLOCK: usize = 500;

const VERSION: EmissionsVersion = EmissionsVersion::V10;

fn main() -> Result<()> {
    let wallets: Vec<Wallet> = (1..=WORKERS)
        .map(|number| Wallet::from_private_key(&format!("{number:064x}")))
        .collect::<Result<_, _>>()?;
    let mut app = App::new(&genesis(&wallets))?;
    for wallet in &wallets {
        app.set_registered(1, &wallet.address().to_string(), true)?;
    }
    app.finalize_block(block_time(1), vec![]);
    let payloads: Vec<Vec<u8>> =
        (0..).zip(&wallets).map(|(number, wallet)| payload(wallet, number)).collect::<Result<_>>()?;
    let begun = processor_time()?;
    for (height, block) in (2..).zip(payloads.chunks(BLOCK)) {
        for tx in block {
            let checked = app.check_tx(tx);
            ensure!(checked.code == 0, "CheckTx: {}", checked.log);
        }
        let done = app.finalize_block(block_time(height), block.to_vec());
        for (_, result) in done.txs {
            ensure!(result.code == 0, "{}", result.log);
        }
    }
    let one = (processor_time()? - begun) / u32::try_from(WORKERS)?;
    ensure!(app.submissions(1)?.len() == WORKERS, "not every payload was stored");
    let mut table = Table::default();
    table.short_time("a payload, checked, executed and stored", 500.0, one);
    table.count("payloads a second", None, 1.0 / one.as_secs_f64());
    print!("{table}");
    Ok(())
}

/// What this process has had of all cores; it uses one at a time.
fn processor_time() -> Result<std::time::Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
}

/// One topic whose first window is open after block 1 and longer than the bench.
fn genesis(wallets: &[Wallet]) -> Genesis {
    let topic = TopicSpec {
        id: 1,
        epoch_length: 100,
        worker_submission_window: 100,
        ground_truth_lag: 100,
        first_nonce: 1,
        output: TopicOutput::Single,
    };
    Genesis {
        chain_id: "localnet".into(),
        creator: String::new(),
        accounts: wallets.iter().map(|wallet| (wallet.address().to_string(), 1_000_000_000)).collect(),
        topics: vec![topic],
        emissions: VERSION,
        whitelist: Whitelist::Off,
        max_active_topics_per_block: 1,
        max_top_inferers: WORKERS as u64,
        gas_price: GasPrice::from_uallo(1),
    }
}

fn payload(wallet: &Wallet, account_number: u64) -> Result<Vec<u8>> {
    let inference = Some(Inference::Single("1.5".parse()?));
    let payload = WorkerPayload { topic_id: 1, nonce: 1, inference, ..WorkerPayload::default() };
    let message = VERSION.any(&payload.sign(VERSION, wallet)?);
    let signer = SignerData { chain_id: "localnet".into(), account_number, sequence: 0 };
    let fee = Fee { amount: 200_000, gas_limit: 200_000 };
    Ok(UnsignedTx::new(message, 0).sign(wallet, &signer, fee).bytes)
}

fn block_time(height: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(height)
}
