//! A model's own tokens, with the bytes that each stands for.

use std::ops::Range;

use alluvium_core::embed::{EmbedError, Tokenizer};
use tokenizers::PostProcessor;

use crate::segments::segments;

/// The tokenizer of a model without its limit and its padding: both would hide tokens.
pub(crate) struct WordPieces(tokenizers::Tokenizer);

impl WordPieces {
    /// Reads a `tokenizer.json`.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| e.to_string())?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|e| e.to_string())?;
        Ok(Self(inner))
    }

    /// How many tokens the model sees of `text`, special ones included.
    pub(crate) fn count(&self, text: &str) -> Result<usize, EmbedError> {
        let mut count = self.special();
        for piece in segments(text) {
            let text = text.get(piece).unwrap_or("");
            count += self.0.encode_fast(text, false).map_err(failed)?.len();
        }
        Ok(count)
    }
}

impl Tokenizer for WordPieces {
    fn spans(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
        let mut spans = Vec::with_capacity(text.len() / 4);
        for piece in segments(text) {
            let base = piece.start;
            let encoding = self.0.encode(text.get(piece).unwrap_or(""), false).map_err(failed)?;
            spans.extend(encoding.get_offsets().iter().map(|(from, to)| base + from..base + to));
        }
        Ok(spans)
    }

    fn special(&self) -> usize {
        self.0.get_post_processor().map_or(0, |processor| processor.added_tokens(false))
    }
}

fn failed(error: tokenizers::Error) -> EmbedError {
    EmbedError::Failed(format!("the tokenizer failed: {error}"))
}
