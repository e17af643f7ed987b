//! The address of a node, whose credentials are for the HTTP client alone.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::value::BadValue;

/// The URL of an RPC endpoint. Shown as scheme, host and port: providers put keys in user, password, path and query.
/// Those of a list that would look the same have a number too: `https://rpc.example.com#2`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SensitiveUrl {
    url: Url,
    /// Its place among those with its host and port, from 1.
    number: Option<usize>,
}

impl SensitiveUrl {
    /// The URL with its credentials: for the HTTP client, never for a text that people see.
    #[must_use]
    pub const fn expose(&self) -> &Url {
        &self.url
    }

    /// Whether it is more than what is shown of it, and so may hold a key.
    #[must_use]
    pub fn may_hold_key(&self) -> bool {
        let Self { url, .. } = self;
        !url.username().is_empty() || url.password().is_some() || url.path() != "/" || url.query().is_some()
    }

    /// Numbers those that have host and port in common.
    pub(super) fn number(urls: &mut [Self]) {
        let places: Vec<String> = urls.iter().map(|url| url.place().to_owned()).collect();
        let alike =
            |index: usize, among: &[String]| among.iter().filter(|place| **place == places[index]).count();
        for (index, url) in urls.iter_mut().enumerate() {
            url.number = (alike(index, &places) > 1).then(|| alike(index, &places[..=index]));
        }
    }

    /// Host and port.
    fn place(&self) -> &str {
        &self.url[url::Position::BeforeHost..url::Position::AfterPort]
    }
}

impl FromStr for SensitiveUrl {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let bad = |fix: String| BadValue::new(&shown(text), "the http or https URL of an RPC endpoint", fix);
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad(format!("write http://{0} or https://{0}", shown(text))));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => {}
            "tcp" | "ws" => return Err(bad(format!("write http://{}", shown(rest)))),
            "wss" => return Err(bad(format!("write https://{}", shown(rest)))),
            scheme if scheme.contains("grpc") => {
                return Err(bad(
                    "give the CometBFT RPC endpoint (port 26657 by default), not the gRPC one".into()
                ));
            }
            scheme => return Err(bad(format!("write http:// or https:// instead of {scheme}://"))),
        }
        let url = Url::parse(text).map_err(|error| {
            let fix = "write it as https://rpc.example.com or http://127.0.0.1:26657";
            BadValue::new(&shown(text), format!("a URL: {error}"), fix)
        })?;
        if url.fragment().is_some() {
            return Err(bad("leave out what follows the #".into()));
        }
        Ok(Self { url, number: None })
    }
}

/// A text that may be a URL, without what stands before an `@` or after a `?`.
fn shown(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split(['?', '#']).next().unwrap_or_default();
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

impl fmt::Display for SensitiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.place())?;
        self.number.iter().try_for_each(|number| write!(f, "#{number}"))
    }
}

impl fmt::Debug for SensitiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SensitiveUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_reach_the_client_and_nobody_else() {
        let url: SensitiveUrl = "https://user:pass%40word@rpc.example.com:8443/v1/?key=abc".parse().unwrap();
        assert_eq!(url.to_string(), "https://rpc.example.com:8443");
        assert_eq!(format!("{url:?}"), "SensitiveUrl(https://rpc.example.com:8443)");
        assert_eq!(url.expose().username(), "user");
        assert_eq!(url.expose().password(), Some("pass%40word"));
        assert_eq!(url.expose().query(), Some("key=abc"));
    }

    #[test]
    fn a_key_may_be_in_each_part_that_is_not_shown() {
        let may_hold_key = |text: &str| text.parse::<SensitiveUrl>().unwrap().may_hold_key();
        for text in ["http://user@h", "http://:word@h", "http://h/key", "http://h/?key", "http://h:1//"] {
            assert!(may_hold_key(text), "{text}");
        }
        assert!(!["http://h", "https://h:8443/", "http://[::1]:26657"].into_iter().any(may_hold_key));
    }

    #[test]
    fn refusals_name_what_to_write_and_no_password() {
        for (text, fix) in [
            ("rpc.example.com:26657", "write http://rpc.example.com:26657 or https://rpc.example.com:26657"),
            ("tcp://user:secret@127.0.0.1:26657", "write http://127.0.0.1:26657"),
            ("wss://rpc.example.com/websocket?key=secret", "write https://rpc.example.com/websocket"),
            (
                "grpc+https://u:secret@x:9090",
                "give the CometBFT RPC endpoint (port 26657 by default), not the gRPC one",
            ),
            ("ftp://x", "write http:// or https:// instead of ftp://"),
            ("https://u:secret@", "write it as https://rpc.example.com or http://127.0.0.1:26657"),
        ] {
            let bad = text.parse::<SensitiveUrl>().unwrap_err();
            assert_eq!(bad.fix, fix);
            assert!(!bad.to_string().contains("secret"), "{bad}");
        }
        let port = "http://u:secret@h:99999".parse::<SensitiveUrl>().unwrap_err();
        assert_eq!(port.to_string(), "`http://h:99999` is not a URL: invalid port number");
    }
}
