//! What every HTTP client of ours does alike: bodies with an end, causes in full, pauses that a server asks for.

use std::error::Error;
use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// What a request names as its sender.
pub const USER_AGENT: &str = concat!("bootstrap/", env!("CARGO_PKG_VERSION"));

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More than this many bytes.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
    /// The connection broke.
    #[error("{}", causes(.0))]
    Broken(reqwest::Error),
}

/// Reads a body of at most `max` bytes, whatever length the server announces or hides.
///
/// # Errors
/// See [`BodyError`].
pub async fn body(mut response: Response, max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > max {
            return Err(BodyError::TooLong(max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// When the answer was made, by the clock of whoever made it.
#[must_use]
pub fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// The pause that `Retry-After` asks for: a number of seconds, or the time at which it ends.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// The whole chain of causes: reqwest's own text stops at "error sending request", and names a URL whose
/// query may hold a key.
pub fn causes(error: &reqwest::Error) -> String {
    let mut text = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push(cause.to_string());
        next = cause.source();
    }
    match text.is_empty() {
        false => text.join(": "),
        true if error.is_timeout() => "it took too long".to_owned(),
        true => "the request could not be made".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_named_in_seconds_or_by_its_end() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let pause = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO), "it is over");
        for text in ["soon", "-1", "1.5", ""] {
            assert_eq!(pause(text), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
