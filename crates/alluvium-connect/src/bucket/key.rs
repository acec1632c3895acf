//! `s3://bucket/key`, and which keys a declaration holds.

use alluvium_core::percent::decode;

/// The longest key that stores know, in bytes.
const LONGEST: usize = 1024;

/// What a reference names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) bucket: String,
    pub(super) key: String,
}

/// Whether a reference is one into a bucket.
pub(crate) fn is_object(uri: &str) -> bool {
    uri.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("s3"))
}

impl Object {
    /// What `uri` names, its escapes undone once; else why it names nothing.
    pub(super) fn parse(uri: &str) -> Result<Self, &'static str> {
        let (_, rest) = uri.split_once("://").ok_or("is no URI")?;
        if rest.contains(['?', '#']) {
            return Err("has a query or a fragment; in a key they are written %3F and %23");
        }
        let (bucket, key) = rest.split_once('/').ok_or("names no key")?;
        let key = decode(key).ok_or("has an escape that is none")?;
        if key.len() > LONGEST {
            return Err("has a key of more than 1024 bytes");
        }
        if key.chars().any(char::is_control) {
            return Err("has a key with a control character");
        }
        if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("has a key with a segment that is empty, \".\" or \"..\"");
        }
        Ok(Self { bucket: bucket.to_owned(), key })
    }

    /// Whether it lies in this bucket, beneath the prefix where there is one.
    pub(super) fn is_in(&self, bucket: &str, prefix: Option<&str>) -> bool {
        let beneath = |prefix: &str| self.key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        self.bucket == bucket && prefix.is_none_or(beneath)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_reference_names() {
        for (uri, bucket, key) in [
            ("s3://b/a.md", "b", "a.md"),
            ("S3://b/a/b%20c+d.md", "b", "a/b c+d.md"),
            ("s3://b/%C3%A5%25%2520", "b", "å%%20"),
            ("s3://b/a%3Fb%23c", "b", "a?b#c"),
            ("s3://b/a%2Fb", "b", "a/b"),
            ("s3://me:secret@b:80/a", "me:secret@b:80", "a"),
            ("s3:///a", "", "a"),
        ] {
            assert!(is_object(uri), "{uri}");
            let expected = Object { bucket: bucket.to_owned(), key: key.to_owned() };
            assert_eq!(Object::parse(uri), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn what_names_nothing() {
        let long = format!("s3://b/{}", "x".repeat(1025));
        for (uri, why) in [
            ("s3://b", "no key"),
            ("s3://b/", "empty"),
            ("s3://b//a", "empty"),
            ("s3://b/a/", "empty"),
            ("s3://b/a/../c", "\"..\""),
            ("s3://b/%2e%2E/c", "\"..\""),
            ("s3://b/a%2f%2e%2e", "\"..\""),
            ("s3://b/./c", "\".\""),
            ("s3://b/a%0Ab", "control"),
            ("s3://b/a%C2%85b", "control"),
            ("s3://b/a%00b", "escape"),
            ("s3://b/a%zz", "escape"),
            ("s3://b/a%ff", "escape"),
            ("s3://b/a?versionId=1", "query"),
            ("s3://b/a#b", "query"),
            (&long, "1024"),
        ] {
            let said = Object::parse(uri).unwrap_err();
            assert!(said.contains(why), "{uri}: {said}");
        }
        for uri in ["s3", "s3a://b/a", "https://b/a", "file:///b/a", "b/s3://a"] {
            assert!(!is_object(uri), "{uri}");
        }
    }

    #[test]
    fn a_prefix_holds_whole_segments() {
        let object = |uri: &str| Object::parse(uri).unwrap();
        assert!(object("s3://b/a").is_in("b", None));
        assert!(object("s3://b/in/deep/a").is_in("b", Some("in")));
        assert!(object("s3://b/in/deep/a").is_in("b", Some("in/deep")));
        for uri in ["s3://b/in", "s3://b/inner/a", "s3://b/out/in/a", "s3://c/in/a", "s3://b:80/in/a"] {
            assert!(!object(uri).is_in("b", Some("in")), "{uri}");
        }
    }
}
