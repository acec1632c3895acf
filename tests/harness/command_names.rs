//! Apart from the rest of the harness, because the tests of the crate `alluvium` take it, too.

/// The commands that there are.
pub(crate) const COMMANDS: [&str; 16] = [
    "validate",
    "backfill",
    "run",
    "search",
    "status",
    "maintain",
    "explain",
    "releases",
    "rollback",
    "resume",
    "erase",
    "quarantine",
    "verify",
    "models",
    "schema",
    "completions",
];
