//! The model of a run.

use std::fmt::Write as _;

use crate::script::Script;
use crate::trouble::{ModelFailure, Trouble};

/// A model that fails as the script says for each nonce, and otherwise answers with an eighth of it.
pub fn code(script: &Script) -> String {
    let mut plan = String::new();
    for act in &script.acts {
        if let Trouble::Model { how, times } = act.trouble {
            let how = match how {
                ModelFailure::Exception => "raise ValueError('as the script says')",
                ModelFailure::Hang => "time.sleep(3600)",
                ModelFailure::Crash => "os.kill(os.getpid(), 11)",
            };
            writeln!(plan, "    ({}, {}, {times}, \"{how}\"),", act.from.height, act.until.height).unwrap();
        }
    }
    format!(
        "import os, time\n\nPLAN = [\n{plan}]\n\ndef predict(nonce):\n    for begin, end, times, how in PLAN:\n        \
         if begin <= nonce <= end:\n            with open(os.path.join(os.environ['MARKS'], str(nonce)), 'a+') as mark:\n                \
         mark.write('x')\n                asked = mark.tell()\n            if asked <= times:\n                exec(how)\n            \
         break\n    return nonce / 8\n"
    )
}
