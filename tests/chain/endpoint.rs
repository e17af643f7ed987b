//! One endpoint and all that can stand in front of a node.

use std::time::{Duration, SystemTime};

use bootstrap::chain::rpc::{Endpoint, RpcError};

use crate::server::{Reply, Request, Server, answer, status};

/// A correct client does not wait for all of it, but where it says so.
const LIMIT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

fn endpoint(url: &str) -> Endpoint {
    Endpoint::new(url.parse().unwrap()).unwrap()
}

async fn error(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static, limit: Duration) -> RpcError {
    let server = Server::start(reply).await;
    let url = server.url().replace("http://", "http://user:secret@") + "/?key=secret";
    let error = endpoint(&url).status(limit).await.unwrap_err();
    let shown = error.to_string();
    assert!(shown.contains(&server.url()) && !shown.contains("secret"), "{shown}");
    assert!(error.is_endpoint_fault(), "{shown}");
    error
}

#[tokio::test]
async fn pages_and_refusals_of_proxies() {
    let html = || answer("200 OK", &["content-type: text/html"], "<html>Welcome</html>");
    assert!(matches!(error(move |_| html(), LIMIT).await, RpcError::NotRpc { .. }));
    for (line, status) in [("502 Bad Gateway", 502), ("401 Unauthorized", 401), ("503 Down", 503)] {
        let refused = error(move |_| answer(line, &[], "<html></html>"), LIMIT).await;
        assert!(
            matches!(refused, RpcError::HttpStatus { status: found, .. } if found == status),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn too_many_requests_with_a_pause_in_seconds_or_as_a_time() {
    let in_an_hour = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
    for (pause, at_least) in [("90".to_owned(), 90), (in_an_hour, 3500)] {
        let header = format!("retry-after: {pause}");
        // A page of JSON is no answer of the node either.
        let reply = move |_: &Request| {
            answer(
                "429 Too Many Requests",
                &[&header, "content-type: application/json"],
                r#"{"error":"slow"}"#,
            )
        };
        let refused = error(reply, LIMIT).await;
        assert!(
            matches!(refused, RpcError::HttpStatus { status: 429, retry_after: Some(pause), .. }
                if pause >= Duration::from_secs(at_least)),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(|_| status(1, "chain", 1)).await;
    let location = format!("location: {}", elsewhere.url());
    let redirected = error(move |_| answer("302 Found", &[&location], ""), LIMIT).await;
    assert!(matches!(redirected, RpcError::HttpStatus { status: 302, .. }), "{redirected}");
    assert!(elsewhere.requests().is_empty(), "credentials go to no other host");
}

#[tokio::test]
async fn bytes_that_are_no_answer() {
    assert!(matches!(error(|_| Reply::Reset, LIMIT).await, RpcError::Broken { .. }));
    assert!(matches!(
        error(|_| Reply::Bytes(b"\0\xffgarbage\r\n\r\n".to_vec()), LIMIT).await,
        RpcError::Broken { .. }
    ));
    let cut = || Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{\"re".to_vec());
    assert!(matches!(error(move |_| cut(), SHORT).await, RpcError::TimedOut { .. }));
    let no_rpc = || answer("200 OK", &["content-type: application/json"], r#"{"hello":"world"}"#);
    assert!(matches!(error(move |_| no_rpc(), LIMIT).await, RpcError::NotRpc { .. }));
    let other_type = r#"{"jsonrpc":"2.0","id":1,"result":{"node_info":7}}"#;
    assert!(matches!(
        error(move |_| answer("200 OK", &[], other_type), LIMIT).await,
        RpcError::NotRpc { .. }
    ));
}

#[tokio::test]
async fn bodies_without_end() {
    let endless = || {
        let body = vec![b' '; 9 << 20];
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
        Reply::Bytes([head.into_bytes(), body].concat())
    };
    let huge = error(move |_| endless(), LIMIT).await.to_string();
    assert!(huge.contains("more than 8388608 bytes"), "{huge}");
    let drip = || Reply::Drip(b"HTTP/1.1 200 OK\r\n".repeat(100), Duration::from_millis(50));
    assert!(matches!(error(move |_| drip(), SHORT).await, RpcError::TimedOut { .. }));
    assert!(matches!(error(|_| Reply::Silence, SHORT).await, RpcError::TimedOut { .. }));
}

#[tokio::test]
async fn what_never_left_is_told_from_what_may_have_arrived() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{closed}"), "http://no-such-host.invalid".to_owned()] {
        let error = endpoint(&url).status(LIMIT).await.unwrap_err();
        assert!(error.is_unsent() && error.is_endpoint_fault(), "{error}");
    }
    for error in [error(|_| Reply::Reset, LIMIT).await, error(|_| Reply::Silence, SHORT).await] {
        assert!(!error.is_unsent(), "{error}");
    }
}

/// A NAT that drops idle connections leaves one that swallows what is sent.
#[tokio::test]
async fn a_connection_that_died_while_it_was_idle_costs_no_call() {
    for died in [|| Reply::Silence, || Reply::Reset] {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |request| {
            let is_first = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            if is_first || request.connection > 0 { status(1, "chain", 7) } else { died() }
        })
        .await;
        let endpoint = endpoint(&server.url());
        for _ in 0..2 {
            assert_eq!(endpoint.status(LIMIT).await.unwrap().height, 7);
        }
        let connections: Vec<_> = server.requests().iter().map(|request| request.connection).collect();
        assert_eq!(connections, [0, 0, 1]);
    }
}

#[tokio::test]
async fn addresses_with_a_path_credentials_or_of_ipv6() {
    let server = Server::start(|_| status(1, "chain", 7)).await;
    let url = server.url().replace("http://", "http://user:pass%40word@") + "/base/rpc/?key=abc";
    endpoint(&url).status(LIMIT).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.target, "/base/rpc/?key=abc");
    assert_eq!(request.headers["authorization"], "Basic dXNlcjpwYXNzQHdvcmQ=");

    let server = Server::start_at("[::1]:0", |_| status(1, "chain", 7)).await;
    let status = endpoint(&server.url()).status(LIMIT).await.unwrap();
    assert_eq!((status.chain_id.as_str(), status.peer.unwrap().is_ipv6()), ("chain", true));
}
