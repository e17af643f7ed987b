//! Every row, from what a real node said.

use serde_json::Value;

use super::{Refusal, Stage, Verdict, plain, unknown_answers};

/// The account of the recordings whose signatures are wrong.
const CHECK: Stage = Stage::Check { account_number: 5 };

fn capture(name: &str) -> Value {
    let path = format!("{}/tests/captures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

fn verdict(stage: Stage, name: &str) -> Verdict {
    let response = &capture(name)["response"];
    if let Stage::Rpc = stage {
        let error = &response["error"];
        let (code, text) = (error["code"].as_i64().unwrap(), error["data"].as_str().unwrap_or_default());
        return Refusal { stage, codespace: "", code, text }.verdict();
    }
    let result = &response["result"];
    let answer = match stage {
        Stage::Check { .. } => result,
        Stage::Block => &result["tx_result"],
        _ => &result["response"],
    };
    let refusal = Refusal {
        stage,
        codespace: answer["codespace"].as_str().unwrap(),
        code: answer["code"].as_i64().unwrap(),
        text: answer["log"].as_str().unwrap(),
    };
    assert_ne!(refusal.code, 0, "{name} is no refusal");
    refusal.verdict()
}

fn all(stage: Stage, expected: Verdict, names: &[&str]) {
    for name in names {
        assert_eq!(verdict(stage, name), expected, "{name}");
    }
}

#[test]
fn a_second_payload_of_a_window() {
    all(
        Stage::Block,
        Verdict::AlreadySubmitted,
        &[
            "tx/payload_duplicate.delivered",
            "tx/payload_after_eviction.delivered",
            "tx/payload_again_after_not_admitted.delivered",
            "tx/reputer_payload_duplicate.delivered",
        ],
    );
    all(Stage::Simulate, Verdict::AlreadySubmitted, &["simulate/payload.duplicate"]);
}

#[test]
fn a_nonce_that_is_not_open() {
    all(
        Stage::Block,
        Verdict::WindowClosed,
        &[
            "tx/payload_too_late.delivered",
            "tx/payload_too_late_registered.delivered",
            "tx/payload_future_nonce.delivered",
            "tx/payload_in_opening_block.delivered",
        ],
    );
    all(
        Stage::Simulate,
        Verdict::WindowClosed,
        &["simulate/payload.bad_nonce", "simulate/reputer.nonce_unknown"],
    );
    all(
        Stage::Simulate,
        Verdict::WindowNotOpenYet,
        &[
            "simulate/reputer.before_window",
            "simulate/reputer.at_n+L-1_committed",
            "simulate/reputer.worker_window_open",
        ],
    );
}

#[test]
fn an_address_that_may_not() {
    all(Stage::Block, Verdict::NotRegistered, &["tx/payload_unregistered.delivered"]);
    all(Stage::Simulate, Verdict::NotRegistered, &["simulate/reputer.not_registered"]);
    all(Stage::Block, Verdict::NotPermitted, &["tx/payload_not_whitelisted.delivered"]);
    all(
        Stage::Block,
        Verdict::AlreadyDone,
        &["tx/register_twice.delivered", "tx/remove_registration_not_registered.delivered"],
    );
}

#[test]
fn a_topic_that_is_not_there() {
    all(Stage::Block, Verdict::UnknownTopic, &["tx/register_no_topic.delivered"]);
    all(Stage::Simulate, Verdict::UnknownTopic, &["simulate/register.no_topic"]);
    all(
        Stage::Query,
        Verdict::UnknownTopic,
        &["abci_query/GetTopic.missing", "abci_query/GetWorkerSubmissionWindowStatus.missing"],
    );
}

#[test]
fn a_value_that_the_chain_does_not_take() {
    all(CHECK, Verdict::BadValue, &["tx/dec_out_of_range", "tx/dec_nan", "tx/dec_not_a_number"]);
    all(
        Stage::Simulate,
        Verdict::BadValue,
        &[
            "simulate/multi.bad_char",
            "simulate/multi.unicode",
            "simulate/multi.empty_label",
            "simulate/multi.label_65",
            "simulate/multi.same_label_twice",
            "simulate/multi.same_after_canonical",
            "simulate/multi.four",
            "simulate/multi.all_default",
            "simulate/multi.value_only",
            "simulate/single.label_empty",
            "simulate/single.two_labels",
            "simulate/single.y_twice",
            "simulate/single.label_x",
            "simulate/class.not_whitelisted",
            "simulate/class.sum_off",
        ],
    );
}

#[test]
fn an_encoding_signature_or_setting_that_is_wrong() {
    all(
        CHECK,
        Verdict::Rejected,
        &[
            "tx/garbage",
            "tx/unknown_field_in_message",
            "tx/unknown_type_url",
            "tx/wrong_chain_id",
            "tx/wrong_account_number",
            "tx/zero_signature",
            "tx/empty_signature",
            "tx/signer_is_not_sender",
            "tx/fee_none",
            "tx/fee_wrong_denom",
            "tx/memo_too_large",
            "tx/no_messages",
            "tx/empty",
        ],
    );
    all(
        Stage::Simulate,
        Verdict::Rejected,
        &[
            "simulate/bundle.signature_65_bytes",
            "simulate/bundle.signature_high_s",
            "simulate/bundle.signature_missing",
            "simulate/bundle.signature_wrong",
            "simulate/bundle.fields_out_of_order",
            "simulate/bundle.inferer_differs",
            "simulate/bundle.worker_differs",
            "simulate/bundle.pubkey_of_other",
            "simulate/bundle.pubkey_not_hex",
            "simulate/bundle.empty",
            "simulate/bundle.inner_height_differs",
            "simulate/bundle.inner_topic_differs",
            "simulate/bundle.nonce_0",
            "simulate/bundle.nonce_negative",
            "simulate/single.value_field_absent_signed_as_sent",
            "simulate/single.value_field_empty_text",
            "simulate/single.label_value_absent",
            "simulate/forecast.no_elements",
            "simulate/forecast.bad_address",
            "simulate/reputer.bad_signature",
            "simulate/garbage",
        ],
    );
    all(Stage::Query, Verdict::Rejected, &["abci_query/bad_bytes", "abci_query/AccountInfo.bad_address"]);
    all(
        Stage::Rpc,
        Verdict::Rejected,
        &["tx/tx_too_large", "tx/not_base64", "abci_query/data_0x", "abci_query/data_not_hex"],
    );
}

#[test]
fn another_version_or_a_node_without_the_service() {
    all(CHECK, Verdict::WrongEmissionsVersion, &["tx/v9_type_url"]);
    all(Stage::Simulate, Verdict::WrongEmissionsVersion, &["simulate/register.v9", "simulate/register.v8"]);
    all(
        Stage::Query,
        Verdict::UnknownPath,
        &[
            "abci_query/GetParams.v9",
            "abci_query/unknown_path",
            "abci_query/unknown_method",
            "abci_query/no_grpc_node.GetTx",
            "abci_query/no_grpc_node.GetNodeInfo",
        ],
    );
    all(Stage::Simulate, Verdict::UnknownPath, &["abci_query/no_grpc_node.Simulate"]);
    all(Stage::Rpc, Verdict::NotCometBft, &["no_such_method"]);
}

#[test]
fn money_and_gas() {
    all(CHECK, Verdict::InsufficientFunds, &["tx/insufficient_funds_fee"]);
    all(
        Stage::Block,
        Verdict::InsufficientFunds,
        &["tx/insufficient_funds_registration_fee.delivered", "tx/send_more_than_have.delivered"],
    );
    all(CHECK, Verdict::InsufficientFee { required: Some(200_000) }, &["tx/fee_1", "tx/fee_one_short"]);
    all(CHECK, Verdict::OutOfGas, &["tx/gas_limit_0", "tx/out_of_gas_check"]);
    all(Stage::Block, Verdict::OutOfGas, &["tx/out_of_gas_deliver.delivered"]);
}

#[test]
fn accounts_and_sequences() {
    all(CHECK, Verdict::UnknownAccount, &["tx/account_missing"]);
    all(Stage::Simulate, Verdict::UnknownAccount, &["simulate/no_account"]);
    let expected = |expected| Verdict::SequenceMismatch { expected: Some(expected) };
    all(CHECK, expected(9), &["tx/seq_too_low"]);
    all(CHECK, expected(1), &["tx/seq_too_high"]);
    all(CHECK, expected(4), &["tx/second_while_first_pending"]);
    all(Stage::Simulate, expected(0), &["simulate/wrong_sequence"]);
}

#[test]
fn heights() {
    all(CHECK, Verdict::TimeoutHeight, &["tx/timeout_height_past"]);
    all(Stage::Block, Verdict::TimeoutHeight, &["tx/timeout_height_equals_committed.delivered"]);
    all(Stage::Query, Verdict::NotYet, &["abci_query/future_height", "abci_query/GetSyncing.no_block_yet"]);
    all(Stage::Rpc, Verdict::NotYet, &["block.future", "block_results.future"]);
}

#[test]
fn transactions_that_are_known_and_records_that_are_not() {
    all(Stage::Rpc, Verdict::InCache, &["tx/same_tx_in_mempool", "tx/same_tx_after_commit"]);
    all(Stage::Rpc, Verdict::NotFound, &["tx.missing"]);
    all(
        Stage::Query,
        Verdict::NotFound,
        &[
            "abci_query/GetTx.missing",
            "abci_query/AccountInfo.missing",
            "abci_query/Account.missing",
            "abci_query/GetWorkerLatestInputInferenceByTopicId.after",
            "abci_query/GetCurrentLowestInfererScore",
            "abci_query/GetTopicLastWorkerCommitInfo",
        ],
    );
}

#[test]
fn subscriptions() {
    let error = |frame: &Value| {
        let error = &frame["error"];
        let (code, text) = (error["code"].as_i64().unwrap(), error["data"].as_str().unwrap());
        Refusal { stage: Stage::Rpc, codespace: "", code, text }.verdict()
    };
    let frames = capture("websocket/acks_and_errors");
    let sixth = frames["frames"].as_array().unwrap().iter().find(|frame| frame["id"] == "s5").unwrap();
    assert_eq!(error(sixth), Verdict::TooManySubscriptions);
    assert_eq!(error(&capture("websocket/error_frame_at_stop")), Verdict::SubscriptionEnded);
}

/// Texts of the logs of a restart, as `(who, what)`.
fn logged(name: &str, who: &str, part: &str) -> String {
    let log = capture(name);
    let rows = log.as_array().unwrap().iter();
    let mut texts = rows.filter(|row| row[1] == who).map(|row| row[2].as_str().unwrap());
    texts.rfind(|text| text.contains(part)).unwrap().to_owned()
}

#[test]
fn a_node_that_has_just_started_is_no_final_answer() {
    for (name, who) in [("restart_in_window", "send"), ("restart_log", "broadcast(fee too low)")] {
        let text = logged(name, who, "please verify account number (0)");
        let refusal = |account_number| Refusal {
            stage: Stage::Check { account_number },
            codespace: "sdk",
            code: 4,
            text: &text,
        };
        assert_eq!(refusal(5).verdict(), Verdict::NodeRestarted);
        assert_eq!(refusal(0).verdict(), Verdict::Rejected, "an account whose number is 0");
    }
    let simulated = |part| {
        let text = logged("restart_in_window", "simulate", part);
        Refusal { stage: Stage::Simulate, codespace: "sdk", code: 6, text: &text }.verdict()
    };
    assert_eq!(simulated("current block 0"), Verdict::NodeRestarted);
    assert_eq!(simulated("unknown query path"), Verdict::UnknownPath);
    assert_eq!(simulated("account sequence mismatch"), Verdict::SequenceMismatch { expected: Some(5) });

    let text = logged("restart_log", "block_results_1", "could not find results");
    let refusal = Refusal { stage: Stage::Rpc, codespace: "", code: -32603, text: &text };
    assert_eq!(refusal.verdict(), Verdict::NotYet);
}

#[test]
fn people_are_spared_what_a_node_puts_around_its_words() {
    let log = "rpc error: code = Unknown desc = failed to execute message; message index: 0: unfulfilled nonce not \
               found [cosmos/cosmos-sdk@v0.50.14/baseapp/baseapp.go:1023] with gas used: '90814': unknown request";
    assert_eq!(plain(log), "unfulfilled nonce not found");
    assert_eq!(plain("insufficient funds"), "insufficient funds");
}

#[test]
fn a_label_cannot_pass_for_another_error() {
    let text = "input inference failed label validation: label \"inference already submitted\" is not in \
                topic label whitelist: label is not in the topic's label whitelist [x.go:1] with gas used: '1'";
    let refusal = Refusal { stage: Stage::Simulate, codespace: "sdk", code: 6, text };
    assert_eq!(refusal.verdict(), Verdict::BadValue);
}

#[test]
fn a_node_before_its_first_block_is_waited_for() {
    let log = capture("catching_up_log");
    let (codes, texts): (Vec<i64>, Vec<&str>) = log
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row[2].as_str()?.strip_prefix('(')?.split_once(", "))
        .filter(|(_, text)| text.contains("please wait for first block"))
        .map(|(code, text)| (code.parse::<i64>().unwrap(), text))
        .unzip();
    assert!(!texts.is_empty());
    for (code, text) in codes.into_iter().zip(texts) {
        let refusal = Refusal { stage: Stage::Query, codespace: "sdk", code, text };
        assert_eq!(refusal.verdict(), Verdict::NotYet, "{text}");
    }
}

/// The captures of a folder that hold a refusal.
fn refusals(stage: Stage, folder: &str, is_of_stage: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let path = format!("{}/tests/captures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(path).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let names = files.map(|file| format!("{folder}/{}", file.strip_suffix(".json").unwrap()));
    let is_refused = |name: &String| {
        let response = &capture(name)["response"];
        let result = &response["result"];
        let code = match stage {
            Stage::Rpc => &response["error"]["code"],
            Stage::Check { .. } => &result["code"],
            Stage::Block => &result["tx_result"]["code"],
            Stage::Simulate | Stage::Query => &result["response"]["code"],
        };
        code.as_i64().is_some_and(|code| code != 0) && is_of_stage(name, response)
    };
    names.filter(is_refused).collect()
}

/// The lists above name what each is; this one that none was forgotten.
#[test]
fn nothing_that_was_recorded_is_unknown() {
    for (stage, folder, at_least) in [
        (CHECK, "tx", 25),
        (Stage::Block, "tx", 15),
        (Stage::Rpc, "tx", 4),
        (Stage::Simulate, "simulate", 40),
        (Stage::Query, "abci_query", 15),
        (Stage::Rpc, "abci_query", 2),
    ] {
        let is_simulation = |name: &str, _: &Value| stage != Stage::Query || !name.contains("Simulate");
        let names = refusals(stage, folder, is_simulation);
        assert!(names.len() >= at_least, "{stage:?} {folder}: {names:?}");
        for name in names {
            assert_ne!(verdict(stage, &name), Verdict::Unknown, "{name}");
        }
    }
}

#[test]
fn what_is_not_in_the_table_is_unknown_and_counted() {
    let before = unknown_answers();
    for stage in [CHECK, Stage::Block, Stage::Simulate, Stage::Query, Stage::Rpc] {
        let refusal = Refusal { stage, codespace: "other", code: 1234, text: "something new" };
        assert_eq!(refusal.verdict(), Verdict::Unknown, "{stage:?}");
    }
    let refusal = Refusal { stage: Stage::Block, codespace: "undefined", code: 1, text: "something new" };
    assert_eq!(refusal.verdict(), Verdict::Unknown);
    assert!(unknown_answers() >= before + 6);
}
