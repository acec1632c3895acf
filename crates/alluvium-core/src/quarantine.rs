//! Refused changes: kept with their cause, never dropped, never in the way of their neighbours.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::id::DocId;

/// The stage at which a change was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading it from its source.
    Read,
    /// Its access list.
    Access,
    /// Extracting text.
    Extract,
    /// Cutting text into chunks.
    Chunk,
    /// Embedding chunks.
    Embed,
    /// The guard of the committer.
    Guard,
}

/// Why a change was refused. The words are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The bytes could not be read.
    Unreadable,
    /// The document vanished while it was read.
    Vanished,
    /// More bytes than the limit.
    TooLarge,
    /// No bytes, or no text in them.
    Empty,
    /// The format's parser gave up.
    Corrupt,
    /// Needs a password.
    Encrypted,
    /// Pages without text: pictures only.
    ImageOnly,
    /// Binary data where text should be.
    NotText,
    /// The extractor ran out of time.
    Timeout,
    /// The extractor ran out of memory.
    OutOfMemory,
    /// The extractor crashed.
    Crashed,
    /// No access list, and the source declares no default.
    NoAccessList,
    /// The access list is there and can't be read.
    BadAccessList,
    /// Equal version, other content.
    VersionConflict,
    /// A vector with a value that is not a finite number, or of the wrong length.
    BadVector,
    /// The id is not a valid document id.
    BadId,
    /// The event is not a document change.
    BadEvent,
    /// Held back by a rollback that kept the offsets, until the content changes or a person says so.
    RolledBack,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_word(f, self)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_word(f, self)
    }
}

fn write_word(f: &mut fmt::Formatter<'_>, value: &impl Serialize) -> fmt::Result {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => f.write_str(&word),
        _ => Err(fmt::Error),
    }
}

/// A refusal: stage, cause, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Where.
    pub stage: Stage,
    /// Why.
    pub cause: Cause,
    /// What exactly, and what would mend it. Bounded in length by [`Refusal::new`].
    pub detail: String,
}

/// The longest detail kept, in characters: parsers like to quote their input.
const MAX_DETAIL: usize = 500;

impl Refusal {
    /// A refusal with a bounded detail.
    pub fn new(stage: Stage, cause: Cause, detail: impl fmt::Display) -> Self {
        let detail: String = detail.to_string().chars().take(MAX_DETAIL).collect();
        Self { stage, cause, detail }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.cause, self.stage, self.detail)
    }
}

/// The id of a quarantine item: the same change refused again is the same item.
pub fn quarantine_id(doc: &DocId, position: &str, stage: Stage, hash: Option<&Sha256>) -> String {
    let hash = hash.map_or("", Sha256::as_str);
    let position = if hash.is_empty() { position } else { "" };
    Sha256::of_parts([doc.as_str(), position, &stage.to_string(), hash]).short(16).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_interface() {
        assert_eq!(Cause::ImageOnly.to_string(), "image_only");
        assert_eq!(
            Refusal::new(Stage::Extract, Cause::Timeout, "20 s").to_string(),
            "timeout (extract): 20 s"
        );
    }

    #[test]
    fn details_are_bounded() {
        assert_eq!(Refusal::new(Stage::Read, Cause::Corrupt, "x".repeat(9000)).detail.len(), 500);
    }
}
