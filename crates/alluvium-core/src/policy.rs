//! The policy of a document: it only ever goes forward, through every rollback.

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
    /// When it was deleted, if it is.
    pub deleted: Option<Tombstone>,
    /// The sequence number at which it was erased, if it is.
    pub erased_seq: Option<u64>,
}

/// A deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The ledger sequence that published it.
    pub seq: u64,
    /// The version of the deletion.
    pub version: Version,
}

impl Policy {
    /// Whether these principals may find the document now.
    pub fn admits(&self, principals: &Principals) -> bool {
        self.deleted.is_none() && self.erased_seq.is_none() && self.acl.admits(principals)
    }
}
