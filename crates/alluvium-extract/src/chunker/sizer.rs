//! Sizes of pieces of text in tokens.

use std::ops::Range;

use alluvium_core::embed::{EmbedError, Tokenizer, Tokens};
use alluvium_core::stop::Stop;
use text_splitter::TryChunkSizer;

use super::work;

/// So many bytes count as a token at least, whatever the tokenizer says: to some a page without blanks is one
/// token. Ordinary text has three to eight a token, so that this decides nothing there.
const BYTES: usize = 32;
/// The bytes that any chunk may have, however few its tokens may be.
const LEAST_BYTES: usize = 1024;

/// The size that a chunk may have, special tokens left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    tokens: usize,
    bytes: usize,
}

impl Limit {
    pub(super) fn new(tokens: usize) -> Self {
        Self { tokens, bytes: BYTES.max(LEAST_BYTES / tokens.max(1)) }
    }

    /// In tokens.
    pub(super) fn tokens(self) -> usize {
        self.tokens
    }

    /// In bytes.
    pub(super) fn bytes(self) -> usize {
        self.tokens.saturating_mul(self.bytes)
    }

    /// The size of a piece of so many tokens and bytes, to be compared with [`Limit::tokens`].
    pub(super) fn size(self, tokens: usize, bytes: usize) -> usize {
        tokens.max(bytes.div_ceil(self.bytes))
    }

    /// Whether a chunk may have so many tokens and bytes.
    pub(super) fn holds(self, tokens: usize, bytes: usize) -> bool {
        self.size(tokens, bytes) <= self.tokens
    }
}

/// Sizes slices of one text by the tokens of the whole, found once: a slice tells by its address where it
/// lies.
pub(super) struct SliceSizer<'t> {
    base: usize,
    text: &'t str,
    tokens: &'t [Range<usize>],
    limit: Limit,
}

impl<'t> SliceSizer<'t> {
    pub(super) fn new(text: &'t str, tokens: &'t [Range<usize>], limit: Limit) -> Self {
        Self { base: text.as_ptr() as usize, text, tokens, limit }
    }

    /// The tokens that touch a span.
    pub(super) fn tokens(&self, span: &Range<usize>) -> usize {
        work::done(1);
        let first = self.tokens.partition_point(|token| token.end <= span.start);
        let last = self.tokens.partition_point(|token| token.start < span.end);
        last.saturating_sub(first)
    }

    /// The size of a span, by those.
    pub(super) fn size(&self, span: &Range<usize>) -> usize {
        self.limit.size(self.tokens(span), span.len())
    }
}

impl TryChunkSizer for &SliceSizer<'_> {
    type Error = std::convert::Infallible;

    fn try_size(&self, chunk: &str) -> Result<usize, Self::Error> {
        let start = (chunk.as_ptr() as usize).wrapping_sub(self.base);
        let inside = start <= self.text.len() && chunk.len() <= self.text.len() - start;
        // A slice of anything else is never shorter than its tokens are many.
        Ok(if inside { self.size(&(start..start + chunk.len())) } else { chunk.len() })
    }
}

/// Sizes text by tokenizing it.
pub(super) struct ExactSizer<'t> {
    tokenizer: &'t dyn Tokenizer,
    limit: Limit,
    stop: &'t Stop,
}

impl<'t> ExactSizer<'t> {
    pub(super) fn new(tokenizer: &'t dyn Tokenizer, limit: Limit, stop: &'t Stop) -> Self {
        Self { tokenizer, limit, stop }
    }

    pub(super) fn tokens(&self, text: &str) -> Result<Tokens, EmbedError> {
        work::done(text.len());
        self.tokenizer.tokens(text, self.stop)
    }
}

impl TryChunkSizer for &ExactSizer<'_> {
    type Error = EmbedError;

    fn try_size(&self, chunk: &str) -> Result<usize, Self::Error> {
        Ok(self.limit.size(self.tokens(chunk)?.spans.len(), chunk.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_where_tokens_do_not() {
        let limit = Limit::new(254);
        assert!(limit.holds(254, 254 * BYTES) && !limit.holds(1, 254 * BYTES + 1) && !limit.holds(255, 0));
        assert!(Limit::new(2).holds(1, LEAST_BYTES) && !Limit::new(2).holds(1, LEAST_BYTES + 1));
    }
}
