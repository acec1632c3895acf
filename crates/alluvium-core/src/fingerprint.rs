//! What shapes rows, and so decides which may share a table and which must be made anew.

use serde::{Deserialize, Serialize};

use crate::embed::ModelIdentity;
use crate::extract::Component;
use crate::hash::Sha256;
use crate::id::{Generation, NameError};
use crate::text::NORMALIZATION;

/// What shapes the rows of `chunks`. Two of these never share a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationFingerprint {
    /// The embedding model.
    pub model: ModelIdentity,
    /// The chunker.
    pub chunker: Component,
    /// The chunker's limit, in tokens.
    pub chunk_max_tokens: usize,
    /// The chunker's overlap, in tokens.
    pub chunk_overlap_tokens: usize,
    /// The normalization of text.
    pub normalization: String,
}

impl GenerationFingerprint {
    /// The fingerprint of a model and a chunker with its settings.
    pub fn new(model: ModelIdentity, chunker: Component, max_tokens: usize, overlap_tokens: usize) -> Self {
        Self {
            model,
            chunker,
            chunk_max_tokens: max_tokens,
            chunk_overlap_tokens: overlap_tokens,
            normalization: NORMALIZATION.to_owned(),
        }
    }

    /// Its hash.
    pub fn hash(&self) -> Sha256 {
        Sha256::of_json(self)
    }

    /// The suffix of its tables.
    pub fn generation(&self) -> Result<Generation, NameError> {
        Generation::new(self.hash().short(12))
    }

    /// The fingerprint of the whole pipeline: a document processed under another one is not unchanged.
    pub fn pipeline(&self, extractors: &[Component]) -> Sha256 {
        Sha256::of_json(&(self.hash(), extractors))
    }

    /// One line for people: what makes this generation what it is.
    pub fn describe(&self) -> String {
        let artifact = self.model.artifact.get(..12).unwrap_or(&self.model.artifact);
        format!(
            "{} ({}, artifact {artifact}), {} up to {} tokens with {} overlap",
            self.model.name,
            self.model.revision,
            self.chunker,
            self.chunk_max_tokens,
            self.chunk_overlap_tokens
        )
    }
}
