//! What a client gets in place of an answer.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// A page as a proxy shows it.
const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>\
    <body><h1>Checking your browser</h1></body></html>\n";

/// The beginning of an answer, and bytes that are not text.
const GARBAGE: &[u8] = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\xff\xfe\x00";

/// What comes in place of an answer of JSON-RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) enum Broken {
    /// Nothing; the connection is closed.
    Closed,
    /// Nothing at all.
    Silent,
    /// Something else.
    Page(Page),
}

/// What is sent in place of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::devnet::node) enum Page {
    Status(StatusCode),
    Html,
    Garbage,
}

/// The connection ends without an answer. A response that carries it is never sent.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(in crate::devnet::node) struct Dropped;

impl Broken {
    /// What a client of HTTP sees.
    pub async fn into_response(self) -> Response {
        match self {
            Self::Closed => {
                let mut never_sent = Response::default();
                never_sent.extensions_mut().insert(Dropped);
                never_sent
            }
            // Ends when the client goes away or the chain stops.
            Self::Silent => std::future::pending().await,
            Self::Page(page) => page.into_response(),
        }
    }
}

impl Page {
    /// What is sent of it over a websocket that is open; `None`: the connection is closed, since
    /// there is no place for a status.
    pub fn body(self) -> Option<&'static [u8]> {
        match self {
            Self::Status(_) => None,
            Self::Html => Some(HTML.as_bytes()),
            Self::Garbage => Some(GARBAGE),
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        match self {
            Self::Status(status) => {
                let mut response = (status, format!("{status}\n")).into_response();
                if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                    response.headers_mut().insert(header::RETRY_AFTER, 1.into());
                }
                response
            }
            Self::Html => ([(header::CONTENT_TYPE, "text/html; charset=UTF-8")], HTML).into_response(),
            Self::Garbage => ([(header::CONTENT_TYPE, "application/json")], GARBAGE).into_response(),
        }
    }
}
