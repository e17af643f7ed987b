//! What the manifest itself says to pip, as lines of a requirements file.

use std::fmt::Write as _;
use std::path::Path;

use super::manifest::Environment;

impl Environment {
    /// The lines. `written` is how they name a file. pip fills in variables such as `${INDEX_TOKEN}` in such a file, and
    /// nowhere else.
    pub fn requirement_lines(&self, written: impl Fn(&Path) -> String) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        for url in &self.extra_index_urls {
            let _ = writeln!(text, "--extra-index-url {}", quoted(url));
        }
        if let Some(constraints) = &self.constraints {
            let _ = writeln!(text, "--constraint {}", quoted(&written(constraints)));
        }
        let _ = writeln!(text, "--requirement {}", quoted(&written(&self.pip_requirements)));
        text
    }
}

/// A word of an option, which pip splits as a shell does.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}
