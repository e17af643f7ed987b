//! What a simulation says of answers while a window is open, the rules of labels too: it is sent to nobody and costs
//! nothing.

use bootstrap::chain::messages::query::GetWorkerSubmissionWindowStatusRequest;
use bootstrap::chain::messages::{
    EmissionsVersion, InputInference, InputLabeledValue, Topic, TopicOutputArity,
};
use cosmrs::Any;

use crate::account::{self, Account};
use crate::node::Node;
use crate::refusals::Sender;
use crate::script::{Answer, Exchange, answer, query};

/// Windows that are tried until one is open for all of its simulations.
const WINDOWS: usize = 10;

/// A label that no topic has.
const UNKNOWN: &str = "sideways";

/// All of them, each by the recording of one like it.
pub fn answers(node: &Node) -> Vec<Answer> {
    let labels = node.topic_of_labels().filter(|topic_id| *topic_id != node.topic_id);
    if labels.is_none() && !takes_labels(&node.topic(node.topic_id).unwrap()) {
        node.skip("rules of labels: no topic that has them lets the first account submit");
    }
    let of_topic = |topic_id| in_a_window(node, topic_id);
    let mut all = Vec::from_iter(registration(node));
    all.extend([Some(node.topic_id), labels].into_iter().flatten().flat_map(of_topic));
    all
}

/// A registration that would be good.
fn registration(node: &Node) -> Option<Answer> {
    let is_new = |account: &&Account| !node.window(node.topic_id, &account.address()).is_registered;
    let Some(account) = node.accounts.iter().find(is_new) else {
        node.skip("the simulation of a registration: every account has one");
        return None;
    };
    let message = account::registration(node.rpc.version(), &account.address(), node.topic_id);
    Some(answer(node, Sender::new(node, account).simulate("simulate/register.ok", message)))
}

/// Answers to a topic's window while it is open.
fn in_a_window(node: &Node, topic_id: u64) -> Vec<Answer> {
    let topic = node.topic(topic_id).unwrap();
    let is_worker = |account: &&Account| node.window(topic_id, &account.address()).is_registered;
    let Some(account) = node.accounts.iter().find(is_worker) else {
        node.skip(&format!("simulations in an open window: no account is a worker of topic {topic_id}"));
        return vec![];
    };
    for _ in 0..WINDOWS {
        let nonce = node.window(topic_id, "").next_window_start_block;
        node.wait_for(nonce);
        let window = Window { node, account, topic: &topic, nonce };
        let answers = window.exchanges().into_iter().map(|exchange| answer(node, exchange)).collect();
        if node.rpc.height() < nonce + topic.worker_submission_window {
            return answers;
        }
    }
    panic!("no window of topic {topic_id} is open for long enough")
}

fn takes_labels(topic: &Topic) -> bool {
    topic.output_arity() == TopicOutputArity::Multi
}

struct Window<'a> {
    node: &'a Node,
    account: &'a Account,
    topic: &'a Topic,
    nonce: i64,
}

impl Window<'_> {
    fn exchanges(&self) -> Vec<Exchange> {
        let (topic_id, address) = (self.topic.id, self.account.address());
        let status = GetWorkerSubmissionWindowStatusRequest { topic_id, address };
        let status =
            ("abci_query/GetWorkerSubmissionWindowStatus.open", "abci_query", query(self.node, &status));
        if self.node.rpc.version() != EmissionsVersion::V10 {
            self.node.skip("rules of labels: the chain speaks an older version");
            return vec![status];
        }
        let payloads = if takes_labels(self.topic) { self.several() } else { self.single() };
        let sender = Sender::new(self.node, self.account);
        let simulate =
            |(name, inference): (&'static str, Numbers<'_>)| sender.simulate(name, self.payload(&inference));
        std::iter::once(status).chain(payloads.into_iter().map(simulate)).collect()
    }

    /// An answer with these numbers, signed.
    fn payload(&self, numbers: &Numbers) -> Any {
        let version = self.node.rpc.version();
        let change = |inference: &mut InputInference| {
            numbers.value.clone_into(&mut inference.value);
            let of_label = |(label, value): &(String, &str)| InputLabeledValue {
                label: label.clone(),
                value: (*value).to_owned(),
            };
            inference.values = numbers.labels.iter().map(of_label).collect();
        };
        version.any(&self.account.payload_with(version, self.topic.id, self.nonce, |signed| {
            change(signed.inference.as_mut().unwrap());
        }))
    }

    /// On a topic of one number, whose label is `y`.
    fn single(&self) -> Vec<(&'static str, Numbers<'_>)> {
        vec![
            ("simulate/single.y", labels(&[("y", "1.5")])),
            ("simulate/single.label_Y", labels(&[("Y", "1.5")])),
            ("simulate/single.label_y_blank", labels(&[(" y ", "1.5")])),
            ("simulate/single.value_only_no_values", number("1.5")),
            ("simulate/single.both", Numbers { value: "1.5", ..labels(&[("y", "2.5")]) }),
            ("simulate/single.label_x", labels(&[("x", "1.5")])),
            ("simulate/single.label_empty", labels(&[("", "1.5")])),
            ("simulate/single.two_labels", labels(&[("y", "1.5"), ("z", "2.5")])),
            ("simulate/single.y_twice", labels(&[("y", "1.5"), ("y", "2.5")])),
        ]
    }

    /// On a topic of a number for each label, as far as its own rules are those of a recorded one.
    fn several(&self) -> Vec<(&'static str, Numbers<'_>)> {
        let Topic { label_whitelist, require_unity, max_labels_per_submission, .. } = self.topic;
        let (long, longest) = ("a".repeat(65), "a".repeat(64));
        let mut all = vec![
            ("simulate/multi.value_only", number("1.5")),
            ("simulate/multi.empty_label", labels(&[("", "1")])),
            ("simulate/multi.bad_char", labels(&[("a+b", "1")])),
            ("simulate/multi.unicode", labels(&[("\u{e9}", "1")])),
            ("simulate/multi.label_65", labels(&[(&long, "1")])),
            ("simulate/multi.four", too_many(*max_labels_per_submission)),
        ];
        if label_whitelist.is_empty() {
            all.extend([
                ("simulate/multi.one", labels(&[("up", "1")])),
                ("simulate/multi.upper_case", labels(&[("UP", "1")])),
                ("simulate/multi.label_64", labels(&[(&longest, "1")])),
            ]);
        } else {
            all.push(("simulate/class.not_whitelisted", labels(&[(UNKNOWN, "1")])));
        }
        let allows =
            |label: &str| label_whitelist.is_empty() || label_whitelist.iter().any(|own| own == label);
        if !allows("up") || !allows("down") || *max_labels_per_submission < 2 {
            return all;
        }
        all.extend([
            ("simulate/class.two_ok", labels(&[("up", "0.5"), ("down", "0.5")])),
            ("simulate/multi.same_label_twice", labels(&[("up", "0.5"), ("up", "0.5")])),
            ("simulate/multi.same_after_canonical", labels(&[("up", "0.5"), (" UP ", "0.5")])),
        ]);
        if *require_unity {
            all.push(("simulate/class.sum_off", labels(&[("up", "0.5"), ("down", "0.3")])));
        } else {
            all.push(("simulate/multi.all_default", labels(&[("up", &self.topic.label_default_value)])));
        }
        all
    }
}

/// The numbers of an inference, as they are written.
struct Numbers<'a> {
    value: &'a str,
    labels: Vec<(String, &'a str)>,
}

/// A number for each label, and the text that a worker then writes in place of a single one.
fn labels<'a>(rows: &[(&str, &'a str)]) -> Numbers<'a> {
    Numbers { value: "0", labels: rows.iter().map(|(label, value)| ((*label).to_owned(), *value)).collect() }
}

fn number(value: &str) -> Numbers<'_> {
    Numbers { value, labels: vec![] }
}

/// One label more than a topic takes.
fn too_many(most: u64) -> Numbers<'static> {
    Numbers { value: "0", labels: (0..=most).map(|place| (format!("label{place}"), "1")).collect() }
}
