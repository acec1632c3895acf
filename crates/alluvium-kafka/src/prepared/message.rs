//! What a message of the topic looks like.

use alluvium_core::document::Prepared;
use alluvium_core::hash::Sha256;
use serde::{Deserialize, Serialize};

/// The version of the messages. A reader takes no other.
pub(super) const SCHEMA: &str = "alluvium.prepared.v1";
/// The header of a part: it is no change by itself.
pub(super) const PART: &str = "alluvium-part";

/// A message with all of a change.
#[derive(Debug, Serialize)]
pub(super) struct Whole<'d> {
    pub(super) schema: &'static str,
    /// The generation that the content is prepared for.
    pub(super) generation: &'d Sha256,
    pub(super) document: &'d Prepared,
}

/// A message that names the parts of a larger one.
#[derive(Debug, Serialize)]
pub(super) struct Head<'p> {
    pub(super) schema: &'static str,
    pub(super) parts: &'p Parts,
}

/// Parts of a message, in its own topic. Put together they are a [`Whole`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    pub(super) partition: i32,
    pub(super) offsets: Vec<u64>,
    /// Hash of all parts together.
    pub(super) sha256: Sha256,
}

/// Either, as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) schema: String,
    pub(super) generation: Option<Sha256>,
    pub(super) document: Option<Box<Prepared>>,
    pub(super) parts: Option<Parts>,
}
