//! The networks that this program knows by name.

use crate::bundle::{Network, SensitiveUrl};

/// What a worker needs to know of a public network beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownNetwork {
    /// What every signature names.
    pub chain_id: &'static str,
    /// CometBFT RPC endpoints, the preferred one first.
    pub rpc: &'static [&'static str],
    /// The API that gives test money away.
    pub faucet: Option<&'static str>,
    /// The page where people ask for test money.
    pub faucet_page: Option<&'static str>,
    /// Page of a transaction, without its hash.
    explorer: &'static str,
    /// uallo per gas when the chain does not answer for its price.
    pub min_gas_price: u64,
}

/// How a chain is reached that others run.
#[derive(Debug, Clone)]
pub struct Remote {
    /// CometBFT RPC endpoints, the preferred one first.
    pub urls: Vec<SensitiveUrl>,
    /// The chain id that is expected there; otherwise that of the first one that answers.
    pub chain_id: Option<String>,
    /// uallo per gas when the chain does not answer for its price.
    pub min_gas_price: u64,
}

impl Remote {
    /// What the settings say; `None` for the chain that this program brings along. `chain_id` is heeded beside
    /// endpoints given one by one.
    #[must_use]
    pub fn of(network: &Network, chain_id: Option<&str>) -> Option<Self> {
        match network {
            Network::Devnet => None,
            Network::Urls(urls) => {
                let known = chain_id.and_then(KnownNetwork::of_chain);
                Some(Self {
                    urls: urls.clone(),
                    chain_id: chain_id.map(ToOwned::to_owned),
                    min_gas_price: known.map_or(LOCAL_MIN_GAS_PRICE, |network| network.min_gas_price),
                })
            }
            Network::Testnet | Network::Mainnet => KnownNetwork::named(network).map(|network| Self {
                // A test holds that each is a URL.
                urls: network.rpc.iter().filter_map(|url| url.parse().ok()).collect(),
                chain_id: Some(network.chain_id.to_owned()),
                min_gas_price: network.min_gas_price,
            }),
        }
    }
}

/// The public test network.
pub const TESTNET: KnownNetwork = KnownNetwork {
    chain_id: "allora-testnet-1",
    rpc: &["https://allora-rpc.testnet.allora.network"],
    faucet: Some("https://faucet.testnet.allora.run"),
    faucet_page: Some("https://faucet.testnet.allora.network"),
    explorer: "https://testnet.explorer.allora.network/explorer/transactions/",
    min_gas_price: 10,
};

/// The main network.
pub const MAINNET: KnownNetwork = KnownNetwork {
    chain_id: "allora-mainnet-1",
    rpc: &["https://allora-rpc.mainnet.allora.network"],
    faucet: None,
    faucet_page: None,
    explorer: "https://explorer.allora.network/explorer/transactions/",
    min_gas_price: 250_000_000,
};

/// Chain id of a local chain.
pub const LOCAL_CHAIN_ID: &str = "localnet";

/// uallo per gas on a chain that is none of the known ones, when it does not answer for its price.
pub const LOCAL_MIN_GAS_PRICE: u64 = 1;

impl KnownNetwork {
    /// The network that a setting names; `None` for a local chain and for endpoints given one by one.
    #[must_use]
    pub fn named(network: &Network) -> Option<&'static Self> {
        match network {
            Network::Testnet => Some(&TESTNET),
            Network::Mainnet => Some(&MAINNET),
            Network::Devnet | Network::Urls(_) => None,
        }
    }

    /// The network with this chain id.
    #[must_use]
    pub fn of_chain(chain_id: &str) -> Option<&'static Self> {
        [&TESTNET, &MAINNET].into_iter().find(|network| network.chain_id == chain_id)
    }

    /// Whether this is an endpoint of a network that is known by name.
    #[must_use]
    pub fn has_endpoint(url: &SensitiveUrl) -> bool {
        let url = url.to_string();
        [&TESTNET, &MAINNET]
            .iter()
            .any(|network| network.rpc.iter().any(|known| *known == url.trim_end_matches('/')))
    }

    /// The page where people see a transaction.
    #[must_use]
    pub fn transaction_page(&self, hash: super::tx::TxHash) -> String {
        format!("{}{hash}", self.explorer)
    }
}

/// How an account of the chain with this id gets the money that it is short of, in uallo.
#[must_use]
pub fn how_to_fund(chain_id: &str, address: &str, missing: u128) -> String {
    match KnownNetwork::of_chain(chain_id).and_then(|network| network.faucet_page) {
        Some(page) => {
            format!(
                "ask {page} for money for {address}, or set ALLORA_API_KEY and `run` asks the faucet with it"
            )
        }
        None => format!("send at least {missing} uallo to {address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_found_by_name_and_by_chain() {
        assert_eq!(KnownNetwork::named(&Network::Testnet), KnownNetwork::of_chain("allora-testnet-1"));
        assert_eq!(KnownNetwork::named(&Network::Mainnet), KnownNetwork::of_chain("allora-mainnet-1"));
        assert_eq!(KnownNetwork::named(&Network::Devnet), KnownNetwork::of_chain(LOCAL_CHAIN_ID));
        let page = MAINNET.transaction_page([0xab; 32].into());
        assert_eq!(
            page,
            format!("https://explorer.allora.network/explorer/transactions/{}", "AB".repeat(32))
        );
    }

    #[test]
    fn only_the_endpoints_of_known_networks_are_known() {
        for network in [TESTNET, MAINNET] {
            assert!(network.rpc.iter().all(|url| KnownNetwork::has_endpoint(&url.parse().unwrap())));
        }
        assert!(!KnownNetwork::has_endpoint(&"http://127.0.0.1:26657".parse().unwrap()));
    }

    #[test]
    fn every_address_is_a_secure_url() {
        for network in [TESTNET, MAINNET] {
            assert!(network.rpc.iter().all(|url| url.parse::<SensitiveUrl>().is_ok()));
            let urls = network.rpc.iter().copied().chain(network.faucet).chain(network.faucet_page);
            for url in urls.chain([network.explorer]) {
                assert_eq!(url::Url::parse(url).unwrap().scheme(), "https");
            }
        }
    }
}
