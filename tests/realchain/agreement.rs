//! Answers of one chain held against those of another.

use std::io::Write as _;

use serde_json::Value;

use crate::node::Node;

/// How many answers agree.
#[derive(Debug, Default)]
pub struct Agreement {
    agree: usize,
    all: usize,
    differs: String,
}

impl Agreement {
    /// Holds an answer against that of another chain.
    pub fn add(&mut self, name: &str, with: &str, ours: &Value, theirs: &Value) {
        self.all += 1;
        if ours == theirs {
            self.agree += 1;
        } else {
            self.differs += &format!("{name}, {with} below:\n  {ours}\n  {theirs}\n");
        }
    }

    /// Tells how many agree, past the capture of the test's output. All must.
    pub fn conclude(self, node: &Node) {
        let Self { agree, all, differs } = self;
        let url = node.rpc.urls().join(", ");
        let _ = writeln!(std::io::stderr(), "SCRIPT {url}: {agree} of {all} answers agree");
        assert!(differs.is_empty(), "{differs}");
    }
}
