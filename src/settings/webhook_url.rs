//! The URL that alerts are posted to.

use std::fmt;

use url::Url;

use crate::bundle::value::BadValue;

/// An `http` or `https` URL that is a secret as a whole: whoever knows it may post.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// Reads a URL; what is said of a wrong one does not hold it.
    ///
    /// # Errors
    /// It is no URL, or of another scheme.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        let url =
            Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Self).ok_or_else(|| {
            let fix = "write https:// and the rest of the address";
            BadValue::new("what is set", "the URL of a webhook", fix)
        })
    }

    /// The URL: for the HTTP client, never for a text that people see.
    #[must_use]
    pub const fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookUrl")
    }
}
