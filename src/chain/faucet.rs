//! The faucet of a test network: where a wallet without money gets some.
//!
//! Whatever it does, it takes a bounded time and no more than a few kB: a faucet that hangs, floods or sends
//! us in circles is a faucet that gave nothing.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::{StatusCode, header::LOCATION};
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use super::http::{self, BodyError, USER_AGENT};
use super::networks::KnownNetwork;
use super::query::Client;
use crate::wallet::Address;

/// One request, with all of its redirects.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// Redirects that are followed.
const MAX_REDIRECTS: u32 = 5;
/// What is read of an answer, in bytes.
const MAX_BODY: usize = 16 << 10;
/// What is shown of an answer, in characters.
const SHOWN: usize = 200;
/// Pause between two looks at the balance.
const BALANCE_PAUSE: Duration = Duration::from_secs(5);
/// How long the money may take to arrive.
const BALANCE_LIMIT: Duration = Duration::from_secs(60);

/// A faucet of one chain.
pub struct Faucet {
    url: Url,
    chain_id: String,
    page: Option<&'static str>,
    key: Option<Zeroizing<String>>,
    http: reqwest::Client,
}

/// Why a faucet gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum FaucetError {
    /// It has had enough requests (HTTP status 429).
    #[error("the faucet at {host} has had enough requests{}", advice(.page, *.has_key))]
    TooMany {
        /// Host of the faucet.
        host: String,
        /// The pause that it asks for.
        retry_after: Option<Duration>,
        /// Where people ask for money.
        page: Option<&'static str>,
        /// Whether it was given a key.
        has_key: bool,
    },
    /// Another HTTP status than one of success.
    #[error("the faucet at {host} refuses with HTTP status {status}: {text}{}", advice(.page, *.has_key))]
    Refused {
        /// Host of the faucet.
        host: String,
        /// The status.
        status: u16,
        /// The beginning of what it says.
        text: String,
        /// Where people ask for money.
        page: Option<&'static str>,
        /// Whether it was given a key.
        has_key: bool,
    },
    /// A redirect that is not followed: away from TLS, to another host without TLS, or one too many.
    #[error("the faucet at {host} redirects to a place that cannot be trusted")]
    Redirect {
        /// Host of the faucet.
        host: String,
    },
    /// No answer.
    #[error("the faucet at {host} cannot be reached: {cause}")]
    Unreachable {
        /// Host of the faucet.
        host: String,
        /// Why.
        cause: String,
    },
    /// It took the request, and nothing arrived.
    #[error("the faucet at {host} took the request, but no money arrived")]
    NothingArrived {
        /// Host of the faucet.
        host: String,
    },
}

fn advice(page: &Option<&'static str>, has_key: bool) -> String {
    let page = page.map_or_else(String::new, |page| format!("; ask for money at {page}"));
    let key = if has_key {
        "look whether ALLORA_API_KEY is right"
    } else {
        "set ALLORA_API_KEY to your key for it"
    };
    format!("{page}, or {key}")
}

impl FaucetError {
    /// The pause that the faucet asks for.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl fmt::Debug for Faucet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faucet").field("host", &self.host()).field("chain_id", &self.chain_id).finish()
    }
}

impl Faucet {
    /// The faucet of the chain with this id; `None` where money has a price. `key` is the user's, from
    /// `ALLORA_API_KEY`.
    #[must_use]
    pub fn of_chain(chain_id: &str, key: Option<Zeroizing<String>>) -> Option<Self> {
        let network = KnownNetwork::of_chain(chain_id)?;
        Self::new(network.faucet?.parse().ok()?, network.chain_id, network.faucet_page, key)
    }

    /// The faucet at `url` for the chain with this id. `page` is where people ask for money. `None` when no
    /// HTTP client can be made.
    #[must_use]
    pub fn new(
        url: Url,
        chain_id: &str,
        page: Option<&'static str>,
        key: Option<Zeroizing<String>>,
    ) -> Option<Self> {
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            // A redirect would turn the POST into a GET.
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .ok()?;
        Some(Self { url, chain_id: chain_id.to_owned(), page, key, http })
    }

    /// Asks for money and waits until the balance has risen. Returns the new balance, in uallo. Takes at most
    /// a minute and a half.
    ///
    /// # Errors
    /// See [`FaucetError`].
    pub async fn fund(&self, client: &Client, address: &Address) -> Result<u128, FaucetError> {
        let client = client.within(BALANCE_PAUSE);
        let before = client.balance(address).await.unwrap_or(0);
        self.request(address, REQUEST_LIMIT).await?;
        let end = Instant::now() + BALANCE_LIMIT;
        let mut pause = BALANCE_PAUSE / 10;
        while Instant::now() < end {
            if let Ok(balance) = client.balance(address).await
                && balance > before
            {
                return Ok(balance);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BALANCE_PAUSE);
        }
        Err(FaucetError::NothingArrived { host: self.host() })
    }

    /// Asks for money, all redirects within `limit`. It arrives a few blocks later.
    ///
    /// # Errors
    /// See [`FaucetError`].
    pub async fn request(&self, address: &Address, limit: Duration) -> Result<(), FaucetError> {
        match tokio::time::timeout(limit, self.post(address)).await {
            Ok(answered) => answered,
            Err(_) => Err(self.unreachable(format!("no answer within {limit:?}"))),
        }
    }

    async fn post(&self, address: &Address) -> Result<(), FaucetError> {
        let form = [("chain", self.chain_id.clone()), ("address", address.to_string())];
        let mut target = join(&self.url, "api/request").ok_or_else(|| self.redirect())?;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.http.post(target.clone()).form(&form);
            // The key is for the faucet alone, wherever it sends us.
            if target.host_str() == self.url.host_str() {
                request = request.header("x-api-key", self.key.as_ref().map_or("None", |key| key.as_str()));
            }
            let response = request.send().await.map_err(|error| self.unreachable(http::causes(&error)))?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            if status.is_redirection() {
                let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                target =
                    location.and_then(|location| follow(&target, location)).ok_or_else(|| self.redirect())?;
                continue;
            }
            let (host, page, has_key) = (self.host(), self.page, self.key.is_some());
            if status == StatusCode::TOO_MANY_REQUESTS {
                let retry_after = http::retry_after(response.headers(), SystemTime::now());
                return Err(FaucetError::TooMany { host, retry_after, page, has_key });
            }
            let text = match http::body(response, MAX_BODY).await {
                Ok(body) => shown(&String::from_utf8_lossy(&body)),
                Err(error @ BodyError::TooLong(_)) => error.to_string(),
                Err(error @ BodyError::Broken(_)) => return Err(self.unreachable(error.to_string())),
            };
            return Err(FaucetError::Refused { host, status: status.as_u16(), text, page, has_key });
        }
        Err(self.redirect())
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    fn unreachable(&self, cause: String) -> FaucetError {
        FaucetError::Unreachable { host: self.host(), cause }
    }

    fn redirect(&self) -> FaucetError {
        FaucetError::Redirect { host: self.host() }
    }
}

/// `path` below `base`, whether or not that ends with a slash.
fn join(base: &Url, path: &str) -> Option<Url> {
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path.split('/'));
    Some(url)
}

/// Where a redirect leads, if it may: to the same host without giving up TLS, or to any host with TLS.
fn follow(from: &Url, location: &str) -> Option<Url> {
    let to = from.join(location).ok()?;
    let same_host = to.host() == from.host() && (to.scheme() == from.scheme());
    (same_host || to.scheme() == "https").then_some(to)
}

/// One line of a text from outside.
fn shown(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_test_network_has_one() {
        assert!(Faucet::of_chain("allora-testnet-1", None).is_some());
        for chain_id in ["allora-mainnet-1", "localnet", ""] {
            assert!(Faucet::of_chain(chain_id, None).is_none(), "{chain_id}");
        }
    }

    #[test]
    fn redirects_stay_at_the_host_or_with_tls() {
        let followed = |from: &str, to: &str| follow(&from.parse().unwrap(), to).map(|url| url.to_string());
        let http = "http://faucet.example/api/request";
        assert_eq!(followed(http, "/v2/request").as_deref(), Some("http://faucet.example/v2/request"));
        assert_eq!(
            followed(http, "http://faucet.example:81/x").as_deref(),
            Some("http://faucet.example:81/x")
        );
        assert_eq!(followed(http, "https://other.example/x").as_deref(), Some("https://other.example/x"));
        assert_eq!(followed(http, "http://other.example/x"), None);
        assert_eq!(followed("https://faucet.example/", "http://faucet.example/"), None, "away from TLS");
        assert_eq!(followed(http, "file:///etc/passwd"), None);
        assert_eq!(followed(http, "http://["), None);
    }

    #[test]
    fn neither_key_nor_address_is_shown() {
        let url = "http://user:pass@faucet.example/base/?key=secret".parse().unwrap();
        let faucet = Faucet::new(url, "chain", None, Some(Zeroizing::new("secret".to_owned()))).unwrap();
        let shown = format!("{faucet:?} {}", faucet.redirect());
        assert!(!shown.contains("secret") && !shown.contains("pass"), "{shown}");
        assert_eq!(join(&faucet.url, "api/request").unwrap().path(), "/base/api/request");
    }
}
