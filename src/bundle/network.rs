//! Which chain a worker answers.

use std::fmt;
use std::str::FromStr;

use super::sensitive_url::SensitiveUrl;
use super::value::{BadValue, one_of};

/// `allora.network`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// The public test network.
    Testnet,
    /// The main network.
    Mainnet,
    /// The chain that this program brings along.
    Devnet,
    /// RPC endpoints of one chain, the preferred one first. Never empty.
    Urls(Vec<SensitiveUrl>),
}

impl Network {
    const NAMES: [&'static str; 3] = ["testnet", "mainnet", "devnet"];
}

impl FromStr for Network {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text.to_ascii_lowercase().as_str() {
            "testnet" => return Ok(Self::Testnet),
            "mainnet" => return Ok(Self::Mainnet),
            "devnet" => return Ok(Self::Devnet),
            _ => {}
        }
        // A single word is a name with a typo rather than a host.
        if !text.contains([':', '/', '.', ',']) {
            let expected = "`testnet`, `mainnet`, `devnet` or the URL of an RPC endpoint";
            return Err(BadValue::new(text, expected, one_of(text, Self::NAMES)));
        }
        let mut urls = Vec::new();
        for part in text.split(',') {
            let url: SensitiveUrl = part.trim().parse()?;
            // The same endpoint twice is one endpoint.
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        SensitiveUrl::number(&mut urls);
        Ok(Self::Urls(urls))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Testnet => f.write_str("testnet"),
            Self::Mainnet => f.write_str("mainnet"),
            Self::Devnet => f.write_str("devnet"),
            Self::Urls(urls) => {
                for (index, url) in urls.iter().enumerate() {
                    write!(f, "{}{url}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_urls_and_lists_of_urls() {
        assert_eq!("testnet".parse(), Ok(Network::Testnet));
        assert_eq!("Mainnet".parse(), Ok(Network::Mainnet));
        let list: Network = "http://a:1, https://u:p@b ,http://a:1".parse().unwrap();
        assert_eq!(list.to_string(), "http://a:1,https://b");
        let Network::Urls(urls) = list else { panic!("{list}") };
        assert_eq!(urls[1].expose().password(), Some("p"));
    }

    #[test]
    fn endpoints_of_one_host_have_numbers_and_no_paths() {
        let list: Network = "https://a/v2/KEY1,http://b:1,https://a/v2/KEY2,http://a".parse().unwrap();
        assert_eq!(list.to_string(), "https://a#1,http://b:1,https://a#2,http://a#3");
    }

    #[test]
    fn a_typo_and_a_bad_member_are_refused() {
        let bad = "tesnet".parse::<Network>().unwrap_err();
        assert_eq!(bad.fix, "did you mean `testnet`?");
        for text in ["", "http://a,", "http://a,,http://b", "localhost:26657", "a.b"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
