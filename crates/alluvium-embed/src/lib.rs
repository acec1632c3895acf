//! Embedding models: `core::embed::Model` over ONNX files run by fastembed and ONNX Runtime.
//!
//! Invariants kept here:
//!
//! - Nothing is loaded whose bytes are not the pinned ones; what is missing, empty, altered or too old
//!   is an error that names the file and its mend, and never a panic.
//! - One text a run, one thread a session, no spinning: on CPUs that was measured to be the fastest way,
//!   and it makes a vector independent of what else is embedded.
//! - A text that the model would silently cut is refused; a vector that can't be right is refused.
//! - Text is text: what looks like a special token is none. Words of scripts without spaces are parted by
//!   dictionary for a model that takes them for one unknown word (`parting`); the same text is always parted
//!   in the same way, and counted so.
//!
//! Deliberately absent: batching and threads (the runtime's business), downloads (`alluvium-models`).

mod model;
mod parting;
mod runtime;
mod segments;
mod session;
mod tokenizer;

pub use model::FastembedModel;

/// How a text is given to a model, beyond what the model itself says: other readings of some texts are no other
/// generation, but these texts are to be embedded anew.
pub fn reading() -> alluvium_core::extract::Component {
    alluvium_core::extract::Component::new("reading", "2")
}
