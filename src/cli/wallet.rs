//! `bootstrap wallet`.

use clap::Subcommand;

use super::{Exit, Outcome, Report, environment, output};
use crate::{
    settings::{Flags, Local, Settings},
    wallet::{OpenWalletError, OpenedWallet, WORD_COUNTS, Wallet, generate_mnemonic},
};

/// Keys and addresses
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a new mnemonic, once; it is stored nowhere
    New {
        /// How many words: 12, 15, 18, 21 or 24
        #[arg(long, value_name = "COUNT", default_value = "24", value_parser = word_count)]
        words: usize,
    },
    /// Print the address of the key that the settings name
    Address,
}

fn word_count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|count| WORD_COUNTS.contains(count))
        .ok_or_else(|| "a mnemonic has 12, 15, 18, 21 or 24 words".into())
}

impl Args {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self.command {
            Command::New { words } => new(words),
            Command::Address => address(),
        }
    }
}

fn new(words: usize) -> Outcome {
    let mnemonic = generate_mnemonic(words).map_err(anyhow::Error::from)?;
    let wallet = Wallet::from_mnemonic(&mnemonic).map_err(anyhow::Error::from)?;
    output::line(mnemonic.as_str())?;
    output::note(format_args!("Its address is {}.", wallet.address()));
    output::note(
        "Keep the words where only you can read them: who has them has the wallet, and nobody can recover them.",
    );
    Ok(Exit::Done)
}

fn address() -> Outcome {
    let settings = Settings::resolve(None, &Flags::<Local>::default(), environment())?;
    let Some(key) = &settings.key else {
        return Err(Report::new(Exit::Config, anyhow::anyhow!("no key is set"))
            .hint("set one of ALLORA_MNEMONIC, ALLORA_PRIVATE_KEY, ALLORA_MNEMONIC_FILE and ALLORA_PRIVATE_KEY_FILE"));
    };
    let opened = OpenedWallet::open(key, settings.wallet_address_expected.as_deref())?;
    for notice in settings.notices.iter().chain(&opened.notice) {
        output::note(format_args!("warning: {notice}"));
    }
    output::line(opened.wallet.address())?;
    Ok(Exit::Done)
}

impl From<OpenWalletError> for Report {
    fn from(error: OpenWalletError) -> Self {
        let hint = error.hint();
        Self::new(Exit::Config, error).hint(hint)
    }
}
