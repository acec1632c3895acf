//! What one document may cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What one document may cost. A breach costs that document and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Address space in bytes, above what the fresh worker process maps.
    pub memory: u64,
    /// CPU time of one attempt by one engine.
    pub cpu: Duration,
    /// Wall-clock time of one attempt by one engine, transfers included.
    pub wall: Duration,
    /// Bytes of the document.
    pub input: u64,
    /// Bytes of the text extracted from it.
    pub output: u64,
    /// Pages of a PDF; those after it are left out and the document is marked partial.
    pub pages: u32,
    /// Headings kept of one document.
    pub headings: u32,
    /// Open elements of an HTML document at one time: its parser takes quadratic time in them.
    pub nesting: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            cpu: Duration::from_secs(20),
            wall: Duration::from_secs(30),
            input: 64 << 20,
            output: 32 << 20,
            pages: 20_000,
            headings: 20_000,
            nesting: 10_000,
        }
    }
}
