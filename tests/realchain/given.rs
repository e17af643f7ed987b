//! The tests as somebody runs them who gives a node: a local chain, steered by shell commands.

use std::process::Command;

use serde_json::json;

use crate::node::Node;
use crate::script;

/// Tests that use what is given: commands, another start, each of the URLs.
const TESTS: [&str; 3] = [
    "restarts::killed_just_after_the_opening",
    "states::without_simulate_the_last_gas_is_taken_and_before_it_a_default",
    "script::answers_agree_with_a_local_chain_and_with_the_recordings",
];

/// One that pays for what it does, in blocks that it has to meet.
const PAID: [&str; 1] = ["delivered::what_is_paid_for_agrees_with_a_local_chain_and_with_the_recordings"];

/// A shell command that calls a method.
fn call(url: &str, method: &str, params: &str) -> String {
    format!(r#"curl -sf {url} -d '{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}'"#)
}

#[test]
#[ignore = "slow: runs other tests"]
fn a_chain_that_is_given_shows_the_same() {
    let node = Node::local();
    script::prepare(&node);
    run(&node, &TESTS);
    node.steer("devnet_setBlockTime", &json!({"seconds": 1}));
    run(&node, &PAID);
}

/// Runs tests as somebody does who gives this node.
fn run(node: &Node, tests: &[&str]) {
    let url = &node.rpc.urls()[0];
    let [kill, stop] =
        ["crash", "restart"].map(|kind| call(url, "devnet_fault", &format!(r#"{{"kind":"{kind}"}}"#)));
    // It comes back by itself, a moment later.
    let later = |call: String| format!("until {call}; do sleep 0.1; done");
    let without_services = later(call(url, "devnet_fault", r#"{"method":"*","kind":"no_grpc"}"#));
    let as_configured = later(call(url, "devnet_clearFaults", "{}"));
    let mnemonics: Vec<&str> = node.accounts.iter().map(|account| account.mnemonic.as_str()).collect();
    // Nobody listens where somebody has just stopped to.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(tests)
        .args(["--exact", "--include-ignored"])
        .env("REALCHAIN_RPC", format!("http://{nobody}, {url}"))
        .env("REALCHAIN_TOPIC", node.topic_id.to_string())
        .env("REALCHAIN_MNEMONICS", mnemonics.join(";"))
        .env("REALCHAIN_STOP", format!("if [ $REALCHAIN_SIGNAL = KILL ]; then {kill}; else {stop}; fi"))
        .env(
            "REALCHAIN_START",
            format!(
                "if [ \"$REALCHAIN_SERVICES\" = off ]; then {without_services}; else {as_configured}; fi"
            ),
        )
        .env("REALCHAIN_PAY", "1")
        .output()
        .unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains(&format!("{} passed", tests.len())), "{out}{err}");
    assert!(!err.contains("SKIPPED"), "{err}");
}
