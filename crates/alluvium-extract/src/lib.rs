//! Documents into text, and text into chunks.
//!
//! - [`WorkerPool`] is the `Extractor`: it hands documents to sandboxed worker processes and believes
//!   nothing that they say. [`worker_main`] is what such a process runs.
//! - [`TokenChunker`] is the `Chunker`: it cuts text by the embedding model's own tokens, at places that
//!   an edit elsewhere does not move.
//!
//! Deliberately absent: any parser in the process that serves. None of them is safe there.

mod charset;
mod chunker;
mod encoded;
mod html;
mod limits;
mod markdown;
mod outcome;
mod pdf;
mod plain;
mod pool;
mod protocol;
mod quality;
mod sniff;
mod worker;

pub use chunker::{ChunkSettingsError, TokenChunker, cutting};
pub use limits::Limits;
pub use pdf::PdfEngineName;
pub use pool::{PoolConfig, WorkerCommand, WorkerPool};
pub use protocol::Sandbox;
pub use worker::worker_main;
