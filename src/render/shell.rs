//! Commands as a shell reads them.

/// A word that no shell takes apart.
pub fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}
