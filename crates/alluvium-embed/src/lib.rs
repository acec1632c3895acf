//! Embedding models: `core::embed::Model` over ONNX files run by fastembed and ONNX Runtime.
//!
//! Invariants kept here:
//!
//! - Nothing is loaded whose bytes are not the pinned ones; what is missing, empty, altered or too old
//!   is an error that names the file and its mend, and never a panic.
//! - One text a run, one thread a session, no spinning: on CPUs that was measured to be the fastest way,
//!   and it makes a vector independent of what else is embedded.
//! - A text that the model would silently cut is refused; a vector that can't be right is refused.
//!
//! Deliberately absent: batching and threads (the runtime's business), downloads (`alluvium-models`).

mod model;
mod runtime;
mod segments;
mod session;
mod tokenizer;

pub use model::FastembedModel;
