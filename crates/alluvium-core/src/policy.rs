//! The policy of a document: it only ever goes forward, through every rollback.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::access::{Acl, Principals};
use crate::version::Version;

/// What is known of a document id's access, ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The access list in force.
    pub acl: Acl,
    /// Its version.
    pub acl_version: Version,
    /// The list of this version can't be read, so that nobody may read the document. A list of the very same
    /// version that can be read is believed.
    pub acl_unreadable: bool,
    /// When it was deleted, if it is.
    pub deleted: Option<Tombstone>,
    /// Its last erasure, also when that was undone.
    pub erased: Option<Erasure>,
}

/// A deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The ledger sequence that published it.
    pub seq: u64,
    /// The version of the deletion.
    pub version: Version,
}

/// An erasure. It is remembered after it was undone: what was there before it never comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The ledger sequence that published it.
    pub seq: u64,
    /// The sequence that undid it: new content is taken again.
    pub undone_seq: Option<u64>,
    /// The newest version of content that was known then: nothing that is not newer is taken again.
    pub version: Version,
}

impl Policy {
    /// A list of a document that was never deleted.
    pub fn new(acl: Acl, acl_version: Version) -> Self {
        Self { acl, acl_version, acl_unreadable: false, deleted: None, erased: None }
    }

    /// Erases the document: its content is gone for good, and so is its id until that is undone. `content`
    /// is the version of its content row.
    pub fn erase(&mut self, seq: u64, content: Option<Version>) {
        let deleted = self.deleted.take().map(|tombstone| tombstone.version);
        let erased = self.erased.take().map(|erasure| erasure.version);
        let known = [content, deleted, erased].into_iter().flatten();
        let newest = known.reduce(|newest, other| match other.order(&newest) {
            Some(Ordering::Greater) => other,
            _ => newest,
        });
        let version = newest.unwrap_or_else(Version::observed);
        self.deleted = Some(Tombstone { seq, version: version.clone() });
        self.erased = Some(Erasure { seq, undone_seq: None, version });
    }

    /// Whether the id is erased now: nothing of it is served, and no change of it is taken.
    pub fn is_erased(&self) -> bool {
        self.erased.as_ref().is_some_and(|erasure| erasure.undone_seq.is_none())
    }

    /// Whether content that a record held may be served at all: it is not from before an erasure.
    pub fn survived(&self, seq: u64) -> bool {
        self.erased.as_ref().is_none_or(|erasure| erasure.undone_seq.is_some() && erasure.seq <= seq)
    }

    /// Whether these principals may find the document now, in the content that the record `seq` holds.
    pub fn admits(&self, principals: &Principals, seq: u64) -> bool {
        self.deleted.is_none() && self.survived(seq) && self.acl.admits(principals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::VersionKind;

    #[test]
    fn an_undone_erasure_lets_only_newer_content_through() {
        let acl = Acl { readers: vec!["a".to_owned()], ..Acl::default() };
        let who = Principals::new(["a".to_owned()]).unwrap();
        let erased = |undone_seq| Some(Erasure { seq: 5, undone_seq, version: Version::observed() });
        let mut policy =
            Policy { deleted: None, erased: erased(None), ..Policy::new(acl, Version::observed()) };
        assert!(policy.is_erased() && !policy.admits(&who, 4) && !policy.admits(&who, 9));
        policy.erased = erased(Some(7));
        assert!(!policy.is_erased() && !policy.admits(&who, 4) && policy.admits(&who, 9));
        policy.erased = None;
        assert!(policy.admits(&who, 4));
    }

    #[test]
    fn an_erasure_remembers_the_newest_version() {
        let v = |value| Version { incarnation: String::new(), kind: VersionKind::Producer, value };
        let mut policy = Policy::new(Acl::nobody(), Version::observed());
        let version = |policy: &Policy| policy.erased.as_ref().map(|erasure| erasure.version.clone());
        policy.deleted = Some(Tombstone { seq: 1, version: v(7) });
        policy.erase(2, Some(v(5)));
        assert_eq!(version(&policy), Some(v(7)));
        policy.deleted = None;
        policy.erase(3, Some(v(3)));
        assert_eq!(version(&policy), Some(v(7)), "that of an earlier erasure counts");
        policy.erase(4, Some(v(9)));
        assert_eq!(version(&policy), Some(v(9)));
        assert_eq!(policy.deleted, Some(Tombstone { seq: 4, version: v(9) }));
    }
}
