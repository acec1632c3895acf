//! The durable steps of a claim and a commit, each with a failpoint.

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
