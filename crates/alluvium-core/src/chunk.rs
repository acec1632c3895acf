//! The seam between text and chunks, and what is known of a chunk.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::embed::Tokenizer;
use crate::extract::{Component, Extracted};
use crate::hash::Sha256;
use crate::quarantine::Refusal;
use crate::stop::Stop;

/// One chunk of a document, before it has a vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Bytes of the extracted text; slicing it there gives the chunk's text exactly.
    pub span: Range<usize>,
    /// Tokens, the model's special ones included; 0 where the model can't read the text, see
    /// [`Chunk::is_words_only`].
    pub tokens: usize,
}

impl Chunk {
    /// Whether the model can't read the text, or has no vector for it. Its row has a vector of zeros, which
    /// no search by meaning finds, and is found by words.
    pub fn is_words_only(&self) -> bool {
        self.tokens == 0
    }

    /// The chunk's text within `text`, the text it was cut from.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.span.clone()).unwrap_or("")
    }
}

/// Identity of a chunk's text. Within one generation equal hashes mean equal vectors.
pub fn chunk_hash(text: &str) -> Sha256 {
    Sha256::of(text)
}

/// Cuts text into chunks none of which is longer than the model can take.
pub trait Chunker: Send + Sync {
    /// Name and version.
    fn component(&self) -> Component;

    /// Cuts `extracted`; chunks are in order of their starts. The same input gives the same chunks, and
    /// an edit moves only the boundaries near it. Takes time in proportion to the text.
    ///
    /// # Errors
    /// The document is refused; with [`Cause::Timeout`](crate::quarantine::Cause::Timeout) soon after `stop`
    /// is set.
    fn chunk(
        &self,
        extracted: &Extracted,
        tokenizer: &dyn Tokenizer,
        stop: &Stop,
    ) -> Result<Vec<Chunk>, Refusal>;
}
