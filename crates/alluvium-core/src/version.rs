//! Versions of one half of a document, and when two of them can be compared.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// What a version's value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionKind {
    /// A number that the producer gives and that grows within a document.
    Producer,
    /// The position in the source's log.
    Log,
    /// No version: the order is the committer's, equality is the hash. Files have these.
    Observed,
}

/// A version: which life of the source it comes from, what it counts, and the count.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The source's incarnation: a topic created anew has another.
    pub incarnation: String,
    /// What `value` counts.
    pub kind: VersionKind,
    /// The count; 0 for observed versions.
    pub value: u64,
}

impl Version {
    /// The version of something that has none.
    pub fn observed() -> Self {
        Self { incarnation: String::new(), kind: VersionKind::Observed, value: 0 }
    }

    /// The order of two versions, if they have one. Another kind or another incarnation has none, and
    /// neither do two observations: then the committer's order counts.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        let comparable = self.kind == other.kind
            && self.kind != VersionKind::Observed
            && (self.kind == VersionKind::Producer || self.incarnation == other.incarnation);
        comparable.then(|| self.value.cmp(&other.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(incarnation: &str, kind: VersionKind, value: u64) -> Version {
        Version { incarnation: incarnation.to_owned(), kind, value }
    }

    #[test]
    fn only_like_is_compared_with_like() {
        use VersionKind::{Log, Producer};
        let cases = [
            (version("a", Log, 1), version("a", Log, 2), Some(Ordering::Less)),
            (version("a", Log, 1), version("b", Log, 2), None),
            (version("a", Producer, 3), version("b", Producer, 2), Some(Ordering::Greater)),
            (version("a", Producer, 3), version("a", Log, 2), None),
            (Version::observed(), Version::observed(), None),
        ];
        for (one, two, expected) in cases {
            assert_eq!(one.order(&two), expected, "{one:?} {two:?}");
        }
    }
}
