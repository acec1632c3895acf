//! Stands in for the crate of this name, which tells a procedural macro under which name a crate was
//! imported. Here only `num_enum_derive` asks, for `rdkafka-sys`, which imports `num_enum` as `num_enum`.
//!
//! The real one reads `Cargo.toml` with a TOML parser. That parser asks a crate beneath the build scripts of
//! Lance for one more feature, so that everything with Lance in it would be built anew. To go back to it,
//! remove `[patch.crates-io]` from the workspace's `Cargo.toml`: nothing else depends on this.

#![forbid(unsafe_code)]

use std::convert::Infallible;

/// Where a crate was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundCrate {
    /// It is the one being compiled.
    Itself,
    /// It goes by this name.
    Name(String),
}

/// The name that a crate is imported by: its own.
pub fn crate_name(original: &str) -> Result<FoundCrate, Infallible> {
    Ok(FoundCrate::Name(original.replace('-', "_")))
}
