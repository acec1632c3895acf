//! Sizes of pieces of text in tokens.

use std::ops::Range;

use alluvium_core::embed::{EmbedError, Tokenizer};
use text_splitter::TryChunkSizer;

/// Sizes slices of one text by the tokens of the whole, found once: a slice tells by its address where it
/// lies.
pub(super) struct SliceSizer<'t> {
    base: usize,
    text: &'t str,
    tokens: &'t [Range<usize>],
}

impl<'t> SliceSizer<'t> {
    pub(super) fn new(text: &'t str, tokens: &'t [Range<usize>]) -> Self {
        Self { base: text.as_ptr() as usize, text, tokens }
    }

    /// Tokens that touch a span.
    pub(super) fn count(&self, span: &Range<usize>) -> usize {
        let first = self.tokens.partition_point(|token| token.end <= span.start);
        let last = self.tokens.partition_point(|token| token.start < span.end);
        last.saturating_sub(first)
    }
}

impl TryChunkSizer for &SliceSizer<'_> {
    type Error = std::convert::Infallible;

    fn try_size(&self, chunk: &str) -> Result<usize, Self::Error> {
        let start = (chunk.as_ptr() as usize).wrapping_sub(self.base);
        let inside = start <= self.text.len() && chunk.len() <= self.text.len() - start;
        // A slice of anything else is never shorter than its tokens are many.
        Ok(if inside { self.count(&(start..start + chunk.len())) } else { chunk.len() })
    }
}

/// Sizes text by tokenizing it.
pub(super) struct ExactSizer<'t> {
    tokenizer: &'t dyn Tokenizer,
}

impl<'t> ExactSizer<'t> {
    pub(super) fn new(tokenizer: &'t dyn Tokenizer) -> Self {
        Self { tokenizer }
    }

    pub(super) fn count(&self, text: &str) -> Result<usize, EmbedError> {
        Ok(self.tokenizer.spans(text)?.len())
    }
}

impl TryChunkSizer for &ExactSizer<'_> {
    type Error = EmbedError;

    fn try_size(&self, chunk: &str) -> Result<usize, Self::Error> {
        self.count(chunk)
    }
}
