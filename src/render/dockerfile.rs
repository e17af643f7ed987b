//! The Dockerfile of a bundle's image.

use super::file::File;
use super::template::fill;
use crate::bundle::Manifest;

const DOCKERFILE: &str = include_str!("../../docker/Dockerfile");

/// The usual name of a bundle's image: `NAME:VERSION`, the name as engines take it.
#[must_use]
pub fn image_tag(name: &str, version: &str) -> String {
    format!("{}:{version}", repository(name))
}

/// The image that the Dockerfile builds on, for a version of Python such as `3.12`, as its label `base.name` has it.
#[must_use]
pub fn base_image(python: &str) -> String {
    format!("docker.io/library/python:{python}-slim")
}

/// A bundle's name as that of a repository of images, which has small letters and digits, and between them `.`, `_`, `__` or
/// some `-` (https://github.com/distribution/reference/blob/main/reference.go). What stands there instead becomes a `-`.
fn repository(name: &str) -> String {
    let is_separator = |c: char| matches!(c, '.' | '_' | '-');
    let mut repository = String::new();
    let mut rest = name.trim_matches(is_separator);
    while let Some(end) = rest.find(is_separator) {
        let (word, behind) = rest.split_at(end);
        rest = behind.trim_start_matches(is_separator);
        let separator = &behind[..behind.len() - rest.len()];
        let is_known = matches!(separator, "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-');
        repository.extend([word, if is_known { separator } else { "-" }]);
    }
    repository.push_str(rest);
    repository.to_ascii_lowercase()
}

/// The Dockerfile for the archive of a bundle, which runs in this version of Python, such as `3.12`.
#[must_use]
pub fn dockerfile(manifest: &Manifest, python: &str) -> File {
    let text = fill(
        DOCKERFILE,
        &[
            ("PYTHON_VERSION", python),
            ("BUNDLE_ARCHIVE", &manifest.archive_name()),
            ("BUNDLE_NAME", &manifest.name),
        ],
    );
    File { name: "Dockerfile".to_owned(), text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bundle::value;

    #[test]
    fn a_name_is_kept_as_far_as_engines_take_it() {
        for (name, expected) in [
            ("my-model", "my-model"),
            ("a.b_c__d--e", "a.b_c__d--e"),
            ("2nd.Try", "2nd.try"),
            ("a..b", "a-b"),
            ("a-", "a"),
            ("_a", "a"),
            ("a___b", "a-b"),
            ("a.-b", "a-b"),
        ] {
            assert_eq!(image_tag(name, "1.0"), format!("{expected}:1.0"));
        }
        assert!(DOCKERFILE.contains(&base_image("${PYTHON_VERSION}")));
    }

    proptest! {
        #[test]
        fn every_name_of_a_bundle_is_one_of_an_image(name in "[A-Ca-c0-1._-]{1,12}") {
            prop_assume!(value::file_name(&name).is_ok());
            let repository = repository(&name);
            let words: Vec<_> = repository.split(['.', '_', '-']).collect();
            let good = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            prop_assert!(words.iter().all(good), "{repository}");
            let ends = [words.first(), words.last()];
            prop_assert!(ends.into_iter().flatten().all(|word| !word.is_empty()), "{repository}");
            for bad in ["..", "___", "._", "_.", ".-", "-.", "_-", "-_"] {
                prop_assert!(!repository.contains(bad), "{repository}");
            }
        }
    }
}
