//! The durable steps of a claim and a commit, each with a failpoint, and two batches to take them with.

use alluvium_core::document::Prepared;

use super::{access_only, acl, delete, refused, upsert};

pub const STEPS: [&str; 12] = [
    "claim::before-announce",
    "claim::after-announce",
    "claim::between-restores",
    "claim::before-record",
    "claim::after-record",
    "commit::after-chunks",
    "commit::after-documents",
    "commit::after-policy",
    "commit::after-quarantine",
    "commit::before-record",
    "commit::after-record",
    "commit::after-tags",
];

/// Three documents.
pub fn first() -> Vec<Prepared> {
    vec![
        upsert("s/a", "one\n\ntwo", acl(&["g"])),
        upsert("s/b", "bee", acl(&["g"])),
        upsert("s/c", "sea", acl(&["g", "h"])),
    ]
}

/// After [`first`]: an edit, a deletion, another list, a new document and one that is refused.
pub fn second() -> Vec<Prepared> {
    vec![
        upsert("s/a", "one\n\nthree", acl(&["g"])),
        delete("s/b"),
        access_only("s/c", acl(&["h"])),
        upsert("s/d", "dee", acl(&["g"])),
        refused("s/e", "eee", acl(&["g"])),
    ]
}
