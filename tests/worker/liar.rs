//! A node whose answers to queries are wrong: it stands before an honest one.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use bootstrap::devnet::Endpoint;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Hands on what the honest node says, but for queries of one kind. Has no websocket. Stops when it is dropped.
pub struct Liar {
    url: String,
    said: Arc<Mutex<Said>>,
    _runtime: Runtime,
    _honest: Endpoint,
}

#[derive(Default)]
struct Said {
    lie: Option<Lie>,
    times: usize,
}

/// What is said instead of the truth.
struct Lie {
    /// With what the paths of the queries end.
    to: &'static str,
    /// Of the codespace `sdk`.
    code: u32,
    words: &'static str,
}

impl Liar {
    /// `honest` is the node behind it.
    pub fn before(honest: Endpoint) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::<Mutex<Said>>::default();
        let (client, mind, target) = (reqwest::Client::new(), Arc::clone(&said), honest.rpc_url());
        let answer = move |body: Bytes| {
            let (request, mind) = (client.post(&target).body(body.clone()).send(), Arc::clone(&mind));
            async move {
                let Ok(response) = request.await else { return Err(StatusCode::BAD_GATEWAY) };
                let status = StatusCode::from_u16(response.status().as_u16()).unwrap();
                let mut answer: Value = response.json().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
                mind.lock().unwrap().twist(&body, &mut answer);
                Ok((status, [(CONTENT_TYPE, "application/json")], answer.to_string()))
            }
        };
        runtime.spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { url, said, _runtime: runtime, _honest: honest }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on every simulation is refused with these words.
    pub fn refuses_with(&self, words: &'static str) {
        self.lies(Lie { to: "/Simulate", code: 6, words });
    }

    /// From now on every query is, with this code.
    pub fn fails_with(&self, code: u32, words: &'static str) {
        self.lies(Lie { to: "", code, words });
    }

    fn lies(&self, lie: Lie) {
        *self.said.lock().unwrap() = Said { lie: Some(lie), times: 0 };
    }

    /// How often it has said so.
    pub fn times(&self) -> usize {
        self.said.lock().unwrap().times
    }
}

impl Said {
    fn twist(&mut self, request: &[u8], answer: &mut Value) {
        let request: Value = serde_json::from_slice(request).unwrap_or_default();
        let path = request["params"]["path"].as_str();
        if let (Some(Lie { to, code, words }), Some(path)) = (&self.lie, path)
            && path.ends_with(to)
        {
            let response = &mut answer["result"]["response"];
            response["code"] = json!(code);
            response["codespace"] = json!("sdk");
            response["log"] = json!(words);
            response["value"] = Value::Null;
            self.times += 1;
        }
    }
}
