//! Labels of an image that a build knows, by the names of OCI
//! (https://github.com/opencontainers/image-spec/blob/main/annotations.md). Those that every build has are in
//! `docker/Dockerfile`.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::origin::Origin;

/// `NAME=value` for each of them: the bundle's version, its origin and the digest of the base where they are known, and, for a
/// build that is to be the same whenever it is made, its time by `SOURCE_DATE_EPOCH` in seconds since 1970
/// (https://reproducible-builds.org/specs/source-date-epoch).
pub fn labels(
    version: &str,
    origin: Option<&Origin>,
    base: Option<&str>,
    source_date_epoch: Option<&str>,
) -> Vec<String> {
    let created = source_date_epoch
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds.trim().parse().ok()?).ok())
        .and_then(|time| time.format(&Rfc3339).ok());
    [
        ("version", Some(version.to_owned())),
        ("source", origin.and_then(|origin| origin.source.clone())),
        ("revision", origin.and_then(|origin| origin.revision.clone())),
        ("created", created),
        ("base.digest", base.map(str::to_owned)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("org.opencontainers.image.{name}={}", value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_has_no_label() {
        assert_eq!(labels("1.0", None, None, None), ["org.opencontainers.image.version=1.0"]);
        let origin = Origin { source: Some("https://example.com/model".into()), revision: None };
        assert_eq!(
            labels("1.0", Some(&origin), Some("sha256:ab"), Some("1700000000")),
            [
                "org.opencontainers.image.version=1.0",
                "org.opencontainers.image.source=https://example.com/model",
                "org.opencontainers.image.created=2023-11-14T22:13:20Z",
                "org.opencontainers.image.base.digest=sha256:ab",
            ]
        );
        assert_eq!(labels("1.0", None, None, Some("soon")).len(), 1);
    }
}
