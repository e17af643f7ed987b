//! What `run` works on: a network, or a devnet inside this process.

use super::CannotRun;
use crate::bundle::SensitiveUrl;
use crate::chain::networks::{LOCAL_MIN_GAS_PRICE, Remote};
use crate::cli::Report;
use crate::devnet::{self, Devnet};
use crate::settings::Settings;
use crate::wallet::Wallet;

/// The chain to answer and the wallet to do it with.
pub struct Chain {
    /// Its nodes, in the user's order.
    pub urls: Vec<SensitiveUrl>,
    /// Its id, where one is asked for.
    pub chain_id: Option<String>,
    /// What its nodes take at least, in uallo for a unit of gas.
    pub min_gas_price: u64,
    /// Who answers.
    pub wallet: Wallet,
    /// The chain itself, where it is inside this process. It stops when this is dropped.
    pub devnet: Option<Devnet>,
}

impl Chain {
    /// The network of the settings; for `devnet`, a local chain inside this process, on which any wallet has funds.
    pub fn of(settings: &Settings, wallet: Option<Wallet>) -> Result<Self, Report> {
        if let Some(remote) = Remote::of(&settings.network, settings.chain_id.as_deref()) {
            let Remote { urls, chain_id, min_gas_price } = remote;
            let no_key = || CannotRun::NoKey { network: settings.network.to_string() };
            let wallet = wallet.ok_or_else(no_key)?;
            return Ok(Self { urls, chain_id, min_gas_price, wallet, devnet: None });
        }
        // Topic 1 takes one number, topic 2 one for each label, so that either kind of model has one to answer.
        let options =
            devnet::Options { topics: 2, topic_of_any_labels: Some(2), ..devnet::Options::on_free_port() };
        let devnet = Devnet::start(options).map_err(CannotRun::Devnet)?;
        tracing::info!(
            rpc = devnet.rpc_url(),
            chain_id = devnet.chain_id(),
            "a devnet runs inside this process"
        );
        let wallet = match (wallet, devnet.accounts().first()) {
            (None, Some(account)) => Wallet::from_mnemonic(&account.mnemonic).map_err(anyhow::Error::new)?,
            (None, None) => return Err(CannotRun::NoKey { network: settings.network.to_string() }.into()),
            // Nobody else could fund it on a chain that ends with this process.
            (Some(wallet), _) => {
                let address = wallet.address().to_string();
                devnet.set_balance(&address, devnet::INITIAL_BALANCE).map_err(anyhow::Error::new)?;
                tracing::info!(address, "the configured wallet is funded on the devnet");
                wallet
            }
        };
        Ok(Self {
            urls: vec![devnet.rpc_url().parse().map_err(anyhow::Error::new)?],
            chain_id: Some(devnet.chain_id().to_owned()),
            min_gas_price: LOCAL_MIN_GAS_PRICE,
            wallet,
            devnet: Some(devnet),
        })
    }

    /// The topic that the embedded devnet has, for a bundle that names none.
    pub fn topic_id(&self) -> Option<u64> {
        self.devnet.as_ref()?.topics().first().map(|topic| topic.id)
    }
}
