//! Where documents come from. Each source is an implementation of [`alluvium_core::source::Source`] and
//! passes [`conformance`].

pub mod conformance;
pub mod filesystem;
mod offload;
