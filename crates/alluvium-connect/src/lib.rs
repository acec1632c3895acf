//! Where documents come from. Each source is an implementation of [`alluvium_core::source::Source`] and
//! passes [`conformance`].

mod bucket;
pub mod conformance;
pub mod event;
pub mod filesystem;
pub mod jsonl;
mod offload;
