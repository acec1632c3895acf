//! The embedding models that Alluvium knows, and how their files come onto a machine.
//!
//! A model is its name, its revision and the SHA-256 of each of its files, with what one must know
//! to use it: dimension, pooling, normalization, prefixes, maximum tokens. Invariants kept here:
//!
//! - A folder of a model either holds every file of it, each with the pinned hash, or is refused by
//!   [`verify_model`] with the file's name and the command that mends it.
//! - A fetch that is killed at any moment leaves nothing half: files are built in a folder beside
//!   the destination, checked, and renamed into place.
//! - Nothing that came over the network is read before its hash was checked.
//!
//! Deliberately absent: running a model. This crate has light dependencies only, so that the build
//! tooling and `alluvium models` can use it without compiling an inference engine.

mod archive;
mod catalogue;
mod client;
mod error;
mod fetch;
mod hash;
mod home;
mod package;
mod protobuf;
mod registry;
mod runtime;
mod safetensors;
mod static_onnx;
mod verify;

pub use archive::{Wanted, extract};
pub use client::Clients;
pub use error::ModelError;
pub use fetch::Fetcher;
pub use hash::sha256_file;
pub use home::Home;
pub use package::{Package, Source};
pub use registry::{Artifact, Conversion, Member, ModelSpec, Origin, Pooling, find, registry};
pub use runtime::{RuntimeSpec, runtime};
pub use verify::{verify_model, verify_runtime};
