//! What extraction replaced and left out of a text, counted for provenance.

use serde::{Deserialize, Serialize};

/// What extraction replaced and left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractionNotes {
    /// Sequences of bytes that are no character of the document's charset; each is one U+FFFD in the text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replaced_characters: u64,
    /// Characters that a reader of the document does not see, white space aside.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hidden_characters: u64,
    /// Bytes of data that was written as text: of `data:` URIs, of base64.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub encoded_bytes: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ExtractionNotes {
    /// Whether nothing was replaced or left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for ExtractionNotes {
    fn add_assign(&mut self, other: Self) {
        self.replaced_characters = self.replaced_characters.saturating_add(other.replaced_characters);
        self.hidden_characters = self.hidden_characters.saturating_add(other.hidden_characters);
        self.encoded_bytes = self.encoded_bytes.saturating_add(other.encoded_bytes);
    }
}
