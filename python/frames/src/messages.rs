//! What the two sides say to each other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// From the model process to the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromHost {
    /// Sent first, by the process that becomes the interpreter; the worker started its parent.
    Started {
        /// Its number.
        pid: u32,
    },
    /// Sent before there is an interpreter: which walls stand around it.
    Confined(Confinement),
    /// The first frame of the interpreter: it runs and speaks this protocol.
    Hello {
        /// [`crate::PROTOCOL`] of the sender.
        protocol: u32,
        /// [`crate::BUILD`] of the sender.
        build: String,
        /// Version of the interpreter, `3.11.7`.
        python: String,
    },
    /// The module is imported and the function found.
    Loaded {
        /// `module:function`.
        function: String,
        /// Whether it is a coroutine function.
        is_async: bool,
        /// How long importing took.
        seconds: f64,
    },
    /// The module cannot be imported, or has no such function.
    LoadFailed {
        /// What happened.
        fault: Fault,
    },
    /// A prediction.
    Done {
        /// Of the request.
        id: u64,
        /// `value` or `values`.
        #[serde(flatten)]
        prediction: Prediction,
    },
    /// The call came to no prediction.
    Failed {
        /// Of the request.
        id: u64,
        /// What happened.
        fault: Fault,
    },
    /// The model left this nonce out on purpose.
    Skipped {
        /// Of the request.
        id: u64,
        /// Its own words.
        why: String,
    },
    /// Answer to [`ToHost::Ping`].
    Pong,
}

/// What the model process could enforce upon itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// It can gain no rights by starting programs.
    pub no_new_privs: bool,
    /// It has no capabilities, and no program that it starts gets any.
    pub capabilities_dropped: bool,
    /// It cannot read what is protected nor write outside of its folders.
    pub landlock: bool,
    /// It cannot send signals, nor connect to abstract sockets, outside of itself.
    pub signals: bool,
    /// It cannot change the resource limits of other processes.
    pub limits: bool,
}

/// From the worker to the model process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToHost {
    /// Import the module. Once, before anything else.
    Load(Load),
    /// Call the function.
    Predict {
        /// Given back with the answer.
        id: u64,
        /// Block height of the nonce.
        nonce: i64,
        /// What the function can ask about the window.
        context: Context,
    },
    /// Answer at once when nothing is running.
    Ping,
    /// Leave in order.
    Bye,
}

/// Where the function is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Absolute path; put first on `sys.path`.
    pub bundle_root: String,
    /// Absolute path; the working directory of import and calls.
    pub workdir: String,
    /// Absolute path; where weights lie.
    pub artifacts_dir: String,
    /// Dotted name of the module.
    pub module: String,
    /// Name of the function in it.
    pub function: String,
}

/// What changes from call to call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// The topic that asks.
    pub topic_id: u64,
    /// Last block of the window, when one is open.
    pub window_closes_at: Option<i64>,
    /// Name or address of the network, without credentials.
    pub network: String,
    /// Time from now to the deadline of the call.
    pub seconds_left: f64,
}

/// A prediction, as exact decimal texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prediction {
    /// A topic with one output.
    #[serde(rename = "value")]
    One(String),
    /// A topic with several outputs: label and value, in the model's order.
    #[serde(rename = "values")]
    Many(Vec<(String, String)>),
}

/// Why there is no module or no prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The module cannot be imported, or the function cannot be called as the contract says.
    Import {
        /// One line or a few.
        message: String,
        /// Python's, when there was an exception.
        traceback: Option<String>,
    },
    /// The function raised.
    Exception {
        /// Name of the exception's class.
        #[serde(rename = "type")]
        class: String,
        /// Its text.
        message: String,
        /// Python's.
        traceback: Option<String>,
    },
    /// The function returned something that is no prediction.
    BadValue(BadValue),
}

/// Why what a function returned is no prediction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadValue {
    /// Name of its class.
    #[serde(rename = "type")]
    pub class: String,
    /// Its shape or length, where it has one.
    pub shape: Option<String>,
    /// What is wrong with it.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

impl BadValue {
    /// What was returned and what is wrong with it, without what to write instead.
    #[must_use]
    pub fn finding(&self) -> String {
        let Self { class, shape, problem, fix: _ } = self;
        let shape = shape.as_ref().map(|shape| format!(" of shape {shape}")).unwrap_or_default();
        format!("the model returned {class}{shape}: {problem}")
    }
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.finding(), self.fix)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::{Decoder, PROTOCOL, encode};

    fn from_host() -> Vec<FromHost> {
        let raised = Fault::Exception {
            class: "ValueError".into(),
            message: "no price".into(),
            traceback: Some("Traceback".into()),
        };
        let confinement = Confinement {
            no_new_privs: true,
            capabilities_dropped: true,
            landlock: false,
            signals: false,
            limits: true,
        };
        vec![
            FromHost::Started { pid: 4711 },
            FromHost::Confined(confinement),
            FromHost::Hello { protocol: PROTOCOL, build: "0.1.0".into(), python: "3.11.7".into() },
            FromHost::Loaded { function: "src.runner:run".into(), is_async: false, seconds: 0.25 },
            FromHost::LoadFailed {
                fault: Fault::Import { message: "No module named 'x'".into(), traceback: None },
            },
            FromHost::Done { id: 7, prediction: Prediction::One("-0.5".into()) },
            FromHost::Done { id: 8, prediction: Prediction::Many(vec![("up".into(), "0.5".into())]) },
            FromHost::Failed { id: 9, fault: raised },
            FromHost::Failed {
                id: 10,
                fault: Fault::BadValue(BadValue {
                    class: "list".into(),
                    shape: Some("(3,)".into()),
                    problem: "a list is not a number".into(),
                    fix: "return one number".into(),
                }),
            },
            FromHost::Skipped { id: 11, why: "market closed".into() },
            FromHost::Pong,
        ]
    }

    fn to_host() -> Vec<ToHost> {
        vec![
            ToHost::Load(Load {
                bundle_root: "/b".into(),
                workdir: "/b/src".into(),
                artifacts_dir: "/b/artifacts".into(),
                module: "src.runner".into(),
                function: "run".into(),
            }),
            ToHost::Predict {
                id: 7,
                nonce: 120,
                context: Context {
                    topic_id: 1,
                    window_closes_at: Some(130),
                    network: "devnet".into(),
                    seconds_left: 24.5,
                },
            },
            ToHost::Ping,
            ToHost::Bye,
        ]
    }

    #[test]
    fn the_bytes_of_each_message() {
        let (from_host, to_host) = (from_host(), to_host());
        let frames = from_host.iter().map(encode).chain(to_host.iter().map(encode));
        let text = frames.map(Result::unwrap).fold(String::new(), |mut text, frame| {
            writeln!(text, "{}", frame.escape_ascii()).unwrap();
            text
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn each_message_comes_back_as_it_was_sent() {
        let mut decoder = Decoder::new();
        for message in from_host() {
            decoder.push(&encode(&message).unwrap());
            assert_eq!(decoder.take::<FromHost>().unwrap(), Some(message));
        }
        for message in to_host() {
            decoder.push(&encode(&message).unwrap());
            assert_eq!(decoder.take::<ToHost>().unwrap(), Some(message));
        }
    }
}
